//! The agent over a desk, an engine and an instance in memory: what it does with its instance, and how fast.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use offpeak_core::endpoint::Endpoint;
use offpeak_core::faults::{Fault, plant};
use offpeak_core::fleet::{ChunkId, Rates, Timing};
use offpeak_core::flows::work::{Rules, Worker};
use offpeak_core::ids::SubmissionId;
use offpeak_core::ports::{
    Ask, ByteStream, Called, Checkpoint, Clock, Desk, Engine, Lease, Leaving, Machine, NotReady, Notice, Serving,
    Standing, StoreError,
};
use offpeak_core::route::ByModel;
use offpeak_gpu_agent::handler::handle;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

/// Of a chunk.
const LINES: u32 = 40;

/// What happened, and when, milliseconds after the start.
#[derive(Debug, Clone)]
struct Scene {
    began: Instant,
    said: Arc<Mutex<Vec<(u64, String)>>>,
    /// Chunks that are there to be taken.
    chunks: Arc<Mutex<u32>>,
    notice: Arc<Mutex<Option<Notice>>>,
    /// For one line.
    takes: Duration,
    refusals: Arc<Mutex<u32>>,
}

impl Scene {
    fn with(chunks: u32, takes: Duration) -> Self {
        Self {
            began: Instant::now(),
            said: Arc::default(),
            chunks: Arc::new(Mutex::new(chunks)),
            notice: Arc::default(),
            takes,
            refusals: Arc::default(),
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap()
    }

    fn say(&self, what: impl Into<String>) {
        self.said.lock().push((self.now_ms(), what.into()));
    }

    /// When the first of these was said.
    fn when(&self, what: &str) -> Option<u64> {
        self.said.lock().iter().find(|(_, said)| said.starts_with(what)).map(|(at_ms, _)| *at_ms)
    }

    fn count(&self, what: &str) -> usize {
        self.said.lock().iter().filter(|(_, said)| said.starts_with(what)).count()
    }

    /// Works until it ends; the notice comes after so long.
    async fn plays(&self, notice: Option<(Duration, Notice)>) {
        let (scene, later) = (self.clone(), notice);
        tokio::spawn(async move {
            if let Some((after, notice)) = later {
                sleep(after).await;
                *scene.notice.lock() = Some(notice);
                scene.say("notice");
            }
        });
        let worker = Worker {
            desk: Arc::new(self.clone()),
            engine: Arc::new(self.clone()),
            clock: Arc::new(self.clone()),
            rules: Rules {
                name: "i-1".to_owned(),
                first: 4,
                most: 4,
                idle_ms: 5_000,
                grace_ms: 40_000,
                rates: Rates::default(),
                rates_by_model: ByModel::default(),
                timing: Timing::default(),
            },
        };
        handle(&worker, self, 300_000, pending()).await.unwrap();
        self.say("over");
    }
}

#[async_trait]
impl Clock for Scene {
    fn now_ms(&self) -> u64 {
        1_700_000_000_000 + Self::now_ms(self)
    }

    async fn sleep_ms(&self, duration_ms: u64) {
        sleep(Duration::from_millis(duration_ms)).await;
    }
}

#[async_trait]
impl Desk for Scene {
    async fn take(&self, _: &Ask) -> Result<Option<Lease>, StoreError> {
        let mut left = self.chunks.lock();
        if *left == 0 {
            return Ok(None);
        }
        *left -= 1;
        self.say("take");
        Ok(Some(Lease {
            chunk: ChunkId { submission: SubmissionId([1; 16]), index: *left },
            attempt: 1,
            model: "m".to_owned(),
            endpoint: Endpoint::ChatCompletions,
            lines: LINES,
            suspects: Vec::new(),
            tried: Vec::new(),
            lease_ms: 60_000,
            checkpoint_ms: 30_000,
            report_bytes: None,
        }))
    }

    async fn lines(&self, lease: &Lease) -> Result<ByteStream, StoreError> {
        let line = |number| format!("{{\"custom_id\":\"{}-{number}\",\"body\":{{}}}}\n", lease.chunk.index);
        let text: String = (0..lease.lines).map(line).collect();
        Ok(futures_util::stream::iter([Ok(Bytes::from(text))]).boxed())
    }

    async fn keep(&self, lease: &Lease, finished: Option<Checkpoint>) -> Result<Standing, StoreError> {
        self.say(format!("keep {} {}", lease.chunk.index, finished.map_or(0, |finished| finished.lines)));
        Ok(Standing::Held)
    }

