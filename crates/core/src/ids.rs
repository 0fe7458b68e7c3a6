//! The identifiers: each its own type, each with one printed spelling.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The text is not an identifier of the wanted kind.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a well-formed identifier")]
pub struct MalformedId;

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// The printed form, without allocating a formatter.
            pub fn text(&self) -> String {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                let mut out = String::with_capacity($prefix.len() + 32);
                out.push_str($prefix);
                for byte in self.0 {
                    out.push(char::from(DIGITS[usize::from(byte >> 4)]));
                    out.push(char::from(DIGITS[usize::from(byte & 15)]));
                }
                out
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.text())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.text())
            }
        }

        impl FromStr for $name {
            type Err = MalformedId;

            fn from_str(text: &str) -> Result<Self, MalformedId> {
                let digits = text.strip_prefix($prefix).ok_or(MalformedId)?.as_bytes();
                if digits.len() != 32 {
                    return Err(MalformedId);
                }
                let mut out = [0_u8; 16];
                for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
                    *byte = (nibble(pair[0])? << 4) | nibble(pair[1])?;
                }
                Ok(Self(out))
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.text())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// One lower-case hexadecimal digit: an identifier has one spelling, so upper case is refused.
fn nibble(digit: u8) -> Result<u8, MalformedId> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(MalformedId),
    }
}

hex_id!(
    /// A job: `job_` and 32 hexadecimal digits.
    JobId,
    "job_"
);
hex_id!(
    /// A submission: `sub_` and 32 hexadecimal digits, ascending with time (UUID version 7).
    SubmissionId,
    "sub_"
);
hex_id!(
    /// A batch that a caller created: `batch_` and 32 hexadecimal digits. The provider's batches are [`BatchId`]s.
    NativeBatchId,
    "batch_"
);
hex_id!(
    /// A file that a caller stored, or that a caller's batch left: `file_` and 32 hexadecimal digits, ascending with
    /// time. The provider's files are [`FileId`]s.
    NativeFileId,
    "file_"
);
impl NativeFileId {
    /// Of a file made at that time, Unix milliseconds, which a digest tells from others of it.
    pub fn made_at(ms: u64, digest: [u8; 10]) -> Self {
        let mut id = [0; 16];
        id[..6].copy_from_slice(&ms.to_be_bytes()[2..]);
        id[6..].copy_from_slice(&digest);
        Self(versioned(id, 7))
    }

    /// Of a file that a digest names, whenever it is made.
    pub fn derived(digest: [u8; 16]) -> Self {
        Self(versioned(digest, 8))
    }

    /// When its file was made, Unix milliseconds, if it says so.
    pub fn made_ms(&self) -> Option<u64> {
        let says_so = self.0[6] >> 4 == 7 && self.0[8] >> 6 == 2;
        says_so.then(|| self.0[..6].iter().fold(0, |ms, byte| ms << 8 | u64::from(*byte)))
    }
}

/// The bytes with a UUID's version and variant (RFC 9562, section 4): 7 ascends with time, 8 does not.
const fn versioned(mut id: [u8; 16], version: u8) -> [u8; 16] {
    id[6] = id[6] & 0x0f | version << 4;
    id[8] = id[8] & 0x3f | 0x80;
    id
}

hex_id!(
    /// An upload of a file in parts: `upload_` and 32 hexadecimal digits.
    UploadId,
    "upload_"
);
hex_id!(
    /// A part of an upload: `part_` and 32 hexadecimal digits.
    PartId,
    "part_"
);
hex_id!(
    /// A receiver of webhooks: `we_` and 32 hexadecimal digits.
    ReceiverId,
    "we_"
);
hex_id!(
    /// What one receiver is owed of one event: `ntc_` and 32 hexadecimal digits.
    NoticeId,
    "ntc_"
);
hex_id!(
    /// An event, the same for all its receivers: `evt_` and 32 hexadecimal digits.
    EventId,
    "evt_"
);
hex_id!(
    /// One attempt of a caller to be answered: names who took an answer.
    RequestId,
    "req_"
);

impl RequestId {
    /// Whoever fetched an answer by its job's id. The request that waits for that answer may still take it.
    pub const BY_ID: Self = Self([0; 16]);
    /// Nobody: the answer was deleted.
    pub const NOBODY: Self = Self([0xff; 16]);
}

/// A job's id as that of the response that it is.
pub fn response_id(job: JobId) -> String {
    format!("resp_{job}")
}

/// The bytes of an id that words decide. Each word is preceded by its length, so that no two lists of words meet.
pub(crate) fn derive(words: &[&str]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for word in words {
        hash.update((word.len() as u64).to_be_bytes());
        hash.update(word);
    }
    let mut id = [0; 16];
    id.copy_from_slice(&hash.finalize()[..16]);
    id
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// Who pays and whose data it is.
    TenantId
);
text_id!(
    /// Names the key used towards a provider; never the key itself.
    CredentialId
);
text_id!(
    /// The provider's name of an uploaded file. Callers' files are [`NativeFileId`]s.
    FileId
);
text_id!(
    /// The provider's name of a batch. Callers' batches are [`NativeBatchId`]s.
    BatchId
);
text_id!(
    /// The name of a stored object: path segments joined by `/`.
    ObjectName
);

impl CredentialId {
    /// The gateway's own key towards a provider.
    pub fn own(provider: &str) -> Self {
        Self(format!("own:{provider}"))
    }

    /// Whether it is the gateway's own, not a caller's.
    pub fn is_own(&self) -> bool {
        self.0.starts_with("own:")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_id_says_when_it_was_made_or_nothing() {
        let made_ms = 1_767_225_600_123;
        let id = NativeFileId::made_at(made_ms, [0xff; 10]);
        assert_eq!(id.made_ms(), Some(made_ms));
        assert!(id < NativeFileId::made_at(made_ms + 1, [0; 10]));
        for silent in [NativeFileId::derived([0x77; 16]), NativeFileId([0; 16]), NativeFileId([0xff; 16])] {
            assert_eq!(silent.made_ms(), None, "{silent}");
        }
    }

    #[test]
    fn an_id_has_one_spelling() {
        let id = JobId([0xab; 16]);
        assert_eq!(id.text().parse(), Ok(id));
        for wrong in ["", "job_", "sub_abababababababababababababababab", &id.text().to_uppercase(), "job_é"] {
            assert_eq!(wrong.parse::<JobId>(), Err(MalformedId), "{wrong}");
        }
    }
}
