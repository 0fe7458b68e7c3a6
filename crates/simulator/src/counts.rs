//! What the simulator has seen and what a provider would have billed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The tally since the start or the last reset; `GET /sim/counts` answers it as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Batches that came into being, whatever their creator was told.
    pub batches_created: u64,
    /// Cancellations that were accepted.
    pub batches_cancelled: u64,
    /// Files uploaded by callers.
    pub files_uploaded: u64,
    /// Files deleted by callers.
    pub files_deleted: u64,
    /// Files held now, output and error files included.
    pub files_present: u64,
    /// Batch lines answered with status 200, each execution counted: what would be billed.
    pub lines_run: u64,
    /// Batch lines answered with an error status.
    pub lines_failed: u64,
    /// Distinct pairs of custom id and body among the billed lines.
    pub lines_distinct: u64,
    /// Billed executions beyond the first of a same custom id, across all batches.
    pub paid_twice: u64,
    /// The custom ids of the first of these, as JSON (16 at most).
    pub paid_twice_ids: BTreeSet<String>,
    /// Whether the ledger behind the two counts above is full, so that they are lower bounds.
    pub ledger_full: bool,
    /// Live calls answered 200, each execution counted.
    pub live_run: u64,
    /// Distinct bodies among them.
    pub live_distinct: u64,
    /// Times that the model server died.
    pub live_deaths: u64,
    /// The most live calls that came within ten seconds.
    pub live_most_in_10_s: u64,
    /// Live calls by path.
    pub live_calls: BTreeMap<String, u64>,
    /// Lines of the largest batch that passed validation.
    pub largest_batch_lines: u64,
    /// Batches that failed validation for naming more than one model.
    pub mixed_model_batches: u64,
    /// Calls that list batches.
    pub list_calls: u64,
    /// Calls that retrieve one batch.
    pub polls: u64,
    /// Bytes of uploaded files and live request bodies.
    pub bytes_in: u64,
    /// Bytes of downloaded content and live answers.
    pub bytes_out: u64,
    /// First 8 bytes of the SHA-256 of each `Authorization` header seen, in hexadecimal (10,000 at most).
    pub keys_seen: BTreeSet<String>,
}

/// Custom ids that are remembered of those billed again.
const SHOWN: usize = 16;

impl Counts {
    /// Notes one more execution of a custom id that was billed before.
    pub(crate) fn billed_again(&mut self, custom_id: &str) {
        self.paid_twice += 1;
        if self.paid_twice_ids.len() < SHOWN {
            self.paid_twice_ids.insert(custom_id.to_owned());
        }
    }

    /// Notes one more live call to `path`.
    pub(crate) fn live_call(&mut self, path: &str) {
        if let Some(count) = self.live_calls.get_mut(path) {
            *count += 1;
        } else {
            self.live_calls.insert(path.to_owned(), 1);
        }
    }
}
