//! The keys towards providers: the gateway's own in memory, callers' sealed in the database.
//!
//! Two keys are derived from the key file: one seals (AES-256-GCM, a random nonce each time, the name as associated
//! data), one names (HMAC-SHA-256 of the secret), so that equal secrets get equal names and no name can be guessed from
//! a secret without the key file.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use async_trait::async_trait;
use hmac::digest::InvalidLength;
use hmac::{Hmac, Mac};
use offpeak_core::ids::CredentialId;
use offpeak_core::ports::{self, Random, StoreError};
use parking_lot::Mutex;
use rusqlite::{OptionalExtension, params};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::Sha256;

use crate::error::Fault;
use crate::random::SystemRandom;
use crate::readers::Readers;
use crate::writer::{Session, Writer};
use offpeak_core::hex;

/// Names of stored credentials kept in memory.
const KEPT: usize = 16_384;
/// Bytes of a nonce.
const NONCE: usize = 12;

/// The keys towards providers.
pub struct Credentials {
    writer: Arc<Writer>,
    readers: Arc<Readers>,
    key: SealingKey,
    own: BTreeMap<CredentialId, SecretString>,
    /// What is known to be stored: a caller's key comes with each of its calls.
    stored: Mutex<HashSet<CredentialId>>,
}

impl Credentials {
    pub(crate) fn new(
        writer: Arc<Writer>,
        readers: Arc<Readers>,
        key: SealingKey,
        own: BTreeMap<CredentialId, SecretString>,
    ) -> Self {
        Self { writer, readers, key, own, stored: Mutex::default() }
    }

    fn is_stored(&self, id: &CredentialId) -> Result<bool, StoreError> {
        if self.stored.lock().contains(id) {
            return Ok(true);
        }
        let is_stored = self.readers.point(|reader| {
            let sql = "SELECT EXISTS (SELECT 1 FROM credentials WHERE name = ?1)";
            Ok(reader.connection.prepare_cached(sql)?.query_row([id.as_str()], |row| row.get(0))?)
        })?;
        if is_stored {
            self.remember(id);
        }
        Ok(is_stored)
    }

    fn remember(&self, id: &CredentialId) {
        let mut stored = self.stored.lock();
        if stored.len() >= KEPT {
            stored.clear();
        }
        stored.insert(id.clone());
    }
}

#[async_trait]
impl ports::Credentials for Credentials {
    async fn seal(&self, secret: &SecretString) -> Result<CredentialId, StoreError> {
        let id = self.key.name(secret);
        if self.is_stored(&id)? {
            return Ok(id);
        }
        let (nonce, sealed) = self.key.seal(&id, secret)?;
        let name = id.clone();
        let work = move |session: &mut Session| {
            let sql = "INSERT INTO credentials (name, nonce, sealed) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
            session.connection.prepare_cached(sql)?.execute(params![name.as_str(), nonce, sealed])?;
            Ok(())
        };
        self.writer.run(1, work).await?;
        self.remember(&id);
        Ok(id)
    }

    async fn open(&self, id: &CredentialId) -> Result<SecretString, StoreError> {
        if let Some(secret) = self.own.get(id) {
            return Ok(secret.clone());
        }
        let (nonce, sealed): ([u8; NONCE], Vec<u8>) = self.readers.point(|reader| {
            let sql = "SELECT nonce, sealed FROM credentials WHERE name = ?1";
            let mut statement = reader.connection.prepare_cached(sql)?;
            let row = statement.query_row([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            row.ok_or(Fault::NoSuch)
        })?;
        Ok(self.key.open(id, nonce, &sealed)?)
    }
}

/// What the key file is for.
pub(crate) struct SealingKey {
    cipher: Aes256Gcm,
    naming: Hmac<Sha256>,
}

impl SealingKey {
    /// Derives both keys from the content of the key file.
    pub(crate) fn new(file: &SecretSlice<u8>) -> Result<Self, InvalidLength> {
        let derived = |purpose: &[u8]| -> Result<_, InvalidLength> {
            Ok(hmac(file.expose_secret())?.chain_update(purpose).finalize().into_bytes())
        };
        let cipher = Aes256Gcm::new_from_slice(&derived(b"offpeak seal")?)?;
        Ok(Self { cipher, naming: hmac(&derived(b"offpeak name")?)? })
    }

    fn name(&self, secret: &SecretString) -> CredentialId {
        let tag = self.naming.clone().chain_update(secret.expose_secret()).finalize().into_bytes();
        CredentialId(format!("caller:{}", hex::encode(&tag[..16])))
    }

    fn seal(&self, id: &CredentialId, secret: &SecretString) -> Result<([u8; NONCE], Vec<u8>), Fault> {
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(&SystemRandom.bits()[..NONCE]);
        let payload = Payload { msg: secret.expose_secret().as_bytes(), aad: id.as_str().as_bytes() };
        let sealed = self.cipher.encrypt(&Nonce::from(nonce), payload);
        Ok((nonce, sealed.map_err(|_| Fault::Garbled("a credential is too long to seal"))?))
    }

    fn open(&self, id: &CredentialId, nonce: [u8; NONCE], sealed: &[u8]) -> Result<SecretString, Fault> {
        let closed = Fault::Garbled("a credential does not open with this key file");
        let payload = Payload { msg: sealed, aad: id.as_str().as_bytes() };
        let Ok(secret) = self.cipher.decrypt(&Nonce::from(nonce), payload) else { return Err(closed) };
        String::from_utf8(secret).map(SecretString::from).map_err(|_| closed)
    }
}

fn hmac(key: &[u8]) -> Result<Hmac<Sha256>, InvalidLength> {
    <Hmac<Sha256> as KeyInit>::new_from_slice(key)
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}
