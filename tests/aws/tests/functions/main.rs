//! The functions without a stack: their handlers in this process, or their binaries at a Runtime API of this process.
//!
//! A program of its own, so that deaths and refusals by the hundred do not disturb the deployed stack's tests.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, and so do its helpers")]

mod crash;
mod handlers;
mod start;
