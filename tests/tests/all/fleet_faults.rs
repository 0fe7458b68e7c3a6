//! What a worker's engine, its gateway and the worker itself can do wrong, one at a time: every line is answered once, and
//! what was computed again is bounded by what had not been stored.

use std::process::Command;
use std::time::Duration;

use offpeak_simulator::Faults;
use offpeak_tests::batches::{comes_to, conserved, create, input, store};
use offpeak_tests::{
    Gateway, Home, Http, Meddler, Meddling, PATIENCE, Process, Upstream, Working, free_port, offpeak, send, until,
};

const COUNT: usize = 400;
const CHUNK: u64 = 100;
const AT_ONCE: u64 = 16;
const CALL_MS: u64 = 20;
const CHECKPOINT_MS: u64 = 200;
const LEASE_MS: u64 = 2_000;

/// Answers that a worker holds and has not stored: of two checkpoints, since one may be on its way, and what runs.
const UNSTORED: u64 = 2 * CHECKPOINT_MS / CALL_MS * AT_ONCE + AT_ONCE;

const MODEL: &str = "gpt-4o-mini";
const CALLS: &str = "POST /v1/chat/completions";

fn config(chunk: u64) -> String {
    format!(
        "[[route]]\nmodel = \"gpt-*\"\nbackend = \"fleet\"\n[fleet]\nchunk_lines = {chunk}\nlease = \"{LEASE_MS}ms\"\n\
         checkpoint = \"{CHECKPOINT_MS}ms\"\n"
    )
}

const FLAGS: [&str; 4] = ["--concurrency", "16", "--max-concurrency", "16"];

/// A gateway with a batch for its fleet.
struct Scene {
    gateway: Gateway,
    batch: String,
}

impl Scene {
    async fn set() -> Self {
        Self::in_chunks(CHUNK).await
    }

    /// In chunks of so many lines.
    async fn in_chunks(chunk: u64) -> Self {
        let provider = Upstream::sound().await;
        let gateway = Gateway::before(&provider).config(&config(chunk)).start().await;
        let file = store(&gateway.http, &input("line", COUNT, &[MODEL])).await.expect("a stored file");
        let batch = create(&gateway.http, &file).await.expect("a batch");
        Self { gateway, batch }
    }

    fn url(&self) -> String {
        format!("http://{}", self.gateway.address())
    }

    /// Every line is answered once.
    async fn is_answered(&self) {
        let done = comes_to(&self.gateway.http, &self.batch, &["completed"]).await;
        assert_eq!(conserved(&self.gateway.http, &done, "line", COUNT).await, COUNT);
        self.gateway.passes_audit().await;
    }
}

/// The table's row of a fault: lines that the engine answered once more than was needed.
fn row(fault: &str, run: u64, bound: u64) {
    let again = run.checked_sub(COUNT as u64).expect("each line ran");
    println!("{fault:<56}{COUNT:>6} answered{again:>6} computed again (at most {bound})");
    assert!(again <= bound, "{fault}");
}

