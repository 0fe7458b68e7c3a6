//! What the end-to-end tests share: the real binary as a process, upstreams to put it before, and callers.
//!
//! ```text
//! Load, Http ──► Gateway (a process, its Home on disk) ──► Upstream (the simulator) | Recorder (keeps every byte)
//! Program (an SDK's user) ──► Gateway
//! Working (a worker, a process) ──► Gateway, and an Upstream or Vllm as its engine
//! BatchClient (processes) ──► Meddler (fails on demand) ──► Gateway | Upstream
//! ```
//!
//! Everything listens on loopback, waits by [`until()`] with a bound, and ends with its test.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test harness: what cannot be set up ends the test that asked for it"
)]

mod batch_client;
pub mod batches;
mod binary;
mod gateway;
mod home;
mod http;
mod load;
mod meddler;
mod process;
mod program;
mod question;
mod recorder;
mod recorder_batch;
mod until;
mod upstream;
mod vllm;
mod worker;

pub use batch_client::BatchClient;
pub use binary::{cargo, offpeak, workspace};
pub use gateway::{Gateway, Setup};
pub use home::Home;
pub use http::{Answer, Call, Http};
pub use load::{Load, Outcome};
pub use meddler::{Meddler, Meddling};
pub use process::{Output, Process, run, send};
pub use program::Program;
pub use question::{chat, echoed, embeddings, hello};
pub use recorder::{Recorded, Recorder};
pub use until::{PATIENCE, until, until_ok};
pub use upstream::{Upstream, free_port};
pub use vllm::Vllm;
pub use worker::Working;
