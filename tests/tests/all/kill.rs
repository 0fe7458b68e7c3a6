//! kill −9 under load: nothing lost, nothing wrong, nothing paid twice.

use std::time::{Duration, Instant};

use offpeak_core::ids::{RequestId, SubmissionId};
use offpeak_core::job::{Event, Transition};
use offpeak_core::ports::{Clock as _, Jobs as _, Submissions as _, Written};
use offpeak_core::submission::{Origin, State, Submission};
use offpeak_embedded::{Options, Store, SystemClock};
use offpeak_simulator::Faults;
use offpeak_tests::{Gateway, Load, Outcome, Upstream, chat};

/// How long the callers of one run take to begin.
const SPREAD: Duration = Duration::from_millis(1_200);

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
    fn text(&self) -> String {
        let Self { when, callers, outcome, billed, paid_twice, took } = self;
        format!(
            "{when:<28}{callers:>9}{:>9}{:>7}{:>7}{paid_twice:>12}{billed:>8}{:>9}{:>8.1} s",
            outcome.right,
            outcome.lost,
            outcome.wrong,
            outcome.retried,
            took.as_secs_f64()
        )
    }

    fn check(&self) {
        self.outcome.all_right(self.callers);
        assert_eq!((self.billed, self.paid_twice), (self.callers as u64, 0), "killed {}", self.when);
    }
}

/// Prints the table, and checks every row.
fn judge(rows: &[Row]) {
    let head = format!(
        "{:<28}{:>9}{:>9}{:>7}{:>7}{:>12}{:>8}{:>9}{:>10}",
        "killed", "callers", "right", "lost", "wrong", "paid twice", "billed", "retried", "took"
    );
    let lines: Vec<String> = rows.iter().map(Row::text).collect();
    println!("{head}\n{}", lines.join("\n"));
    rows.iter().for_each(Row::check);
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
    Row { when, callers, outcome, billed: counts.lines_run, paid_twice: counts.paid_twice, took }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_twenty_random_instants() {
    const CALLERS: usize = 300;
    let mut rows = Vec::new();
    for run in 0..20 {
        let upstream = Upstream::slow(Duration::from_millis(400)).await;
        let mut gateway = setup(&upstream).start().await;
        let instant = Duration::from_millis(rand::random_range(0..1_600));
        let load = loaded(&gateway, &format!("run {run}"), CALLERS);
        tokio::time::sleep(instant).await;
        gateway.kill();
        rows.push(recovered(gateway, &upstream, format!("after {instant:?}"), (load, CALLERS)).await);
    }
    judge(&rows);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_right_after_the_upstreams_create() {
    const CALLERS: usize = 200;
    let mut rows = Vec::new();
    for after_ms in [0, 20, 200, 500] {
        // The reply takes 100 ms: the first two kills come before it is stored, the others after.
        let faults = Faults { create_reply_delay_ms: 100, ..Faults::default() };
        let upstream = Upstream::slow_with(Duration::from_millis(400), faults).await;
        let mut gateway = setup(&upstream).start().await;
        let load = loaded(&gateway, &format!("create {after_ms}"), CALLERS);
        upstream.created(2).await;
        tokio::time::sleep(Duration::from_millis(after_ms)).await;
        gateway.kill();
        rows.push(recovered(gateway, &upstream, format!("{after_ms} ms after the create"), (load, CALLERS)).await);
    }
    judge(&rows);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_the_reply_of_create_is_lost() {
    const CALLERS: usize = 200;
    let mut rows = Vec::new();
    for after_ms in [0, 50] {
        let faults = Faults { create_cut_after: 3, list_lag_ms: 500, ..Faults::default() };
        let upstream = Upstream::slow_with(Duration::from_millis(400), faults).await;
        let mut gateway = setup(&upstream).start().await;
        let load = loaded(&gateway, &format!("lost {after_ms}"), CALLERS);
        upstream.created(2).await;
        tokio::time::sleep(Duration::from_millis(after_ms)).await;
        gateway.kill();
        rows.push(recovered(gateway, &upstream, format!("{after_ms} ms after a lost reply"), (load, CALLERS)).await);
    }
    judge(&rows);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again() {
    const CALLERS: usize = 200;
    let upstream = Upstream::slow(Duration::from_millis(400)).await;
    let mut gateway = setup(&upstream).start().await;
    let load = loaded(&gateway, "often", CALLERS);
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(rand::random_range(50..500))).await;
        gateway.kill();
        gateway.start().await;
    }
    gateway.kill();
    judge(&[recovered(gateway, &upstream, "six times".to_owned(), (load, CALLERS)).await]);
}

#[tokio::test]
async fn what_a_dead_packer_had_claimed_is_packed_again_at_once() {
    let upstream = Upstream::sound().await;
    let mut gateway = Gateway::before(&upstream).window("1h").start().await;
    gateway.http.post("/v1/chat/completions", &chat("first")).send().await.echoes("first");
    let call = gateway.http.post("/v1/chat/completions", &chat("why?")).header("prefer", "respond-async");
    let accepted = call.send().await;
    gateway.kill();
    claim(&gateway, accepted.job()).await;
    gateway.change("--window", "100ms");
    gateway.start().await;
    gateway.job_is(&gateway.http, accepted.job(), "done").await;
    assert_eq!(upstream.counts().lines_run, 2);
    gateway.passes_audit().await;
}

/// Leaves a job as a packer leaves it that is killed while it fills a submission: claimed, under a running lease.
async fn claim(gateway: &Gateway, job: &str) {
    let store = Store::open(&gateway.data(), &Options::default()).unwrap();
    let job = store.jobs().get(&[job.parse().unwrap()]).await.unwrap().remove(0).unwrap();
    let now_ms = SystemClock.now_ms();
    let submission = Submission {
        id: SubmissionId([7; 16]),
        version: 1,
        lane: job.lane.clone(),
        state: State::Open { owner: RequestId([1; 16]), lease_until_ms: now_ms + 3_600_000 },
        created_ms: now_ms,
        sealed: None,
        origin: Origin::Jobs,
    };
    store.submissions().create(&submission).await.unwrap();
    let claim = Transition::new(job.id, job.as_is(), Event::Claim(submission.id), now_ms).unwrap();
    assert_eq!(store.jobs().apply(vec![claim]).await.unwrap(), [Written::Yes]);
}
