//! Work until there is none, or until the instance is taken back; then what is right for the instance.

use std::pin::pin;

use anyhow::Context as _;
use offpeak_core::flows::work::{Done, Until, Worker, work_until};
use offpeak_core::ports::{Clock, Machine, Notice, StoreError};
use tokio::sync::watch;

/// Between two looks at what is announced, milliseconds: a notice is two minutes.
const WATCH_MS: u64 = 5_000;

/// From the end of an instance to when its group waits for a word from it, milliseconds: without that word it waits for two
/// minutes, which are paid for.
const HOOK_MS: u64 = 15_000;

/// How often the end of the instance is asked for before somebody else has to.
const TRIES: u32 = 5;

/// Why the work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// Nothing is left to do, or the instance is at risk.
    Over,
    /// The instance is taken back.
    TakenBack,
    /// Somebody stops the agent, and keeps the instance.
    Stopped,
}

/// Works, and then ends the instance or lets it go. `told` ends when somebody stops the agent.
///
/// # Errors
/// The instance cannot be ended: it should be tried again, or the scaler ends it once it was silent for long.
pub async fn handle(
    worker: &Worker,
    machine: &dyn Machine,
    idle_ms: u64,
    told: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let (stopping, stopped) = watch::channel(false);
    let (at_risk, finishing) = watch::channel(false);
    let done = pin!(work_until(worker, Until { stopped, finishing, idle_ms: Some(idle_ms) }));
    let watched = watch_over(machine, worker.clock.as_ref(), &at_risk);
    let (why, done) = until(done, watched, told, &stopping).await;
    let Done { lines, failed, chunks, deaths } = done;
    tracing::info!(?why, lines, failed, chunks, deaths, "the work is over");
    let clock = worker.clock.as_ref();
    if why == Why::Over {
        insist(clock, async || machine.end().await).await.context("ending the instance")?;
        clock.sleep_ms(HOOK_MS).await;
    }
    if why != Why::Stopped {
        insist(clock, async || machine.let_go().await).await.context("letting the instance go")?;
    }
    Ok(())
}

/// Waits for the end of the work, which either of the others brings about.
async fn until(
    mut done: std::pin::Pin<&mut impl Future<Output = Done>>,
    watched: impl Future<Output = ()>,
    told: impl Future<Output = ()>,
    stopping: &watch::Sender<bool>,
) -> (Why, Done) {
    let why = tokio::select! {
        done = &mut done => return (Why::Over, done),
        () = watched => Why::TakenBack,
        () = told => Why::Stopped,
    };
    tracing::info!(?why, "stopping");
    // Whoever would hear of it is the work itself.
    let _ = stopping.send(true);
    (why, done.await)
}

/// Watches what is announced, until the instance is taken back.
async fn watch_over(machine: &dyn Machine, clock: &dyn Clock, at_risk: &watch::Sender<bool>) {
    loop {
        match machine.notice().await {
            Ok(Some(Notice::Ending)) => return,
            Ok(Some(Notice::AtRisk)) => note(at_risk),
            Ok(None) => {}
            Err(error) => unread(&error),
        }
        clock.sleep_ms(WATCH_MS).await;
    }
}

/// Has the work take no more.
fn note(at_risk: &watch::Sender<bool>) {
    if !at_risk.send_replace(true) {
        tracing::warn!("the instance is at risk: no more is taken");
    }
}

fn unread(error: &StoreError) {
    tracing::warn!(%error, "what is announced of the instance cannot be read");
}

/// Asks a few times.
async fn insist(clock: &dyn Clock, ask: impl AsyncFn() -> Result<(), StoreError>) -> anyhow::Result<()> {
    let mut tries = 1;
    loop {
        match ask().await {
            Ok(()) => return Ok(()),
            Err(error) if tries >= TRIES => return Err(error.into()),
            Err(error) => tracing::warn!(%error, "the instance's end is asked for again"),
        }
        clock.sleep_ms(1_000 << tries).await;
        tries += 1;
    }
}
