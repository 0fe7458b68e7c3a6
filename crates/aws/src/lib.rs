//! The ports on AWS: SQS, DynamoDB, S3, Systems Manager and KMS.
//!
//! ```text
//! SQS        a queue per class: messages, bodies up to 448 KiB inside
//! DynamoDB   a table per noun: jobs, submissions, files, uploads, batches, receivers, notices, classes, keys, usage, credentials;
//!            and of chunks, where own engines are
//! S3         sealed submissions, manifests, results, large bodies, shared answers, files; inbox, outbox, schedules
//! SSM        the configuration and the providers' keys, read once at start
//! KMS        the key that seals callers' credentials
//! EC2        Auto Scaling groups of instances with own engines, and an instance's own metadata
//! ```
//!
//! Every call passes the interceptor of [`calls`], which tells operators what was called, never what was in it.

mod backoff;
mod batches;
pub mod calls;
mod chunks;
mod classes;
mod clients;
mod clock;
mod credentials;
mod dynamo;
mod environment;
mod error;
mod events;
mod failure;
mod files;
mod groups;
mod intake;
mod jobs;
mod keys;
mod machine;
mod mailbox;
mod notices;
mod objects;
mod parameters;
mod pool;
mod random;
mod receivers;
mod resources;
mod store;
mod submissions;
pub mod telemetry;
mod uploads;
mod usage;

pub use batches::Batches;
pub use chunks::Chunks;
pub use classes::Classes;
pub use clients::{Clients, Connection};
pub use clock::SystemClock;
pub use credentials::Credentials;
pub use events::Events;
pub use files::Files;
pub use groups::Groups;
pub use intake::Intake;
pub use jobs::Jobs;
pub use keys::Keys;
pub use machine::{HOOK, Machine};
pub use mailbox::Mailbox;
pub use notices::Notices;
pub use objects::Objects;
pub use parameters::{ParameterError, Parameters};
pub use pool::Pool;
pub use random::SystemRandom;
pub use receivers::Receivers;
pub use resources::{ResourceError, Resources, Tables};
pub use store::{Options, Store};
pub use submissions::Submissions;
pub use uploads::Uploads;
pub use usage::Usage;
