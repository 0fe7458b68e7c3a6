//! The plan of a submission: where its lines lie, in the order in which chunks run them.
//!
//! An object of records of 12 bytes: offset (8) and length (4) of a line in the sealed object, big-endian.

use bytes::{BufMut, Bytes, BytesMut};

/// Where a line lies in the sealed object, its line feed not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// Its first byte.
    pub offset: u64,
    /// Bytes.
    pub length: u32,
}

/// The encoding of plans.
#[derive(Debug)]
pub struct Plan;

impl Plan {
    /// Bytes of one record.
    pub const RECORD: u64 = 12;

    /// The encoded form.
    pub fn bytes(records: impl ExactSizeIterator<Item = Record>) -> Bytes {
        let mut out = BytesMut::with_capacity(records.len() * 12);
        for record in records {
            out.put_u64(record.offset);
            out.put_u32(record.length);
        }
        out.freeze()
    }

    /// The records that lie in these bytes; what is no whole record is left out.
    pub fn records(bytes: &[u8]) -> Vec<Record> {
        let (records, _) = bytes.as_chunks::<12>();
        let read = |record: &[u8; 12]| {
            let (offset, length) = record.split_first_chunk::<8>()?;
            let (length, _) = length.split_first_chunk::<4>()?;
            Some(Record { offset: u64::from_be_bytes(*offset), length: u32::from_be_bytes(*length) })
        };
        records.iter().filter_map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_read_as_they_were_written() {
        let records = [Record { offset: 0, length: 7 }, Record { offset: u64::MAX, length: u32::MAX }];
        let bytes = Plan::bytes(records.into_iter());
        assert_eq!(bytes.len() as u64, 2 * Plan::RECORD);
        assert_eq!(Plan::records(&bytes), records);
        assert_eq!(Plan::records(&bytes[..13]), records[..1]);
    }
}
