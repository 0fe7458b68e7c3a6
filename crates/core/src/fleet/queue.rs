//! Who runs chunks, and the queues in which chunks wait for them.

use std::fmt;

/// The name of the fleet among backends, and of its credential: no provider may bear it.
pub const NAME: &str = "fleet";

/// How the names of live backends begin: no provider's name has a colon.
const LIVE: &str = "live:";

/// The name among backends of the live calls of a provider.
pub fn live(provider: &str) -> String {
    format!("{LIVE}{provider}")
}

/// The provider whose live calls a backend of that name makes; `None` for any other backend.
pub fn live_provider(backend: &str) -> Option<&str> {
    backend.strip_prefix(LIVE)
}

/// Whether a backend of that name runs chunks, rather than a provider's batches.
pub fn runs_chunks(backend: &str) -> bool {
    backend == NAME || live_provider(backend).is_some()
}

/// Where chunks wait for the workers that may take them: in the fleet a queue for each model, since an engine serves some;
/// of a live backend one, since its provider serves all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Queue(String);

/// How the names of the fleet's queues begin: a live backend's name has no slash.
const FLEETS: &str = "fleet/";

impl Queue {
    /// The fleet's, of a model by its engine's name.
    pub fn of_fleet(model: &str) -> Self {
        Self(format!("{FLEETS}{model}"))
    }

    /// A backend's, of a model.
    pub fn of(backend: &str, model: &str) -> Self {
        if backend == NAME { Self::of_fleet(model) } else { Self(backend.to_owned()) }
    }

    /// The name under which stores keep it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The model of a queue of that name, if it is the fleet's.
    pub fn fleet_model(name: &str) -> Option<&str> {
        name.strip_prefix(FLEETS)
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_model_of_the_fleet_has_the_queue_of_a_live_backend() {
        let backend = live("openai");
        assert_eq!(live_provider(&backend), Some("openai"));
        let live = Queue::of(&backend, "m");
        assert_eq!((&live, Queue::fleet_model(live.as_str())), (&Queue::of(&backend, "other"), None));
        for model in ["m", "live:openai", "/m", "fleet/m", ""] {
            let queue = Queue::of(NAME, model);
            assert_eq!(Queue::fleet_model(queue.as_str()), Some(model));
            assert_ne!(queue, live);
        }
        assert!(runs_chunks(NAME) && runs_chunks(&backend) && !runs_chunks("openai") && !runs_chunks("fleet-2"));
    }
}
