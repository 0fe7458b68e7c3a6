//! The scaler over groups and chunks in memory: from zero, back to zero, through a market without spot instances, past one
//! that hangs.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::sync::Arc;
use std::time::Duration;

use offpeak_core::faults::{Fault, plant};
use offpeak_core::fleet::{Chunk, ChunkEvent, Purchase, Scaling, Why};
use offpeak_core::flows::fleet::scaling::{Looked, Rules, Scaler};
use offpeak_core::ports::{Chunks as _, Clock as _, StoreError};
use offpeak_testkit::fakes::{Capacity, Chunks, Fakes, TokioClock};
use offpeak_testkit::samples::Namespace;

const LEASE_MS: u64 = 60_000;

struct Pool {
    names: Namespace,
    chunks: Chunks,
    capacity: Capacity,
    clock: TokioClock,
    scaler: Scaler,
}

impl Pool {
    fn new() -> Self {
        let (names, clock) = (Namespace::fresh(), TokioClock::default());
        let fakes = Fakes::new(&clock, 1);
        let (chunks, capacity) = (fakes.chunks.clone(), Capacity::default());
        let scaling = Scaling { drain_ms: 3_600_000, ..Scaling::default() };
        let scaler = Scaler {
            chunks: Arc::new(chunks.clone()),
            capacity: Arc::new(capacity.clone()),
            objects: Arc::new(fakes.objects.clone()),
            clock: Arc::new(clock.clone()),
            rules: Rules { model: names.model("small"), tokens_per_second: 1_000, scaling },
        };
        Self { names, chunks, capacity, clock, scaler }
    }

    /// Chunks of so many tokens in all come in.
    async fn comes(&self, tokens: u64) -> Vec<Chunk> {
        let chunks: Vec<Chunk> =
            self.names.chunks(10).into_iter().map(|chunk| Chunk { tokens: tokens / 10, ..chunk }).collect();
        self.chunks.create(chunks.clone()).await.unwrap();
        chunks
    }

    /// An instance takes a chunk, or goes on with it.
    async fn works(&self, chunk: &Chunk, worker: &str) {
        let row = self.chunks.get(chunk.id).await.unwrap().unwrap();
        let now_ms = self.clock.now_ms();
        let until_ms = now_ms + LEASE_MS;
        let event = match row.attempt {
            0 => ChunkEvent::Take { worker: worker.to_owned(), until_ms },
            attempt => ChunkEvent::Keep { attempt, part: None, until_ms },
        };
        assert!(self.chunks.replace(&row.after(event, now_ms).unwrap()).await.unwrap());
    }

    async fn look(&self) -> Looked {
        self.scaler.look().await.unwrap()
    }

    async fn minutes(&self, minutes: u64) {
        tokio::time::sleep(Duration::from_mins(minutes)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn from_zero_to_what_is_needed_and_no_more() {
    let pool = Pool::new();
    let idle = pool.look().await;
    assert_eq!((idle.instances, idle.asked, idle.decision.why), (0, Vec::new(), Why::Nothing));
    // Two hours of one instance, and an hour's time.
    let chunks = pool.comes(7_200_000).await;
    let begun = pool.look().await;
    assert_eq!((begun.outstanding, &begun.asked), (7_200_000, &vec![(Purchase::Spot, 2)]));
    pool.minutes(1).await;
    let there = pool.look().await;
    assert_eq!((there.instances, there.asked, there.decision.why), (2, Vec::new(), Why::Enough));
    for (chunk, worker) in chunks.iter().zip(["i-1", "i-2"]) {
        pool.works(chunk, worker).await;
    }
    assert_eq!(pool.look().await.asked, Vec::new());
    // All is done; they end themselves.
    pool.chunks.delete(chunks[0].id.submission).await.unwrap();
    pool.capacity.gone("i-1");
    pool.capacity.gone("i-2");
    pool.minutes(1).await;
    let over = pool.look().await;
    assert_eq!((over.instances, over.asked), (0, Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn what_spot_does_not_give_for_long_is_bought_on_demand() {
    let pool = Pool::new();
    pool.capacity.gives(Purchase::Spot, 1);
    pool.comes(7_200_000).await;
    assert_eq!(pool.look().await.asked, [(Purchase::Spot, 2)]);
    let mut waited = 0;
    let bought = loop {
        pool.minutes(1).await;
        waited += 1;
        let looked = pool.look().await;
        assert_eq!(looked.refusals, ["there is none"], "after {waited} minutes");
        if !looked.asked.is_empty() {
            break looked.asked;
        }
        assert!(waited < 30, "{looked:?}");
    };
    assert_eq!(bought, [(Purchase::Spot, 1), (Purchase::OnDemand, 1)]);
    assert!((10..=12).contains(&waited), "after {waited} minutes");
    pool.minutes(1).await;
    let there = pool.look().await;
    assert_eq!((there.instances, there.asked, there.refusals), (2, Vec::new(), Vec::<String>::new()));
}

/// Two instances, of which the second hangs after a while.
async fn one_hangs(pool: &Pool) -> Vec<Vec<String>> {
    let chunks = pool.comes(7_200_000).await;
    pool.look().await;
    let mut ended = Vec::new();
    for minute in 0..30 {
        pool.works(&chunks[0], "i-1").await;
        if minute < 5 {
            pool.works(&chunks[1], "i-2").await;
        }
        ended.push(pool.look().await.decision.terminate);
        pool.minutes(1).await;
    }
    ended
}

#[tokio::test(start_paused = true)]
async fn one_that_is_silent_is_ended_and_replaced() {
    let pool = Pool::new();
    let ended = one_hangs(&pool).await;
    let when: Vec<usize> = (0..ended.len()).filter(|minute| !ended[*minute].is_empty()).collect();
    assert!(when.iter().all(|minute| ended[*minute].contains(&"i-2".to_owned())), "{ended:?}");
    assert!(when.first().is_some_and(|first| (19..=21).contains(first)), "{when:?}");
    let now = pool.look().await;
    assert!(!now.decision.terminate.contains(&"i-1".to_owned()), "who works is never ended");
    assert!(now.instances >= 2, "it is replaced: {now:?}");
}

#[test]
fn silence_that_goes_unnoticed_is_noticed_here() {
    let noticed = |fault| {
        plant(fault);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async { one_hangs(&Pool::new()).await }).iter().any(|ended| !ended.is_empty())
    };
    assert!(noticed(None) && !noticed(Some(Fault::SilenceUnnoticed)));
    plant(None);
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_outlives_the_scaler_and_what_cannot_be_read_is_forgotten() {
    let pool = Pool::new();
    pool.comes(3_600_000).await;
    pool.look().await;
    let name = offpeak_core::ids::ObjectName::from("fleet/scaler.json");
    let kept = pool.scaler.objects.stream(&name).await.unwrap().0;
    assert!(kept > 0);
    let mut writer = pool.scaler.objects.create(&name).await.unwrap();
    writer.write(bytes::Bytes::from_static(b"no memory")).await.unwrap();
    writer.finish().await.unwrap();
    pool.minutes(1).await;
    let looked: Result<_, StoreError> = pool.scaler.look().await;
    assert_eq!(looked.unwrap().instances, 1);
}
