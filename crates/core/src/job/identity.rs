//! Who is who among requests: how a job's id is derived (DESIGN, "Who is who among identical requests").

use sha2::{Digest, Sha256};

use crate::endpoint::Endpoint;
use crate::hex;
use crate::ids::{JobId, TenantId};

/// SHA-256 of a body, in hexadecimal.
pub fn body_sha256(body: &[u8]) -> String {
    hex::encode(&Sha256::digest(body))
}

/// The id of the job that an Idempotency-Key names within its tenant.
pub fn keyed(tenant: &TenantId, key: &str) -> JobId {
    derive(&[b"key", tenant.as_str().as_bytes(), key.as_bytes()])
}

/// The id of the nth of the jobs with an equal body.
pub fn unkeyed(tenant: &TenantId, endpoint: Endpoint, body_sha256: &str, n: u32) -> JobId {
    derive(&[b"body", tenant.as_str().as_bytes(), endpoint.path().as_bytes(), body_sha256.as_bytes(), &n.to_be_bytes()])
}

/// Each part is preceded by its length, so that no two lists of parts meet.
fn derive(parts: &[&[u8]]) -> JobId {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut id = [0_u8; 16];
    id.copy_from_slice(&hash.finalize()[..16]);
    JobId(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_and_a_body_never_name_the_same_job() {
        let tenant = TenantId::from("t");
        let body = body_sha256(b"{}");
        let ids = [
            keyed(&tenant, "k"),
            keyed(&TenantId::from("tk"), ""),
            unkeyed(&tenant, Endpoint::Responses, &body, 0),
            unkeyed(&tenant, Endpoint::Responses, &body, 1),
            unkeyed(&tenant, Endpoint::Embeddings, &body, 0),
        ];
        for (i, id) in ids.iter().enumerate() {
            assert!(!ids[..i].contains(id));
        }
    }
}
