//! Bringing the write-ahead log home without holding writers up.
//!
//! A checkpoint beside a busy writer never quite catches up, and a log that is not caught up never starts over. So a
//! thread of its own copies the bulk, and then the writer, between two transactions, copies the few pages that came
//! meanwhile; its next transaction starts the log over, unless a reader still looks into it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use rusqlite::Connection;

/// Pages in the log from which on it is brought home: 16 MiB of 4 KiB pages.
const ENOUGH_PAGES: u32 = 4_096;

#[derive(Default)]
struct Shared {
    /// Pages in the log after the last commit.
    pages: AtomicU32,
    copying: AtomicBool,
    closed: AtomicBool,
}

/// The writer's side.
pub(crate) struct Checkpointer {
    shared: Arc<Shared>,
    thread: Option<thread::JoinHandle<()>>,
    copied: bool,
}

impl Checkpointer {
    /// Watches the writer's connection; `own` is a connection for the thread.
    pub(crate) fn start(writer: &mut Connection, own: Connection) -> Result<Self, rusqlite::Error> {
        let shared = Arc::new(Shared::default());
        let seen = Arc::clone(&shared);
        writer.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            seen.pages.store(u32::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("offpeak-checkpoint".to_owned())
            .spawn(move || copy_when_asked(&theirs, &own))
            .inspect_err(|error| tracing::error!(%error, "no checkpoint thread; the writer does its work"))
            .ok();
        Ok(Self { shared, thread, copied: false })
    }

    /// Called by the writer between transactions.
    pub(crate) fn after_commit(&mut self, writer: &Connection) {
        if self.shared.pages.load(Ordering::Relaxed) < ENOUGH_PAGES || self.shared.copying.load(Ordering::Acquire) {
            return;
        }
        match &self.thread {
            Some(thread) if !self.copied => {
                self.shared.copying.store(true, Ordering::Release);
                thread.thread().unpark();
                self.copied = true;
            }
            Some(_) | None => {
                checkpoint(writer);
                self.copied = false;
            }
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("the checkpoint thread panicked");
            }
        }
    }
}

fn copy_when_asked(shared: &Shared, connection: &Connection) {
    while !shared.closed.load(Ordering::Acquire) {
        if shared.copying.load(Ordering::Acquire) {
            checkpoint(connection);
            shared.copying.store(false, Ordering::Release);
        }
        thread::park();
    }
}

/// Copies what no reader still needs in the log; waits for nobody.
fn checkpoint(connection: &Connection) {
    if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(())) {
        tracing::warn!(%error, "a checkpoint failed; the log grows until one succeeds");
    }
}
