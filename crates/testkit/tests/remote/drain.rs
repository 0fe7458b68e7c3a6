//! How fast a queue is drained where every request takes 20 ms.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use offpeak_core::flows::pack;
use offpeak_core::ids::ObjectName;
use offpeak_core::job::{BodyAt, Job, State};
use offpeak_core::lane::Lane;
use offpeak_core::ports::{Clock, Intake as _, Jobs as _, Message, MessageBody, Objects as _};
use offpeak_core::submission::Size;
use offpeak_testkit::chaos::{Gate, Lost, behind};
use offpeak_testkit::fakes::{Fakes, TokioClock};
use offpeak_testkit::samples::Namespace;

use crate::meter::{Meter, distant};

const BODY: &[u8] = b"{\"q\":\"why\"}";

/// Queued jobs in so many lanes, and their messages.
async fn fill(fakes: &Fakes, jobs: usize, lanes: usize, body: impl Fn(usize) -> MessageBody) {
    let names = Namespace::fresh();
    let now_ms = fakes.clock.now_ms();
    for n in 0..jobs {
        let lane = Lane { model: format!("m{}", n % lanes), class: "soon".to_owned(), ..names.lane() };
        let job = Job { lane, created_ms: now_ms, deadline_ms: now_ms + 3_600_000, ..names.job() };
        let body = body(n);
        let bytes = match &body {
            MessageBody::Inline(bytes) => bytes.len() as u64,
            MessageBody::At(at) => at.length,
        };
        let message = Message {
            job: job.id,
            attempt: 0,
            tenant: job.tenant.clone(),
            lane: job.lane.clone(),
            size: Size { requests: 1, bytes: bytes + 300, tokens: 3, inputs: 0 },
            created_ms: now_ms,
            deadline_ms: job.deadline_ms,
            body,
        };
        fakes.jobs.create(vec![job]).await.unwrap();
        fakes.intake.send(vec![message]).await.unwrap();
    }
}

/// Drains everything; messages in a second.
async fn drained(jobs: usize, lanes: usize) -> (u64, Meter) {
    let clock = TokioClock::default();
    let (fakes, ports, meter) = distant(&clock);
    fill(&fakes, jobs, lanes, |_| MessageBody::Inline(Bytes::from_static(BODY))).await;
    let began_ms = clock.now_ms();
    let sealed = pack::tick(&ports, "soon", began_ms + 600_000).await.unwrap();
    let took_ms = clock.now_ms() - began_ms;
    assert_eq!(sealed.len(), lanes);
    assert!(fakes.jobs.snapshot().iter().all(|job| matches!(job.state, State::Packed { .. })));
    assert_eq!(fakes.intake.depth("soon").await.unwrap(), offpeak_core::ports::Depth::default());
    (jobs as u64 * 1_000 / took_ms, meter)
}

#[tokio::test(start_paused = true)]
async fn five_thousand_messages_are_drained_in_a_second() {
    for lanes in [1, 4] {
        let (rate, meter) = drained(20_000, lanes).await;
        println!("{lanes} lanes: {rate} messages/s\n{}", meter.table());
        assert!(rate >= 5_000, "{lanes} lanes: {rate} messages/s");
        assert_eq!(meter.of("classes.get").calls, 1, "nobody else wrote the row");
    }
}

/// Lanes are claimed for side by side: many of them cost their opening and sealing, not a request each at every turn.
#[tokio::test(start_paused = true)]
async fn many_lanes_are_claimed_for_in_one_call() {
    let (_, meter) = drained(20_000, 30).await;
    assert_eq!(meter.of("jobs.apply").calls, 20);
}

/// Bodies that lie in the object store are read side by side, too.
#[tokio::test(start_paused = true)]
async fn stored_bodies_are_read_side_by_side() {
    let clock = TokioClock::default();
    let (fakes, ports, meter) = distant(&clock);
    let object = ObjectName::from("bodies/all");
    let mut writer = fakes.objects.create(&object).await.unwrap();
    writer.write(Bytes::from_static(BODY)).await.unwrap();
    writer.finish().await.unwrap();
    let at = BodyAt { object, offset: 0, length: BODY.len() as u64 };
    fill(&fakes, 1_000, 1, |_| MessageBody::At(at.clone())).await;
    let began_ms = clock.now_ms();
    pack::tick(&ports, "soon", began_ms + 600_000).await.unwrap();
    assert_eq!(meter.of("objects.read").calls, 1_000);
    let took_ms = clock.now_ms() - began_ms;
    assert!(took_ms < 1_000, "{took_ms} ms");
}

