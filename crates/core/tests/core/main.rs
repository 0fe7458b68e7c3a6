//! The domain seen from outside: its state machines against their document, and the documents against the repository.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

mod batch_input;
mod batches;
mod documents;
mod jobs;
mod repository;
mod scale;
mod state_machine;
mod submissions;
