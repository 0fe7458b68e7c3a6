//! Webhooks: signed as Standard Webhooks has it, and carried to public addresses only.
//!
//! ```text
//! deliver ─► guard::url ─► sign ─► connect ─► resolve once ─► guard::address of each ─► one of these ─► answer
//! ```
//!
//! The URLs come from callers, so every one of them may be an attempt to have Offpeak call what only Offpeak can
//! reach. [`guard`] decides from values; [`Client`] has no way to an address that was not decided upon.

mod client;
pub mod guard;
mod resolve;
pub mod signing;
mod tls;

pub use client::{Client, Config, Unusable};
pub use resolve::{Resolve, System};
