//! What a caller orders, and the fate that the faults in force deal to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::batch::Batch;
use crate::endpoint::Endpoint;
use crate::world::World;

/// Key and value pairs that a batch carries.
pub(crate) type Metadata = BTreeMap<String, String>;

/// What was decided for a batch when it was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It takes its course.
    Complete,
    /// It fails although its input is sound.
    Fail,
    /// It fails because too many tokens wait already.
    TokenLimit,
    /// It expires with half of its lines done.
    Expire,
    /// It stays in progress until it is cancelled.
    Stuck,
}

/// What a caller ordered.
pub(crate) struct Order {
    /// The endpoint of all lines.
    pub(crate) endpoint: Endpoint,
    /// The file of the lines.
    pub(crate) input_file_id: String,
    /// What the caller wants to find in it again.
    pub(crate) metadata: Option<Metadata>,
    /// Seconds that its output files are kept.
    pub(crate) output_lifetime_s: u64,
}

impl World {
    /// Creates the batch that `order` asks for and deals it its fate.
    pub(crate) fn create_batch(&self, order: Order) -> Arc<Batch> {
        let fate = if self.due(|faults| &mut faults.token_limit_batches) {
            Fate::TokenLimit
        } else if self.due(|faults| &mut faults.fail_batches) {
            Fate::Fail
        } else if self.due(|faults| &mut faults.expire_batches) {
            Fate::Expire
        } else if self.due(|faults| &mut faults.stuck_batches) {
            Fate::Stuck
        } else {
            Fate::Complete
        };
        let number = {
            let mut counts = self.counts.lock();
            counts.batches_created += 1;
            counts.batches_created
        };
        let batch = Arc::new(Batch::new(self, order, fate, number));
        self.batches.lock().insert(batch.id.clone(), Arc::clone(&batch));
        batch
    }
}
