//! A model server that the worker starts, and starts again.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use async_trait::async_trait;
use bytes::Bytes;
use offpeak_core::endpoint::Endpoint;
use offpeak_core::ports::{Called, Engine, NotReady, Serving};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

/// Between the end of one that had not run for [`STEADY`] and the next: at first, and at most. It doubles each time.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// One that ran so long did not end because it cannot start.
const STEADY: Duration = Duration::from_mins(5);

/// Told to end (SIGTERM): for so long.
const ENDING: Duration = Duration::from_secs(10);

/// A model server as a process of ours, called as any other.
pub(crate) struct Owned<E> {
    engine: E,
    /// Whether it is ready, as far as its callers know.
    ready: watch::Sender<bool>,
}

/// Keeps it running.
pub(crate) struct Keeper {
    command: Vec<String>,
    ready: watch::Sender<bool>,
}

/// An engine whose process is run by `command`, and what runs it.
pub(crate) fn owned<E>(engine: E, command: Vec<String>) -> (Owned<E>, Keeper) {
    let ready = watch::Sender::new(false);
    let keeper = Keeper { command, ready: ready.clone() };
    (Owned { engine, ready }, keeper)
}

#[async_trait]
impl<E: Engine> Engine for Owned<E> {
    async fn serving(&self) -> Result<Serving, NotReady> {
        let serving = self.engine.serving().await;
        if serving.is_ok() {
            self.ready.send_if_modified(|ready| !std::mem::replace(ready, true));
        }
        serving
    }

    async fn call(&self, endpoint: Endpoint, body: Bytes, timeout_ms: u64) -> Called {
        self.engine.call(endpoint, body, timeout_ms).await
    }

    fn gave_out(&self) {
        self.ready.send_replace(false);
    }
}

impl Keeper {
    /// Runs it, again whenever it ends or hangs, until `stopped`; then it is told to end, and ended.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) async fn run(&self, mut stopped: watch::Receiver<bool>) -> anyhow::Result<()> {
        let mut pause = PAUSE.0;
        while !*stopped.borrow() {
            let (mut running, began) = (Running::start(&self.command)?, Instant::now());
            tokio::select! {
                why = self.fails(&mut running) => {
                    fails(&why);
                    running.kill().await;
                }
                _ = stopped.wait_for(|stopped| *stopped) => running.end().await,
            }
            pause = if began.elapsed() < STEADY { pause } else { PAUSE.0 };
            // Nobody tells it to stop any more: then there is nothing to wait for either.
            let _ = timeout(pause, stopped.wait_for(|stopped| *stopped)).await;
            pause = (pause * 2).min(PAUSE.1);
        }
        Ok(())
    }

    /// Waits until it has ended, or is not ready any more: while it loads it is left alone.
    async fn fails(&self, running: &mut Running) -> String {
        self.ready.send_replace(false);
        let mut ready = self.ready.subscribe();
        let hangs = async {
            let _ = ready.wait_for(|ready| *ready).await;
            let _ = ready.wait_for(|ready| !*ready).await;
        };
        tokio::select! {
            ended = running.child.wait() => ended.map_or_else(|error| error.to_string(), |status| status.to_string()),
            () = hangs => "it does not answer".to_owned(),
        }
    }
}

/// A running one, the leader of a process group. Dropped, it is killed, with all that it made.
struct Running {
    child: Child,
    group: Option<Pid>,
}

impl Running {
    fn start(command: &[String]) -> anyhow::Result<Self> {
        let (program, arguments) = command.split_first().context("no command for the engine")?;
        let mut command = Command::new(program);
        // The workers' key is no business of the engine's.
        command.args(arguments).stdin(Stdio::null()).env_remove(crate::worker::KEY).process_group(0);
        let child = command.spawn().with_context(|| format!("starting the engine, {program}"))?;
        let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        Ok(Self { child, group })
    }

    async fn end(mut self) {
        self.signal(Signal::TERM);
        // Whether or not it ended in time, the rest of its group is ended next.
        let _ = timeout(ENDING, self.child.wait()).await;
        self.kill().await;
    }

    /// Ends what is left of the group: an engine's parts outlive their leader, and keep its memory.
    async fn kill(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait().await;
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // Whoever is gone needs none.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// Tells operators.
fn fails(why: &str) {
    tracing::error!(why, "the engine is started again");
}
