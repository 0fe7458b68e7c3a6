//! Signatures of Standard Webhooks, as OpenAI's SDKs verify them.
//!
//! ```text
//! key      = the bytes that the base64 after "whsec_" stands for; of a secret without "whsec_" its own
//! signed   = "{webhook-id}.{webhook-timestamp}.{body}"
//! header   = "v1,{base64 of HMAC-SHA256(key, signed)}", one for each secret, with spaces between
//! ```
//!
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md> (2026-11-28).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

const PREFIX: &str = "whsec_";

/// The value of `webhook-signature`; none without a secret, or where one of them is no key.
pub fn signatures(secrets: &[SecretString], id: &str, timestamp_s: u64, body: &[u8]) -> Option<String> {
    let mut signatures = Vec::with_capacity(secrets.len());
    for secret in secrets {
        signatures.push(signature(secret, id, timestamp_s, body)?);
    }
    (!signatures.is_empty()).then(|| signatures.join(" "))
}

fn signature(secret: &SecretString, id: &str, timestamp_s: u64, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&key(secret.expose_secret())?).ok()?;
    mac.update(format!("{id}.{timestamp_s}.").as_bytes());
    mac.update(body);
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

/// An empty key would sign, and everybody could.
fn key(secret: &str) -> Option<Vec<u8>> {
    let key = match secret.strip_prefix(PREFIX) {
        Some(encoded) => STANDARD.decode(encoded).ok()?,
        None => secret.as_bytes().to_vec(),
    };
    (!key.is_empty()).then_some(key)
}
