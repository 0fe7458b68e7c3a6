//! What every implementation of a port must promise: one public function per promise, which panics where it is broken.
//!
//! A macro per port makes each promise a test of its own. Its argument is an async function that returns the port (or
//! the ports, where a suite needs two) and a guard that is kept until the test ends:
//!
//! ```
//! # use std::sync::Arc;
//! # use offpeak_core::ports::Jobs;
//! async fn in_memory() -> (Arc<dyn Jobs>, ()) {
//!     (Arc::new(offpeak_testkit::fakes::Jobs::default()), ())
//! }
//!
//! offpeak_testkit::jobs_conformance!(in_memory);
//! ```
//!
//! Every case makes its own ids, so a suite may run on a store that others use. Some suites walk whole stores and count
//! in them, and want a store of their own for each case: those of the walks and the sweeps. Time that must pass is real time where
//! the test's clock is not paused, and short.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a suite fails by panicking, and each case says so"
)]

pub mod backend;
pub mod backend_files;
pub mod batch_sweep;
pub mod batch_walk;
pub mod batches;
pub mod batches_list;
pub mod capacity;
pub mod chunks;
pub mod classes;
pub mod credentials;
pub mod file_sweep;
pub mod files;
pub mod files_list;
pub mod intake;
pub mod intake_time;
pub mod job_index;
pub mod job_marks;
pub mod job_sweep;
pub mod job_walk;
pub mod job_writes;
pub mod jobs;
pub mod keys;
pub mod mailbox;
pub mod notice_sweep;
pub mod notices;
pub mod objects;
pub mod objects_list;
pub mod receivers;
pub mod served;
pub mod share;
pub mod submission_sweep;
pub mod submission_walk;
pub mod submissions;
pub mod upload_sweep;
pub mod uploads;
pub mod usage;

use std::time::Duration;

/// Makes a test of each named case: for the macros of the ports.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_cases {
    (@case $module:ident($($port:ident),+), $factory:expr, $case:ident) => {
        #[tokio::test]
        async fn $case() {
            let ($($port,)+ _guard) = $factory().await;
            $crate::conformance::$module::$case($(&*$port),+).await;
        }
    };
    ($module:ident $ports:tt, $factory:expr, [$($case:ident),* $(,)?]) => {
        $($crate::conformance_cases!(@case $module $ports, $factory, $case);)*
    };
}

/// Waits until `holds` says so; for what a port promises without saying how soon.
async fn eventually(what: &str, patience_ms: u64, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..=patience_ms / 10 {
        if holds().await {
            return;
        }
        pause(10).await;
    }
    assert!(holds().await, "{what}, not within {patience_ms} ms");
}

async fn pause(duration_ms: u64) {
    tokio::time::sleep(Duration::from_millis(duration_ms)).await;
}
