//! Advancers that know nothing of each other, as functions that schedules start anew.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use offpeak_core::class::Rule;
use offpeak_core::flows::accept::{Call, accept};
use offpeak_core::flows::advance::{Advanced, advance};
use offpeak_core::flows::{pack, sweep};
use offpeak_core::ids::{BatchId, CredentialId, FileId, RequestId, SubmissionId};
use offpeak_core::ports::{
    Backend, BackendError, BatchReport, Clock, CreateReply, Download, Marker, NewBatch, Ports, Settings, StoreError,
    Upload,
};
use offpeak_core::submission::{Limits, StateKind};
use offpeak_core::timing::Timing;
use offpeak_testkit::chaos::{Gate, Lost, behind};
use offpeak_testkit::fakes::{Fakes, TokioClock};
use offpeak_testkit::provider::{Script, ScriptedProvider, Span};
use secrecy::SecretString;
use tokio::time::timeout;

use crate::calls::asked;

const MINUTE_MS: u64 = 60_000;

/// What the next call of each kind comes to, and how many there were.
#[derive(Debug, Default)]
struct Counter {
    uploads: AtomicU32,
    polls: AtomicU32,
    /// Uploads that never end, before others do.
    hanging: AtomicU32,
    /// Polls that are told to come back in a quarter of an hour, before others are answered.
    put_off: AtomicU32,
}

fn one_of(left: &AtomicU32) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

/// A calm provider, counted.
#[derive(Debug, Clone)]
struct Desk(ScriptedProvider, Arc<Counter>);

#[async_trait]
impl Backend for Desk {
    fn limits(&self, model: &str) -> Limits {
        self.0.limits(model)
    }

    async fn upload(&self, key: &SecretString, upload: Upload) -> Result<FileId, BackendError> {
        self.1.uploads.fetch_add(1, Ordering::Relaxed);
        if one_of(&self.1.hanging) {
            return pending().await;
        }
        self.0.upload(key, upload).await
    }

    async fn create(&self, key: &SecretString, batch: NewBatch) -> CreateReply {
        self.0.create(key, batch).await
    }

    async fn find(&self, key: &SecretString, marker: Marker) -> Result<Vec<BatchId>, BackendError> {
        self.0.find(key, marker).await
    }

    async fn poll(&self, key: &SecretString, batch: &BatchId) -> Result<BatchReport, BackendError> {
        self.1.polls.fetch_add(1, Ordering::Relaxed);
        if one_of(&self.1.put_off) {
            return Err(BackendError::Throttled { retry_after_ms: Some(15 * MINUTE_MS) });
        }
        self.0.poll(key, batch).await
    }

    async fn cancel(&self, key: &SecretString, batch: &BatchId) -> Result<(), BackendError> {
        self.0.cancel(key, batch).await
    }

    async fn download(&self, key: &SecretString, file: &FileId) -> Result<Download, BackendError> {
        self.0.download(key, file).await
    }

    async fn delete(&self, key: &SecretString, file: &FileId) -> Result<(), BackendError> {
        self.0.delete(key, file).await
    }
}

/// One sealed submission, and its provider.
struct Scene {
    clock: TokioClock,
    fakes: Fakes,
    ports: Ports,
    counter: Arc<Counter>,
    submission: SubmissionId,
}

impl Scene {
    async fn sealed(timing: Timing) -> Self {
        let clock = TokioClock::default();
        let fakes = Fakes::new(&clock, 1);
        let fakes = Fakes { credentials: fakes.credentials.with(&CredentialId::from("gateway"), "secret"), ..fakes };
        let hours = Span::new(7_200_000, 7_200_000);
        let provider = ScriptedProvider::new(&clock, 1, Script { run: hours, ..Script::calm() });
        let counter = Arc::new(Counter::default());
        let desk: Arc<dyn Backend> = Arc::new(Desk(provider, Arc::clone(&counter)));
        let classes = BTreeMap::from([("soon".to_owned(), Rule::Window { window_ms: 0, max_jobs: None })]);
        let settings = Settings { timing, classes, ..Settings::default() };
        let ports = fakes.ports(BTreeMap::from([("openai".to_owned(), desk)]), settings);
        let call = Call { request: RequestId([1; 16]), retry_count: 0, polls: false };
        accept(&ports, &asked(1, clock.now_ms()), &call, &|| false).await.unwrap();
        let sealed = pack::tick(&ports, "soon", clock.now_ms() + MINUTE_MS).await.unwrap();
        Self { clock, fakes, ports, counter, submission: sealed[0] }
    }

    async fn advance(&self) -> Result<Advanced, StoreError> {
        Box::pin(advance(&self.ports, self.submission)).await
    }

    /// Somebody begins the upload, and dies in the middle of it.
    async fn dies_uploading(&self) {
        self.counter.hanging.store(1, Ordering::Relaxed);
        assert!(timeout(Duration::from_millis(500), self.advance()).await.is_err());
        assert_eq!(self.kind(), StateKind::Uploading);
    }

