//! Where a batch stands, in every spelling.

use offpeak_core::ids::{BatchId, FileId};
use offpeak_core::ports::{Backend as _, BackendError, BatchPhase, BatchReport, ProviderFile};
use offpeak_core::submission::{LineCounts, Refusal};
use serde_json::{Value, json};

use crate::stage::{Stage, answer, ok};
use crate::{backend, key, refusal};

async fn polled(batch: Value) -> BatchReport {
    let stage = Stage::saying(ok(&batch.to_string())).await;
    let report = backend(stage.base()).poll(&key(), &BatchId::from("batch_1")).await.unwrap();
    assert_eq!(stage.only().target, "/v1/batches/batch_1");
    report
}

fn file(id: &str, lines: Option<u64>) -> ProviderFile {
    ProviderFile { id: FileId::from(id), lines }
}

#[tokio::test]
async fn each_status_has_its_phase_in_any_case() {
    for (status, phase) in [
        (json!("validating"), BatchPhase::Running),
        (json!("Validating"), BatchPhase::Running),
        (json!("IN_PROGRESS"), BatchPhase::Running),
        (json!("finalizing"), BatchPhase::Running),
        (json!("cancelling"), BatchPhase::Running),
        (json!("COMPLETED"), BatchPhase::Completed),
        (json!("Expired"), BatchPhase::Expired),
        (json!("cancelled"), BatchPhase::Cancelled),
        (json!("CANCELED"), BatchPhase::Cancelled),
        (json!("paused_for_lunch"), BatchPhase::Running),
        (json!(""), BatchPhase::Running),
        (json!(null), BatchPhase::Running),
        (json!(7), BatchPhase::Running),
    ] {
        assert_eq!(polled(json!({"id": "batch_1", "status": status})).await.phase, phase, "{status}");
    }
    assert_eq!(polled(json!({})).await.phase, BatchPhase::Running);
}

#[tokio::test]
async fn files_promise_as_many_lines_as_the_batch_counts() {
    for status in ["completed", "expired", "cancelled"] {
        let report = polled(json!({
            "status": status, "output_file_id": "out", "error_file_id": "err", "created_at": "2026-11-20T10:00:00",
            "request_counts": {"total": 9, "completed": 5, "failed": 3}, "usage": {"input_tokens": 1},
        }))
        .await;
        assert_eq!(report.files, [file("out", Some(5)), file("err", Some(3))], "{status}");
        assert_eq!(report.counts, Some(LineCounts { total: 9, completed: 5, failed: 3 }));
    }
    let running =
        polled(json!({"status": "finalizing", "output_file_id": "out", "request_counts": {"completed": 2}})).await;
    assert_eq!(running.files, [file("out", None)]);
}

#[tokio::test]
async fn a_batch_whose_lines_all_failed_has_no_output_file() {
    let counts = json!({"total": 9, "completed": 0, "failed": 9});
    for absent in [json!(null), json!("")] {
        let batch =
            json!({"status": "completed", "output_file_id": absent, "error_file_id": "err", "request_counts": counts});
        assert_eq!(polled(batch).await.files, [file("err", Some(9))]);
    }
}

#[tokio::test]
async fn counts_that_are_not_given_promise_nothing() {
    for counts in [json!(null), json!({"total": null, "completed": null, "failed": null}), json!({}), json!("many")] {
        let report = polled(json!({"status": "completed", "output_file_id": "out", "request_counts": counts})).await;
        assert_eq!((report.counts, report.files), (None, vec![file("out", None)]), "{counts}");
    }
}

#[tokio::test]
async fn a_failed_batch_says_why_and_which_lines() {
    let enqueued = "Enqueued token limit reached for gpt-4.1.";
    for (batch, expected) in [
        (
            json!({"errors": {"object": "list", "data": [
                {"code": "invalid_url", "message": "m1", "param": "url", "line": 2},
                {"code": "invalid_json_line", "message": "m2", "param": null, "line": 5},
            ]}}),
            Refusal { lines: vec![2, 5], ..refusal(400, "invalid_url", "m1", false) },
        ),
        (
            json!({"errors": {"data": [{"code": "token_limit_exceeded", "message": enqueued, "line": null}]}}),
            refusal(400, "token_limit_exceeded", enqueued, true),
        ),
        (json!({"errors": [{"code": "too_many_tasks"}]}), {
            let message = "The provider refused the batch and gave no reason.";
            refusal(400, "too_many_tasks", message, true)
        }),
        (json!({"errors": null, "error": "bad file"}), refusal(400, "batch_failed", "bad file", false)),
        (json!({"error": {"type": "rate_limit_error", "message": "m"}}), refusal(400, "rate_limit_error", "m", true)),
        (json!({}), { refusal(400, "batch_failed", "The provider refused the batch and gave no reason.", false) }),
    ] {
        let mut whole = json!({"id": "batch_1", "status": "failed"});
        whole.as_object_mut().unwrap().extend(batch.as_object().unwrap().clone());
        assert_eq!(polled(whole).await.phase, BatchPhase::Failed(expected), "{batch}");
    }
}

#[tokio::test]
async fn a_batch_that_is_not_there_is_not_found() {
    let stage = Stage::saying(answer(404, &[], r#"{"error":{"message":"No batch found with id 'batch_1'."}}"#)).await;
    let error = backend(stage.base()).poll(&key(), &BatchId::from("batch_1")).await.unwrap_err();
    assert!(matches!(error, BackendError::NotFound));
}

#[tokio::test]
async fn cancelling_what_has_ended_is_no_error() {
    let batch = BatchId::from("batch_1");
    let ended = r#"{"error":{"message":"Cannot cancel a batch with status 'completed'."}}"#;
    for bytes in [
        ok("{}"),
        answer(409, &[], ended),
        answer(400, &[], ended),
        answer(400, &[], r#"{"error":"already cancelled"}"#),
    ] {
        let stage = Stage::saying(bytes).await;
        backend(stage.base()).cancel(&key(), &batch).await.unwrap();
        let seen = stage.only();
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/v1/batches/batch_1/cancel"));
        assert_eq!(seen.header("content-length"), Some("0"));
    }
    for (status, expected) in [(400, "the provider refuses: http_400"), (404, "the provider does not know it")] {
        let stage = Stage::saying(answer(status, &[], "")).await;
        let error = backend(stage.base()).cancel(&key(), &batch).await.unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}
