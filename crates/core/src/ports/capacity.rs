//! Instances that can be had: groups of them, each bought in one way.

use async_trait::async_trait;

use super::StoreError;
use crate::fleet::Purchase;

/// A group of instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// How they are bought.
    pub purchase: Purchase,
    /// How many are asked for. Those that are there count, those that end do not.
    pub desired: u32,
    /// Those that were started and are not gone.
    pub members: Vec<Member>,
    /// Why one that is asked for was not started, in the market's words, as far as they are known.
    pub refusal: Option<String>,
}

/// An instance of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Whether it ends.
    pub ends: bool,
}

impl Group {
    /// How many of its instances stay.
    pub fn staying(&self) -> u32 {
        let staying = self.members.iter().filter(|member| !member.ends).count();
        u32::try_from(staying).unwrap_or(u32::MAX)
    }

    /// How many are asked for that are not there.
    pub fn missing(&self) -> u32 {
        self.desired.saturating_sub(self.staying())
    }
}

/// The groups of a pool. Instances come when the market has them: to ask is not to get.
#[async_trait]
pub trait Capacity: Send + Sync {
    /// Every group as it stands, one for each purchase there is. What was just asked for may not show yet.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; [`StoreError::NotFound`] if a group is not there.
    async fn groups(&self) -> Result<Vec<Group>, StoreError>;

    /// Asks for that many instances in all. Fewer than there are end none of them. A repeat changes nothing; of
    /// concurrent calls one holds.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may have been asked for; [`StoreError::NotFound`] if there is no such group.
    async fn ask(&self, purchase: Purchase, desired: u32) -> Result<(), StoreError>;

    /// Ends an instance, and asks for one fewer. One that is not there, or ends already, is no error.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may end.
    async fn end(&self, instance: &str) -> Result<(), StoreError>;
}
