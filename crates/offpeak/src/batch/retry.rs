//! `offpeak batch retry`: a new batch of the lines that an ended one could not answer with success; of Offpeak only.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;

use super::client::Client;
use super::failure::{Failure, plain};
use super::places::Places;
use super::submit::{Follow, follow};
use super::target::Target;
use super::wait::look;
use super::wire::Batch;
use crate::output;

/// What is run again.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The batch that has ended
    #[arg(value_name = "ID")]
    batch: String,
    #[command(flatten)]
    follow: Follow,
    /// Make another batch, although the lines of this one were run again before; to join that one, leave this out again
    #[arg(long)]
    new: bool,
    #[command(flatten)]
    target: Target,
}

/// Asks for it, and waits if so wished.
///
/// # Errors
/// Why it could not be done.
pub(super) async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let client = options.target.patient()?;
    let again = again(&client, options).await?;
    output::line(plain(&again.id))?;
    let places = Places::of_batch(&again.id, options.follow.output.as_deref());
    follow(&client, &again.id, &options.follow, &places).await
}

async fn again(client: &Client, options: &Options) -> anyhow::Result<Batch> {
    let batch = options.batch.as_str();
    // From the batch's id alone, so that a repeat joins.
    let nonce = if options.new { format!("-{:032x}", rand::random::<u128>()) } else { String::new() };
    let key = format!("offpeak-retry-{batch}{nonce}");
    let call = || client.post(&["batches", batch, "retry"]).header("idempotency-key", &key);
    let made = client.patiently("having lines run again", async || client.json(call()).await).await;
    match made {
        Err(failure) if is_unknown(client, batch, &failure).await => {
            bail!("this server cannot run what failed again: only an Offpeak can")
        }
        made => made.with_context(|| format!("could not have the failed lines of {batch} run again")),
    }
}

/// Whether a server does not know what it was asked for, although it knows the batch.
pub(super) async fn is_unknown(client: &Client, batch: &str, failure: &Failure) -> bool {
    matches!(failure.status(), Some(404 | 405 | 501)) && look(client, batch).await.is_ok()
}
