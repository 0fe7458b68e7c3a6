//! `offpeak keys`: the API keys of callers, beside a running server or without one.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use offpeak_core::flows::keys::{self, HINT, ID, KeyError};
use offpeak_embedded::{OpenError, Options, Store, SystemClock, SystemRandom};
use secrecy::ExposeSecret as _;

use super::block_on;
use crate::cli::Keys;
use crate::output;

/// Makes, lists or revokes.
///
/// # Errors
/// The data directory cannot be used, there is no such key, or standard output is closed.
pub(crate) fn run(command: Keys) -> anyhow::Result<ExitCode> {
    match command {
        Keys::Create { dir, tenant } => create(&dir.path, &tenant)?,
        Keys::List(dir) => list(&dir.path)?,
        Keys::Revoke { dir, key } => revoke(&dir.path, &key)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn create(dir: &Path, tenant: &str) -> anyhow::Result<()> {
    let stored = open_or_create(dir)?.keys();
    let made = block_on(async {
        let made = keys::create(stored.as_ref(), &SystemClock, &SystemRandom, tenant).await;
        made.context("could not make the key")
    })?;
    output::line(made.key.expose_secret())?;
    output::remark("This key is shown only now: Offpeak keeps nothing but its hash.");
    Ok(())
}

fn list(dir: &Path) -> anyhow::Result<()> {
    let stored = Store::open_shared(dir)?.keys();
    let listed = block_on(async { keys::list(stored.as_ref()).await.context("could not read the keys") })?;
    output::line(format_args!("{:<ID$}  {:<HINT$}  {:<20}  {:<20}  TENANT", "ID", "KEY", "CREATED", "REVOKED"))?;
    for key in listed {
        let revoked = key.revoked_ms.map_or_else(|| "-".to_owned(), time);
        let created = time(key.created_ms);
        output::line(format_args!("{}  {:<HINT$}  {created:<20}  {revoked:<20}  {}", key.id, key.hint, key.tenant))?;
    }
    Ok(())
}

fn revoke(dir: &Path, wanted: &str) -> anyhow::Result<()> {
    let stored = Store::open_shared(dir)?.keys();
    block_on(async {
        match keys::revoke(stored.as_ref(), &SystemClock, wanted).await {
            Ok(key) => output::line(format_args!("revoked {} of {}", key.id, key.tenant)),
            Err(error @ (KeyError::Unknown | KeyError::Ambiguous(_))) => {
                bail!("{error}; `offpeak keys list` shows them all")
            }
            Err(error) => Err(error).context("could not revoke the key"),
        }
    })
}

/// A database is made where there is none, so that keys can be handed out before the first start.
fn open_or_create(dir: &Path) -> Result<Store, OpenError> {
    match Store::open_shared(dir) {
        Err(OpenError::Missing(_)) => Store::open(dir, &Options::default()),
        outcome => outcome,
    }
}

fn time(unix_ms: u64) -> String {
    let at = i64::try_from(unix_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    at.map_or_else(|| "?".to_owned(), |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}
