//! A batch withdrawn at every phase of its life.

use offpeak_core::batch::{Batch, StateKind};
use offpeak_core::flows::batches::{CancelError, cancel, drive};
use offpeak_core::ids::{NativeBatchId, TenantId};
use offpeak_core::submission::{Limits, State as Stage};
use offpeak_testkit::provider::{Script, Span};

use crate::desk::{Desk, lines, names, new_batch};

async fn withdrawn(desk: &Desk, id: NativeBatchId) -> Batch {
    let batch = cancel(&desk.ports, &TenantId::from("one"), id).await.unwrap();
    assert_eq!(batch.state.kind(), StateKind::Cancelling);
    assert!(batch.times.cancelling_ms.is_some());
    batch
}

/// Runs it to its end; returns how many lines were answered.
async fn answered(desk: &Desk, id: NativeBatchId, count: usize) -> usize {
    let ended = desk.run(id).await;
    assert_eq!(ended.state.kind(), StateKind::Cancelled);
    let (output, errors) = desk.ids(&ended);
    assert_eq!(&output | &errors, names(count));
    assert_eq!(output.len() + errors.len(), count);
    for line in desk.lines(ended.state.results().unwrap().errors) {
        assert_eq!(line["error"]["code"], "batch_cancelled");
        assert_eq!(line["error"]["message"], "This request was not executed because the batch was cancelled.");
    }
    let billed = desk.provider.executions().iter().filter(|run| run.billed).count();
    assert_eq!(billed, output.len(), "what was paid for is kept");
    output.len()
}

#[tokio::test(start_paused = true)]
async fn before_it_was_read_nothing_of_it_runs() {
    let desk = Desk::calm();
    let batch = desk.batch(&lines(9, "m")).await;
    withdrawn(&desk, batch.id).await;
    withdrawn(&desk, batch.id).await;
    assert_eq!(answered(&desk, batch.id, 9).await, 0);
    assert_eq!(desk.provider.batches(), []);
    let again = cancel(&desk.ports, &TenantId::from("one"), batch.id).await.unwrap();
    assert_eq!(again.state.kind(), StateKind::Cancelled, "cancelling what is cancelled is allowed");
}

#[tokio::test(start_paused = true)]
async fn an_input_that_is_refused_leaves_nothing() {
    let desk = Desk::calm();
    let batch = desk.batch("{}\n").await;
    withdrawn(&desk, batch.id).await;
    let ended = desk.run(batch.id).await;
    assert_eq!((ended.state.kind(), ended.lines), (StateKind::Cancelled, 0));
    assert_eq!((ended.state.results().unwrap().output, ended.state.results().unwrap().errors), (None, None));
}

#[tokio::test(start_paused = true)]
async fn at_each_stage_of_its_submissions_every_line_is_spoken_for() {
    let any =
        |desk: &Desk, stage: fn(&Stage) -> bool| desk.fakes.submissions.snapshot().iter().any(|row| stage(&row.state));
    let stages: [&dyn Fn(&Desk) -> bool; 4] = [
        &|desk| any(desk, |stage| *stage == Stage::Sealed),
        &|desk| any(desk, |stage| matches!(stage, Stage::Submitted(_))),
        &|desk| !desk.provider.executions().is_empty(),
        &|desk| any(desk, |stage| matches!(stage, Stage::Done { .. })),
    ];
    for (number, stage) in stages.into_iter().enumerate() {
        let script = Script { run: Span::new(1_000, 20_000), ..Script::calm() };
        let desk = Desk::new(script, Limits { requests: 4, ..Limits::OPENAI });
        let batch = desk.batch(&lines(12, "m")).await;
        drive(&desk.ports, batch.id).await.unwrap();
        while !stage(&desk) {
            desk.tick().await;
        }
        withdrawn(&desk, batch.id).await;
        let answered = answered(&desk, batch.id, 12).await;
        assert_eq!(answered == 0, number < 2, "{answered} answers at stage {number}");
        assert!(answered < 12);
    }
}

#[tokio::test(start_paused = true)]
async fn after_its_end_it_is_refused() {
    let desk = Desk::calm();
    let batch = desk.batch(&lines(1, "m")).await;
    desk.run(batch.id).await;
    let failed = desk.create(new_batch("one", offpeak_core::ids::NativeFileId([3; 16]))).await;
    desk.run(failed.id).await;
    for (id, kind) in [(batch.id, StateKind::Completed), (failed.id, StateKind::Failed)] {
        let refused = cancel(&desk.ports, &TenantId::from("one"), id).await;
        assert!(matches!(refused, Err(CancelError::Ended(ended)) if ended == kind), "{refused:?}");
        assert_eq!(desk.row(id).state.kind(), kind);
    }
}
