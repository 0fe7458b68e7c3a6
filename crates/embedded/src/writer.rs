//! The one thread that writes, and its group commit.
//!
//! ```text
//! tasks ──► queue ──► take all that waits ──► BEGIN IMMEDIATE, each command, COMMIT (synced) ──► answer each
//! ```
//!
//! A command that fails answers its own error; the statements that it had finished stay, which the ports allow
//! because each item is one statement. If SQLite rolled the whole transaction back, or the commit fails, every command
//! of the group answers [`StoreError::Unavailable`].

use std::collections::VecDeque;
use std::fs::File;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use offpeak_core::ports::StoreError;
use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::checkpoint::Checkpointer;
use crate::dictionary::Dictionary;
use crate::error::Fault;
use crate::intake::Places;

/// Items in one transaction, so that nobody waits for long.
const GROUP_ITEMS: usize = 2_000;

/// Commands that are worth a commit without waiting for more.
const ENOUGH: usize = 256;

/// What commands work on.
pub(crate) struct Session {
    pub(crate) connection: Connection,
    pub(crate) dictionary: Dictionary,
    pub(crate) places: Places,
}

/// A write on its way.
trait Command: Send {
    fn items(&self) -> usize;
    fn work(&mut self, session: &mut Session);
    fn done(self: Box<Self>, commit: Result<(), &StoreError>);
}

struct Task<T, W, D> {
    items: usize,
    work: Option<W>,
    outcome: Result<T, Fault>,
    done: D,
}

impl<T, W, D> Command for Task<T, W, D>
where
    T: Send,
    W: FnOnce(&mut Session) -> Result<T, Fault> + Send,
    D: FnOnce(Result<T, StoreError>) + Send,
{
    fn items(&self) -> usize {
        self.items
    }

    fn work(&mut self, session: &mut Session) {
        if let Some(work) = self.work.take() {
            self.outcome = work(session);
        }
    }

    fn done(self: Box<Self>, commit: Result<(), &StoreError>) {
        let outcome = match commit {
            Ok(()) => self.outcome.map_err(StoreError::from),
            Err(error) => Err(error.clone()),
        };
        (self.done)(outcome);
    }
}

#[derive(Default)]
struct Queue {
    commands: VecDeque<Box<dyn Command>>,
    /// With so many commands the writer wants to be woken; 0 if it is awake.
    wake_at: usize,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    arrival: Condvar,
}

/// The handle by which ports write.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    thread: Option<thread::JoinHandle<()>>,
    /// Nobody else may serve while anything here can still write.
    _lock: Option<File>,
}

impl Writer {
    /// Starts the thread. Under load it waits `gather` for more commands before it commits.
    pub(crate) fn start(
        connection: Connection,
        checkpointer: Checkpointer,
        gather: Duration,
        lock: Option<File>,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let session = Session { connection, dictionary: Dictionary::default(), places: Places::default() };
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("offpeak-writer".to_owned())
            .spawn(move || serve(&theirs, session, checkpointer, gather))?;
        Ok(Self { shared, thread: Some(thread), _lock: lock })
    }

    /// Runs `work` in the next transaction and answers once that is durable. The work is done even if the caller
    /// goes away.
    pub(crate) async fn run<T, W>(&self, items: usize, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&mut Session) -> Result<T, Fault> + Send + 'static,
    {
        self.run_then(items, work, |_| ()).await
    }

    /// The same; `then` sees the outcome on the writer's thread before the caller does, and even if it went away.
    pub(crate) async fn run_then<T, W, D>(&self, items: usize, work: W, then: D) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&mut Session) -> Result<T, Fault> + Send + 'static,
        D: FnOnce(&Result<T, StoreError>) + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let done = move |outcome| {
            then(&outcome);
            // A caller that went away wants no answer.
            drop(reply.send(outcome));
        };
        self.push(Box::new(Task { items, work: Some(work), outcome: Err(Fault::Stopped), done }));
        answer.await.unwrap_or(Err(Fault::Stopped.into()))
    }

    fn push(&self, command: Box<dyn Command>) {
        let mut queue = self.shared.queue.lock();
        if queue.closed {
            return;
        }
        queue.commands.push_back(command);
        let wake = queue.wake_at != 0 && queue.commands.len() >= queue.wake_at;
        if wake {
            queue.wake_at = 0;
        }
        drop(queue);
        if wake {
            self.shared.arrival.notify_one();
        }
    }
}

impl Drop for Writer {
    /// Finishes what waits, then ends the thread.
    fn drop(&mut self) {
        self.shared.queue.lock().closed = true;
        self.shared.arrival.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer's thread panicked");
        }
    }
}

impl Shared {
    /// Waits for a command; `None` once the queue is closed and empty.
    fn wait(&self) -> Option<()> {
        let mut queue = self.queue.lock();
        while queue.commands.is_empty() {
            if queue.closed {
                return None;
            }
            queue.wake_at = 1;
            self.arrival.wait(&mut queue);
        }
        Some(())
    }

    /// Waits for more commands, until they are enough or the time is over.
    fn gather(&self, gather: Duration) {
        let mut queue = self.queue.lock();
        if queue.commands.len() < ENOUGH && !queue.closed {
            queue.wake_at = ENOUGH;
            self.arrival.wait_for(&mut queue, gather);
            queue.wake_at = 0;
        }
    }

    /// Everything that waits, up to a group's size.
    fn take(&self, group: &mut Vec<Box<dyn Command>>) {
        let mut queue = self.queue.lock();
        let mut items = 0;
        while items < GROUP_ITEMS
            && let Some(command) = queue.commands.pop_front()
        {
            items += command.items();
            group.push(command);
        }
    }
}

/// Closes the queue when the thread ends, however it ends: who waits hears of it.
struct Closing<'a>(&'a Shared);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.queue.lock();
        queue.closed = true;
        let waiting = std::mem::take(&mut queue.commands);
        drop(queue);
        drop(waiting);
    }
}

fn serve(shared: &Shared, mut session: Session, mut checkpointer: Checkpointer, gather: Duration) {
    let _closing = Closing(shared);
    let mut group = Vec::new();
    let mut crowded = false;
    while shared.wait().is_some() {
        if crowded {
            // Several callers write at once, and a commit costs about the same for a few as for many.
            shared.gather(gather);
        }
        shared.take(&mut group);
        crowded = group.len() > 1;
        let commit = commit(&mut session, &mut group);
        if let Err(error) = &commit {
            tracing::error!(%error, commands = group.len(), "a transaction failed");
            session.dictionary.forget();
        }
        for command in group.drain(..) {
            command.done(commit.as_ref().copied());
        }
        checkpointer.after_commit(&session.connection);
    }
}

/// Runs a group in one transaction.
fn commit(session: &mut Session, group: &mut [Box<dyn Command>]) -> Result<(), StoreError> {
    execute(session, "BEGIN IMMEDIATE")?;
    for command in &mut *group {
        command.work(session);
        if session.connection.is_autocommit() {
            // A full disk and its like undo the whole transaction: what ran before this command is gone too.
            return Err(StoreError::Unavailable("the transaction was rolled back".to_owned()));
        }
    }
    execute(session, "COMMIT").inspect_err(|_| {
        if !session.connection.is_autocommit()
            && let Err(error) = execute(session, "ROLLBACK")
        {
            tracing::error!(%error, "a rollback failed");
        }
    })
}

fn execute(session: &Session, sql: &str) -> Result<(), StoreError> {
    let run = || session.connection.prepare_cached(sql)?.execute(());
    run().map(|_| ()).map_err(|error| StoreError::Unavailable(Fault::from(error).to_string()))
}
