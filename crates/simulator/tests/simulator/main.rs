//! What the simulator promises: each endpoint, each validation code and each fault.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

mod batches;
mod creation;
mod downloads;
mod files;
mod lines;
mod live;
mod responses;
mod server;
mod upstream;
mod validation;
