//! The crash world: thousands of seeds keep every promise, and every safeguard switched off is noticed.

use std::thread;

use offpeak_core::faults::Fault;
use offpeak_testkit::crash::{Counts, SHARED, directed, run};
use offpeak_testkit::{batches, fleet};

/// Seeds of one run, unless `OFFPEAK_CRASH_SEEDS` says otherwise.
const SEEDS: u64 = 2_000;

/// Threads, each with its share of the seeds.
const THREADS: u64 = 2;

#[expect(clippy::disallowed_methods, reason = "how long to test is no configuration of the product")]
fn seeds() -> u64 {
    std::env::var("OFFPEAK_CRASH_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SEEDS)
}

#[test]
fn every_promise_holds_in_every_seed() {
    let shares: Vec<_> = (0..THREADS).map(|share| thread::spawn(move || share_of(share))).collect();
    let (mut counts, mut failures) = (Counts::default(), Vec::new());
    for share in shares {
        let (share, failed) = share.join().expect("a share ends");
        counts += share;
        failures.extend(failed);
    }
    println!("{counts}");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(counts.taken > 0, "{counts}");
}

fn share_of(share: u64) -> (Counts, Vec<String>) {
    let (mut counts, mut failures) = (Counts::default(), Vec::new());
    for seed in (share..seeds()).step_by(usize::try_from(THREADS).unwrap_or(1)) {
        let outcome = run(seed, None, false);
        counts += outcome.counts;
        if !outcome.failures.is_empty() && failures.len() < 3 {
            failures.push(report(seed));
        }
    }
    (counts, failures)
}

/// The seed once more, told line by line: the same seed is the same run.
fn report(seed: u64) -> String {
    let outcome = run(seed, None, true);
    let replay = format!("cargo run -p offpeak-testkit --example crash -- --seed {seed} --trace");
    format!("{}\nseed {seed}:\n{}\n{replay}", outcome.trace.join("\n"), outcome.failures.join("\n"))
}

#[test]
fn a_seed_is_one_run() {
    for seed in [3, 45, 1_000_003] {
        assert_eq!(run(seed, None, true).trace, run(seed, None, true).trace, "seed {seed}");
    }
}

/// A seed at which a search soon finds each fault; whatever it is, the search goes on through [`SEEDS`].
const HINTS: &[(Fault, u64)] = &[
    (Fault::ReclaimWithoutAbandoning, 37),
    (Fault::CancelPacked, 3),
    (Fault::DepartEarly, 23),
    (Fault::FailedLeft, 9),
    (Fault::TruncatedBelieved, 6),
    (Fault::RequeueWithoutResend, 341),
    (Fault::NoGrace, 26),
    (Fault::SweepPacked, 30),
    (Fault::HandOutUnconditionally, 81),
    (Fault::HandOutUnmarked, 27),
    (Fault::LeaseUnconditional, 15),
    (Fault::PointerLost, 1),
    (Fault::SealUnconditional, 21),
    (Fault::AcknowledgeEarly, 23),
    (Fault::SweepUntold, 162),
    (Fault::ReaderUntold, 1_391),
];

/// Those of instances, which no world has: they are noticed in `tests/scaling.rs`, and in the tests of `functions/gpu-agent`.
const OF_INSTANCES: [Fault; 2] = [Fault::SilenceUnnoticed, Fault::TakesAfterNotice];

#[test]
fn every_safeguard_switched_off_is_noticed() {
    let mut unnoticed = Vec::new();
    // Those of batches and of the fleet have worlds of their own, which these callers never enter.
    let worlds = |fault: &Fault| batches::FAULTS.contains(fault) || fleet::FAULTS.contains(fault);
    let elsewhere = |fault: &Fault| worlds(fault) || OF_INSTANCES.contains(fault);
    let here = |fault: &Fault| SHARED.contains(fault) || !elsewhere(fault);
    for fault in Fault::ALL.iter().copied().filter(here) {
        match noticed(fault) {
            Some(how) => println!("{:<26} {how}", format!("{fault:?}")),
            None => unnoticed.push(fault),
        }
    }
    assert!(unnoticed.is_empty(), "unnoticed: {unnoticed:?}");
}

/// How a fault is noticed: by its scenario, or by a seed.
fn noticed(fault: Fault) -> Option<String> {
    if let Some(kept) = directed::run(fault, false) {
        assert_eq!(kept, Ok(()), "{fault:?}: the scenario fails without the fault");
        return Some(format!("scenario: {}", directed::run(fault, true)?.err()?));
    }
    let hint = HINTS.iter().find(|(hinted, _)| *hinted == fault).map_or(0, |(_, seed)| *seed);
    (0..SEEDS).map(|number| (hint + number) % SEEDS).find_map(|seed| {
        let failure = run(seed, Some(fault), false).failures.into_iter().next()?;
        Some(format!("seed {seed}: {failure}"))
    })
}
