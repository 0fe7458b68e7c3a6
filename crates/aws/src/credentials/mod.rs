//! The keys towards providers: the gateway's own in memory, callers' sealed in a table.
//!
//! ```text
//! KMS key ──seals──► data key ──derives──► one key seals callers' keys, one names them
//!                    (item `#key`)          (items `caller:…`)
//! ```
//!
//! The data key is made once per deployment, by whoever needs it first, and opened once per process: a caller's key
//! costs no call of KMS.

mod data_key;
mod sealing;
mod table;

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use async_trait::async_trait;
use offpeak_core::ids::CredentialId;
use offpeak_core::ports::{self, StoreError};
use parking_lot::Mutex;
use secrecy::SecretString;
use tokio::sync::OnceCell;

use data_key::DataKey;
use sealing::SealingKey;
use table::Table;

/// Callers' keys kept open in memory: one comes with each of its calls.
const KEPT: usize = 1_024;

/// The keys towards providers.
pub struct Credentials {
    table: Table,
    data_key: Option<DataKey>,
    sealing: OnceCell<SealingKey>,
    own: BTreeMap<CredentialId, SecretString>,
    /// What is known to be stored.
    stored: Mutex<HashMap<CredentialId, SecretString>>,
}

impl Credentials {
    /// `sealing` is the client and the key of KMS, if there is one.
    pub(crate) fn new(
        client: aws_sdk_dynamodb::Client,
        table: String,
        sealing: Option<(aws_sdk_kms::Client, String)>,
        own: BTreeMap<CredentialId, SecretString>,
    ) -> Self {
        let data_key = sealing.map(|(kms, key)| DataKey::new(kms, key));
        let table = Table::new(client, table);
        Self { table, data_key, sealing: OnceCell::new(), own, stored: Mutex::default() }
    }

    /// The key that seals, opened at the first need.
    async fn sealing(&self) -> Result<&SealingKey, StoreError> {
        let Some(data_key) = &self.data_key else {
            return Err(StoreError::Unavailable(
                "callers' keys cannot be sealed: OFFPEAK_SEALING_KEY is not set; \
                 the template sets it where its parameter Auth is passthrough, or Webhooks true"
                    .to_owned(),
            ));
        };
        self.sealing.get_or_try_init(|| data_key.open(&self.table)).await
    }

    fn remember(&self, id: &CredentialId, secret: &SecretString) {
        let mut stored = self.stored.lock();
        if stored.len() >= KEPT {
            stored.clear();
        }
        stored.insert(id.clone(), secret.clone());
    }
}

#[async_trait]
impl ports::Credentials for Credentials {
    async fn seal(&self, secret: &SecretString) -> Result<CredentialId, StoreError> {
        let sealing = self.sealing().await?;
        let id = sealing.name(secret);
        if self.stored.lock().contains_key(&id) {
            return Ok(id);
        }
        self.table.create(id.as_str(), sealing.seal(&id, secret)?).await?;
        self.remember(&id, secret);
        Ok(id)
    }

    async fn open(&self, id: &CredentialId) -> Result<SecretString, StoreError> {
        if let Some(secret) = self.own.get(id) {
            return Ok(secret.clone());
        }
        let kept = self.stored.lock().get(id).cloned();
        if let Some(secret) = kept {
            return Ok(secret);
        }
        let sealed = if id.as_str() == table::DATA_KEY { None } else { self.table.get(id.as_str()).await? };
        let secret = self.sealing().await?.open(id, &sealed.ok_or(StoreError::NotFound)?)?;
        self.remember(id, &secret);
        Ok(secret)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}
