//! Lines out of pieces of bytes.

use bytes::{Bytes, BytesMut};
use memchr::memchr;

use super::MAX_LINE_BYTES;

/// The mark that some editors put before UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Splits pieces at line feeds; a line within one piece is not copied.
#[derive(Debug, Default)]
pub struct Splitter {
    piece: Bytes,
    carry: BytesMut,
    /// Bytes of the present line that were dropped because it is too long.
    dropped: bool,
    /// Lines given so far.
    lines: u64,
    ended: bool,
}

/// One line of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// From 1; empty lines count.
    pub number: u64,
    /// Without its line feed; none if it is longer than [`MAX_LINE_BYTES`].
    pub bytes: Option<Bytes>,
}

impl Splitter {
    /// Adds a piece. Every line of the piece before it must have been taken.
    pub fn push(&mut self, piece: Bytes) {
        debug_assert!(self.piece.is_empty(), "lines are taken before the next piece is added");
        self.piece = piece;
    }

    /// No piece follows: a last line needs no line feed.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// The next line that is whole and not blank.
    pub fn take(&mut self) -> Option<Line> {
        loop {
            let line = self.take_any()?;
            let blank = line.bytes.as_ref().is_some_and(|bytes| bytes.trim_ascii().is_empty());
            if !blank {
                return Some(line);
            }
        }
    }

    fn take_any(&mut self) -> Option<Line> {
        if let Some(end) = memchr(b'\n', &self.piece) {
            let mut rest = self.piece.split_to(end + 1);
            rest.truncate(end);
            return Some(self.line(rest));
        }
        let rest = std::mem::take(&mut self.piece);
        self.keep(&rest);
        if self.ended && (self.dropped || !self.carry.is_empty()) {
            return Some(self.line(Bytes::new()));
        }
        None
    }

    /// Keeps the beginning of a line until its end comes, unless it is too long already.
    fn keep(&mut self, bytes: &[u8]) {
        if self.dropped || self.carry.len() + bytes.len() > MAX_LINE_BYTES {
            self.dropped |= !bytes.is_empty();
            self.carry = BytesMut::new();
        } else {
            self.carry.extend_from_slice(bytes);
        }
    }

    fn line(&mut self, rest: Bytes) -> Line {
        self.lines += 1;
        let bytes = if self.carry.is_empty() && !self.dropped && rest.len() <= MAX_LINE_BYTES {
            Some(rest)
        } else {
            self.keep(&rest);
            let whole = self.carry.split().freeze();
            (!std::mem::take(&mut self.dropped)).then_some(whole)
        };
        let bytes = if self.lines == 1 { bytes.map(without_bom) } else { bytes };
        Line { number: self.lines, bytes }
    }
}

fn without_bom(mut line: Bytes) -> Bytes {
    if line.starts_with(BOM) {
        drop(line.split_to(BOM.len()));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &[u8], size: usize) -> Vec<(u64, Option<Vec<u8>>)> {
        let mut splitter = Splitter::default();
        let mut found = Vec::new();
        for piece in text.chunks(size) {
            splitter.push(Bytes::copy_from_slice(piece));
            found.extend(std::iter::from_fn(|| splitter.take()));
        }
        splitter.end();
        found.extend(std::iter::from_fn(|| splitter.take()));
        found.into_iter().map(|line| (line.number, line.bytes.map(|bytes| bytes.to_vec()))).collect()
    }

    #[test]
    fn lines_do_not_depend_on_pieces() {
        let text = b"\xef\xbb\xbfone\r\n\n \t\ntwo\nlast";
        for size in 1..=text.len() {
            let want = [(1, &b"one\r"[..]), (4, b"two"), (5, b"last")];
            let want: Vec<_> = want.into_iter().map(|(number, bytes)| (number, Some(bytes.to_vec()))).collect();
            assert_eq!(split(text, size), want, "{size}");
        }
    }

    #[test]
    fn nothing_and_blank_lines_are_no_lines() {
        for text in [&b""[..], b"\n", b"\xef\xbb\xbf", b"\n\r\n  \n", b" "] {
            assert_eq!(split(text, 3), [], "{text:?}");
        }
        assert_eq!(split(b"x", 1), [(1, Some(b"x".to_vec()))]);
    }

    #[test]
    fn a_line_that_is_too_long_is_counted_and_not_kept() {
        let mut splitter = Splitter::default();
        let mut most = 0;
        splitter.push(Bytes::from_static(b"first\n"));
        assert_eq!(splitter.take().map(|line| line.number), Some(1));
        for _ in 0..200 {
            splitter.push(Bytes::from(vec![b'x'; 1 << 20]));
            assert_eq!(splitter.take(), None);
            most = most.max(splitter.carry.capacity());
        }
        assert!(most <= 2 * MAX_LINE_BYTES, "{most}");
        splitter.push(Bytes::from_static(b"x\nnext"));
        assert_eq!(splitter.take(), Some(Line { number: 2, bytes: None }));
        splitter.end();
        assert_eq!(splitter.take(), Some(Line { number: 3, bytes: Some(Bytes::from_static(b"next")) }));
        assert_eq!(splitter.take(), None);
    }
}
