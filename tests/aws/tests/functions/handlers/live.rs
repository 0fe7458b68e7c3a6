//! Live calls: a tick of the function that makes them, over stores in memory and providers by this clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use axum::body::Body;
use bytes::Bytes;
use hyper::{Request, StatusCode};
use offpeak_api::Auth;
use offpeak_core::class::Rule;
use offpeak_core::endpoint::Endpoint;
use offpeak_core::fleet::{self, Rates, Timing};
use offpeak_core::flows::fleet::{Fleet, Stores};
use offpeak_core::flows::work::{Rules, Worker};
use offpeak_core::ids::CredentialId;
use offpeak_core::job::{Job, State};
use offpeak_core::ports::{Backend, Called, Clock as _, Engine, NotReady, Ports, Serving, Settings, Whose};
use offpeak_core::route::ByModel;
use offpeak_live::handler::handle;
use offpeak_packer::handler::Tick;
use offpeak_testkit::fakes::{Fakes, TokioClock};
use serde::de::IgnoredAny;
use tokio::time::{Duration, sleep, timeout};
use tower::ServiceExt as _;

use super::chat;
use super::events::events;
use crate::crash::{CLASS, door_to};

/// What is left of an invocation when it begins.
const INVOCATION_MS: u64 = 900_000;

/// A provider's ordinary endpoints.
#[derive(Debug, Default)]
struct Provider {
    /// How long it takes for an answer, milliseconds.
    takes_ms: AtomicU64,
    calls: AtomicU64,
}

#[async_trait]
impl Engine for Provider {
    fn whose(&self) -> Whose {
        Whose::Provider
    }

    async fn serving(&self) -> Result<Serving, NotReady> {
        Ok(Serving::default())
    }

    async fn call(&self, _: Endpoint, _: Bytes, timeout_ms: u64) -> Called {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let answer = sleep(Duration::from_millis(self.takes_ms.load(Ordering::Relaxed)));
        match timeout(Duration::from_millis(timeout_ms), answer).await {
            Ok(()) => {
                let body = Bytes::from_static(br#"{"object":"chat.completion","choices":[]}"#);
                Called::Answered { status: 200, body, request_id: None, retry_after_ms: None }
            }
            Err(_) => Called::TimedOut,
        }
    }
}

/// Providers that are called live.
const PROVIDERS: [&str; 2] = ["one", "other"];

/// Stores with the providers.
struct Scene {
    fakes: Fakes,
    ports: Ports,
    providers: [Arc<Provider>; 2],
    workers: Vec<Worker>,
}

impl Scene {
    fn new() -> Self {
        // A call may take longer than what is kept of an invocation for its end.
        Self::patient(600_000)
    }

    /// Whose calls may take so long.
    fn patient(call_ms: u64) -> Self {
        let clock = TokioClock::default();
        let fakes = Fakes::new(&clock, 1);
        let own = PROVIDERS.map(|name| CredentialId::own(&fleet::live(name)));
        let credentials = own.iter().fold(fakes.credentials.clone(), |all, own| all.with(own, "sk-own"));
        let fakes = Fakes { credentials, ..fakes };
        let stores = Stores {
            chunks: Arc::new(fakes.chunks.clone()),
            submissions: Arc::new(fakes.submissions.clone()),
            objects: Arc::new(fakes.objects.clone()),
            clock: Arc::new(clock.clone()),
        };
        let timing = Timing { call_ms, ..Timing::live() };
        let calls = PROVIDERS.map(|name| Fleet::live(stores.clone(), timing, name));
        let providers: [Arc<Provider>; 2] = Default::default();
        let workers = calls.iter().zip(&providers).zip(PROVIDERS).map(|((calls, provider), name)| {
            let name = fleet::live(name);
            let (rates, rates_by_model) = (Rates::default(), ByModel::default());
            let rules =
                Rules { name, first: 8, most: 64, rates, rates_by_model, idle_ms: 250, grace_ms: 8_000, timing };
            let (desk, engine) = (Arc::new(calls.desk()), Arc::clone(provider));
            Worker { desk, engine, clock: Arc::new(clock.clone()), rules }
        });
        let workers = workers.collect();
        let backend = |(name, calls)| -> (String, Arc<dyn Backend>) { (fleet::live(name), Arc::new(calls)) };
        let backends = PROVIDERS.into_iter().zip(calls).map(backend).collect();
        let classes = BTreeMap::from([(CLASS.to_owned(), Rule::Window { window_ms: 1, max_jobs: None })]);
        let ports = fakes.ports(backends, Settings { classes, ..Settings::default() });
        Self { fakes, ports, providers, workers }
    }

    fn takes(&self, provider: usize, ms: u64) {
        self.providers[provider].takes_ms.store(ms, Ordering::Relaxed);
    }

    fn calls(&self) -> [u64; 2] {
        self.providers.each_ref().map(|provider| provider.calls.load(Ordering::Relaxed))
    }

