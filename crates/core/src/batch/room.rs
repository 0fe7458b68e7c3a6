//! How large the row of a batch is, and whether parts more have room in it.
//!
//! A store takes rows of up to 400,000 bytes. What is said of a part when it comes home is reserved when the part is named,
//! so that the row of a batch that was split can always be written.

use super::{Batch, MAX_PARTS, Part, PartState};

/// Bytes of a row as JSON, what is reserved included, at most: what is left to 400,000 is for the times, the files and the
/// states to come.
pub const MAX_ROW_BYTES: usize = 380_000;

/// Bytes of what is said of a part that came home, at most: its object, its counts, and why lines were not answered, which
/// is kept short.
const COLLECTED_BYTES: usize = 700;

impl Batch {
    /// Whether the row can be written until every part has come home.
    pub fn fits(&self) -> bool {
        self.row_bytes() <= MAX_ROW_BYTES
    }

    /// Whether so many parts that run lines of `part` again have room in the row too.
    pub fn has_room_for(&self, part: &Part, count: usize) -> bool {
        let again = Part { again_of: Some(part.submission), state: PartState::Sealed, ..part.clone() };
        let bytes = count.saturating_mul(json_bytes(&again) + COLLECTED_BYTES);
        self.parts.len() + count <= MAX_PARTS && self.row_bytes().saturating_add(bytes) <= MAX_ROW_BYTES
    }

    fn row_bytes(&self) -> usize {
        let reserved = self.parts.iter().filter(|part| part.collected().is_none()).count() * COLLECTED_BYTES;
        json_bytes(self) + reserved
    }
}

/// What cannot be written as JSON has no room anywhere.
fn json_bytes<T: serde::Serialize>(value: &T) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX >> 2, |json| json.len())
}
