//! The ports on SQLite and files: one data directory on one machine.
//!
//! ```text
//! DIR/offpeak.db   rows and messages (SQLite, write-ahead log, every commit synced)
//! DIR/objects/     sealed submissions, manifests, results, large bodies, files
//! DIR/incoming/    objects being written
//! DIR/inbox/       what people drop, DIR/outbox/ what they find, DIR/schedules/ what schedules run
//! DIR/key          32 random bytes that seal callers' credentials; mode 0600
//! DIR/lock         locked by the one process that serves
//! ```
//!
//! All writes go through one thread that commits whatever waits in one transaction and only then answers: an answer
//! means durable. The database is authoritative for everything but visibility timeouts and receipts of messages,
//! which live in memory and die with the process.

mod batches;
mod checkpoint;
mod chunks;
mod classes;
mod clock;
mod credentials;
mod dictionary;
mod directory;
mod document;
mod error;
mod files;
mod intake;
mod jobs;
mod keys;
mod mailbox;
mod notices;
mod objects;
mod random;
mod readers;
mod receivers;
mod schema;
mod snapshot;
mod store;
mod submissions;
mod unfinished;
mod uploads;
mod usage;
mod writer;

pub use batches::Batches;
pub use chunks::Chunks;
pub use classes::Classes;
pub use clock::SystemClock;
pub use credentials::Credentials;
pub use error::OpenError;
pub use files::Files;
pub use intake::Intake;
pub use jobs::Jobs;
pub use keys::Keys;
pub use mailbox::{Folders, Mailbox};
pub use notices::Notices;
pub use objects::Objects;
pub use random::SystemRandom;
pub use receivers::Receivers;
pub use snapshot::{Snapshot, Waiting};
pub use store::{Options, Store};
pub use submissions::Submissions;
pub use uploads::Uploads;
pub use usage::Usage;
