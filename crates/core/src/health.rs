//! Which models of which providers take nothing now: a passive circuit breaker, in the memory of one process.
//!
//! Nobody asks a provider how it is. What it is asked for anyway tells: each submission is tried there once, and the first
//! that is placed closes the breaker. So does a silence of its patience: what was refused long ago says nothing of today. A
//! process that does not know yet finds out by the patience of its submissions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::faults::{Fault, planted};
use crate::lane::Lane;

/// Since when models of providers have taken nothing. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<BTreeMap<(String, String), Out>>>);

/// A model that takes nothing, Unix milliseconds.
#[derive(Debug, Clone, Copy)]
struct Out {
    since_ms: u64,
    last_ms: u64,
}

impl Out {
    fn is_known(&self, now_ms: u64, patience_ms: u64) -> bool {
        now_ms.saturating_sub(self.last_ms) <= patience_ms
    }
}

impl Health {
    /// What a lane leads to did not take what it was given.
    pub fn refused(&self, lane: &Lane, now_ms: u64, patience_ms: u64) {
        if planted(Fault::BreakerUntold) {
            return;
        }
        let mut known = self.known();
        known.retain(|_, out| out.is_known(now_ms, patience_ms));
        known.entry(model(lane)).or_insert(Out { since_ms: now_ms, last_ms: now_ms }).last_ms = now_ms;
    }

    /// It took something.
    pub fn took(&self, lane: &Lane) {
        if !planted(Fault::BreakerStuck) {
            self.known().remove(&model(lane));
        }
    }

    /// Since when it has taken nothing, Unix milliseconds, if that is known.
    pub fn out_since_ms(&self, lane: &Lane, now_ms: u64, patience_ms: u64) -> Option<u64> {
        let known = self.known();
        known.get(&model(lane)).filter(|out| out.is_known(now_ms, patience_ms)).map(|out| out.since_ms)
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<(String, String), Out>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn model(lane: &Lane) -> (String, String) {
    (lane.provider.clone(), lane.model.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::Endpoint;
    use crate::ids::CredentialId;
    use crate::lane::Terms;

    fn lane(model: &str) -> Lane {
        Lane {
            credential: CredentialId::own("provider"),
            provider: "provider".to_owned(),
            endpoint: Endpoint::Embeddings,
            model: model.to_owned(),
            class: "soon".to_owned(),
            terms: Terms::default(),
        }
    }

    #[test]
    fn a_model_is_out_from_its_first_refusal_until_it_takes_something_or_nothing_is_heard_of_it() {
        let (health, ill, well) = (Health::default(), lane("ill"), lane("well"));
        let since = |lane: &Lane, now_ms| health.out_since_ms(lane, now_ms, 100);
        health.refused(&ill, 1_000, 100);
        health.refused(&ill, 1_080, 100);
        assert_eq!((since(&ill, 1_180), since(&ill, 1_181), since(&well, 1_100)), (Some(1_000), None, None));
        health.refused(&ill, 1_181, 100);
        assert_eq!(since(&ill, 1_181), Some(1_181), "what was before is forgotten");
        health.took(&ill);
        assert_eq!(since(&ill, 1_181), None);
    }

    #[test]
    fn models_that_nobody_asks_for_any_more_take_no_memory() {
        let health = Health::default();
        (0..1_000).for_each(|number| health.refused(&lane(&number.to_string()), number * 60, 100));
        assert_eq!(health.known().len(), 2);
    }
}
