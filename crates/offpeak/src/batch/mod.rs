//! `offpeak batch`: a client of the Batch API, of any Offpeak or of OpenAI itself.
//!
//! ```text
//! submit: input ─► state file (nonce) ─► upload ─► state file (file) ─► create ─► state file (batch) ─► wait ─► collect
//! ```
//! The server is authoritative on batches. The state file beside an input says which of them is this input's, and is
//! written before each step that could otherwise be paid for twice.

mod cancel;
mod check;
mod client;
mod collect;
mod create;
mod download;
mod failure;
mod input;
mod list;
mod places;
mod progress;
mod results;
mod retry;
mod show;
mod source;
mod state;
mod submit;
mod target;
mod tries;
mod upload;
mod upload_parts;
mod wait;
mod wire;

use std::process::ExitCode;

use clap::Subcommand;

use crate::commands::block_on;

/// What the exit codes say, for the help of what waits.
const CODES: &str = "Exit codes: 0 all lines succeeded (or, without --wait, the batch is made), 2 some lines failed, \
                     3 the batch failed, expired or was cancelled, 1 it could not be done, 130 interrupted: the batch \
                     goes on.";

/// What to do with batches.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a file of requests as a batch; the same command again joins the same batch
    #[command(after_help = CODES)]
    Submit(submit::Options),
    /// Look for everything that is wrong with a file of requests, without a server
    Check(check::Options),
    /// List batches, the newest first
    List(list::Options),
    /// Show a batch
    Show(show::Options),
    /// Write the results of a batch, also while it runs
    Results(results::Options),
    /// Cancel a batch; what has run is kept
    Cancel(cancel::Options),
    /// Run the lines of an ended batch again that failed; the same command again joins the same batch
    #[command(after_help = CODES)]
    Retry(retry::Options),
}

/// Does it.
///
/// # Errors
/// Why it could not be done.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    block_on(Box::pin(async {
        match command {
            Command::Submit(options) => submit::run(&options).await,
            Command::Check(options) => check::run(&options),
            Command::List(options) => list::run(&options).await,
            Command::Show(options) => show::run(&options).await,
            Command::Results(options) => results::run(&options).await,
            Command::Cancel(options) => cancel::run(&options).await,
            Command::Retry(options) => retry::run(&options).await,
        }
    }))
}