    async fn leave(&self, lease: &Lease, last: Option<Checkpoint>, leaving: Leaving) -> Result<Standing, StoreError> {
        let how = if matches!(leaving, Leaving::Finished) { "finished" } else { "given back" };
        self.say(format!("{how} {} {}", lease.chunk.index, last.map_or(0, |last| last.lines)));
        Ok(Standing::Held)
    }
}

#[async_trait]
impl Engine for Scene {
    async fn serving(&self) -> Result<Serving, NotReady> {
        Ok(Serving { models: vec!["m".to_owned()] })
    }

    async fn call(&self, _: Endpoint, _: Bytes, _: u64) -> Called {
        sleep(self.takes).await;
        Called::Answered { status: 200, body: Bytes::from_static(b"{}"), request_id: None, retry_after_ms: None }
    }
}

#[async_trait]
impl Machine for Scene {
    async fn notice(&self) -> Result<Option<Notice>, StoreError> {
        Ok(*self.notice.lock())
    }

    async fn let_go(&self) -> Result<(), StoreError> {
        self.say("let go");
        Ok(())
    }

    async fn end(&self) -> Result<(), StoreError> {
        let mut refusals = self.refusals.lock();
        if *refusals > 0 {
            *refusals -= 1;
            return Err(StoreError::Unavailable("throttled".to_owned()));
        }
        self.say("end");
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn without_work_the_instance_ends_after_its_idle_minutes() {
    let scene = Scene::with(1, Duration::from_millis(100));
    *scene.refusals.lock() = 2;
    scene.plays(None).await;
    let (finished, ended) = (scene.when("finished").unwrap(), scene.when("end").unwrap());
    assert!((300_000..320_000).contains(&(ended - finished)), "{:?}", scene.said.lock());
    assert!(scene.when("let go").unwrap() > ended, "its group need not wait for it");
}

/// Ten lines a second: one chunk takes four seconds; each line 400 ms.
fn busy() -> Scene {
    Scene::with(1_000, Duration::from_millis(400))
}

#[tokio::test(start_paused = true)]
async fn a_spot_notice_gives_back_what_was_not_begun_and_lets_go_within_90_seconds() {
    // Lines so slow that none ends within the grace.
    let scene = Scene::with(1_000, Duration::from_mins(3));
    scene.plays(Some((Duration::from_mins(1), Notice::Ending))).await;
    let (notice, gone) = (scene.when("notice").unwrap(), scene.when("let go").unwrap());
    assert!(gone - notice <= 90_000, "{:?}", scene.said.lock());
    assert_eq!((scene.count("given back"), scene.count("end")), (scene.count("take"), 0), "{:?}", scene.said.lock());

    let quick = busy();
    quick.plays(Some((Duration::from_secs(61), Notice::Ending))).await;
    let (notice, gone) = (quick.when("notice").unwrap(), quick.when("let go").unwrap());
    assert!(gone - notice <= 10_000, "{:?}", quick.said.lock());
    let left = quick.count("finished") + quick.count("given back");
    assert_eq!(left, quick.count("take"), "{:?}", quick.said.lock());
}

/// Whether anything is taken once the machine is known to be at risk.
async fn takes_after_notice() -> (usize, Scene) {
    let scene = busy();
    let play = scene.plays(Some((Duration::from_mins(1), Notice::AtRisk)));
    // A worker that takes for ever is ended here.
    let _ = tokio::time::timeout(Duration::from_mins(5), play).await;
    let noticed = scene.when("notice").unwrap() + 5_000;
    let after = scene.said.lock().iter().filter(|(at_ms, what)| *at_ms > noticed && what == "take").count();
    (after, scene)
}

#[tokio::test(start_paused = true)]
async fn an_instance_at_risk_finishes_what_it_holds_takes_no_more_and_ends() {
    let (after, scene) = takes_after_notice().await;
    assert_eq!(after, 0, "{:?}", scene.said.lock());
    assert_eq!(scene.count("finished"), scene.count("take"), "all of it was finished: {:?}", scene.said.lock());
    let (notice, ended) = (scene.when("notice").unwrap(), scene.when("end").unwrap());
    assert!(ended - notice <= 20_000, "{:?}", scene.said.lock());
}

#[test]
fn a_worker_that_takes_after_a_notice_is_noticed_here() {
    plant(Some(Fault::TakesAfterNotice));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (after, _) = runtime.block_on(takes_after_notice());
    plant(None);
    assert!(after > 0);
}
