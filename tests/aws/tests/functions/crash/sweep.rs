//! Every call of a full run, before it and after it.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use offpeak_tests_aws::{Side, Stop};
use parking_lot::Mutex;

use super::live::Endpoints;
use super::verdict::Counts;
use super::{JOBS, Run, apart};

/// Runs at once: they wait for time-outs most of the time.
const AT_ONCE: usize = 4;
/// For a run to come to rest after a death.
const PATIENCE: Duration = Duration::from_mins(1);

/// By so many calls one run may be shorter than another: a tick more or less, which may open a caller's key, or a
/// checkpoint.
const SLACK: u64 = 24;

/// What came of all deaths.
#[derive(Default)]
struct Sweep {
    counts: Counts,
    /// Deaths before a call, and after one.
    deaths: [u64; 2],
    /// The last call at which somebody died.
    last: u64,
    /// The calls that did not come, or not back: runs are not all equally long.
    missed: Vec<(u64, Side)>,
    broken: Vec<String>,
}

impl Sweep {
    /// Nothing was broken, and somebody died of every call until this one, on every side that was to be died on.
    fn holds(self, until: u64) {
        let Self { last, missed, broken, .. } = self;
        assert!(broken.is_empty(), "{broken:#?}");
        assert!(last >= until, "only {last} of {until} calls were died at");
        let missed = missed.into_iter().filter(|(call, _)| *call <= until);
        assert_eq!(missed.collect::<Vec<_>>(), [], "nobody died there");
    }
}

impl fmt::Display for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { counts, deaths: [before, after], broken, .. } = self;
        let broken = broken.len();
        write!(f, "{before} deaths before one and {after} after one, {counts}, {broken} promises broken")
    }
}

#[test]
fn whichever_call_a_process_dies_at_nothing_is_lost_and_nothing_is_paid_for_twice() {
    let began = Instant::now();
    let whole = whole(Run::new(Stop::never(), JOBS));
    assert_eq!(apart().block_on(whole.site.stored("bodies/")), 1, "one body is too long for a message");
    let [entered, rested, left] = whole.calls;
    let sides = [Side::Before, Side::After];
    let sweep = die_at_each(1..=2 * left, &sides, &|call, side| Run::new(Stop::at(call, side), JOBS));
    println!(
        "crash on AWS, at {left} calls of a run of {JOBS} jobs (front door {entered}, packer and poller {}, pick-up {}): \
         {sweep}; {:.0} s",
        rested - entered,
        left - rested,
        began.elapsed().as_secs_f64()
    );
    sweep.holds(left - SLACK);
}

/// The front door's calls and the pick-up's are those of any run, and are not died at again. Nobody dies before a call to AWS:
/// that leaves what a death after the one before it leaves, but for calls of the provider between them, which have deaths of their own.
#[test]
fn whichever_call_a_process_of_live_calls_dies_at_no_line_is_lost_and_none_is_paid_for_again_that_was_stored() {
    let began = Instant::now();
    let whole = whole(Run::live(Stop::never(), Endpoints::default(), JOBS));
    let ([entered, rested, _], lines) = (whole.calls, whole.lines());
    let to_aws = entered + 1..=rested;
    let at_aws = |call, side| Run::live(Stop::at(call, side), Endpoints::default(), JOBS);
    let to_aws = die_at_each(to_aws, &[Side::After], &at_aws);
    let at_provider = |call, side| Run::live(Stop::never(), Endpoints::deadly(call, side), JOBS);
    let to_provider = die_at_each(1..=lines, &[Side::Before, Side::After], &at_provider);
    println!(
        "crash of live calls on AWS, at {} calls of packer, poller and live function: {to_aws}; at {lines} calls of the \
         provider: {to_provider}; {:.0} s",
        rested - entered,
        began.elapsed().as_secs_f64()
    );
    assert!(rested - entered > 4 * SLACK, "so few calls: {}", rested - entered);
    to_aws.holds(rested - 2 * SLACK);
    to_provider.holds(lines);
}

/// A run without any death.
fn whole(mut run: Run) -> Run {
    run.finish(PATIENCE);
    assert_eq!(run.judged(&mut Counts::default()), Vec::<String>::new(), "a run without any death");
    run
}

/// Dies at each of these calls on these sides, until runs end before the call comes.
fn die_at_each(calls: RangeInclusive<u64>, sides: &[Side], begun: &(impl Fn(u64, Side) -> Run + Sync)) -> Sweep {
    let (next, sweep) = (AtomicU64::new(*calls.start()), Mutex::new(Sweep::default()));
    let dies = || {
        loop {
            let call = next.fetch_add(1, Ordering::Relaxed);
            if call > *calls.end() {
                return;
            }
            let mut died = false;
            for side in sides {
                died |= die(begun(call, *side), (call, *side), &sweep);
            }
            if !died {
                return;
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(dies);
        }
    });
    sweep.into_inner()
}

/// One run with one death; says whether it came to that.
fn die(mut run: Run, (call, side): (u64, Side), sweep: &Mutex<Sweep>) -> bool {
    run.finish(PATIENCE);
    let mut counts = Counts::default();
    let broken = run.judged(&mut counts);
    let died = run.died();
    let mut sweep = sweep.lock();
    sweep.counts += counts;
    if died.is_some() {
        sweep.deaths[usize::from(side == Side::After)] += 1;
        sweep.last = sweep.last.max(call);
    } else {
        sweep.missed.push((call, side));
    }
    let place = died.as_deref().unwrap_or("nobody died");
    sweep.broken.extend(broken.into_iter().map(|what| format!("{place}: {what}")));
    died.is_some()
}