/// An engine that takes a while for each call.
fn faults() -> Faults {
    Faults { live_slow_ms: CALL_MS, ..Faults::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_fails_in_one_way_computes_nothing_again() {
    for (fault, faults, timeout, bound) in [
        ("none", faults(), "1m", 0),
        ("429 with Retry-After: 5 %", Faults { live_429_rate: 0.05, ..faults() }, "1m", 0),
        ("500: 10 %", Faults { live_fail_rate: 0.1, ..faults() }, "1m", 0),
        ("connections cut before an answer: 5 %", Faults { live_cut_rate: 0.05, ..faults() }, "1m", 0),
        ("takes 6 calls at once, and says 429 beyond", Faults { live_capacity: 6, ..faults() }, "1m", 0),
        // What a starved machine answers too late is computed again, too.
        ("calls never answered: 2 %", Faults { live_hang_rate: 0.02, ..faults() }, "2s", AT_ONCE),
    ] {
        let (scene, engine) = (Scene::set().await, Upstream::with(faults).await);
        let flags = [&FLAGS[..], &["--request-timeout", timeout]].concat();
        let _worker = Working::start_at(&scene.url(), engine.url(), &flags);
        scene.is_answered().await;
        row(fault, engine.counts().live_run, bound);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_do_not_arrive_are_computed_again_and_no_others() {
    const TIMES: usize = 20;
    for (fault, meddling) in
        [("20 answers cut half-way", Meddling::Cut), ("20 answers lost with their connection", Meddling::ReplyLost)]
    {
        let (scene, engine) = (Scene::set().await, Upstream::with(faults()).await);
        let between = Meddler::before(engine.url()).await;
        between.meddle(CALLS, TIMES, meddling);
        let _worker = Working::start_at(&scene.url(), between.url(), &FLAGS);
        scene.is_answered().await;
        row(fault, engine.counts().live_run, TIMES as u64);
    }
}

/// An engine as a process: ours, or a worker's.
struct Engine {
    _process: Option<Process>,
    http: Http,
}

impl Engine {
    fn start(port: u16, home: &Home) -> Self {
        let mut command = Command::new(offpeak());
        command.env_clear().args(["simulate", "--listen", &format!("127.0.0.1:{port}"), "--fault", "live_slow_ms=20"]);
        Self {
            _process: Some(Process::start(command, &home.join("engine.log"))),
            http: Http::to(format!("http://127.0.0.1:{port}")),
        }
    }

    async fn run(&self) -> u64 {
        let counts = self.http.get("/sim/counts").try_send().await;
        counts.ok().and_then(|counts| counts.json()["live_run"].as_u64()).unwrap_or(0)
    }

    /// Waits until it has run more than so many; says how many.
    async fn has_run(&self, lines: u64) -> u64 {
        until("lines that ran", PATIENCE, async || {
            let run = self.run().await;
            (run > lines).then_some(run)
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_is_killed_or_late_is_waited_for() {
    let (scene, port, home) = (Scene::set().await, free_port(), Home::new());
    let _worker = Working::start_at(&scene.url(), &format!("http://127.0.0.1:{port}"), &FLAGS);
    tokio::time::sleep(Duration::from_millis(LEASE_MS)).await;
    let engine = Engine::start(port, &home);
    let before = engine.has_run(COUNT as u64 / 4).await;
    drop(engine);
    tokio::time::sleep(Duration::from_millis(LEASE_MS / 2)).await;
    let engine = Engine::start(port, &home);
    scene.is_answered().await;
    // What ran between the look at its count and its death is in neither count.
    let run = (before + engine.run().await).max(COUNT as u64);
    row("engine up 2 s after its worker, killed (-9), up again", run, AT_ONCE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chunk_that_two_workers_have_is_answered_once() {
    // One chunk: without checkpoints all that was answered of it would be computed again.
    let (scene, engine) = (Scene::in_chunks(COUNT as u64).await, Upstream::with(faults()).await);
    let frozen = Working::start_at(&scene.url(), engine.url(), &FLAGS);
    until("lines that ran", PATIENCE, async || (engine.counts().live_run > COUNT as u64 * 9 / 10).then_some(())).await;
    frozen.process.signal("STOP");
    let _other = Working::start_at(&scene.url(), engine.url(), &FLAGS);
    tokio::time::sleep(Duration::from_millis(LEASE_MS * 3 / 2)).await;
    // It goes on with a chunk that somebody else holds by now.
    frozen.process.signal("CONT");
    scene.is_answered().await;
    row("a worker frozen past its lease, beside its successor", engine.counts().live_run, UNSTORED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_whose_gateway_does_not_hear_it_loses_what_it_holds() {
    let (scene, engine) = (Scene::set().await, Upstream::with(faults()).await);
    let between = Meddler::before(&format!("{}/v1", scene.url())).await;
    let unheard = between.url().trim_end_matches("/v1");
    for call in ["POST /worker/keep", "POST /worker/leave"] {
        between.meddle(call, usize::MAX, Meddling::Refused(503));
    }
    let _unheard = Working::start_at(unheard, engine.url(), &FLAGS);
    until("lines that ran", PATIENCE, async || (engine.counts().live_run > CHUNK / 2).then_some(())).await;
    between.meddle("POST /worker/take", usize::MAX, Meddling::Refused(503));
    let _heard = Working::start_at(&scene.url(), engine.url(), &FLAGS);
    scene.is_answered().await;
    // It holds two chunks at most.
    row("a worker of which the gateway hears nothing more", engine.counts().live_run, 2 * CHUNK);
}

/// The process that a worker has started.
fn child_of(worker: &Working) -> Option<u32> {
    let id = worker.process.id();
    let children = std::fs::read_dir(format!("/proc/{id}/task")).ok()?.flatten();
    let children = children.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    children.collect::<String>().split_whitespace().next()?.parse().ok()
}

async fn next_child(worker: &Working, last: u32) -> u32 {
    until("a process of the worker's", PATIENCE, async || child_of(worker).filter(|child| *child != last)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_a_worker_owns_is_started_again_when_it_dies_or_hangs() {
    let (scene, port) = (Scene::set().await, free_port());
    let (address, program) = (format!("127.0.0.1:{port}"), offpeak().to_str().expect("a path"));
    let command = ["--", program, "simulate", "--listen", &address, "--fault", "live_slow_ms=20"];
    let flags = [&FLAGS[..], &command].concat();
    let mut worker = Working::start_at(&scene.url(), &format!("http://{address}"), &flags);
    let http = Http::to(format!("http://{address}"));
    let mut child = 0;
    for signal in ["KILL", "STOP"] {
        child = next_child(&worker, child).await;
        let run = Engine { _process: None, http: http.clone() }.has_run(COUNT as u64 / 8).await;
        send(signal, child);
        println!("SIG{signal} to the engine after {run} lines");
    }
    scene.is_answered().await;
    child = next_child(&worker, child).await;
    worker.process.terminate();
    assert!(worker.process.end_within(Duration::from_secs(20)).await.success(), "{}", worker.process.log());
    assert!(!std::path::Path::new(&format!("/proc/{child}")).exists(), "the engine outlived its worker");
    let log = worker.process.log();
    assert!(log.contains("the engine is started again") && log.contains("it does not answer"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_cannot_be_started_is_said() {
    let mut worker = Working::start_at("http://127.0.0.1:9", "http://127.0.0.1:9", &["--", "/nowhere/vllm"]);
    assert_eq!(worker.process.end_within(Duration::from_secs(10)).await.code(), Some(1));
    assert!(worker.process.log().contains("starting the engine, /nowhere/vllm"), "{}", worker.process.log());
}
