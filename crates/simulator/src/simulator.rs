//! The simulator itself: its settings, and the world that a reset replaces.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use crate::digest::mix;
use crate::world::World;
use crate::{Counts, Faults, Options};

/// An upstream in memory. Serve it with [`serve`](crate::serve), or mount its [`router`](crate::router).
pub struct Simulator {
    options: Arc<Options>,
    ids: Arc<AtomicU64>,
    requests: AtomicU64,
    world: RwLock<Arc<World>>,
}

impl std::fmt::Debug for Simulator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Simulator").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Simulator {
    /// A simulator without files or batches.
    pub fn new(options: Options) -> Self {
        let options = Arc::new(options);
        let ids = Arc::new(AtomicU64::new(0));
        let world = World::new(Arc::clone(&options), Arc::clone(&ids));
        Self { options, ids, requests: AtomicU64::new(0), world: RwLock::new(Arc::new(world)) }
    }

    /// What has been seen since the start or the last reset.
    pub fn counts(&self) -> Counts {
        self.world().tally()
    }

    /// The faults in force, counted ones as far as they are left.
    pub fn faults(&self) -> Faults {
        self.world().faults()
    }

    /// Puts other faults in force; batches keep the fate they were created with.
    pub fn set_faults(&self, faults: Faults) {
        self.world().set_faults(faults);
    }

    /// Forgets files, batches and counts, and puts the faults of the options in force. Ids never repeat.
    pub fn reset(&self) {
        let world = World::new(Arc::clone(&self.options), Arc::clone(&self.ids));
        *self.world.write() = Arc::new(world);
    }

    /// The present state. Who works on a batch keeps this, so that a reset leaves no trace of the work.
    pub(crate) fn world(&self) -> Arc<World> {
        Arc::clone(&self.world.read())
    }

    /// The settings.
    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// The id of the next request that arrives.
    pub(crate) fn request_id(&self) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        format!("req_{:016x}{number:08x}", mix(self.options.seed ^ !number))
    }
}
