//! Runs seeds of the crash world: `--seed N [--fault NAME] [--trace]`, or `--seeds N [--from M] [--fault NAME]`.
//!
//! Every failing seed is printed; the exit status says whether there was one.

use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use offpeak_core::faults::Fault;
use offpeak_testkit::crash::{Counts, Outcome, fault, run};

/// Failing seeds that are printed at most.
const PRINTED: u64 = 20;

#[derive(Debug, Clone, Copy, Default)]
struct Wanted {
    from: u64,
    seeds: u64,
    fault: Option<Fault>,
    trace: bool,
}

fn main() -> ExitCode {
    let Some(wanted) = wanted(std::env::args().skip(1)) else {
        print("usage: crash --seed N [--fault NAME] [--trace] | --seeds N [--from M] [--fault NAME]");
        return ExitCode::from(2);
    };
    if wanted.seeds == 1 { one(wanted) } else { many(wanted) }
}

fn wanted(mut words: impl Iterator<Item = String>) -> Option<Wanted> {
    let mut wanted = Wanted { seeds: 1, ..Wanted::default() };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seed" | "--from" => wanted.from = words.next()?.parse().ok()?,
            "--seeds" => wanted.seeds = words.next()?.parse().ok()?,
            "--fault" => wanted.fault = Some(fault(&words.next()?)?),
            "--trace" => wanted.trace = true,
            _ => return None,
        }
    }
    Some(wanted)
}

fn one(wanted: Wanted) -> ExitCode {
    let outcome = run(wanted.from, wanted.fault, wanted.trace);
    for line in &outcome.trace {
        print(line);
    }
    told(wanted.from, &outcome);
    print(&outcome.counts.to_string());
    if outcome.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Every processor takes its share.
fn many(wanted: Wanted) -> ExitCode {
    let began = Instant::now();
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let shares: Vec<_> = (0..threads).map(|share| thread::spawn(move || work(wanted, share, threads))).collect();
    let (mut counts, mut failing) = (Counts::default(), 0);
    for share in shares {
        let Ok((share, failed)) = share.join() else { return ExitCode::FAILURE };
        counts += share;
        failing += failed;
    }
    print(&format!("{counts}"));
    print(&format!("{failing} failing seeds, {:.1} s", began.elapsed().as_secs_f32()));
    if failing == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn work(wanted: Wanted, share: u64, threads: u64) -> (Counts, u64) {
    let (mut counts, mut failing) = (Counts::default(), 0);
    for seed in (wanted.from + share..wanted.from + wanted.seeds).step_by(usize::try_from(threads).unwrap_or(1)) {
        let outcome = run(seed, wanted.fault, false);
        counts += outcome.counts;
        if !outcome.failures.is_empty() {
            failing += 1;
            if failing <= PRINTED {
                told(seed, &outcome);
            }
        }
    }
    (counts, failing)
}

fn told(seed: u64, outcome: &Outcome) {
    for failure in &outcome.failures {
        print(&format!("seed {seed}: {failure}"));
    }
}

#[expect(clippy::print_stdout, reason = "what it finds is its output")]
fn print(line: &str) {
    println!("{line}");
}
