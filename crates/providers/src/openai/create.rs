//! The one call that spends money.

use std::time::Duration;

use offpeak_core::ids::BatchId;
use offpeak_core::ports::{CreateReply, NewBatch};
use secrecy::SecretString;

use super::Backend;
use super::call::{json, send};
use super::failure::Failure;
use super::wire::{CreateBatch, Created, Metadata};

/// Creates the batch. Whatever leaves open whether it exists is [`CreateReply::Unclear`].
pub(super) async fn create(backend: &Backend, key: &SecretString, batch: &NewBatch) -> CreateReply {
    let failure = match once(backend, key, batch).await {
        Ok(id) => return CreateReply::Created(id),
        Err(failure) => failure,
    };
    match failure {
        Failure::Key => CreateReply::Refused(Failure::unusable_key()),
        Failure::Unreachable => CreateReply::Throttled { retry_after_ms: None },
        Failure::Unanswered | Failure::Unreadable | Failure::Source => CreateReply::Unclear,
        Failure::Denied(denial) if denial.is_unclear() => CreateReply::Unclear,
        Failure::Denied(denial) if denial.status == 429 => {
            CreateReply::Throttled { retry_after_ms: denial.retry_after_ms }
        }
        Failure::Denied(denial) => CreateReply::Refused(denial.refusal),
    }
}

async fn once(backend: &Backend, key: &SecretString, batch: &NewBatch) -> Result<BatchId, Failure> {
    let body = CreateBatch {
        input_file_id: batch.file.as_str(),
        endpoint: batch.endpoint.path(),
        completion_window: "24h",
        metadata: Metadata { offpeak_submission: batch.submission.text() },
    };
    let request = backend.caller.once(&["batches"], Duration::from_millis(batch.timeout_ms)).json(&body);
    let created: Created = json(send(request, key).await?).await?;
    created.id().map(BatchId).ok_or(Failure::Unreadable)
}
