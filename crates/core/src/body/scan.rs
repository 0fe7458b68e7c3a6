//! Where the top-level entries of a JSON object lie.

use memchr::memchr2;
use serde::de::IgnoredAny;

use super::{MAX_DEPTH, MAX_FIELDS};

/// One top-level entry: `start` is the quote of its key, `value` the first byte of its value, `end` one past its last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) start: usize,
    pub(crate) value: usize,
    pub(crate) end: usize,
}

/// What is wrong with a text that should be a JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    Syntax { line: usize, column: usize },
    NotObject,
    TooDeep,
    TooMany,
}

/// The entries of a valid JSON object, or `None` if the bytes are none.
pub(super) fn entries(bytes: &[u8]) -> Option<Vec<Entry>> {
    checked_entries(std::str::from_utf8(bytes).ok()?).ok()
}

/// The entries of a JSON object, its whole text checked.
pub(crate) fn checked_entries(text: &str) -> Result<Vec<Entry>, Fault> {
    serde_json::from_str::<IgnoredAny>(text)
        .map_err(|error| Fault::Syntax { line: error.line(), column: error.column() })?;
    entries_within(text)
}

/// The entries of a text that is known to be valid JSON, because it is a value within one.
pub(super) fn entries_within(text: &str) -> Result<Vec<Entry>, Fault> {
    if !text.trim_ascii_start().starts_with('{') {
        return Err(Fault::NotObject);
    }
    Walk { bytes: text.as_bytes(), at: 0, depth: 0 }.object(text)
}

/// A walk over text that is known to be valid JSON.
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

impl Walk<'_> {
    fn object(&mut self, text: &str) -> Result<Vec<Entry>, Fault> {
        let mut entries: Vec<Entry> = Vec::with_capacity(8);
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'"' if self.depth == 1 && entries.len() == MAX_FIELDS => return Err(Fault::TooMany),
                b'"' if self.depth == 1 => entries.push(self.entry(text)?),
                b'{' | b'[' => self.deeper()?,
                b'}' | b']' => self.depth -= 1,
                _ => {}
            }
            self.at += 1;
        }
        Ok(entries)
    }

    fn deeper(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(Fault::TooDeep) } else { Ok(()) }
    }

    /// From the quote of a key to the last byte of its value.
    fn entry(&mut self, text: &str) -> Result<Entry, Fault> {
        let start = self.at;
        self.string();
        let key = key(&text[start..=self.at]);
        self.at += 1;
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r' | b':')) {
            self.at += 1;
        }
        let value = self.at;
        self.value()?;
        Ok(Entry { key, start, value, end: self.at + 1 })
    }

    /// Moves from the first byte of a value to its last.
    fn value(&mut self) -> Result<(), Fault> {
        let outside = self.depth;
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'"' => self.string(),
                b'{' | b'[' => self.deeper()?,
                b'}' | b']' => self.depth -= 1,
                _ => {}
            }
            let next = self.bytes.get(self.at + 1);
            if self.depth == outside && matches!(next, None | Some(b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r')) {
                return Ok(());
            }
            self.at += 1;
        }
        Ok(())
    }

    /// Moves from a string's first quote to its last.
    fn string(&mut self) {
        self.at += 1;
        while let Some(found) = memchr2(b'"', b'\\', &self.bytes[self.at..]) {
            self.at += found;
            if self.bytes[self.at] == b'"' {
                return;
            }
            self.at += 2;
        }
    }
}

fn key(quoted: &str) -> String {
    let plain = &quoted[1..quoted.len() - 1];
    if plain.contains('\\') { serde_json::from_str(quoted).unwrap_or_default() } else { plain.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_whatever_their_values() {
        let text = r#" {"a":1,"b" :"x,\"}", "c":[{"d":"]"}] ,"e":null,"":{} } "#;
        let found: Vec<_> = checked_entries(text)
            .unwrap()
            .into_iter()
            .map(|entry| (entry.key, text[entry.value..entry.end].to_owned()))
            .collect();
        let want = [("a", "1"), ("b", r#""x,\"}""#), ("c", r#"[{"d":"]"}]"#), ("e", "null"), ("", "{}")];
        assert_eq!(found, want.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert_eq!(checked_entries("[1]"), Err(Fault::NotObject));
        assert!(matches!(checked_entries("{\"a\":1"), Err(Fault::Syntax { .. })));
        let bomb = format!("{{\"a\":{}{}}}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        assert_eq!(checked_entries(&bomb), Err(Fault::TooDeep));
        assert!(checked_entries(&"[".repeat(1_000_000)).is_err());
        let wide = |fields: usize| format!("{{{}}}", vec!["\"\":0"; fields].join(","));
        assert_eq!(checked_entries(&wide(MAX_FIELDS)).unwrap().len(), MAX_FIELDS);
        assert_eq!(checked_entries(&wide(MAX_FIELDS + 1)), Err(Fault::TooMany));
    }
}
