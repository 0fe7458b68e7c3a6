//! Every call of a full run, before it and after it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use offpeak_tests_aws::{Side, Stop};
use parking_lot::Mutex;

use super::verdict::Counts;
use super::{JOBS, Run, apart};

/// Runs at once: they wait for time-outs most of the time.
const AT_ONCE: usize = 4;
/// For a run to come to rest after a death.
const PATIENCE: Duration = Duration::from_mins(1);

/// By so many calls one run may be shorter than another: an idle tick more or less.
const SLACK: u64 = 15;

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

#[test]
fn whichever_call_a_process_dies_at_nothing_is_lost_and_nothing_is_paid_for_twice() {
    let began = Instant::now();
    let mut whole = Run::new(Stop::never(), JOBS);
    whole.finish(PATIENCE);
    assert_eq!(whole.judged(&mut Counts::default()), Vec::<String>::new(), "a run without any death");
    assert_eq!(apart().block_on(whole.site.stored_bodies()), 1, "one body is too long for a message");
    let [entered, rested, left] = whole.calls;
    let (next, sweep) = (AtomicU64::new(1), Mutex::new(Sweep::default()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| die_at_each(&next, &sweep, 2 * left));
        }
    });
    let Sweep { counts, deaths: [before, after], last, missed, broken } = sweep.into_inner();
    println!(
        "crash on AWS: {before} deaths before a call and {after} after one, of {left} calls of a run of {JOBS} jobs \
         (front door {entered}, packer and poller {}, pick-up {}); {counts}; {} promises broken; {:.0} s",
        rested - entered,
        left - rested,
        broken.len(),
        began.elapsed().as_secs_f64()
    );
    assert!(broken.is_empty(), "{broken:#?}");
    let (least, missed) = (left - SLACK, missed.into_iter().filter(|(call, _)| *call <= left - SLACK));
    assert!(last >= least, "only {last} of {left} calls were died at");
    assert_eq!(missed.collect::<Vec<_>>(), [], "nobody died there");
}

/// Takes the next call and dies there, until runs end before the call comes.
fn die_at_each(next: &AtomicU64, sweep: &Mutex<Sweep>, most: u64) {
    loop {
        let call = next.fetch_add(1, Ordering::Relaxed);
        let mut died = false;
        for side in [Side::Before, Side::After] {
            died |= die(call, side, sweep);
        }
        if !died || call >= most {
            return;
        }
    }
}

/// One run with one death; says whether it came to that.
fn die(call: u64, side: Side, sweep: &Mutex<Sweep>) -> bool {
    let mut run = Run::new(Stop::at(call, side), JOBS);
    run.finish(PATIENCE);
    let mut counts = Counts::default();
    let broken = run.judged(&mut counts);
    let stopped = run.stop.stopped();
    let mut sweep = sweep.lock();
    sweep.counts += counts;
    if stopped.is_some() {
        sweep.deaths[usize::from(side == Side::After)] += 1;
        sweep.last = sweep.last.max(call);
    } else {
        sweep.missed.push((call, side));
    }
    let place = stopped.as_deref().unwrap_or("nobody died");
    sweep.broken.extend(broken.into_iter().map(|what| format!("{place}: {what}")));
    stopped.is_some()
}
