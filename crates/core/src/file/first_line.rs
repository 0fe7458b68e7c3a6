//! The first line of what may become a batch's input, looked at as its bytes come by.

use crate::body;

/// Bytes that are looked at: of a longer line only its beginning is checked.
const KEPT: usize = 64 << 10;

/// The mark that some editors put before UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// The beginning of a file, up to the end of its first line that is not blank.
#[derive(Debug, Default)]
pub struct FirstLine {
    kept: Vec<u8>,
    /// No more need be looked at.
    known: bool,
}

impl FirstLine {
    /// The next bytes of the file.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.known {
            return;
        }
        let room = KEPT - self.kept.len();
        self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.known = self.kept.len() == KEPT || self.start().contains(&b'\n');
    }

    /// Whether the file, now at its end, begins as JSON lines do: OpenAI refuses one that does not when it is stored,
    /// and finds what is wrong with its other lines when a batch reads it (seen live, read 2026-11-20).
    pub fn is_object(&self) -> bool {
        let start = self.start();
        let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
        if line.len() == start.len() && self.kept.len() == KEPT {
            return start.starts_with(b"{");
        }
        body::is_object(line.trim_ascii_end())
    }

    /// From the first byte that is not blank.
    fn start(&self) -> &[u8] {
        self.kept.strip_prefix(BOM).unwrap_or(&self.kept).trim_ascii_start()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_object(text: &[u8], size: usize) -> bool {
        let mut first = FirstLine::default();
        text.chunks(size).for_each(|piece| first.push(piece));
        first.is_object()
    }

    #[test]
    fn a_first_line_is_judged_alike_in_any_pieces() {
        for (text, want) in [
            (&b"{\"a\":1}\n{"[..], true),
            (b"{\"a\":1}", true),
            (b"\xef\xbb\xbf\r\n\n {\"a\":1}\r\nnot json", true),
            (b"", false),
            (b"\xef\xbb\xbf", false),
            (b"{", false),
            (b"{\"a\":\n1}", false),
            (b"1\n{}", false),
            (b"[{}]\n", false),
            (b"\x1f\x8b\x08\x00", false),
            (b"{\"a\":\"\xff\"}\n", false),
            (b"this is not json\n{}", false),
        ] {
            for size in 1..=text.len().max(1) {
                assert_eq!(is_object(text, size), want, "{text:?} by {size}");
            }
        }
    }

    #[test]
    fn of_a_long_line_only_its_beginning_is_kept_and_judged() {
        let long = |start: &str| [start.as_bytes(), &vec![b'x'; 4 * KEPT]].concat();
        assert!(is_object(&long("{\"a\":\""), 1_000));
        assert!(!is_object(&long("\"a"), 1_000));
        assert!(!is_object(&vec![b'\n'; 4 * KEPT], 1_000));
        let mut first = FirstLine::default();
        first.push(&long("{"));
        assert_eq!(first.kept.len(), KEPT);
    }
}
