//! Callers' files, uploads and batches: the flows over the fakes and a scripted provider.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod audit;
mod batches;
mod busy;
mod cancel;
mod desk;
mod files;
mod inputs;
mod late;
mod nightly;
mod nightly_cut;
mod nightly_schedules;
mod notices;
mod results;
mod room;
mod uploads;
