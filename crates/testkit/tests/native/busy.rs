//! Who is busy with a batch is left alone, but not for longer than it is at work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use offpeak_core::batch::{Batch, StateKind};
use offpeak_core::flows::batches::drive;
use offpeak_core::flows::sweep;
use offpeak_core::ports::Batches as _;
use offpeak_testkit::chaos::{Gate, Lost, behind};

use crate::desk::{Desk, lines};

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
