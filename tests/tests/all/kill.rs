//! kill −9 under load: nothing lost, nothing wrong, nothing paid twice.

use std::time::{Duration, Instant};

use offpeak_simulator::Faults;
use offpeak_tests::{Gateway, Load, Outcome, Upstream};

/// How long the callers of one run take to begin.
const SPREAD: Duration = Duration::from_millis(600);

/// One run's row of the table.
struct Row {
    when: String,
    callers: usize,
    outcome: Outcome,
    billed: u64,
    paid_twice: u64,
    took: Duration,
}

impl Row {
    fn print(&self) {
        let Self { when, callers, outcome, billed, paid_twice, took } = self;
        println!(
            "{when:<28}{callers:>9}{:>9}{:>7}{:>7}{paid_twice:>12}{billed:>8}{:>9}{:>8.1} s",
            outcome.right,
            outcome.lost,
            outcome.wrong,
            outcome.retried,
            took.as_secs_f64()
        );
    }

    fn check(&self) {
        self.outcome.all_right(self.callers);
        assert_eq!((self.billed, self.paid_twice), (self.callers as u64, 0), "killed {}", self.when);
    }
}

fn head() {
    println!(
        "{:<28}{:>9}{:>9}{:>7}{:>7}{:>12}{:>8}{:>9}{:>10}",
        "killed", "callers", "right", "lost", "wrong", "paid twice", "billed", "retried", "took"
    );
}

fn loaded(gateway: &Gateway, name: &str, callers: usize) -> tokio::task::JoinHandle<Outcome> {
    tokio::spawn(Load::of(&gateway.http, name, callers).over(SPREAD).run())
}

fn setup(upstream: &Upstream) -> offpeak_tests::Setup {
    Gateway::before(upstream).config("[waiting]\nretry_after = \"1s\"")
}

/// Starts the killed gateway again, waits for every caller, stops and audits.
async fn recovered(
    mut gateway: Gateway,
    upstream: &Upstream,
    when: String,
    (load, callers): (tokio::task::JoinHandle<Outcome>, usize),
) -> Row {
    let began = Instant::now();
    gateway.start().await;
    let outcome = load.await.unwrap();
    let took = began.elapsed();
    gateway.stop().await;
    gateway.passes_audit().await;
    let counts = upstream.counts();
    let row = Row { when, callers, outcome, billed: counts.lines_run, paid_twice: counts.paid_twice, took };
    row.print();
    row
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_twenty_random_instants() {
    const CALLERS: usize = 300;
    head();
    let mut rows = Vec::new();
    for run in 0..20 {
        let upstream = Upstream::slow(Duration::from_millis(400)).await;
        let mut gateway = setup(&upstream).start().await;
        let instant = Duration::from_millis(rand::random_range(0..1_800));
        let load = loaded(&gateway, &format!("run {run}"), CALLERS);
        tokio::time::sleep(instant).await;
        gateway.kill();
        rows.push(recovered(gateway, &upstream, format!("after {instant:?}"), (load, CALLERS)).await);
    }
    rows.iter().for_each(Row::check);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_right_after_the_upstreams_create() {
    const CALLERS: usize = 200;
    head();
    let mut rows = Vec::new();
    for after_ms in [0, 20, 200, 500] {
        // The reply takes 100 ms: the first two kills come before it is stored, the others after.
        let faults = Faults { create_reply_delay_ms: 100, ..Faults::default() };
        let upstream = Upstream::slow_with(Duration::from_millis(400), faults).await;
        let mut gateway = setup(&upstream).start().await;
        let load = loaded(&gateway, &format!("create {after_ms}"), CALLERS);
        upstream.created(1).await;
        tokio::time::sleep(Duration::from_millis(after_ms)).await;
        gateway.kill();
        rows.push(recovered(gateway, &upstream, format!("{after_ms} ms after the create"), (load, CALLERS)).await);
    }
    rows.iter().for_each(Row::check);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_the_reply_of_create_is_lost() {
    const CALLERS: usize = 200;
    head();
    let mut rows = Vec::new();
    for after_ms in [0, 50] {
        let faults = Faults { create_cut_after: 2, list_lag_ms: 500, ..Faults::default() };
        let upstream = Upstream::slow_with(Duration::from_millis(400), faults).await;
        let mut gateway = setup(&upstream).start().await;
        let load = loaded(&gateway, &format!("lost {after_ms}"), CALLERS);
        upstream.created(1).await;
        tokio::time::sleep(Duration::from_millis(after_ms)).await;
        gateway.kill();
        rows.push(recovered(gateway, &upstream, format!("{after_ms} ms after a lost reply"), (load, CALLERS)).await);
    }
    rows.iter().for_each(Row::check);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again() {
    const CALLERS: usize = 200;
    head();
    let upstream = Upstream::slow(Duration::from_millis(400)).await;
    let mut gateway = setup(&upstream).start().await;
    let load = loaded(&gateway, "often", CALLERS);
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(rand::random_range(50..400))).await;
        gateway.kill();
        gateway.start().await;
    }
    gateway.kill();
    recovered(gateway, &upstream, "six times".to_owned(), (load, CALLERS)).await.check();
}
