//! The data directory as its users see it: opened, shared, killed, and read at one moment.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

mod batches;
mod conformance;
mod crash;
mod credentials;
mod directory;
mod intake;
mod jobs;
mod mailbox;
mod names;
mod objects;
mod samples;
mod shared;
mod snapshot;