/// A drain that was cut before its deletes leaves messages whose jobs are listed: the next one reads the manifest once.
#[tokio::test(start_paused = true)]
async fn what_is_listed_already_costs_no_read_each() {
    let clock = TokioClock::default();
    let (fakes, ports, meter) = distant(&clock);
    fill(&fakes, 500, 1, |_| MessageBody::Inline(Bytes::from_static(BODY))).await;
    let seen = fakes.intake.receive("soon", 500, 1, 0).await.unwrap();
    clock.sleep_ms(5).await;
    pack::tick(&ports, "soon", clock.now_ms() + 600_000).await.unwrap();
    fakes.intake.send(seen.into_iter().map(|one| one.message).collect()).await.unwrap();
    clock.sleep_ms(60_000).await;
    meter.reset();
    assert_eq!(pack::tick(&ports, "soon", clock.now_ms() + 600_000).await.unwrap().len(), 0);
    assert_eq!(meter.of("intake.delete").items, 500);
    assert!(meter.of("submissions.get").calls < 5, "{}", meter.table());
}

/// Watches what a drain holds.
struct Held {
    fakes: Fakes,
    /// Bodies read since the last claim, and the most that there were.
    read: AtomicUsize,
    most_read: AtomicUsize,
    /// The most messages that were hidden.
    most_hidden: AtomicUsize,
}

impl Held {
    fn watching(fakes: &Fakes) -> Arc<Self> {
        let (read, most_read, most_hidden) = Default::default();
        Arc::new(Self { fakes: fakes.clone(), read, most_read, most_hidden })
    }
}

#[async_trait]
impl Gate for Held {
    async fn before(&self, what: &'static str) -> Result<(), Lost> {
        match what {
            "objects.read" => {
                let read = self.read.fetch_add(1, Ordering::Relaxed) + 1;
                self.most_read.fetch_max(read, Ordering::Relaxed);
            }
            "jobs.apply" => self.read.store(0, Ordering::Relaxed),
            _ => {}
        }
        Ok(())
    }

    async fn after(&self, what: &'static str) -> Result<(), Lost> {
        if what == "intake.receive" {
            let hidden = self.fakes.intake.depth("soon").await.unwrap().hidden;
            self.most_hidden.fetch_max(usize::try_from(hidden).unwrap(), Ordering::Relaxed);
        }
        Ok(())
    }
}

/// However many large bodies one receive points at, only a slice of them is in memory.
#[tokio::test(start_paused = true)]
async fn stored_bodies_are_read_a_slice_at_a_time() {
    let clock = TokioClock::default();
    let (fakes, ports, _) = distant(&clock);
    let object = ObjectName::from("bodies/all");
    let mut writer = fakes.objects.create(&object).await.unwrap();
    writer.write(Bytes::from(vec![b' '; 2 << 20])).await.unwrap();
    writer.finish().await.unwrap();
    let at = BodyAt { object, offset: 0, length: 2 << 20 };
    fill(&fakes, 60, 3, |_| MessageBody::At(at.clone())).await;
    let held = Held::watching(&fakes);
    let gate: Arc<dyn Gate> = Arc::<Held>::clone(&held);
    let sealed = pack::tick(&behind(&ports, &gate), "soon", clock.now_ms() + 600_000).await.unwrap();
    assert_eq!(sealed.len(), 3);
    let most = held.most_read.load(Ordering::Relaxed);
    assert!((2..=16).contains(&most), "{most} bodies of 2 MiB");
}

/// A queue hides only so many messages; beyond them a receive brings nothing, as if it were empty.
#[tokio::test(start_paused = true)]
async fn a_drain_of_many_lanes_does_not_hide_a_whole_queue() {
    let clock = TokioClock::default();
    let (fakes, ports, _) = distant(&clock);
    fill(&fakes, 54_000, 6, |_| MessageBody::Inline(Bytes::from_static(BODY))).await;
    let held = Held::watching(&fakes);
    let gate: Arc<dyn Gate> = Arc::<Held>::clone(&held);
    pack::tick(&behind(&ports, &gate), "soon", clock.now_ms() + 600_000).await.unwrap();
    assert_eq!(fakes.intake.depth("soon").await.unwrap(), offpeak_core::ports::Depth::default());
    let most = held.most_hidden.load(Ordering::Relaxed);
    assert!((10_000..=52_000).contains(&most), "{most} messages were hidden");
}
