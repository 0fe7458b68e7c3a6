//! A faithful, failure-injecting OpenAI-compatible upstream: Files, Batches and the model endpoints, all in memory.
//!
//! Tests, demos and rehearsals point a gateway at it. Its answers can be checked (`echo: <last user message>`), it counts
//! what a provider would have billed, and [`Faults`] make it fail in the ways that real providers do.
//!
//! ```text
//! server ──► routes ──► calls/{files,batches,live,catalog,control} ──► World (files, batches, counts, faults)
//!                            │                                             ▲
//!                            └─ a created batch: lifecycle ──► validation ──► execution ──► model
//! ```

mod batch;
mod calls;
mod clock;
mod counts;
mod digest;
mod endpoint;
mod engine;
mod execution;
mod faults;
mod knobs;
mod ledger;
mod lifecycle;
mod model;
mod options;
mod order;
mod refusal;
mod routes;
mod server;
mod shelf;
mod simulator;
mod validation;
mod wire;
mod world;

pub use counts::Counts;
pub use faults::Faults;
pub use options::Options;
pub use routes::router;
pub use server::{CutConnection, serve};
pub use simulator::Simulator;
