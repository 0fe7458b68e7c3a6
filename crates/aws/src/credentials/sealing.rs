//! Sealing and naming callers' keys.
//!
//! Two keys are derived from the data key: one seals (AES-256-GCM, a random nonce each time, the name as associated
//! data), one names (HMAC-SHA-256 of the secret), so that equal secrets get equal names and no name can be guessed from
//! a secret without the data key.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use hmac::digest::InvalidLength;
use hmac::{Hmac, Mac};
use offpeak_core::ids::CredentialId;
use offpeak_core::ports::{Random, StoreError};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::Sha256;

use super::table::Sealed;
use crate::random::SystemRandom;
use offpeak_core::hex;

/// Bytes of a nonce.
const NONCE: usize = 12;

/// What the data key is for.
pub(super) struct SealingKey {
    cipher: Aes256Gcm,
    naming: Hmac<Sha256>,
}

impl SealingKey {
    pub(super) fn new(data_key: &SecretSlice<u8>) -> Result<Self, StoreError> {
        let derived = |purpose: &[u8]| -> Result<_, InvalidLength> {
            Ok(hmac(data_key.expose_secret())?.chain_update(purpose).finalize().into_bytes())
        };
        let keys = || -> Result<_, InvalidLength> {
            let cipher = Aes256Gcm::new_from_slice(&derived(b"offpeak seal")?)?;
            Ok(Self { cipher, naming: hmac(&derived(b"offpeak name")?)? })
        };
        keys().map_err(|_| StoreError::Corrupt("the data key is of an odd length".to_owned()))
    }

    pub(super) fn name(&self, secret: &SecretString) -> CredentialId {
        let tag = self.naming.clone().chain_update(secret.expose_secret()).finalize().into_bytes();
        CredentialId(format!("caller:{}", hex::encode(&tag[..16])))
    }

    pub(super) fn seal(&self, id: &CredentialId, secret: &SecretString) -> Result<Sealed, StoreError> {
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(&SystemRandom.bits()[..NONCE]);
        let payload = Payload { msg: secret.expose_secret().as_bytes(), aad: id.as_str().as_bytes() };
        let sealed = self.cipher.encrypt(&Nonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| StoreError::Corrupt("a credential is too long to seal".to_owned()))?;
        Ok(Sealed { bytes: [&nonce[..], &sealed].concat(), deployment: None })
    }

    pub(super) fn open(&self, id: &CredentialId, sealed: &Sealed) -> Result<SecretString, StoreError> {
        let closed = || StoreError::Corrupt("a credential does not open with this deployment's key".to_owned());
        let (nonce, sealed) = sealed.bytes.split_first_chunk::<NONCE>().ok_or_else(closed)?;
        let payload = Payload { msg: sealed, aad: id.as_str().as_bytes() };
        let secret = self.cipher.decrypt(&Nonce::from(*nonce), payload).map_err(|_| closed())?;
        String::from_utf8(secret).map(SecretString::from).map_err(|_| closed())
    }
}

fn hmac(key: &[u8]) -> Result<Hmac<Sha256>, InvalidLength> {
    <Hmac<Sha256> as KeyInit>::new_from_slice(key)
}
