//! The domain of Offpeak: jobs, submissions, the ports they need and the flows across them.
//!
//! Nothing here does I/O, starts a task, or knows a vendor. `job`, `submission`, `batch`, `file`, `notice`, `nightly` and `class`
//! decide from values; `ports` states what the outside must provide; `flows` are the steps across ports.

pub mod batch;
pub mod body;
pub mod class;
pub mod endpoint;
pub mod faults;
pub mod file;
pub mod fleet;
pub mod flows;
pub mod health;
pub mod hex;
pub mod ids;
pub mod job;
pub mod lane;
pub mod nightly;
pub mod notice;
pub mod ports;
pub mod route;
pub mod submission;
pub mod timing;
