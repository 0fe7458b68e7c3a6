//! `offpeak config check`: would `serve` start with this configuration, and what would hold?

use std::process::ExitCode;

use crate::config::{Config, Flags};
use crate::output;

/// Prints `ok` and the effective settings, or a line for each thing that is wrong.
///
/// # Errors
/// Standard output is closed.
pub(crate) fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    match Config::load(flags) {
        Ok(config) => {
            output::line(format_args!("ok\n\n{config}"))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(refused) => {
            output::line(refused)?;
            Ok(ExitCode::FAILURE)
        }
    }
}
