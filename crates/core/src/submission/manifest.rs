//! The manifest: which job's line is where in a sealed object.
//!
//! An object of fixed records of 36 bytes, sorted by job: id (16), attempt (4), offset (8), length (4), tenant (4),
//! big-endian; then the tenants as a JSON array; then the number of records (4 bytes).

use bytes::{BufMut, Bytes, BytesMut};
use sha2::{Digest, Sha256};

use crate::hex;
use crate::ids::{JobId, TenantId};

/// Bytes of one record.
const RECORD: usize = 36;

/// One line of the sealed object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Whose line it is.
    pub job: JobId,
    /// For which attempt.
    pub attempt: u32,
    /// First byte of the request's body in the sealed object.
    pub offset: u64,
    /// Bytes of the request's body.
    pub length: u32,
    /// Whose job it is: an index into the manifest's tenants.
    pub tenant: u32,
}

/// A manifest in memory: 36 bytes a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    records: Bytes,
    tenants: Vec<TenantId>,
}

/// The bytes are no manifest.
#[derive(Debug, thiserror::Error)]
#[error("not a manifest")]
pub struct Malformed;

impl Manifest {
    /// Sorts entries; each entry's `tenant` is an index into `tenants`.
    pub fn of(mut entries: Vec<Entry>, tenants: Vec<TenantId>) -> Self {
        entries.sort_unstable();
        let mut records = BytesMut::with_capacity(entries.len() * RECORD);
        for entry in entries {
            records.put_slice(&entry.job.0);
            records.put_u32(entry.attempt);
            records.put_u64(entry.offset);
            records.put_u32(entry.length);
            records.put_u32(entry.tenant);
        }
        Self { records: records.freeze(), tenants }
    }

    /// Reads what [`Manifest::bytes`] gave.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(bytes: &Bytes) -> Result<Self, Malformed> {
        let end = bytes.len().checked_sub(4).ok_or(Malformed)?;
        let count = u32::from_be_bytes(bytes[end..].try_into().map_err(|_| Malformed)?) as usize;
        let records = count.checked_mul(RECORD).filter(|records| *records <= end).ok_or(Malformed)?;
        let tenants = serde_json::from_slice(&bytes[records..end]).map_err(|_| Malformed)?;
        Ok(Self { records: bytes.slice(..records), tenants })
    }

    /// The encoded form.
    pub fn bytes(&self) -> Bytes {
        let tenants = serde_json::to_vec(&self.tenants).unwrap_or_default();
        let mut out = BytesMut::with_capacity(self.records.len() + tenants.len() + 4);
        out.put_slice(&self.records);
        out.put_slice(&tenants);
        out.put_u32(u32::try_from(self.len()).unwrap_or(u32::MAX));
        out.freeze()
    }

    /// SHA-256 of the encoded form, in hexadecimal.
    pub fn sha256(bytes: &[u8]) -> String {
        hex::encode(&Sha256::digest(bytes))
    }

    /// How many lines.
    pub fn len(&self) -> usize {
        self.records.len() / RECORD
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The tenants that entries point to.
    pub fn tenants(&self) -> &[TenantId] {
        &self.tenants
    }

    /// The entry at an index below [`Manifest::len`].
    pub fn entry(&self, index: usize) -> Option<Entry> {
        let record = self.records.get(index * RECORD..(index + 1) * RECORD)?;
        Some(Entry {
            job: JobId(record[..16].try_into().ok()?),
            attempt: u32::from_be_bytes(record[16..20].try_into().ok()?),
            offset: u64::from_be_bytes(record[20..28].try_into().ok()?),
            length: u32::from_be_bytes(record[28..32].try_into().ok()?),
            tenant: u32::from_be_bytes(record[32..36].try_into().ok()?),
        })
    }

    /// Every entry, by job.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        (0..self.len()).filter_map(|index| self.entry(index))
    }

    /// Where the job's entry is.
    pub fn find(&self, job: JobId) -> Option<usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.records[middle * RECORD..][..16].cmp(&job.0[..]) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(middle),
            }
        }
        None
    }

    /// Whether the job is listed at this attempt.
    pub fn lists(&self, job: JobId, attempt: u32) -> bool {
        self.find(job).and_then(|index| self.entry(index)).is_some_and(|entry| entry.attempt == attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_found_and_no_other() {
        let entry = |i: u8| Entry { job: JobId([i; 16]), attempt: u32::from(i), offset: 7, length: 9, tenant: 1 };
        let tenants = vec![TenantId::from("a"), TenantId::from("b")];
        let manifest = Manifest::of((0..200).rev().step_by(2).map(entry).collect(), tenants);
        for i in 0..=255_u8 {
            let listed = i < 200 && i % 2 == 1;
            assert_eq!(manifest.lists(JobId([i; 16]), u32::from(i)), listed, "{i}");
            assert!(!manifest.lists(JobId([i; 16]), 1000));
        }
        assert_eq!(Manifest::parse(&manifest.bytes()).unwrap(), manifest);
        assert!(Manifest::parse(&Bytes::from_static(b"short and wrong")).is_err());
    }
}
