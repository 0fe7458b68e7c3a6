//! Lines out of a stream of pieces.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use memchr::memchr;

use crate::ports::{ByteStream, StoreError};

/// The longest line that is kept: beyond it a stream is no batch result.
const LONGEST: usize = 256 * 1024 * 1024;

/// Splits a stream at line feeds; a line within one piece is not copied.
pub(super) struct Lines {
    stream: ByteStream,
    piece: Bytes,
    carry: BytesMut,
    /// Where the next line begins in the stream.
    offset: u64,
}

/// One line, without its line feed.
pub(super) struct Line {
    pub(super) bytes: Bytes,
    /// Where it begins in the stream.
    pub(super) offset: u64,
}

impl Lines {
    pub(super) fn of(stream: ByteStream) -> Self {
        Self::from(0, stream)
    }

    /// Of what is streamed from a byte on; the first of them may be the end of one that began before it.
    pub(super) fn from(offset: u64, stream: ByteStream) -> Self {
        Self { stream, piece: Bytes::new(), carry: BytesMut::new(), offset }
    }

    /// The next line that is not empty.
    pub(super) async fn next(&mut self) -> Result<Option<Line>, StoreError> {
        loop {
            if let Some(end) = memchr(b'\n', &self.piece) {
                let mut bytes = self.piece.split_to(end + 1);
                bytes.truncate(end);
                if let Some(line) = self.line(bytes, 1) {
                    return Ok(Some(line));
                }
                continue;
            }
            if !self.piece.is_empty() {
                self.carry.extend_from_slice(&self.piece);
                if self.carry.len() > LONGEST {
                    return Err(StoreError::Corrupt("a line is too long".to_owned()));
                }
            }
            let Some(piece) = self.stream.next().await else {
                self.piece = Bytes::new();
                return Ok(self.line(Bytes::new(), 0));
            };
            self.piece = piece?;
        }
    }

    fn line(&mut self, rest: Bytes, feed: u64) -> Option<Line> {
        let bytes = if self.carry.is_empty() {
            rest
        } else {
            self.carry.extend_from_slice(&rest);
            self.carry.split().freeze()
        };
        let offset = self.offset;
        self.offset += bytes.len() as u64 + feed;
        (!bytes.is_empty()).then_some(Line { bytes, offset })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn lines_do_not_depend_on_pieces() {
        let text = b"one\n\ntwo\nlast";
        for size in 1..=text.len() {
            let pieces: Vec<_> = text.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
            let mut lines = Lines::of(stream::iter(pieces).boxed());
            let mut found = Vec::new();
            while let Some(line) = lines.next().await.unwrap() {
                found.push((line.offset, line.bytes.to_vec()));
            }
            assert_eq!(found, [(0, b"one".to_vec()), (5, b"two".to_vec()), (9, b"last".to_vec())], "{size}");
        }
    }
}
