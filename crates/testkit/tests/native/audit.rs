//! The audit of batches finds what is missing.

use offpeak_core::batch::{Batch, PartState, State};
use offpeak_core::flows::audit_batches::{BatchReport, BatchViolation, audit_batches};
use offpeak_core::ports::{Batches as _, Objects as _};
use offpeak_core::submission::{Limits, State as Stage};
use offpeak_testkit::provider::{LineOdds, Script};

use crate::desk::{Desk, lines};

async fn report(desk: &Desk) -> BatchReport {
    audit_batches(&desk.ports, &desk.fakes.batches).await.unwrap()
}

/// A batch that has ended and of which lines ran again, and one that was just placed.
async fn desk() -> (Desk, Batch, Batch) {
    let odds = LineOdds { rate_limited: 300, bad_request: 100, ..LineOdds::default() };
    let desk = Desk::new(Script { lines: odds, ..Script::calm() }, Limits { requests: 6, ..Limits::OPENAI });
    let ended = desk.batch(&lines(20, "m")).await;
    let ended = desk.run(ended.id).await;
    let placed = desk.batch(&lines(9, "m")).await;
    let placed = desk.until(placed.id, |batch| batch.state == State::InProgress).await;
    (desk, ended, placed)
}

#[tokio::test(start_paused = true)]
async fn what_is_whole_has_no_violation() {
    let (desk, ended, _) = desk().await;
    assert!(ended.parts.iter().any(|part| part.again_of.is_some()));
    assert_eq!(report(&desk).await, BatchReport { batches: 2, lines: 29, violations: Vec::new() });
}

/// What is done to a row.
type Gap = fn(&mut Batch);

#[tokio::test(start_paused = true)]
async fn each_gap_is_found() {
    let gaps: [(&str, Gap); 5] = [
        ("its parts do not have its lines", |batch| batch.lines += 1),
        ("a part came home, and does not account for each of its lines", |batch| {
            let PartState::Collected(home) = &mut batch.parts[0].state else { return };
            home.completed += 1;
        }),
        ("lines run again, and no part has them", |batch| {
            let again = batch.parts.iter().position(|part| part.again_of.is_some());
            batch.parts.remove(again.unwrap());
        }),
        ("it has ended, and a part has not come home", |batch| batch.parts[0].state = PartState::Sealed),
        ("its parts do not have its lines", |batch| drop(batch.parts.remove(0))),
    ];
    for (what, gap) in gaps {
        let (desk, mut ended, _) = desk().await;
        gap(&mut ended);
        assert!(desk.fakes.batches.replace(&ended).await.unwrap());
        assert_eq!(report(&desk).await.violations, [BatchViolation { batch: ended.id, what }]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_found() {
    let (desk, ended, placed) = desk().await;
    let output = ended.state.results().unwrap().output;
    let row = desk.fakes.files.snapshot().into_iter().find(|file| Some(file.id) == output).unwrap();
    desk.fakes.objects.delete(&row.object).await.unwrap();
    desk.fakes.objects.delete(&placed.parts[1].sealed.manifest).await.unwrap();
    let mut found: Vec<&str> = report(&desk).await.violations.iter().map(|violation| violation.what).collect();
    found.sort_unstable();
    assert_eq!(found, ["a part's manifest cannot be read", "it has ended, and a file of it cannot be read"]);
}

#[tokio::test(start_paused = true)]
async fn results_that_are_gone_are_found() {
    let (desk, ended, _) = desk().await;
    let results = ended.parts[0].collected().unwrap().results.clone().unwrap();
    desk.fakes.objects.delete(&results).await.unwrap();
    let what = "a part came home, and its results cannot be read";
    assert_eq!(report(&desk).await.violations, [BatchViolation { batch: ended.id, what }]);
}

#[tokio::test(start_paused = true)]
async fn a_part_is_with_a_submission_that_is_not_done() {
    let (desk, _, placed) = desk().await;
    let mut stray = placed.clone();
    stray.parts[0].submission = offpeak_core::ids::SubmissionId([9; 16]);
    stray.parts[0].state = PartState::Placed { withdrawn: false };
    assert!(desk.fakes.batches.replace(&stray).await.unwrap());
    let violations = report(&desk).await.violations;
    assert_eq!(violations, [BatchViolation { batch: placed.id, what: "a part's submission does not exist" }]);
    let back = Batch { version: stray.version + 1, ..placed.clone() };
    assert!(desk.fakes.batches.replace(&back).await.unwrap());
    let row = desk.fakes.submissions.row(placed.parts[0].submission).unwrap();
    let done = offpeak_core::submission::Submission { state: Stage::Done { leftovers: Vec::new() }, ..row };
    assert!(desk.ports.submissions.replace(&done).await.unwrap());
    let what = "a part's submission is done, and the part has not come home";
    assert_eq!(report(&desk).await.violations, [BatchViolation { batch: placed.id, what }]);
}
