//! A pool from one look to the next: what is known of its instances, and what is asked for.
//!
//! An instance is heard of by the leases of its chunks: its worker bears its name. So nobody writes a row to say that it
//! lives, and who holds no chunk for long is silent. An idle instance ends itself before that.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Chunk, ChunkState, Decision, Demand, Instance, InstanceState, Pool, Purchase, Shortage, outstanding};
use crate::faults::{Fault, planted};
use crate::ports::{Group, Member};

/// What is remembered from one look to the next.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Memory {
    /// What became of the last try to get spot instances.
    pub shortage: Option<Shortage>,
    /// Whether the last look asked for spot instances.
    pub asked: bool,
    /// The instances, by name.
    pub seen: BTreeMap<String, Seen>,
}

/// What is known of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// When it was seen first, Unix milliseconds.
    pub started_ms: u64,
    /// When it last held a chunk, Unix milliseconds.
    pub worked_ms: Option<u64>,
}

impl Memory {
    /// What is known after a look at the groups and at the chunks that are not final.
    #[must_use]
    pub fn after(&self, groups: &[Group], chunks: &[Chunk], now_ms: u64) -> Self {
        let at_work = |name: &str| chunks.iter().any(|chunk| is_held_by(chunk, name, now_ms));
        let seen = |member: &Member| {
            let before = self.seen.get(&member.name).copied();
            let before = before.unwrap_or(Seen { started_ms: now_ms, worked_ms: None });
            let worked_ms = if at_work(&member.name) { Some(now_ms) } else { before.worked_ms };
            (member.name.clone(), Seen { worked_ms, ..before })
        };
        let refused = groups.iter().any(|group| group.purchase == Purchase::Spot && group.missing() > 0);
        let shortage = if self.asked { Shortage::after(self.shortage, refused, now_ms) } else { self.shortage };
        Self { shortage, asked: false, seen: groups.iter().flat_map(|group| &group.members).map(seen).collect() }
    }

    /// The pool as its instances and chunks show it now, all of the chunks being of one model.
    pub fn pool(&self, groups: &[Group], chunks: &[Chunk], now_ms: u64, demand: (&str, u32)) -> Pool {
        let (model, tokens_per_second) = demand;
        let instance = |group: &Group, member: &Member| {
            let seen = self.seen.get(&member.name).copied();
            let seen = seen.unwrap_or(Seen { started_ms: now_ms, worked_ms: None });
            let state = match seen.worked_ms {
                _ if member.ends => InstanceState::Leaving,
                None => InstanceState::Starting,
                Some(worked_ms) if worked_ms == now_ms => InstanceState::Working,
                Some(_) => InstanceState::Idle,
            };
            let heard_ms =
                if planted(Fault::SilenceUnnoticed) { now_ms } else { seen.worked_ms.unwrap_or(seen.started_ms) };
            Instance {
                name: member.name.clone(),
                purchase: group.purchase,
                state,
                started_ms: seen.started_ms,
                heard_ms,
            }
        };
        let of = |group: &Group| group.members.iter().map(|member| instance(group, member)).collect::<Vec<_>>();
        Pool {
            demand: vec![Demand { model: model.to_owned(), tokens: outstanding(chunks), tokens_per_second }],
            instances: groups.iter().flat_map(of).collect(),
            shortage: self.shortage,
        }
    }
}

/// What to ask of each group whose number changes. What spot has not given since the last look is bought on demand, where
/// the decision is to fall back; the rest is asked of spot.
pub fn asks(decision: &Decision, groups: &[Group], asked: bool) -> Vec<(Purchase, u32)> {
    let missing = groups.iter().filter(|group| group.purchase == Purchase::Spot).map(Group::missing).sum::<u32>();
    let falls_back = asked && decision.fall_back && groups.iter().any(|group| group.purchase == Purchase::OnDemand);
    let bought = if falls_back { decision.start.min(missing) } else { 0 };
    let wanted = |group: &Group| {
        let more = match group.purchase {
            Purchase::Spot => decision.start - bought,
            Purchase::OnDemand => bought,
        };
        (group.purchase, group.staying().saturating_add(more), group.desired)
    };
    let changed = groups.iter().map(wanted).filter(|(_, wanted, desired)| wanted != desired);
    changed.map(|(purchase, wanted, _)| (purchase, wanted)).collect()
}

fn is_held_by(chunk: &Chunk, name: &str, now_ms: u64) -> bool {
    match &chunk.state {
        ChunkState::Held { worker, until_ms } => worker == name && *until_ms >= now_ms,
        ChunkState::Waiting { .. } | ChunkState::Done | ChunkState::Stopped => false,
    }
}
