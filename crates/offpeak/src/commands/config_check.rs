//! `offpeak config check`: would `serve`, or a deployment, start with this configuration, and what would hold?

use std::process::ExitCode;

use offpeak_config::{Config, Flags};

use crate::output;

/// Prints `ok` and the effective settings, or a line for each thing that is wrong.
///
/// # Errors
/// Standard output is closed.
pub(crate) fn run(flags: &Flags, deployment: bool) -> anyhow::Result<ExitCode> {
    let read = if deployment { Config::load_as_deployed(flags) } else { Config::load(flags) };
    match read {
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
