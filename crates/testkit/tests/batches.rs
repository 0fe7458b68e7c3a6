//! The world of batches: thousands of seeds conserve every line, and every safeguard switched off is noticed.

use std::thread;

use offpeak_core::faults::Fault;
use offpeak_testkit::batches::{Counts, FAULTS, directed, run, run_cut};

/// Seeds of one run, unless `OFFPEAK_CRASH_SEEDS` says otherwise.
const SEEDS: u64 = 2_000;

/// Threads, each with its share of the seeds.
const THREADS: u64 = 2;

#[expect(clippy::disallowed_methods, reason = "how long to test is no configuration of the product")]
fn seeds() -> u64 {
    std::env::var("OFFPEAK_CRASH_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SEEDS)
}

#[test]
fn every_line_is_spoken_for_once_in_every_seed() {
    let shares: Vec<_> = (0..THREADS).map(|share| thread::spawn(move || share_of(share))).collect();
    let (mut counts, mut failures) = (Counts::default(), Vec::new());
    for share in shares {
        let (share, failed) = share.join().expect("a share ends");
        counts += share;
        failures.extend(failed);
    }
    println!("{counts}");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    for reached in
        [counts.completed, counts.failed, counts.expired, counts.cancelled, counts.reruns, counts.taken, counts.kills]
    {
        assert!(reached > 0, "{counts}");
    }
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
    format!("{}\nseed {seed}:\n{}", outcome.trace.join("\n"), outcome.failures.join("\n"))
}

#[test]
fn a_seed_is_one_run() {
    for seed in [3, 45, 1_000_003] {
        assert_eq!(run(seed, None, true).trace, run(seed, None, true).trace, "seed {seed}");
    }
}

#[test]
fn a_death_at_any_passage_loses_no_line() {
    let (whole, passages) = run_cut(u64::MAX, false);
    assert_eq!(whole.failures, Vec::<String>::new());
    println!("{passages} passages: {}", whole.counts);
    let ends = [whole.counts.completed, whole.counts.cancelled, whole.counts.expired];
    assert!(passages > 500 && ends == [1, 1, 1] && whole.counts.reruns > 0, "{passages}: {}", whole.counts);
    for at in 0..passages {
        let (outcome, _) = run_cut(at, false);
        assert_eq!((outcome.failures, outcome.counts.kills), (Vec::new(), 1), "cut at {at} of {passages}");
    }
}

#[test]
fn every_safeguard_switched_off_is_noticed() {
    let mut unnoticed = Vec::new();
    for fault in FAULTS {
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
    (0..SEEDS).find_map(|seed| {
        let failure = run(seed, Some(fault), false).failures.into_iter().next()?;
        Some(format!("seed {seed}: {failure}"))
    })
}
