//! Fakes, conformance suites, a scripted provider and decorators that lose replies; never in a deployed binary.
//!
//! `fakes` are the ports in memory, `conformance` says what every implementation of a port must promise, `provider`
//! is a Batch API that follows a script, and `chaos` stands between a flow and any port.

pub mod batches;
pub mod chaos;
pub mod conformance;
pub mod crash;
pub mod emulator;
pub mod fakes;
pub mod fleet;
pub mod instance;
pub mod provider;
pub mod samples;
mod samples_batches;
mod samples_chunks;
mod samples_notices;
