//! The lines of a batch: what names them.

use sha2::{Digest, Sha256};

use crate::ids::JobId;

/// The id of a line in a manifest: the first 16 bytes of the SHA-256 of its `custom_id`.
///
/// The caller's own `custom_id` goes to the provider; this is how it is found again among a part's lines.
pub fn line_id(custom_id: &str) -> JobId {
    let mut id = [0; 16];
    id.copy_from_slice(&Sha256::digest(custom_id.as_bytes())[..16]);
    JobId(id)
}
