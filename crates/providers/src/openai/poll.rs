//! Where a batch stands, and the wish that it stop.

use http::header::CONTENT_LENGTH;
use offpeak_core::ids::{BatchId, FileId};
use offpeak_core::ports::{BatchPhase, BatchReport, ProviderFile};
use offpeak_core::submission::LineCounts;
use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};

use super::Backend;
use super::call::{json, send};
use super::failure::{Denial, Failure, refusal};
use super::wire::Batch;

/// Asks where a batch stands.
pub(super) async fn poll(backend: &Backend, key: &SecretString, batch: &BatchId) -> Result<BatchReport, Failure> {
    let path = ["batches", batch.as_str()];
    let batch: Batch = backend
        .retry
        .run(|| async {
            let request = backend.caller.read(Method::GET, &path, &[]).timeout(backend.caller.answer_timeout());
            json(send(request, key).await?).await
        })
        .await?;
    Ok(report(&batch, key.expose_secret()))
}

/// Asks for a batch's end. One that has ended already is no failure: OpenAI says 409 (observed 2025-08), others 400.
pub(super) async fn cancel(backend: &Backend, key: &SecretString, batch: &BatchId) -> Result<(), Failure> {
    let path = ["batches", batch.as_str(), "cancel"];
    let cancelled = backend
        .retry
        .run(|| async {
            let request = backend.caller.read(Method::POST, &path, &[]).timeout(backend.caller.answer_timeout());
            // hyper says nothing for an empty body, and some servers then answer 411.
            send(request.header(CONTENT_LENGTH, 0), key).await.map(drop)
        })
        .await;
    match cancelled {
        Err(Failure::Denied(denial)) if has_ended(&denial) => Ok(()),
        other => other,
    }
}

fn has_ended(denial: &Denial) -> bool {
    let message = denial.refusal.message.to_ascii_lowercase();
    let says_so = message.contains("already") || message.contains("cannot cancel a batch with status");
    denial.status == 409 || (matches!(denial.status, 400 | 422) && says_so)
}

fn report(batch: &Batch, key: &str) -> BatchReport {
    let counts = counts(batch);
    let phase = phase(batch, key);
    let ended = phase != BatchPhase::Running;
    // An ended batch has at least as many lines as it counts; the error file of one that expired or was cancelled has
    // a line for each request that never ran besides.
    let least = |count: fn(&LineCounts) -> u64| counts.as_ref().map(count).filter(|_| ended);
    let output = file(batch.output_file_id.as_deref(), least(|counts| counts.completed));
    let errors = file(batch.error_file_id.as_deref(), least(|counts| counts.failed));
    BatchReport { phase, counts, files: output.into_iter().chain(errors).collect() }
}

fn file(id: Option<&str>, lines: Option<u64>) -> Option<ProviderFile> {
    id.map(|id| ProviderFile { id: FileId::from(id), lines })
}

fn counts(batch: &Batch) -> Option<LineCounts> {
    let completed = batch.count("completed")?;
    let failed = batch.count("failed").unwrap_or(0);
    Some(LineCounts { total: batch.count("total").unwrap_or(completed + failed), completed, failed })
}

/// A status that is not known here counts as running: an end that is taken for none is polled again, an invented end
/// would run paid lines twice.
fn phase(batch: &Batch, key: &str) -> BatchPhase {
    let status = batch.status.as_deref().unwrap_or_default().to_ascii_lowercase();
    match status.as_str() {
        "completed" => BatchPhase::Completed,
        "expired" => BatchPhase::Expired,
        "cancelled" | "canceled" => BatchPhase::Cancelled,
        "failed" => {
            let mut fault = batch.fault();
            fault.code.get_or_insert_with(|| "batch_failed".to_owned());
            fault.message.get_or_insert_with(|| "The provider refused the batch and gave no reason.".to_owned());
            BatchPhase::Failed(refusal(400, fault, key))
        }
        "validating" | "in_progress" | "finalizing" | "cancelling" | "canceling" => BatchPhase::Running,
        unknown => {
            tracing::warn!(status = unknown, "a batch has a status that is not known; polling goes on");
            BatchPhase::Running
        }
    }
}
