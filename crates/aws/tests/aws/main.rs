//! The ports on an emulator of AWS, started once for all tests.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

mod calls;
mod conformance;
mod credentials;
mod intake;
mod mailbox;
mod objects;
mod parameters;
mod queues;
mod script;
mod tables;
mod world;
