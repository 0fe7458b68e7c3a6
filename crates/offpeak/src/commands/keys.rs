//! `offpeak keys`: the API keys of callers, beside a running server or without one.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use offpeak_core::ids::TenantId;
use offpeak_core::ports::{Clock as _, KeyRecord, Keys as _, Random};
use offpeak_embedded::{OpenError, Options, Store, SystemClock, SystemRandom};
use sha2::{Digest as _, Sha256};

use super::block_on;
use crate::cli::Keys;
use crate::output;

/// What every key begins with.
const PREFIX: &str = "sk-offpeak-";

/// How many characters of a key are kept for people to tell keys apart.
const HINT: usize = PREFIX.len() + 6;

/// How many hexadecimal digits of its hash name a key.
const ID: usize = 12;

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
    let store = open_or_create(dir)?;
    let key = new_key(&SystemRandom);
    let record = KeyRecord {
        hash: Sha256::digest(&key).into(),
        tenant: TenantId::from(tenant),
        hint: key[..HINT].to_owned(),
        created_ms: SystemClock.now_ms(),
        revoked_ms: None,
    };
    block_on(async { store.keys().create(record).await.context("could not store the key") })?;
    output::line(key)?;
    output::remark("This key is shown only now: Offpeak keeps nothing but its hash.");
    Ok(())
}

fn list(dir: &Path) -> anyhow::Result<()> {
    let store = Store::open_shared(dir)?;
    let keys = block_on(async { store.keys().list().await.context("could not read the keys") })?;
    output::line(format_args!("{:<ID$}  {:<HINT$}  {:<20}  {:<20}  TENANT", "ID", "KEY", "CREATED", "REVOKED"))?;
    for key in keys {
        let revoked = key.revoked_ms.map_or_else(|| "-".to_owned(), time);
        let (id, created) = (id(&key), time(key.created_ms));
        output::line(format_args!("{id}  {:<HINT$}  {created:<20}  {revoked:<20}  {}", key.hint, key.tenant))?;
    }
    Ok(())
}

fn revoke(dir: &Path, wanted: &str) -> anyhow::Result<()> {
    let store = Store::open_shared(dir)?;
    block_on(async {
        let keys = store.keys().list().await.context("could not read the keys")?;
        let found: Vec<&KeyRecord> = keys.iter().filter(|key| is_meant(key, wanted)).collect();
        let key = match found[..] {
            [key] => key,
            [] => bail!("no key has this id or beginning; `offpeak keys list` shows them all"),
            _ => bail!("{} keys have this beginning; name one by its id, as `offpeak keys list` shows it", found.len()),
        };
        store.keys().revoke(&key.hash, SystemClock.now_ms()).await.context("could not revoke the key")?;
        output::line(format_args!("revoked {} of {}", id(key), key.tenant))
    })
}

/// A database is made where there is none, so that keys can be handed out before the first start.
fn open_or_create(dir: &Path) -> Result<Store, OpenError> {
    match Store::open_shared(dir) {
        Err(OpenError::Missing(_)) => Store::open(dir, &Options::default()),
        outcome => outcome,
    }
}

/// 256 random bits behind the prefix.
fn new_key(random: &dyn Random) -> String {
    let bytes = [random.bits(), random.bits()].concat();
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
}

fn id(key: &KeyRecord) -> String {
    key.hash.iter().take(ID / 2).fold(String::new(), |id, byte| id + &format!("{byte:02x}"))
}

/// By its id, its beginning, or the whole key (whose hash is looked for).
fn is_meant(key: &KeyRecord, wanted: &str) -> bool {
    let hash: [u8; 32] = Sha256::digest(wanted).into();
    wanted == id(key) || wanted == key.hint || hash == key.hash
}

fn time(unix_ms: u64) -> String {
    let at = i64::try_from(unix_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    at.map_or_else(|| "?".to_owned(), |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_256_random_bits_in_43_characters() {
        let (one, other) = (new_key(&SystemRandom), new_key(&SystemRandom));
        assert_ne!(one, other);
        let secret = one.strip_prefix(PREFIX).unwrap();
        assert_eq!(secret.len(), 43);
        assert_eq!(URL_SAFE_NO_PAD.decode(secret).unwrap().len(), 32);
    }
}
