//! A file as its caller sees it.

use offpeak_core::file::File;
use serde::Serialize;

use crate::paging::Listed;

/// OpenAI's `File`.
#[derive(Serialize)]
pub(crate) struct FileView {
    id: String,
    object: &'static str,
    bytes: u64,
    created_at: u64,
    expires_at: Option<u64>,
    filename: String,
    purpose: &'static str,
    /// Always the same: an SDK that waits for another would wait in vain.
    status: &'static str,
    status_details: Option<String>,
}

impl From<File> for FileView {
    fn from(file: File) -> Self {
        Self {
            id: file.id.text(),
            object: "file",
            bytes: file.bytes,
            created_at: file.created_ms / 1_000,
            expires_at: file.expires_ms.map(|expires_ms| expires_ms / 1_000),
            filename: file.filename,
            purpose: file.purpose.name(),
            status: "processed",
            status_details: None,
        }
    }
}

impl Listed for FileView {
    fn id(&self) -> &str {
        &self.id
    }
}
