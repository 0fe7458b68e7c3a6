//! Where submissions run.

use std::fmt;

use async_trait::async_trait;
use secrecy::SecretString;

use super::objects::ByteStream;
use crate::endpoint::Endpoint;
use crate::ids::{BatchId, FileId, SubmissionId};
use crate::submission::{Limits, LineCounts, Refusal};

/// Why a backend could not say what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// There is nothing of that name.
    #[error("the provider does not know it")]
    NotFound,
    /// Too many calls; wait this long if it said so.
    #[error("the provider asks to wait")]
    Throttled {
        /// Milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// The provider refuses this key or this call for good.
    #[error("the provider refuses: {}", .0.code)]
    Refused(Refusal),
    /// Not now: a repeat is right.
    #[error("the provider is unavailable: {0}")]
    Unavailable(String),
    /// What was to be uploaded could not be read whole: that says nothing of the provider.
    #[error("the file to upload cannot be read whole")]
    Source,
}

/// A file to upload.
pub struct Upload {
    /// The submission, by which the file is named.
    pub submission: SubmissionId,
    /// Bytes.
    pub length: u64,
    /// The JSONL.
    pub bytes: ByteStream,
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").field("submission", &self.submission).finish_non_exhaustive()
    }
}

/// A batch to create.
#[derive(Debug, Clone)]
pub struct NewBatch {
    /// The submission, carried in the provider's metadata where it has any.
    pub submission: SubmissionId,
    /// The uploaded file: one file, one submission.
    pub file: FileId,
    /// Where each line goes.
    pub endpoint: Endpoint,
    /// The call is given up after so many milliseconds.
    pub timeout_ms: u64,
}

/// What is known after the one call that spends money.
#[derive(Debug, Clone)]
pub enum CreateReply {
    /// The batch exists.
    Created(BatchId),
    /// The provider said no, and it is certain that nothing was created.
    Refused(Refusal),
    /// The provider asks to wait, and it is certain that nothing was created.
    Throttled {
        /// Milliseconds, if it said.
        retry_after_ms: Option<u64>,
    },
    /// Time-out, reset or 5xx: it may exist.
    Unclear,
}

/// How a submission's batch is recognised in the provider's list.
#[derive(Debug, Clone)]
pub struct Marker {
    /// In the metadata.
    pub submission: SubmissionId,
    /// As the input file.
    pub file: FileId,
    /// Batches older than this (Unix milliseconds by the provider's clock) are not looked at.
    pub since_ms: u64,
}

/// Where a provider's batch stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchPhase {
    /// Not ended; also any status that this version does not know.
    Running,
    /// Ended by itself; lines may have failed.
    Completed,
    /// Its input was refused.
    Failed(Refusal),
    /// Its window ended.
    Expired,
    /// It was cancelled.
    Cancelled,
}

/// A file that a batch has left.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ProviderFile {
    /// The provider's name.
    pub id: FileId,
    /// The least number of lines that it must have, by the batch's counts, where they are known.
    pub lines: Option<u64>,
}

/// A provider's batch as a poll sees it.
#[derive(Debug, Clone)]
pub struct BatchReport {
    /// Where it stands.
    pub phase: BatchPhase,
    /// Its counts, where the provider gives them.
    pub counts: Option<LineCounts>,
    /// Its output and error files.
    pub files: Vec<ProviderFile>,
}

/// A file being downloaded.
pub struct Download {
    /// Bytes, where the provider says so beforehand.
    pub length: Option<u64>,
    /// The bytes; a stream that ends early is an `Err` at its end where the transport can tell.
    pub bytes: ByteStream,
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download").field("length", &self.length).finish_non_exhaustive()
    }
}

/// Where submissions run. Reads and deletes may be retried inside; `create` never is.
#[async_trait]
pub trait Backend: Send + Sync {
    /// What one submission to that model, as the backend calls it, may hold.
    fn limits(&self, model: &str) -> Limits;

    /// Uploads a submission's file. A repeat makes a second file, which harms nobody.
    ///
    /// # Errors
    /// [`BackendError`]; after `Unavailable` a file may be there.
    async fn upload(&self, key: &SecretString, upload: Upload) -> Result<FileId, BackendError>;

    /// Creates the batch: one HTTP call, no retry, given up at its time-out.
    async fn create(&self, key: &SecretString, batch: NewBatch) -> CreateReply;

    /// The batches that bear the marker, oldest first. The list may lag behind a create.
    ///
    /// # Errors
    /// [`BackendError`]: then nothing is known.
    async fn find(&self, key: &SecretString, marker: Marker) -> Result<Vec<BatchId>, BackendError>;

    /// Where a batch stands.
    ///
    /// # Errors
    /// [`BackendError`].
    async fn poll(&self, key: &SecretString, batch: &BatchId) -> Result<BatchReport, BackendError>;

    /// Asks for a batch's end; one that has ended is no error.
    ///
    /// # Errors
    /// [`BackendError`].
    async fn cancel(&self, key: &SecretString, batch: &BatchId) -> Result<(), BackendError>;

    /// Downloads a file.
    ///
    /// # Errors
    /// [`BackendError`].
    async fn download(&self, key: &SecretString, file: &FileId) -> Result<Download, BackendError>;

    /// Deletes a file; one that is not there is no error.
    ///
    /// # Errors
    /// [`BackendError`].
    async fn delete(&self, key: &SecretString, file: &FileId) -> Result<(), BackendError>;
}
