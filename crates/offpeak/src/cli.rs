//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use offpeak_config as config;

use crate::{batch, commands, demo, telemetry, worker};

/// LLM requests that can wait, at half the price.
#[derive(Debug, Parser)]
#[command(name = "offpeak", version, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) log: telemetry::Options,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the OpenAI API on one machine
    Serve(config::Flags),
    /// Show Offpeak at work against a simulated provider
    Demo(demo::Options),
    /// Serve a simulated provider, which can be told to fail
    Simulate(commands::simulate::Options),
    /// Run files of requests as batches, at an Offpeak or at OpenAI
    #[command(subcommand)]
    Batch(batch::Command),
    /// Have a model server on this machine do work of a gateway's fleet
    Worker(worker::Options),
    /// Make, list and revoke callers' API keys
    #[command(subcommand)]
    Keys(Keys),
    /// Count jobs and submissions by state
    Status(Status),
    /// Prove from the stores that every accepted job has ended or still can
    Audit(DataDir),
    /// Look at the configuration
    #[command(subcommand)]
    Config(Configuration),
}

/// What to do with API keys; all of it works beside a running server.
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make a key for a tenant and print it, once
    Create {
        #[command(flatten)]
        dir: DataDir,
        /// Whose key it is: 1 to 64 letters, digits, '.', '_' and '-'
        #[arg(long, value_name = "NAME", value_parser = config::name)]
        tenant: String,
    },
    /// List all keys by their ids and beginnings
    List(DataDir),
    /// Revoke a key; a running server notices within seconds
    Revoke {
        #[command(flatten)]
        dir: DataDir,
        /// The key's id or beginning as `keys list` shows them, or the key itself
        #[arg(value_name = "KEY")]
        key: String,
    },
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum Configuration {
    /// Print the effective settings, or everything that is wrong with them
    Check {
        #[command(flatten)]
        flags: config::Flags,
        /// As the parameter `config` of a stack on AWS, whose classes are soon and nightly; keys are not asked for
        #[arg(long)]
        deployment: bool,
    },
}

/// Which data directory.
#[derive(Debug, Args)]
pub(crate) struct DataDir {
    /// The data directory of the server
    #[arg(long = "data-dir", env = "OFFPEAK_DATA_DIR", value_name = "DIR", default_value = "./offpeak-data")]
    pub(crate) path: PathBuf,
}

/// What `status` shows.
#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) dir: DataDir,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
