//! A tick of the scaler: look at the pool once.

use anyhow::Context as _;
use offpeak_core::flows::fleet::scaling::{Looked, Scaler};
use serde::Serialize;

/// What a tick came to.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Scaled {
    /// Estimated tokens of lines without an answer.
    pub outstanding: u64,
    /// Instances that stay, those that start included.
    pub instances: u32,
    /// Instances that should be there.
    pub desired: u32,
    /// Instances that were ended, since nobody had heard of them for too long.
    pub ended: usize,
}

/// Looks at the pool, ends who is silent, and asks for who is missing.
///
/// # Errors
/// A store or a group cannot be asked: the next tick repeats it.
pub async fn handle(scaler: &Scaler) -> anyhow::Result<Scaled> {
    let looked = scaler.look().await.context("looking at the pool")?;
    looked.refusals.iter().for_each(|refusal| refused(refusal));
    if looked.outstanding > 0 || looked.instances > 0 {
        tell(&looked);
    }
    let Looked { outstanding, instances, decision, .. } = looked;
    Ok(Scaled { outstanding, instances, desired: decision.desired, ended: decision.terminate.len() })
}

/// Tells operators of what an alarm counts (infra/fleet.yaml).
fn refused(refusal: &str) {
    tracing::warn!(refusal, "an instance that was asked for did not come");
}

fn tell(Looked { outstanding, instances, decision, asked, .. }: &Looked) {
    let (desired, why, fall_back) = (decision.desired, decision.why, decision.fall_back);
    tracing::info!(outstanding, instances, desired, ?why, ?asked, fall_back, "scaled");
}
