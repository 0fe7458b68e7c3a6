//! An upload: a file that arrives in parts, side by side, and becomes one when its caller says in which order.

use serde::{Deserialize, Serialize};

use super::Purpose;
use crate::ids::{NativeFileId, ObjectName, PartId, TenantId, UploadId};

/// The row of one upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Drawn at random.
    pub id: UploadId,
    /// Whose upload it is.
    pub tenant: TenantId,
    /// Raised by every write; the first stored version is 1.
    pub version: u64,
    /// What the file is for.
    pub purpose: Purpose,
    /// The file's name.
    pub filename: String,
    /// Its type, as its caller named it.
    pub mime_type: String,
    /// Bytes that the parts must add up to.
    pub bytes: u64,
    /// After so many milliseconds the file expires, counted from when it is complete; never if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_after_ms: Option<u64>,
    /// Unix milliseconds.
    pub created_ms: u64,
    /// No part and no completion is taken from then on, Unix milliseconds.
    pub expires_ms: u64,
    /// Where it stands.
    pub state: UploadState,
    /// The parts so far, in the order of their arrival.
    pub parts: Vec<UploadPart>,
}

/// A part that has arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadPart {
    /// Drawn at random.
    pub id: PartId,
    /// Its content.
    pub object: ObjectName,
    /// Bytes of its content.
    pub bytes: u64,
}

/// Where an upload stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UploadState {
    /// It takes parts, until it expires.
    Pending,
    /// Its parts are a file.
    Completed {
        /// That file.
        file: NativeFileId,
    },
    /// Its caller gave it up.
    Cancelled,
}