    fn kind(&self) -> StateKind {
        self.fakes.submissions.row(self.submission).unwrap().state.kind()
    }

    fn uploads(&self) -> u32 {
        self.counter.uploads.load(Ordering::Relaxed)
    }

    /// Ticks of so many minutes, none of which knows of another; how often the batch was polled.
    async fn polled(&self, minutes: u64) -> u32 {
        self.counter.polls.store(0, Ordering::Relaxed);
        for _ in 0..minutes {
            self.advance().await.unwrap();
            self.clock.sleep_ms(MINUTE_MS).await;
        }
        self.counter.polls.load(Ordering::Relaxed)
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_dead_had_begun_is_begun_again_when_its_time_is_over() {
    let scene = Scene::sealed(Timing::default()).await;
    let began_ms = scene.clock.now_ms();
    scene.dies_uploading().await;
    let Ok(Advanced::Until(until_ms)) = scene.advance().await else { panic!("it waits") };
    assert_eq!((scene.uploads(), scene.kind()), (1, StateKind::Uploading), "whoever looks leaves it alone");
    assert!((MINUTE_MS..MINUTE_MS + 100).contains(&(until_ms - began_ms)), "{}", until_ms - began_ms);
    scene.clock.sleep_ms(until_ms - scene.clock.now_ms()).await;
    scene.advance().await.unwrap();
    assert_eq!((scene.uploads(), scene.kind()), (2, StateKind::Submitted));
}

#[tokio::test(start_paused = true)]
async fn who_knows_that_all_others_are_dead_begins_at_once() {
    let scene = Scene::sealed(Timing::default()).await;
    scene.dies_uploading().await;
    sweep::take_over(&scene.ports).await.unwrap();
    scene.advance().await.unwrap();
    assert_eq!((scene.uploads(), scene.kind()), (2, StateKind::Submitted));
}

/// Loses the first reading of an object.
struct Unreadable(AtomicU32);

#[async_trait]
impl Gate for Unreadable {
    async fn before(&self, what: &'static str) -> Result<(), Lost> {
        if what == "objects.stream" && one_of(&self.0) { Err(Lost::Now) } else { Ok(()) }
    }

    async fn after(&self, _: &'static str) -> Result<(), Lost> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn who_fails_lets_others_begin_at_once() {
    let scene = Scene::sealed(Timing::default()).await;
    let gate: Arc<dyn Gate> = Arc::new(Unreadable(AtomicU32::new(1)));
    let ports = behind(&scene.ports, &gate);
    assert!(Box::pin(advance(&ports, scene.submission)).await.is_err());
    assert_eq!((scene.uploads(), scene.kind()), (0, StateKind::Uploading));
    scene.advance().await.unwrap();
    assert_eq!((scene.uploads(), scene.kind()), (1, StateKind::Submitted));
}

/// Opens the first object, and breaks off.
struct Broken(AtomicU32);

#[async_trait]
impl Gate for Broken {
    async fn before(&self, _: &'static str) -> Result<(), Lost> {
        Ok(())
    }

    async fn after(&self, _: &'static str) -> Result<(), Lost> {
        Ok(())
    }

    fn cuts(&self) -> bool {
        one_of(&self.0)
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_our_own_store_cuts_says_nothing_of_the_provider() {
    let scene = Scene::sealed(Timing::default()).await;
    let gate: Arc<dyn Gate> = Arc::new(Broken(AtomicU32::new(1)));
    let ports = behind(&scene.ports, &gate);
    let later = Box::pin(advance(&ports, scene.submission)).await.unwrap();
    let interval_ms = Timing::default().poll_interval_ms;
    assert_eq!(later, Advanced::Until(scene.clock.now_ms() + interval_ms), "a store that fails is not hammered");
    assert_eq!((scene.uploads(), scene.kind()), (1, StateKind::Uploading));
    scene.clock.sleep_ms(interval_ms).await;
    scene.advance().await.unwrap();
    assert_eq!((scene.uploads(), scene.kind()), (2, StateKind::Submitted));
}

#[tokio::test(start_paused = true)]
async fn ticks_that_remember_nothing_poll_a_batch_once_in_its_interval() {
    let spread = |poll_interval_ms| Timing { poll_interval_ms, poll_tick_ms: MINUTE_MS, ..Timing::default() };
    for (minutes, polls) in [(1, 60), (5, 12), (60, 1)] {
        let scene = Scene::sealed(spread(minutes * MINUTE_MS)).await;
        assert_eq!(scene.polled(60).await, polls, "every {minutes} minutes");
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_asks_to_wait_is_left_alone_by_every_tick() {
    for poll_tick_ms in [0, MINUTE_MS] {
        let timing = Timing { poll_interval_ms: MINUTE_MS, poll_tick_ms, ..Timing::default() };
        let scene = Scene::sealed(timing).await;
        assert_eq!(scene.polled(10).await, 10);
        scene.counter.put_off.store(1, Ordering::Relaxed);
        assert_eq!(scene.polled(15).await, 1);
        assert_eq!(scene.polled(10).await, 10);
    }
}
