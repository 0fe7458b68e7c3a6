//! Whose chunk is next: tenants get equal shares of tokens, whatever each has waiting.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::chunk::Chunk;
use crate::ids::TenantId;

/// Tokens handed out to tenants that have something waiting, as a deficit round robin counts them.
///
/// Who comes new, or back, begins where the least served stands: nobody saves up a share by staying away.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Served {
    /// Raised with each write.
    pub version: u64,
    /// Tokens by tenant.
    pub tokens: BTreeMap<TenantId, u64>,
}

impl Served {
    /// What is to be remembered once this chunk of these is handed out. Who has none but of models that are full saves up
    /// nothing meanwhile.
    #[must_use]
    pub fn after(&self, handed_out: &Chunk, open: &[Chunk], full: &BTreeSet<String>) -> Self {
        let mut tokens = self.current(open);
        let served: BTreeSet<_> =
            open.iter().filter(|chunk| !full.contains(&chunk.model)).map(|chunk| &chunk.tenant).collect();
        let least_of = |is_served| {
            let of = tokens.iter().filter(|(tenant, _)| served.contains(tenant) == is_served);
            of.map(|(_, tokens)| *tokens).min()
        };
        if let (Some(least), Some(waiting)) = (least_of(true), least_of(false)) {
            let waits = tokens.iter_mut().filter(|(tenant, _)| !served.contains(tenant));
            waits.for_each(|(_, tokens)| *tokens += least.saturating_sub(waiting));
        }
        let least = tokens.values().min().copied().unwrap_or(0);
        let served = tokens.entry(handed_out.tenant.clone()).or_insert(least);
        *served = served.saturating_add(handed_out.tokens);
        // Counted from the least served on, so that the numbers stay small.
        let least = tokens.values().min().copied().unwrap_or(0);
        for served in tokens.values_mut() {
            *served -= least;
        }
        Self { version: self.version, tokens }
    }

    /// What each tenant of these chunks was served.
    fn current(&self, open: &[Chunk]) -> BTreeMap<TenantId, u64> {
        let known = open.iter().filter_map(|chunk| self.tokens.get(&chunk.tenant)).min().copied().unwrap_or(0);
        open.iter()
            .map(|chunk| (chunk.tenant.clone(), self.tokens.get(&chunk.tenant).copied().unwrap_or(known)))
            .collect()
    }
}

/// The chunk that is handed out next of those that are open, oldest first: the oldest that is free, of the tenant that was
/// served least; none of a model that is full.
pub fn next_of<'a>(open: &'a [Chunk], served: &Served, now_ms: u64, full: &BTreeSet<String>) -> Option<&'a Chunk> {
    let current = served.current(open);
    let free = open.iter().filter(|chunk| !chunk.stop && chunk.is_free(now_ms) && !full.contains(&chunk.model));
    free.min_by_key(|chunk| current.get(&chunk.tenant).copied().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::super::{ChunkId, ChunkState};
    use super::*;
    use crate::endpoint::Endpoint;
    use crate::ids::SubmissionId;

    fn chunk(tenant: &str, index: u32, tokens: u64) -> Chunk {
        Chunk {
            id: ChunkId { submission: SubmissionId([1; 16]), index },
            of: 1,
            version: 1,
            backend: super::super::NAME.to_owned(),
            model: "m".to_owned(),
            endpoint: Endpoint::ChatCompletions,
            tenant: TenantId::from(tenant),
            first: 0,
            lines: 1,
            tokens,
            created_ms: 0,
            attempt: 0,
            stop: false,
            state: ChunkState::Waiting { not_before_ms: 0 },
            parts: Vec::new(),
            suspects: Vec::new(),
            tried: Vec::new(),
        }
    }

    /// Hands out chunks until one tenant has none left; the tokens that each got.
    fn handed_out(mut open: Vec<Chunk>) -> BTreeMap<TenantId, u64> {
        let tenants = open.iter().map(|chunk| chunk.tenant.clone()).collect::<BTreeSet<_>>();
        let (mut served, mut got) = (Served::default(), BTreeMap::new());
        while tenants.iter().all(|tenant| open.iter().any(|chunk| chunk.tenant == *tenant)) {
            let next = next_of(&open, &served, 1, &BTreeSet::new()).unwrap().clone();
            served = served.after(&next, &open, &BTreeSet::new());
            *got.entry(next.tenant.clone()).or_insert(0) += next.tokens;
            open.retain(|chunk| chunk.id != next.id);
        }
        got
    }

    #[test]
    fn one_large_tenant_and_twenty_small_ones_get_equal_shares() {
        let mut open: Vec<_> = (0..2_000).map(|index| chunk("large", index, 500_000)).collect();
        for small in 0..20 {
            let tenant = format!("small-{small}");
            open.extend((0..40).map(|index| chunk(&tenant, 10_000 + small * 100 + index, 300_000 + u64::from(small))));
        }
        let got = handed_out(open);
        #[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^52")]
        let shares: Vec<f64> = got.values().map(|tokens| *tokens as f64).collect();
        let (sum, squares) =
            shares.iter().fold((0.0, 0.0), |(sum, squares), share| (sum + share, squares + share * share));
        #[expect(clippy::cast_precision_loss, reason = "twenty-one")]
        let jain = sum * sum / (shares.len() as f64 * squares);
        assert!(shares.len() == 21 && jain >= 0.95, "{jain}: {got:?}");
    }

    #[test]
    fn who_stayed_away_has_saved_up_nothing() {
        let open: Vec<_> = (0..10).map(|index| chunk("busy", index, 100)).collect();
        let mut served = Served::default();
        for _ in 0..5 {
            served = served.after(&open[0], &open, &BTreeSet::new());
        }
        let both: Vec<_> = open.into_iter().chain((10..20).map(|index| chunk("new", index, 100))).collect();
        let got = handed_out_from(both, served, 8);
        assert_eq!(got.values().copied().collect::<Vec<u64>>(), [400, 400]);
    }

    #[test]
    fn who_waits_for_a_full_model_has_none_and_saves_up_nothing() {
        let full = BTreeSet::from(["full".to_owned()]);
        let of_full = |index| Chunk { model: "full".to_owned(), ..chunk("waiting", index, 100) };
        let busy: Vec<_> = (0..10).map(|index| chunk("busy", index, 100)).collect();
        let mut open: Vec<_> = (10..14).map(of_full).chain(busy).collect();
        let mut served = Served::default();
        for _ in 0..5 {
            let next = next_of(&open, &served, 1, &full).unwrap().clone();
            assert_eq!(next.tenant.as_str(), "busy");
            served = served.after(&next, &open, &full);
            open.retain(|chunk| chunk.id != next.id);
        }
        assert!(next_of(&open[..4], &served, 1, &full).is_none());
        let got = handed_out_from(open, served, 8);
        assert_eq!(got.values().copied().collect::<Vec<u64>>(), [400, 400]);
    }

    fn handed_out_from(mut open: Vec<Chunk>, mut served: Served, count: usize) -> BTreeMap<TenantId, u64> {
        let mut got = BTreeMap::new();
        for _ in 0..count {
            let next = next_of(&open, &served, 1, &BTreeSet::new()).unwrap().clone();
            served = served.after(&next, &open, &BTreeSet::new());
            *got.entry(next.tenant.clone()).or_insert(0) += next.tokens;
            open.retain(|chunk| chunk.id != next.id);
        }
        got
    }
}
