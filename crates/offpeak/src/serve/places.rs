//! Places for large submissions: while one is transferred or brought home it takes megabytes, whatever its size.

use std::sync::Arc;

use offpeak_core::submission::Size;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Large submissions advanced at once.
const LARGE: usize = 2;

/// From so many lines on, or so many bytes, a submission is large: its manifest has 36 bytes a line, and what is
/// buffered of a transfer is up to a few megabytes.
const LINES: u64 = 10_000;
const BYTES: u64 = 4 << 20;

/// Who may advance a large submission now.
#[derive(Debug, Clone)]
pub(super) struct Places(Arc<Semaphore>);

/// Held while a submission is advanced; a small one needs none.
#[derive(Debug)]
pub(super) struct Place(#[expect(dead_code, reason = "held, not read")] Option<OwnedSemaphorePermit>);

impl Places {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(LARGE)))
    }

    /// A place for a submission of that size, unless all are taken. Nobody waits here: a small submission may be next.
    pub(super) fn of(&self, size: Size) -> Option<Place> {
        if size.requests < LINES && size.bytes < BYTES {
            return Some(Place(None));
        }
        Arc::clone(&self.0).try_acquire_owned().ok().map(|permit| Place(Some(permit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_submissions_share_a_few_places_and_small_ones_need_none() {
        let places = Places::new();
        let many_lines = Size { requests: LINES, ..Size::default() };
        let many_bytes = Size { bytes: BYTES, ..Size::default() };
        let mut held: Vec<_> = (0..LARGE).map(|_| places.of(many_lines).unwrap()).collect();
        assert!(places.of(many_lines).is_none());
        assert!(places.of(many_bytes).is_none());
        assert!(places.of(Size { requests: LINES - 1, bytes: BYTES - 1, ..Size::default() }).is_some());
        held.pop();
        assert!(places.of(many_bytes).is_some(), "whoever ends makes room");
    }
}
