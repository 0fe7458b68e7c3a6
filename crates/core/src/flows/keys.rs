//! Keys of callers: made, listed and revoked by operators. A key is shown once; what is kept is its hash.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::hex;
use crate::ids::TenantId;
use crate::ports::{Clock, KeyRecord, Keys, Random, StoreError};

/// What every key begins with.
const PREFIX: &str = "sk-offpeak-";

/// How many characters of a key are kept for people to tell keys apart.
pub const HINT: usize = PREFIX.len() + 6;

/// How many hexadecimal digits of its hash name a key.
pub const ID: usize = 12;

/// The longest name of a tenant, characters.
const LONGEST_TENANT: usize = 64;

/// A key as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyView {
    /// The beginning of its hash: what names it.
    pub id: String,
    /// Its own beginning, for people to tell keys apart.
    pub hint: String,
    /// Whose key it is.
    pub tenant: TenantId,
    /// Unix milliseconds.
    pub created_ms: u64,
    /// Unix milliseconds, once revoked.
    pub revoked_ms: Option<u64>,
}

/// A key that was just made.
#[derive(Debug)]
pub struct NewKey {
    /// The key itself: to be shown now, or never.
    pub key: SecretString,
    /// What is known of it from now on.
    pub view: KeyView,
}

/// Why nothing was done with a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The tenant's name is none.
    #[error("a tenant's name has 1 to {LONGEST_TENANT} printable characters, and no space at its ends")]
    Tenant,
    /// No key is meant.
    #[error("no key has this id or beginning")]
    Unknown,
    /// So many keys are meant.
    #[error("{0} keys have this beginning: name one by its id")]
    Ambiguous(usize),
    /// The store could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<KeyRecord> for KeyView {
    fn from(record: KeyRecord) -> Self {
        let id = hex::encode(&record.hash[..ID / 2]);
        let KeyRecord { hint, tenant, created_ms, revoked_ms, .. } = record;
        Self { id, hint, tenant, created_ms, revoked_ms }
    }
}

/// Makes a key for a tenant.
///
/// # Errors
/// [`KeyError::Tenant`]; [`KeyError::Store`]: a key may have been stored, which nobody knows.
pub async fn create(keys: &dyn Keys, clock: &dyn Clock, random: &dyn Random, tenant: &str) -> Result<NewKey, KeyError> {
    if !is_tenant(tenant) {
        return Err(KeyError::Tenant);
    }
    let key = new_key(random);
    let record = KeyRecord {
        hash: hash(key.expose_secret()),
        tenant: TenantId::from(tenant),
        hint: key.expose_secret()[..HINT].to_owned(),
        created_ms: clock.now_ms(),
        revoked_ms: None,
    };
    keys.create(record.clone()).await?;
    Ok(NewKey { key, view: record.into() })
}

/// Every key, oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn list(keys: &dyn Keys) -> Result<Vec<KeyView>, StoreError> {
    Ok(keys.list().await?.into_iter().map(KeyView::from).collect())
}

/// Revokes the key of this id or beginning, or this key itself. A repeat changes nothing.
///
/// # Errors
/// [`KeyError::Unknown`], [`KeyError::Ambiguous`]; [`KeyError::Store`]: it may have been revoked.
pub async fn revoke(keys: &dyn Keys, clock: &dyn Clock, wanted: &str) -> Result<KeyView, KeyError> {
    let wanted_hash = hash(wanted);
    let mut found = keys.list().await?;
    found.retain(|key| wanted == key.hint || wanted == hex::encode(&key.hash[..ID / 2]) || wanted_hash == key.hash);
    if found.len() > 1 {
        return Err(KeyError::Ambiguous(found.len()));
    }
    let mut key = found.pop().ok_or(KeyError::Unknown)?;
    let now_ms = clock.now_ms();
    match keys.revoke(&key.hash, now_ms).await {
        Ok(()) => {}
        Err(StoreError::NotFound) => return Err(KeyError::Unknown),
        Err(error) => return Err(error.into()),
    }
    key.revoked_ms.get_or_insert(now_ms);
    Ok(key.into())
}

fn is_tenant(name: &str) -> bool {
    (1..=LONGEST_TENANT).contains(&name.chars().count()) && name.trim() == name && !name.chars().any(char::is_control)
}

/// 256 random bits behind the prefix.
fn new_key(random: &dyn Random) -> SecretString {
    let bytes = [random.bits(), random.bits()].concat();
    SecretString::from(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key).into()
}
