//! `offpeak batch submit`: a file becomes a batch, once, however often the command is run.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use clap::Args;

use super::client::Client;
use super::collect::collect;
use super::create;
use super::failure::plain;
use super::input::Input;
use super::places::Places;
use super::state::{Asked, State, beside};
use super::target::Target;
use super::upload::upload;
use super::wait::{Pauses, ended, look};
use crate::output;

/// What is submitted, and how.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The requests, one a line; the file's name ends in .jsonl
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    follow: Follow,
    /// Where the lines go [default: the `url` of the first line that has one]
    #[arg(long, value_name = "PATH")]
    endpoint: Option<String>,
    /// How long the batch may take
    #[arg(long, value_name = "WINDOW", default_value = "24h")]
    window: String,
    /// A note on the batch; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = note)]
    metadata: Vec<(String, String)>,
    /// Send a larger file in parts of this size, such as the 4MiB that a gateway on AWS takes [default: parts of 64MiB from 512 MB on]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    part_size: Option<u64>,
    /// Make another batch, although FILE.offpeak.json names one of the same input; to join that one, leave this out again
    #[arg(long)]
    new: bool,
    #[command(flatten)]
    target: Target,
}

/// Whether the command goes on until the batch has ended.
#[derive(Debug, Args)]
pub(super) struct Follow {
    /// Wait until the batch has ended, and fetch its files
    #[arg(long)]
    pub(super) wait: bool,
    /// The folder of the files, or the file of the lines that succeeded [default: NAME.output.jsonl and NAME.errors.jsonl, of a submission beside the input]
    #[arg(long, value_name = "DIR|FILE", requires = "wait")]
    pub(super) output: Option<PathBuf>,
    #[command(flatten)]
    pub(super) pauses: Pauses,
}

/// Submits, and waits if so wished.
///
/// # Errors
/// Why it could not be done.
pub(super) async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let client = options.target.patient()?;
    let places = Places::of_input(&options.file, options.follow.output.as_deref())?;
    let turn = turn(&client, &options.file)?;
    let input = Input::read(&options.file)?;
    let batch = begin(&client, &input, options).await?;
    drop(turn);
    output::line(plain(&batch))?;
    follow(&client, &batch, &options.follow, &places).await
}

/// Waits for a batch and fetches its files, if so wished.
///
/// # Errors
/// Why it could not be done; the batch goes on.
pub(super) async fn follow(client: &Client, batch: &str, follow: &Follow, places: &Places) -> anyhow::Result<ExitCode> {
    if !follow.wait {
        return Ok(ExitCode::SUCCESS);
    }
    let fetched = async {
        let batch = ended(client, batch, &follow.pauses).await.with_context(|| {
            format!("could not wait for {batch}, which goes on; the same command without --new joins it")
        })?;
        let verdict = collect(client, &batch, places).await?;
        Ok(ExitCode::from(verdict))
    };
    tokio::select! {
        fetched = fetched => fetched,
        _ = tokio::signal::ctrl_c() => {
            client.progress.clear();
            client.progress.say(format_args!("interrupted; {batch} goes on, and the same command without --new joins it"));
            Ok(ExitCode::from(130))
        }
    }
}

/// The batch of the input: the one that the state file names, or a new one.
async fn begin(client: &Client, input: &Input, options: &Options) -> anyhow::Result<String> {
    let path = beside(&input.path);
    let asked = asked(client, input, options)?;
    let mut state = match State::load(&path)? {
        Some(state) if state.asked == asked && !options.new => state,
        earlier => {
            if let Some(batch) = earlier.and_then(|earlier| earlier.batch_id) {
                let shown = path.display();
                client
                    .progress
                    .say(format_args!("{shown} named {batch} for what was asked for before; it is left as it is"));
            }
            let state = State::new(asked);
            state.store(&path)?;
            state
        }
    };
    if let Some(batch) = &state.batch_id {
        return join(client, batch, &path).await;
    }
    let is_repeat = state.file_id.is_some();
    if !is_repeat {
        state.file_id = Some(upload(client, input, options.part_size).await?);
        state.store(&path)?;
    }
    let made = create::create(client, &state, is_repeat).await;
    let batch = made.context("could not create the batch; the same command tries again, and makes no second one")?;
    state.batch_id = Some(batch.id.clone());
    state.store(&path)?;
    Ok(batch.id)
}

async fn join(client: &Client, batch: &str, path: &Path) -> anyhow::Result<String> {
    let shown = path.display();
    let found = look(client, batch).await;
    let found = found.with_context(|| format!("{shown} names {batch}, which cannot be joined; --new makes another"))?;
    let status = plain(&found.status);
    client.progress.say(format_args!("joined {batch}, which {shown} names: {status}; --new makes another"));
    Ok(batch.to_owned())
}

fn asked(client: &Client, input: &Input, options: &Options) -> anyhow::Result<Asked> {
    let endpoint = options.endpoint.clone().or_else(|| input.endpoint.clone()).with_context(|| {
        format!("no line of {} says by its `url` where it goes; say it with --endpoint", input.path.display())
    })?;
    Ok(Asked {
        base_url: client.base().to_owned(),
        input_sha256: input.sha256.clone(),
        input_bytes: input.bytes,
        endpoint,
        window: options.window.clone(),
        metadata: options.metadata.iter().cloned().collect::<BTreeMap<_, _>>(),
    })
}

/// Holds off other processes that submit the same file, until it is dropped: each of them would make a batch.
fn turn(client: &Client, path: &Path) -> anyhow::Result<File> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("could not open {shown}"))?;
    if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
        client.progress.say(format_args!("another process is submitting {shown}: waiting for it"));
        // Some network file systems have no locks; then the command is not to be run twice at once.
        let _ = file.lock();
    }
    Ok(file)
}

fn note(text: &str) -> anyhow::Result<(String, String)> {
    let (name, note) = text.split_once('=').context("write it as KEY=VALUE")?;
    if name.is_empty() { Err(anyhow!("the key is empty")) } else { Ok((name.to_owned(), note.to_owned())) }
}

/// Bytes, as `4194304`, `4MiB` or `4MB`.
fn size(text: &str) -> anyhow::Result<u64> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let unit = match text[digits..].trim() {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "MiB" => 1 << 20,
        _ => return Err(anyhow!("write a number of bytes, or one with KiB, MiB, kB or MB")),
    };
    let bytes = text[..digits].parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    bytes.filter(|bytes| *bytes > 0).context("write a number of bytes, such as 4MiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_notes_are_read() {
        for (text, want) in [("7", 7), ("4MiB", 4 << 20), ("4 MB", 4_000_000), ("1KiB", 1024), ("2kB", 2_000)] {
            assert_eq!(size(text).unwrap(), want, "{text}");
        }
        for text in ["", "0", "MiB", "-1", "4GiB!", "99999999999999999999"] {
            assert!(size(text).is_err(), "{text}");
        }
        assert_eq!(note("a=b=c").unwrap(), ("a".to_owned(), "b=c".to_owned()));
        assert!(note("a").is_err() && note("=b").is_err());
    }
}