    /// Has these asked of a provider, and what waits packed.
    async fn asks(&self, provider: usize, questions: &[&str]) {
        let backend = fleet::live(PROVIDERS[provider]);
        for question in questions {
            let request = Request::post("/v1/chat/completions").header("content-type", "application/json");
            let request = request.body(Body::from(chat(question))).unwrap();
            let door = door_to(&backend, &self.ports, Auth::Open, Arc::new(self.fakes.keys.clone()));
            assert_eq!(door.oneshot(request).await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
        }
        sleep(Duration::from_secs(1)).await;
        let tick = Tick { class: CLASS.to_owned() };
        offpeak_packer::handler::handle(&self.ports, &tick, self.ends_ms()).await.unwrap();
    }

    fn ends_ms(&self) -> u64 {
        self.fakes.clock.now_ms() + INVOCATION_MS
    }

    /// A tick of the function: the lines that it answered, and how long it took, milliseconds.
    async fn ticks(&self) -> (u64, u64) {
        let began_ms = self.fakes.clock.now_ms();
        let called = handle(&self.workers, self.ends_ms()).await;
        assert_eq!(called.failed, 0);
        (called.lines, self.fakes.clock.now_ms() - began_ms)
    }

    /// How many jobs have their answers, once the poller has ticked.
    async fn done(&self) -> usize {
        offpeak_poller::handler::handle(&self.ports, self.ends_ms()).await.unwrap();
        self.fakes.jobs.snapshot().iter().filter(|job| matches!(job.state, State::Done { .. })).count()
    }
}

#[tokio::test(start_paused = true)]
async fn the_schedules_event_has_what_waits_called_and_ends_once_nothing_does() {
    let scene = Scene::new();
    for (stem, event) in events("live") {
        let _: IgnoredAny = serde_json::from_str(&event).unwrap();
        assert_eq!(scene.ticks().await, (0, 0), "{stem}: nobody asked");
    }
    scene.takes(0, 3_000);
    scene.asks(0, &["a", "b", "c"]).await;
    let (lines, took_ms) = scene.ticks().await;
    assert!(lines == 3 && took_ms < 10_000, "{lines} in {took_ms} ms");
    assert_eq!((scene.done().await, scene.calls()), (3, [3, 0]));
    assert_eq!(handle(&[], scene.ends_ms()).await.lines, 0, "no route is live");
}

/// What began late goes on in the next invocation: the chunk is given back, and taken at once.
#[tokio::test(start_paused = true)]
async fn a_tick_ends_before_its_invocation_does_and_the_next_goes_on() {
    let scene = Scene::new();
    scene.takes(0, 2 * INVOCATION_MS);
    scene.asks(0, &["slow"]).await;
    let (lines, took_ms) = scene.ticks().await;
    assert!(lines == 0 && took_ms > INVOCATION_MS / 2 && took_ms < INVOCATION_MS - 15_000, "{lines} in {took_ms} ms");
    assert_eq!(scene.calls()[0], 2, "one ran out of its time, one was cut off");
    scene.takes(0, 1_000);
    let (lines, took_ms) = scene.ticks().await;
    assert!(lines == 1 && took_ms < 10_000, "{lines} in {took_ms} ms");
    assert_eq!((scene.done().await, scene.calls()[0]), (1, 3));
}

/// A line that is never answered has its five tries, whoever makes them, whether they run out of their time or are cut off;
/// then it goes back to its class, as any that failed.
#[tokio::test(start_paused = true)]
async fn tries_are_counted_across_invocations() {
    for call_ms in [600_000, 250_000, 4 * INVOCATION_MS] {
        let scene = Scene::patient(call_ms);
        scene.takes(0, 8 * INVOCATION_MS);
        scene.asks(0, &["never"]).await;
        for _ in 0..10 {
            handle(&scene.workers, scene.ends_ms()).await;
        }
        assert_eq!((scene.done().await, scene.calls()[0]), (0, 5), "{call_ms}");
        assert!(matches!(scene.fakes.jobs.snapshot()[..], [Job { state: State::Queued, .. }]));
    }
}

/// What comes for one provider while another takes its time is called at once, and the tick ends with the last of both.
#[tokio::test(start_paused = true)]
async fn a_slow_provider_keeps_no_other_waiting() {
    let scene = Scene::new();
    scene.takes(0, 100_000);
    scene.asks(0, &["slow"]).await;
    let later = async {
        sleep(Duration::from_secs(20)).await;
        scene.asks(1, &["quick"]).await;
        sleep(Duration::from_secs(10)).await;
        assert_eq!(scene.calls(), [1, 1]);
    };
    let ((lines, took_ms), ()) = tokio::join!(scene.ticks(), later);
    assert!(lines == 2 && (100_000..115_000).contains(&took_ms), "{lines} in {took_ms} ms");
}

/// Chunks of a line each come in as calls may begin, not two at a time.
#[tokio::test(start_paused = true)]
async fn many_chunks_of_a_line_are_called_together() {
    let scene = Scene::new();
    scene.takes(0, 10_000);
    for number in 0..24 {
        scene.asks(0, &[&number.to_string()]).await;
    }
    let (lines, took_ms) = scene.ticks().await;
    assert!(lines == 24 && took_ms < 45_000, "{lines} in {took_ms} ms");
}
