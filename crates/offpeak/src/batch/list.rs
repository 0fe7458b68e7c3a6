//! `offpeak batch list`.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde_json::value::RawValue;

use super::client::Client;
use super::failure::{Failure, plain};
use super::show::time;
use super::target::Target;
use super::wire::{Batch, Page};
use crate::output;

/// The largest page (OpenAI's description of its API, read 2026-11-20).
const PAGE: usize = 100;

/// What is listed.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// Print the batches as the server gives them, as an array
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

/// Lists batches.
///
/// # Errors
/// Why it could not be done.
pub(super) async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let client = options.target.brief()?;
    let limit = usize::try_from(options.limit).unwrap_or(usize::MAX);
    let batches = newest(&client, limit).await.context("could not list the batches")?;
    if options.json {
        output::line(serde_json::to_string(&batches).context("could not write the list")?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let (id, status) = ("ID", "STATUS");
    output::line(format_args!(
        "{id:<38}  {status:<11}  {:>9}  {:>9}  {:>9}  {:<20}  ENDPOINT",
        "OK", "FAILED", "LINES", "CREATED"
    ))?;
    for raw in batches {
        let Ok(batch) = serde_json::from_str::<Batch>(raw.get()) else { continue };
        output::line(row(&batch))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn row(batch: &Batch) -> String {
    let (id, status, counts) = (plain(&batch.id), plain(&batch.status), batch.counts());
    let created = batch.created_at.map_or_else(|| "-".to_owned(), time);
    let endpoint = batch.endpoint.as_deref().map_or_else(|| "-".to_owned(), plain);
    let (ok, failed, lines) = (counts.completed, counts.failed, counts.total);
    format!("{id:<38}  {status:<11}  {ok:>9}  {failed:>9}  {lines:>9}  {created:<20}  {endpoint}")
}

/// Up to so many batches, as the server gives them.
async fn newest(client: &Client, limit: usize) -> Result<Vec<Box<RawValue>>, Failure> {
    let mut found: Vec<Box<RawValue>> = Vec::new();
    while found.len() < limit {
        let size = (limit - found.len()).min(PAGE).to_string();
        let last = found.last().and_then(|raw| serde_json::from_str::<Batch>(raw.get()).ok());
        let mut query = vec![("limit", size.as_str())];
        query.extend(last.iter().map(|last| ("after", last.id.as_str())));
        let call = async || client.json::<Page>(client.get(&["batches"], &query)).await;
        let page = client.patiently("listing batches", call).await?;
        if page.data.is_empty() {
            break;
        }
        found.extend(page.data);
        if !page.has_more {
            break;
        }
    }
    found.truncate(limit);
    Ok(found)
}
