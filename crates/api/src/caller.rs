//! Who calls: a tenant, and the credential towards the provider.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, StatusCode};
use offpeak_core::ids::{CredentialId, TenantId};
use offpeak_core::ports::{KeyRecord, Keys, StoreError};
use parking_lot::Mutex;
use secrecy::SecretString;
use sha2::{Digest, Sha256};

use crate::error::ApiError;
use crate::gateway::Gateway;

/// Who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// Who has one of this gateway's API keys.
    Keys,
    /// Who has a key of the provider's, which is used upstream.
    Passthrough,
    /// Anyone who reaches the address.
    Open,
}

/// An authenticated caller.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) tenant: TenantId,
    /// The caller's own credential, in passthrough mode.
    pub(crate) credential: Option<CredentialId>,
}

/// The name of the gateway's own key towards a provider.
pub fn own_credential(provider: &str) -> CredentialId {
    CredentialId::own(provider)
}

/// Says who calls.
pub(crate) async fn authenticate(gateway: &Gateway, headers: &HeaderMap) -> Result<Caller, ApiError> {
    match gateway.auth {
        Auth::Open if from_elsewhere(headers) => {
            let message = "Without keys, only this machine's own programs may call, and no web page.";
            Err(ApiError::new(StatusCode::FORBIDDEN, "foreign_origin", message))
        }
        Auth::Open => Ok(Caller { tenant: TenantId::from("default"), credential: None }),
        Auth::Keys => {
            let record = gateway.keys.find(bearer(headers)?, gateway.ports.clock.now_ms()).await?;
            let record = record.filter(|record| record.revoked_ms.is_none()).ok_or_else(ApiError::wrong_key)?;
            Ok(Caller { tenant: record.tenant, credential: None })
        }
        Auth::Passthrough => {
            let credential = gateway.keys.seal(gateway, bearer(headers)?).await?;
            Ok(Caller { tenant: TenantId(credential.0.clone()), credential: Some(credential) })
        }
    }
}

/// Whether a web page may be calling: a browser names the page's origin, or the name by which the page found us.
fn from_elsewhere(headers: &HeaderMap) -> bool {
    let ours = |host: &str| {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        let name = authority.host();
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|ip| ip.to_canonical().is_loopback())
    };
    headers.contains_key(ORIGIN) || !headers.get_all(HOST).iter().all(|host| host.to_str().is_ok_and(ours))
}

/// The key in `Authorization: Bearer KEY`.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<&str, ApiError> {
    let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or_else(ApiError::wrong_key)?;
    let (scheme, key) = value.split_once(' ').ok_or_else(ApiError::wrong_key)?;
    let key = key.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || key.is_empty() || key.len() > 4_096 {
        return Err(ApiError::wrong_key());
    }
    Ok(key)
}

/// How long a key found, or not found, is believed without asking again.
const BELIEVED_MS: u64 = 2_000;

/// Keys remembered at once; beyond it all are forgotten.
const REMEMBERED: usize = 10_000;

/// What is known of a key, by its SHA-256.
type Memory<V> = Mutex<HashMap<[u8; 32], V>>;

/// The keys, with a short memory by hash.
pub(crate) struct KeyRing {
    keys: Arc<dyn Keys>,
    known: Memory<(u64, Option<KeyRecord>)>,
    sealed: Memory<CredentialId>,
}

impl KeyRing {
    pub(crate) fn new(keys: Arc<dyn Keys>) -> Self {
        Self { keys, known: Mutex::default(), sealed: Mutex::default() }
    }

    async fn find(&self, key: &str, now_ms: u64) -> Result<Option<KeyRecord>, StoreError> {
        let hash: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        if let Some((at_ms, record)) = self.known.lock().get(&hash)
            && now_ms < at_ms + BELIEVED_MS
        {
            return Ok(record.clone());
        }
        let record = self.keys.find(&hash).await?;
        remember(&self.known, hash, (now_ms, record.clone()));
        Ok(record)
    }

    async fn seal(&self, gateway: &Gateway, key: &str) -> Result<CredentialId, StoreError> {
        let hash: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        let known = self.sealed.lock().get(&hash).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let id = gateway.ports.credentials.seal(&SecretString::from(key.to_owned())).await?;
        remember(&self.sealed, hash, id.clone());
        Ok(id)
    }
}

fn remember<V>(memory: &Memory<V>, hash: [u8; 32], value: V) {
    let mut memory = memory.lock();
    if memory.len() >= REMEMBERED {
        memory.clear();
    }
    memory.insert(hash, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_web_page_is_told_from_a_program_of_this_machine() {
        let of = |name: &'static str, value: &'static str| {
            from_elsewhere(&HeaderMap::from_iter([(http::HeaderName::from_static(name), value.parse().unwrap())]))
        };
        for host in ["localhost", "LOCALHOST:8787", "127.0.0.1:1", "127.1.2.3", "[::1]:8787", "[::ffff:127.0.0.1]:1"] {
            assert!(!of("host", host), "{host}");
        }
        for host in ["rebound.example:8787", "10.0.0.1", "[::2]", "localhost.example", "", "127.0.0.1.example"] {
            assert!(of("host", host), "{host}");
        }
        assert!(of("origin", "http://127.0.0.1:1") && of("origin", "null"));
        assert!(!from_elsewhere(&HeaderMap::new()));
    }
}
