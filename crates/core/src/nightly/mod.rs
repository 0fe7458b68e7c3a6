//! What runs without a call: inputs that were dropped into the inbox, and schedules.
//!
//! Both become batches whose ids are decided by what asked for them, so that however often something is seen, by however
//! many, it runs once. What became of a batch lies in the outbox, its summary last.

mod address;
mod schedule;

pub use address::{Address, Meaning, is_folder, meaning, refusal_path};
pub use schedule::{Occurrence, Schedule, ScheduledInput};

use crate::batch::InputRule;
use crate::ids::TenantId;

/// What the operator decided of it.
#[derive(Debug, Clone, Default)]
pub struct Nightly {
    /// Whether the inbox is looked through.
    pub inbox: bool,
    /// Whose is what lies in the inbox without a folder; without one it is refused.
    pub default_tenant: Option<TenantId>,
    /// How inputs are taken.
    pub rule: InputRule,
    /// Their names are unique.
    pub schedules: Vec<Schedule>,
}
