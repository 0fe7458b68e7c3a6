//! A look at a pool of instances: what is outstanding, who works, who is silent, how many are to be there.
//!
//! ```text
//! groups, open chunks, memory ──► decide ──► end the silent ─► remember ─► ask for more
//! ```
//! Every number that is asked for is one in all, so that a look which is repeated, or runs twice at once, starts no instance
//! more. What is remembered is only when each instance was seen first and worked last, and since when spot refuses: whoever
//! forgets it waits longer, and loses nothing.

use std::sync::Arc;

use crate::fleet::{Decision, Memory, Purchase, Queue, Scaling, asks, scale};
use crate::flows::whole;
use crate::ids::ObjectName;
use crate::ports::{Capacity, Chunks, Clock, Group, Objects, StoreError};

/// Chunks that are looked at: more than any pool is to do within its target.
const LOOKED_AT: usize = 2_000;

/// Where is kept what is remembered: no submission's name begins so.
const MEMORY: &str = "fleet/scaler.json";

/// A pool, and who looks at it.
#[derive(Clone)]
pub struct Scaler {
    /// The rows of chunks.
    pub chunks: Arc<dyn Chunks>,
    /// The instances.
    pub capacity: Arc<dyn Capacity>,
    /// Where is kept what is remembered.
    pub objects: Arc<dyn Objects>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// What was decided of the pool.
    pub rules: Rules,
}

/// What was decided of a pool.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The model that its instances serve, by the engine's name.
    pub model: String,
    /// Tokens a second that one instance is good for.
    pub tokens_per_second: u32,
    /// How it grows and shrinks.
    pub scaling: Scaling,
}

/// What a look found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// Estimated tokens of lines without an answer.
    pub outstanding: u64,
    /// Instances that stay, also those that start.
    pub instances: u32,
    /// What was decided.
    pub decision: Decision,
    /// What was asked for.
    pub asked: Vec<(Purchase, u32)>,
    /// Why instances that were asked for did not come, as far as is known.
    pub refusals: Vec<String>,
}

impl std::fmt::Debug for Scaler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scaler").field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl Scaler {
    /// Looks once, and does what follows.
    ///
    /// # Errors
    /// [`StoreError`]: a part may be done; the next look does the rest.
    pub async fn look(&self) -> Result<Looked, StoreError> {
        let name = ObjectName(MEMORY.to_owned());
        let (groups, before) = (self.capacity.groups().await?, self.remembered(&name).await?);
        let chunks = self.chunks.open(&Queue::of_fleet(&self.rules.model), LOOKED_AT).await?;
        let now_ms = self.clock.now_ms();
        let mut memory = before.after(&groups, &chunks, now_ms);
        let demand = (self.rules.model.as_str(), self.rules.tokens_per_second);
        let pool = memory.pool(&groups, &chunks, now_ms, demand);
        let decision = scale(&pool, now_ms, &self.rules.scaling);
        self.end(&decision.terminate).await?;
        // Who is ended is asked for no more by that; a number that counts it would have it replaced.
        let groups = without(groups, &decision.terminate);
        let asked = asks(&decision, &groups, before.asked);
        memory.asked = decision.start > 0;
        // Before it is asked for: whoever dies in between has asked in vain at most.
        if memory != before {
            self.remember(&name, &memory).await?;
        }
        self.ask(&asked).await?;
        let refusals = groups.iter().filter_map(|group| group.refusal.clone()).collect();
        let instances = groups.iter().map(Group::staying).sum();
        let outstanding = pool.demand.iter().map(|demand| demand.tokens).sum();
        Ok(Looked { outstanding, instances, decision, asked, refusals })
    }

    async fn end(&self, silent: &[String]) -> Result<(), StoreError> {
        for instance in silent {
            tracing::error!(instance, "an instance was silent for too long, and is ended");
            self.capacity.end(instance).await?;
        }
        Ok(())
    }

    async fn ask(&self, asked: &[(Purchase, u32)]) -> Result<(), StoreError> {
        for (purchase, desired) in asked {
            self.capacity.ask(*purchase, *desired).await?;
        }
        Ok(())
    }

    async fn remembered(&self, name: &ObjectName) -> Result<Memory, StoreError> {
        match whole(self.objects.as_ref(), name).await {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::error!(%error, "what was remembered of the pool cannot be read, and is forgotten");
                Memory::default()
            })),
            Err(StoreError::NotFound) => Ok(Memory::default()),
            Err(error) => Err(error),
        }
    }

    async fn remember(&self, name: &ObjectName, memory: &Memory) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(memory).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let mut writer = self.objects.create(name).await?;
        writer.write(bytes.into()).await?;
        writer.finish().await.map(drop)
    }
}

/// The groups without instances that were just ended.
fn without(groups: Vec<Group>, ended: &[String]) -> Vec<Group> {
    let of = |mut group: Group| {
        let was = group.staying();
        for member in &mut group.members {
            member.ends |= ended.contains(&member.name);
        }
        group.desired = group.desired.saturating_sub(was - group.staying());
        group
    };
    groups.into_iter().map(of).collect()
}
