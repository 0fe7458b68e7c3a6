//! The keys towards providers, in memory: nothing is at rest, so nothing is sealed.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::ids::CredentialId;
use offpeak_core::job::identity::body_sha256;
use offpeak_core::ports::{self, StoreError};
use parking_lot::Mutex;
use secrecy::{ExposeSecret, SecretString};

/// The keys towards providers. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    secrets: Arc<Mutex<BTreeMap<CredentialId, SecretString>>>,
}

impl Credentials {
    /// The same store, with the gateway's own key under a name of its own.
    #[must_use]
    pub fn with(self, id: &CredentialId, secret: &str) -> Self {
        self.secrets.lock().insert(id.clone(), SecretString::from(secret));
        self
    }
}

#[async_trait]
impl ports::Credentials for Credentials {
    async fn seal(&self, secret: &SecretString) -> Result<CredentialId, StoreError> {
        let id = CredentialId(format!("cred_{}", &body_sha256(secret.expose_secret().as_bytes())[..32]));
        self.secrets.lock().insert(id.clone(), secret.clone());
        Ok(id)
    }

    async fn open(&self, id: &CredentialId) -> Result<SecretString, StoreError> {
        self.secrets.lock().get(id).cloned().ok_or(StoreError::NotFound)
    }
}
