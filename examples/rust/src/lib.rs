//! Ends an example with a message when an answer is wrong; yours needs none of this.

use std::fmt::Debug;

use anyhow::{Result, bail};
use async_openai::error::OpenAIError;

/// Compares with what the simulated model must say.
///
/// `OFFPEAK_CHECK=0` turns it off, for a real model.
///
/// # Errors
///
/// If it is something else.
pub fn expect<T: PartialEq<W> + Debug, W: Debug>(what: &str, got: T, wanted: W) -> Result<()> {
    if got == wanted || std::env::var("OFFPEAK_CHECK").is_ok_and(|check| check == "0") {
        return Ok(());
    }
    bail!("{what}: expected {wanted:?}, got {got:?}")
}

/// The status of a refusal that must come.
///
/// # Errors
///
/// If something else came.
pub fn refused<T>(outcome: Result<T, OpenAIError>) -> Result<u16> {
    match outcome {
        Ok(_) => bail!("expected a refusal, got an answer"),
        Err(OpenAIError::ApiError(refusal)) => {
            println!("{} {}", refusal.status_code, refusal.api_error.message);
            Ok(refusal.status_code.as_u16())
        }
        Err(other) => Err(other.into()),
    }
}
