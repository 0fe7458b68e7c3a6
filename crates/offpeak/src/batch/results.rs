//! `offpeak batch results`: the lines that have come home, also while a batch runs.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;

use super::client::Client;
use super::collect::collect;
use super::places::Places;
use super::retry::is_unknown;
use super::target::Target;
use super::wait::{Pauses, ended, look};
use super::wire::{Page, has_ended};

/// Lines of a page.
const PAGE: &str = "1000";

/// What is written, and where.
#[derive(Debug, Args)]
#[command(after_help = "Of an Offpeak the lines come while the batch runs, in the order in which they were answered. \
                        Other servers give files, and only when the batch has ended.")]
pub(crate) struct Options {
    /// The batch
    #[arg(value_name = "ID")]
    batch: String,
    /// Go on until the batch has ended
    #[arg(long)]
    follow: bool,
    /// A file for the lines, written as they come [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    pauses: Pauses,
    #[command(flatten)]
    target: Target,
}

/// Where lines go.
struct Lines {
    out: Box<dyn Write>,
    written: u64,
}

/// Writes the lines.
///
/// # Errors
/// Why it could not be done.
pub(super) async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let client = options.target.patient()?;
    let batch = options.batch.as_str();
    let first = page(&client, batch, None).await;
    match first {
        Err(failure) if is_unknown(&client, batch, &failure).await => files(&client, options).await,
        first => {
            let first = first.with_context(|| format!("could not read the results of {batch}"))?;
            lines(&client, options, first).await
        }
    }
}

/// The lines of an Offpeak's pages, from the first one on.
async fn lines(client: &Client, options: &Options, first: Page) -> anyhow::Result<ExitCode> {
    let batch = options.batch.as_str();
    let mut lines = Lines::to(options.output.as_deref())?;
    let mut pauses = options.pauses.begin();
    let mut now = first;
    loop {
        let gained = lines.write(&now)?;
        let is_over = now.status.as_deref().is_none_or(has_ended) || !options.follow;
        if !now.has_more && is_over {
            break;
        }
        if gained {
            pauses = options.pauses.begin();
        }
        if !now.has_more {
            pauses.pause().await;
        }
        let next = page(client, batch, now.last_id.as_deref()).await;
        now = next.with_context(|| format!("could not read on in the results of {batch}"))?;
    }
    if now.status.as_deref().is_some_and(has_ended) {
        tell_rest(client, batch, lines.written).await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A page after a place.
async fn page(client: &Client, batch: &str, after: Option<&str>) -> Result<Page, super::failure::Failure> {
    let mut query = vec![("limit", PAGE)];
    query.extend(after.map(|after| ("after", after)));
    let call = async || client.json::<Page>(client.get(&["batches", batch, "results"], &query)).await;
    client.patiently("reading results", call).await
}

/// Lines that nobody answered are in the error file only.
async fn tell_rest(client: &Client, batch: &str, written: u64) -> anyhow::Result<()> {
    let shown = look(client, batch).await.with_context(|| format!("could not look at {batch}"))?;
    for fault in shown.faults() {
        client.progress.say(fault);
    }
    let rest = shown.counts().total.saturating_sub(written);
    if let Some(file) = shown.error_file_id.filter(|_| rest > 0) {
        client.progress.say(format_args!("{rest} lines more, which nobody answered, are in the error file {file}"));
    }
    Ok(())
}

impl Lines {
    fn to(file: Option<&Path>) -> anyhow::Result<Self> {
        let out: Box<dyn Write> = match file {
            Some(file) => {
                let made = File::create(file).with_context(|| format!("could not write {}", file.display()))?;
                Box::new(BufWriter::new(made))
            }
            None => Box::new(BufWriter::new(std::io::stdout())),
        };
        Ok(Self { out, written: 0 })
    }

    /// Writes a page's lines; says whether there were any.
    fn write(&mut self, page: &Page) -> anyhow::Result<bool> {
        const FAILED: &str = "could not write the lines";
        for line in &page.data {
            self.out.write_all(line.get().as_bytes()).context(FAILED)?;
            self.out.write_all(b"\n").context(FAILED)?;
        }
        self.out.flush().context(FAILED)?;
        self.written += page.data.len() as u64;
        Ok(!page.data.is_empty())
    }
}

/// The files of a server that has nothing to give before.
async fn files(client: &Client, options: &Options) -> anyhow::Result<ExitCode> {
    let batch = options.batch.as_str();
    client.progress.say("this server gives results only when a batch has ended");
    let shown = if options.follow { ended(client, batch, &options.pauses).await } else { look(client, batch).await };
    let shown = shown.with_context(|| format!("could not look at {batch}"))?;
    if !shown.has_ended() {
        bail!("{batch} has the status '{}'; --follow waits for its end", super::failure::plain(&shown.status));
    }
    if let Some(output) = &options.output {
        collect(client, &shown, &Places::of_batch(batch, Some(output))).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let folder = Folder::new()?;
    let places = Places::of_batch("batch", Some(&folder.0));
    collect(client, &shown, &places).await?;
    let mut out = std::io::stdout().lock();
    for place in [&places.output, &places.errors].into_iter().filter(|place| place.exists()) {
        let mut file = File::open(place).context("could not read what was fetched")?;
        std::io::copy(&mut file, &mut out).context("could not write the lines")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A folder of this process, gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new() -> anyhow::Result<Self> {
        let name = format!("offpeak-results-{}-{:08x}", std::process::id(), rand::random::<u32>());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).with_context(|| format!("could not make {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is the temporary folder's to clean up.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
