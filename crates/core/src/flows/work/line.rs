//! A line on its way to its answer.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::batch::line_id;
use crate::fleet::{Tried, estimate};
use crate::ids::JobId;
use crate::ports::Lease;

/// A line of a chunk.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) id: JobId,
    pub(super) custom_id: String,
    /// As its caller spelled it, quotes included.
    pub(super) quoted: String,
    pub(super) body: Bytes,
    /// Estimated tokens, the answer's included.
    pub(super) tokens: u64,
    /// Calls of it that failed.
    pub(super) failed: u32,
    /// When the last that reached the engine did, Unix milliseconds.
    pub(super) failed_ms: u64,
    /// Calls of it that were too much for the engine.
    pub(super) put_off: u32,
    /// It was running when the engine died.
    pub(super) suspect: bool,
}

#[derive(Deserialize)]
struct Sealed<'a> {
    #[serde(borrow)]
    custom_id: &'a RawValue,
    #[serde(borrow)]
    body: &'a RawValue,
}

impl Line {
    /// Reads a sealed line.
    pub(super) fn read(line: &Bytes, lease: &Lease, tried: &BTreeMap<JobId, Tried>) -> Option<Self> {
        let sealed: Sealed<'_> = serde_json::from_slice(line).ok()?;
        let custom_id: Cow<'_, str> = serde_json::from_str(sealed.custom_id.get()).ok()?;
        let id = line_id(&custom_id);
        Some(Self {
            id,
            quoted: sealed.custom_id.get().to_owned(),
            body: line.slice_ref(sealed.body.get().as_bytes()),
            tokens: estimate(sealed.body.get()),
            failed: tried.get(&id).map_or(0, |tried| tried.failed),
            failed_ms: 0,
            put_off: tried.get(&id).map_or(0, |tried| tried.put_off),
            suspect: lease.suspects.contains(&id),
            custom_id: custom_id.into_owned(),
        })
    }
}
