//! Offpeak as one binary on one machine: LLM requests that can wait, at half the price.

mod batch;
mod cli;
mod commands;
mod demo;
mod engine;
mod memory;
mod output;
mod serve;
mod telemetry;
mod worker;

use std::process::ExitCode;

use clap::Parser as _;
use offpeak_config::Config;

use cli::{Cli, Command, Configuration};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Not the library's 2, which says of a batch that some lines failed.
        Err(told) => {
            let _ = told.print();
            return if told.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            output::remark(format_args!("offpeak: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    telemetry::start(&cli.log)?;
    match cli.command {
        Command::Serve(flags) => {
            memory::give_back();
            serve::run(Config::load(&flags)?).map(|()| ExitCode::SUCCESS)
        }
        Command::Demo(options) => demo::run(&options),
        Command::Simulate(options) => commands::simulate::run(&options),
        Command::Batch(command) => batch::run(command),
        Command::Worker(options) => worker::run(&options),
        Command::Keys(keys) => commands::keys::run(keys),
        Command::Status(status) => commands::status::run(&status),
        Command::Audit(dir) => commands::audit::run(&dir.path),
        Command::Config(Configuration::Check { flags, deployment }) => commands::config_check::run(&flags, deployment),
    }
}
