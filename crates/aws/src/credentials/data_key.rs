//! The data key: made once per deployment under the KMS key, and stored sealed.

use std::collections::HashMap;

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use offpeak_core::ports::StoreError;
use secrecy::SecretSlice;

use super::sealing::SealingKey;
use super::table::{DATA_KEY, Sealed, Table};
use crate::backoff::patiently;
use crate::failure::unavailable;

/// What the key is told to be for: a policy can ask for it, and the trail shows it.
const PURPOSE: &str = "offpeak-credentials";

/// Where the data key comes from.
pub(super) struct DataKey {
    client: Client,
    key: String,
}

impl DataKey {
    /// `key` names the KMS key.
    pub(super) fn new(client: Client, key: String) -> Self {
        Self { client, key }
    }

    /// The stored data key, or a new one that is stored now. Of several at once, the first to store decides.
    pub(super) async fn open(&self, table: &Table) -> Result<SealingKey, StoreError> {
        if let Some(stored) = table.get(DATA_KEY).await? {
            return self.unseal(stored).await;
        }
        let deployment = table.name().to_owned();
        let (plain, bytes) = self.generate(&deployment).await?;
        if table.create(DATA_KEY, Sealed { bytes, deployment: Some(deployment) }).await? {
            return SealingKey::new(&plain);
        }
        let stored = table.get(DATA_KEY).await?;
        self.unseal(stored.ok_or_else(|| StoreError::Corrupt("the data key has gone".to_owned()))?).await
    }

    async fn generate(&self, deployment: &str) -> Result<(SecretSlice<u8>, Vec<u8>), StoreError> {
        let call = self.client.generate_data_key().key_id(&self.key).key_spec(DataKeySpec::Aes256);
        let call = call.set_encryption_context(Some(context(deployment)));
        let made = patiently(|| call.clone().send()).await;
        let made = made.map_err(|error| unavailable("GenerateDataKey", &error))?;
        match (made.plaintext, made.ciphertext_blob) {
            (Some(plain), Some(sealed)) => Ok((SecretSlice::from(plain.into_inner()), sealed.into_inner())),
            _ => Err(StoreError::Unavailable("GenerateDataKey: no key".to_owned())),
        }
    }

    async fn unseal(&self, stored: Sealed) -> Result<SealingKey, StoreError> {
        let call = self.client.decrypt().key_id(&self.key).ciphertext_blob(Blob::new(stored.bytes));
        let call = call.set_encryption_context(stored.deployment.as_deref().map(context));
        let plain = patiently(|| call.clone().send()).await.map_err(|error| unavailable("Decrypt", &error))?;
        let plain = plain.plaintext.ok_or_else(|| StoreError::Unavailable("Decrypt: no key".to_owned()))?;
        SealingKey::new(&SecretSlice::from(plain.into_inner()))
    }
}

fn context(deployment: &str) -> HashMap<String, String> {
    [("purpose", PURPOSE), ("deployment", deployment)].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
}
