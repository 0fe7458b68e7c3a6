//! Decorators that stand between a flow and its ports, where a network would be.
//!
//! Each call asks a [`Gate`] before the inner call and after it:
//!
//! ```text
//! flow ──► before ──► inner port ──► after ──► flow
//!            │                         │
//!            │ lost: nothing happened  │ lost: it happened, and nobody hears of it
//!            ▼                         ▼
//!          Unavailable / Unclear     Unavailable / Unclear
//! ```
//!
//! A gate may also hold a call (by not answering yet), and the task that waits there may be dropped: both are what
//! happens to a process. A call that is [`Lost::LateThenLost`] is made after a delay in a task of its own, while its
//! caller has been told that it is lost: a packet that arrives when nobody expects it any more.

mod backend;
mod batches;
mod chunks;
mod classes;
mod deliver;
mod desk;
mod files;
mod intake;
mod jobs;
mod mailbox;
mod notices;
mod objects;
mod receivers;
mod submissions;
mod uploads;
mod usage;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use offpeak_core::health::Health;
use offpeak_core::ports::{Ports, StoreError};

pub use backend::Backend;
pub use batches::Batches;
pub use chunks::Chunks;
pub use classes::Classes;
pub use deliver::Deliver;
pub use desk::Desk;
pub use files::Files;
pub use intake::Intake;
pub use jobs::Jobs;
pub use mailbox::Mailbox;
pub use notices::Notices;
pub use objects::Objects;
pub use receivers::Receivers;
pub use submissions::Submissions;
pub use uploads::Uploads;
pub use usage::Usage;

/// What a gate decided to lose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// Before: the call is not made. After: its reply is lost.
    Now,
    /// Before: the call is made later, when its caller knows it as lost. After: the same as [`Lost::Now`].
    LateThenLost {
        /// Milliseconds.
        delay_ms: u64,
    },
}

/// Decides what becomes of each call. `what` is `port.method`, as `jobs.apply` or `backend.create`.
#[async_trait]
pub trait Gate: Send + Sync {
    /// Called before the inner call.
    ///
    /// # Errors
    /// [`Lost`]: the inner call is not made, or not yet.
    async fn before(&self, what: &'static str) -> Result<(), Lost>;

    /// Called after the inner call, before its reply is given.
    ///
    /// # Errors
    /// [`Lost`]: the reply is lost.
    async fn after(&self, what: &'static str) -> Result<(), Lost>;

    /// Whether the next object that is streamed breaks before its end.
    fn cuts(&self) -> bool {
        false
    }
}

/// Lets everything through.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenGate;

#[async_trait]
impl Gate for OpenGate {
    async fn before(&self, _: &'static str) -> Result<(), Lost> {
        Ok(())
    }

    async fn after(&self, _: &'static str) -> Result<(), Lost> {
        Ok(())
    }
}

/// The same ports behind a gate, of a process of its own; keys, wake, clock and randomness are reached without it.
pub fn behind(ports: &Ports, gate: &Arc<dyn Gate>) -> Ports {
    let backends: BTreeMap<_, _> = ports
        .backends
        .iter()
        .map(|(name, backend)| (name.clone(), Arc::new(Backend::new(Arc::clone(backend), Arc::clone(gate))) as _))
        .collect();
    Ports {
        jobs: Arc::new(Jobs::new(Arc::clone(&ports.jobs), Arc::clone(gate))),
        submissions: Arc::new(Submissions::new(Arc::clone(&ports.submissions), Arc::clone(gate))),
        files: Arc::new(Files::new(Arc::clone(&ports.files), Arc::clone(gate))),
        uploads: Arc::new(Uploads::new(Arc::clone(&ports.uploads), Arc::clone(gate))),
        batches: Arc::new(Batches::new(Arc::clone(&ports.batches), Arc::clone(gate))),
        classes: Arc::new(Classes::new(Arc::clone(&ports.classes), Arc::clone(gate))),
        intake: Arc::new(Intake::new(Arc::clone(&ports.intake), Arc::clone(gate))),
        objects: Arc::new(Objects::new(Arc::clone(&ports.objects), Arc::clone(gate))),
        mailbox: Arc::new(Mailbox::new(Arc::clone(&ports.mailbox), Arc::clone(gate))),
        usage: Arc::new(Usage::new(Arc::clone(&ports.usage), Arc::clone(gate))),
        receivers: Arc::new(Receivers::new(Arc::clone(&ports.receivers), Arc::clone(gate))),
        notices: Arc::new(Notices::new(Arc::clone(&ports.notices), Arc::clone(gate))),
        backends,
        health: Health::default(),
        ..ports.clone()
    }
}

/// Makes a call between the gate's two answers.
async fn pass<F>(gate: &dyn Gate, what: &'static str, call: F) -> Result<F::Output, Lost>
where
    F: Future<Output: Send> + Send + 'static,
{
    if let Err(lost) = gate.before(what).await {
        if let Lost::LateThenLost { delay_ms } = lost {
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(delay_ms)).await;
                drop(call.await);
            });
        }
        return Err(lost);
    }
    let reply = call.await;
    gate.after(what).await?;
    Ok(reply)
}

/// The same for a store: what is lost is unavailable.
async fn through<T, F>(gate: &dyn Gate, what: &'static str, call: F) -> Result<T, StoreError>
where
    T: Send,
    F: Future<Output = Result<T, StoreError>> + Send + 'static,
{
    pass(gate, what, call).await.unwrap_or_else(|_| Err(StoreError::Unavailable(format!("{what} was lost"))))
}
