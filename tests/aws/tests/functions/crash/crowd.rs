//! Schedules that tick twice, and several packers and pollers at once over one queue.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::future::join;
use offpeak_core::faults::{Fault, plant};
use offpeak_core::ports::Ports;
use offpeak_tests_aws::Stop;

use super::verdict::Counts;
use super::{Run, TICK, pack, poll, tick};

/// Jobs of a round.
const JOBS: usize = 40;
const ROUNDS: usize = 10;
/// Processes of either kind; each handles two ticks at once.
const PROCESSES: usize = 2;
/// For a round to come to rest.
const PATIENCE: Duration = Duration::from_mins(1);

#[test]
fn two_packers_and_two_pollers_that_tick_twice_pay_for_nothing_twice() {
    let mut counts = Counts::default();
    let began = Instant::now();
    for _ in 0..ROUNDS {
        let broken = round(None, &mut counts);
        assert!(broken.is_empty(), "{broken:#?}");
    }
    println!("crowds on AWS: {counts}; {:.0} s", began.elapsed().as_secs_f64());
}

#[test]
fn a_crowd_that_creates_before_it_intends_is_caught() {
    let mut counts = Counts::default();
    let caught = (0..ROUNDS).map(|_| round(Some(Fault::CreateWithoutIntent), &mut counts));
    let mut broken = caught.filter(|broken| broken.iter().any(|what| what.contains("is done and ran")));
    assert!(broken.next().is_some(), "nobody noticed lines that were paid for twice; {counts}");
}

/// One round; what it broke.
fn round(fault: Option<Fault>, counts: &mut Counts) -> Vec<String> {
    let mut run = Run::new(Stop::never(), JOBS);
    run.enter();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..PROCESSES {
            scope.spawn(|| {
                work(&run, &over, fault, &async |ports: &Ports| {
                    join(pack(ports), pack(ports)).await;
                });
            });
            scope.spawn(|| {
                work(&run, &over, fault, &async |ports: &Ports| {
                    join(poll(ports), poll(ports)).await;
                });
            });
        }
        let began = Instant::now();
        while !run.observer.sees_rest(&run.site) && began.elapsed() < PATIENCE {
            thread::sleep(TICK);
        }
        over.store(true, Ordering::Relaxed);
    });
    run.leave();
    run.judged(counts)
}

/// Ticks until the round is over.
fn work(run: &Run, over: &AtomicBool, fault: Option<Fault>, handle: &impl AsyncFn(&Ports)) {
    plant(fault);
    while !over.load(Ordering::Relaxed) {
        tick(&run.site, &run.stop, handle);
    }
}
