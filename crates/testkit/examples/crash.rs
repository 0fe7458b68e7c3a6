//! Runs seeds of a crash world: `--seed N [--fault NAME] [--trace]`, or `--seeds N [--from M] [--fault NAME]`.
//!
//! `--world jobs` is the default; there is also that of `batches`, and that of the `fleet`.
//! Every failing seed is printed; the exit status says whether there was one.

use std::fmt::Display;
use std::ops::AddAssign;
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use offpeak_core::faults::Fault;
use offpeak_testkit::crash::{self, Outcome, fault};
use offpeak_testkit::{batches, fleet};

/// Failing seeds that are printed at most.
const PRINTED: u64 = 20;

/// Runs a seed of a world, with a fault if one is named, traced or not.
type Run<C> = fn(u64, Option<Fault>, bool) -> Outcome<C>;

#[derive(Debug, Clone, Copy, Default)]
enum World {
    #[default]
    Jobs,
    Batches,
    Fleet,
}

#[derive(Debug, Clone, Copy, Default)]
struct Wanted {
    world: World,
    from: u64,
    seeds: u64,
    fault: Option<Fault>,
    trace: bool,
}

fn main() -> ExitCode {
    let Some(wanted) = wanted(std::env::args().skip(1)) else {
        print("usage: crash [--world jobs|batches|fleet] --seed N [--fault NAME] [--trace]");
        print("       crash [--world jobs|batches|fleet] --seeds N [--from M] [--fault NAME]");
        return ExitCode::from(2);
    };
    match wanted.world {
        World::Jobs => seeds(wanted, crash::run),
        World::Batches => seeds(wanted, batches::run),
        World::Fleet => seeds(wanted, fleet::run),
    }
}

fn seeds<C: Display + Default + AddAssign + Send + 'static>(wanted: Wanted, run: Run<C>) -> ExitCode {
    if wanted.seeds == 1 { one(wanted, run) } else { many(wanted, run) }
}

fn world(name: &str) -> Option<World> {
    match name {
        "jobs" => Some(World::Jobs),
        "batches" => Some(World::Batches),
        "fleet" => Some(World::Fleet),
        _ => None,
    }
}

fn wanted(mut words: impl Iterator<Item = String>) -> Option<Wanted> {
    let mut wanted = Wanted { seeds: 1, ..Wanted::default() };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seed" | "--from" => wanted.from = words.next()?.parse().ok()?,
            "--seeds" => wanted.seeds = words.next()?.parse().ok()?,
            "--fault" => wanted.fault = Some(fault(&words.next()?)?),
            "--world" => wanted.world = world(&words.next()?)?,
            "--trace" => wanted.trace = true,
            _ => return None,
        }
    }
    Some(wanted)
}

fn one<C: Display>(wanted: Wanted, run: Run<C>) -> ExitCode {
    let outcome = run(wanted.from, wanted.fault, wanted.trace);
    for line in &outcome.trace {
        print(line);
    }
    told(wanted.from, &outcome);
    print(&outcome.counts.to_string());
    if outcome.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Every processor takes its share.
fn many<C: Display + Default + AddAssign + Send + 'static>(wanted: Wanted, run: Run<C>) -> ExitCode {
    let began = Instant::now();
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let shares: Vec<_> = (0..threads).map(|share| thread::spawn(move || work(wanted, run, share, threads))).collect();
    let (mut counts, mut failing) = (C::default(), 0);
    for share in shares {
        let Ok((share, failed)) = share.join() else { return ExitCode::FAILURE };
        counts += share;
        failing += failed;
    }
    print(&format!("{counts}"));
    print(&format!("{failing} failing seeds, {:.1} s", began.elapsed().as_secs_f32()));
    if failing == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn work<C: Default + AddAssign>(wanted: Wanted, run: Run<C>, share: u64, threads: u64) -> (C, u64) {
    let (mut counts, mut failing) = (C::default(), 0);
    for seed in (wanted.from + share..wanted.from + wanted.seeds).step_by(usize::try_from(threads).unwrap_or(1)) {
        let outcome = run(seed, wanted.fault, false);
        if !outcome.failures.is_empty() {
            failing += 1;
            if failing <= PRINTED {
                told(seed, &outcome);
            }
        }
        counts += outcome.counts;
    }
    (counts, failing)
}

fn told<C>(seed: u64, outcome: &Outcome<C>) {
    for failure in &outcome.failures {
        print(&format!("seed {seed}: {failure}"));
    }
}

#[expect(clippy::print_stdout, reason = "what it finds is its output")]
fn print(line: &str) {
    println!("{line}");
}
