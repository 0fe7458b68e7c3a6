//! Who is busy with a batch is left alone, but not for longer than it is at work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use offpeak_core::batch::{Batch, StateKind};
use offpeak_core::flows::batches::{drive, retry};
use offpeak_core::flows::sweep;
use offpeak_core::ports::{Batches as _, Settings};
use offpeak_core::submission::Limits;
use offpeak_core::timing::Timing;
use offpeak_testkit::chaos::{Gate, Lost, behind};
use offpeak_testkit::provider::{LineOdds, Script};
use tokio::sync::Notify;

use crate::desk::{Desk, lines, names};

/// Loses the first reading of an object.
#[derive(Default)]
struct Unreadable(AtomicBool);

#[async_trait]
impl Gate for Unreadable {
    async fn before(&self, what: &'static str) -> Result<(), Lost> {
        let lost = what == "objects.stream" && !self.0.swap(true, Ordering::Relaxed);
        if lost { Err(Lost::Now) } else { Ok(()) }
    }

    async fn after(&self, _: &'static str) -> Result<(), Lost> {
        Ok(())
    }
}

/// A batch that somebody began to split, and who died of it.
async fn abandoned(desk: &Desk) -> Batch {
    let batch = desk.batch(&lines(3, "m")).await;
    let busy = Batch { busy_until_ms: desk.ports.clock.now_ms() + 60_000, ..batch };
    assert!(desk.fakes.batches.replace(&busy).await.unwrap());
    desk.row(busy.id)
}

#[tokio::test(start_paused = true)]
async fn what_the_dead_had_begun_is_begun_again_when_its_time_is_over() {
    let desk = Desk::calm();
    let batch = abandoned(&desk).await;
    drive(&desk.ports, batch.id).await.unwrap();
    assert_eq!(desk.row(batch.id), batch, "whoever looks leaves it alone");
    tokio::time::sleep(Duration::from_mins(1)).await;
    drive(&desk.ports, batch.id).await.unwrap();
    assert_eq!(desk.row(batch.id).state.kind(), StateKind::InProgress);
}

#[tokio::test(start_paused = true)]
async fn who_knows_that_all_others_are_dead_begins_at_once() {
    let desk = Desk::calm();
    let batch = abandoned(&desk).await;
    sweep::take_over(&desk.ports).await.unwrap();
    drive(&desk.ports, batch.id).await.unwrap();
    assert_eq!(desk.row(batch.id).state.kind(), StateKind::InProgress);
}

/// Stops whoever makes the nth passage there until it is released.
struct Pause {
    at: usize,
    passed: AtomicUsize,
    reached: Notify,
    release: Notify,
}

impl Pause {
    fn at(at: usize) -> Arc<Self> {
        Arc::new(Self { at, passed: AtomicUsize::new(0), reached: Notify::new(), release: Notify::new() })
    }

    async fn pass(&self) {
        if self.passed.fetch_add(1, Ordering::Relaxed) == self.at {
            self.reached.notify_one();
            self.release.notified().await;
        }
    }
}

#[async_trait]
impl Gate for Pause {
    async fn before(&self, _: &'static str) -> Result<(), Lost> {
        self.pass().await;
        Ok(())
    }

    async fn after(&self, _: &'static str) -> Result<(), Lost> {
        self.pass().await;
        Ok(())
    }
}

/// A batch of which every line failed, and nobody who asks to be left alone.
async fn failed() -> (Desk, Batch) {
    let script = Script { lines: LineOdds { bad_request: 1_000, ..LineOdds::default() }, ..Script::calm() };
    let mut desk = Desk::new(script, Limits::OPENAI);
    let settings = (*desk.ports.settings).clone();
    let timing = Timing { transfer_ms: 0, ..settings.timing.clone() };
    desk.ports.settings = Arc::new(Settings { timing, ..settings });
    let batch = desk.batch(&lines(3, "m")).await;
    let ended = desk.run(batch.id).await;
    desk.provider.follow(Script::calm());
    (desk, ended)
}

#[tokio::test(start_paused = true)]
async fn two_who_write_a_retrys_input_at_once_harm_nobody() {
    let mut stopped = 0;
    for at in 0.. {
        let (desk, ended) = failed().await;
        let again = retry(&desk.ports, &ended, 86_400_000, None).await.unwrap().unwrap();
        let pause = Pause::at(at);
        let gate: Arc<dyn Gate> = Arc::<Pause>::clone(&pause);
        let ports = behind(&desk.ports, &gate);
        let mut first = tokio::spawn(async move { drive(&ports, again.id).await });
        let over = tokio::select! {
            () = pause.reached.notified() => false,
            _ = &mut first => true,
        };
        if over {
            break;
        }
        stopped += 1;
        drive(&desk.ports, again.id).await.unwrap();
        pause.release.notify_one();
        drop(first.await.unwrap());
        let ended = desk.run(again.id).await;
        assert_eq!(ended.state.kind(), StateKind::Completed, "stopped at {at}");
        assert_eq!(desk.ids(&ended).0, names(3), "stopped at {at}");
    }
    assert!(stopped > 40, "{stopped}");
}

#[tokio::test(start_paused = true)]
async fn a_split_or_a_merge_that_fails_lets_the_others_begin_at_once() {
    let desk = Desk::calm();
    let batch = desk.batch(&lines(3, "m")).await;
    let fails = async |from: StateKind| {
        let gate: Arc<dyn Gate> = Arc::new(Unreadable::default());
        drive(&behind(&desk.ports, &gate), batch.id).await.unwrap_err();
        assert_eq!((desk.row(batch.id).state.kind(), desk.row(batch.id).busy_until_ms), (from, 0));
        drive(&desk.ports, batch.id).await.unwrap();
    };
    fails(StateKind::Validating).await;
    assert_eq!(desk.row(batch.id).state.kind(), StateKind::InProgress);
    while desk.row(batch.id).parts.iter().any(|part| part.collected().is_none()) {
        for id in desk.ports.submissions.open().await.unwrap() {
            offpeak_core::flows::advance::advance(&desk.ports, id).await.unwrap();
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    fails(StateKind::Finalizing).await;
    assert_eq!(desk.row(batch.id).state.kind(), StateKind::Completed);
}
