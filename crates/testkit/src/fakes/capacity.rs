//! Groups of instances, in memory, and a market that gives as many as it has.

use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::fleet::Purchase;
use offpeak_core::ports::{self, Group, Member, StoreError};
use parking_lot::Mutex;

/// Two groups, of spot instances and of those bought on demand. Clones share them.
#[derive(Debug, Clone)]
pub struct Capacity(Arc<Mutex<Market>>);

#[derive(Debug)]
struct Market {
    groups: [Group; 2],
    /// What each group may have at most.
    given: [u32; 2],
    names: u32,
}

impl Default for Capacity {
    fn default() -> Self {
        let group = |purchase| Group { purchase, desired: 0, members: Vec::new(), refusal: None };
        let groups = [group(Purchase::Spot), group(Purchase::OnDemand)];
        Self(Arc::new(Mutex::new(Market { groups, given: [u32::MAX; 2], names: 0 })))
    }
}

impl Capacity {
    /// Has the market give so many of a purchase from now on; those that are there stay.
    pub fn gives(&self, purchase: Purchase, most: u32) {
        self.0.lock().given[place(purchase)] = most;
    }

    /// Instances that are gone: the market took them, or they ended.
    pub fn gone(&self, name: &str) {
        for group in &mut self.0.lock().groups {
            let before = group.members.len();
            group.members.retain(|member| member.name != name);
            group.desired = group.desired.saturating_sub(u32::try_from(before - group.members.len()).unwrap_or(0));
        }
    }
}

fn place(purchase: Purchase) -> usize {
    usize::from(purchase == Purchase::OnDemand)
}

#[async_trait]
impl ports::Capacity for Capacity {
    async fn groups(&self) -> Result<Vec<Group>, StoreError> {
        let mut market = self.0.lock();
        let (given, mut names) = (market.given, market.names);
        for (group, given) in market.groups.iter_mut().zip(given) {
            while group.missing() > 0 && group.staying() < given {
                names += 1;
                group.members.push(Member { name: format!("i-{names}"), ends: false });
            }
            group.refusal = (group.missing() > 0).then(|| "there is none".to_owned());
        }
        market.names = names;
        Ok(market.groups.to_vec())
    }

    async fn ask(&self, purchase: Purchase, desired: u32) -> Result<(), StoreError> {
        self.0.lock().groups[place(purchase)].desired = desired;
        Ok(())
    }

    async fn end(&self, instance: &str) -> Result<(), StoreError> {
        for group in &mut self.0.lock().groups {
            let found = group.members.iter_mut().find(|member| member.name == instance && !member.ends);
            if let Some(member) = found {
                member.ends = true;
                group.desired = group.desired.saturating_sub(1);
            }
        }
        Ok(())
    }
}
