//! The endpoint of an input whose batch names none: that of its first line, seen as its bytes come by.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;

use super::Splitter;
use crate::endpoint::Endpoint;

/// Looks for the first line that is not blank; of no other anything is kept.
#[derive(Debug, Default)]
pub struct FirstEndpoint {
    splitter: Splitter,
    /// The line has come.
    known: bool,
    named: Option<Endpoint>,
}

impl FirstEndpoint {
    /// The next bytes of the input.
    pub fn push(&mut self, piece: &Bytes) {
        if !self.known {
            self.splitter.push(piece.clone());
            self.look();
        }
    }

    /// Whether the line has come: nothing more need be looked at.
    pub const fn is_known(&self) -> bool {
        self.known
    }

    /// No bytes follow. `None` if there is no line, or none that names an endpoint.
    pub fn end(mut self) -> Option<Endpoint> {
        if !self.known {
            self.splitter.end();
            self.look();
        }
        self.named
    }

    fn look(&mut self) {
        if let Some(line) = self.splitter.take() {
            self.known = true;
            self.named = line.bytes.and_then(|line| named(&line));
            self.splitter = Splitter::default();
        }
    }
}

fn named(line: &[u8]) -> Option<Endpoint> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        url: Cow<'a, str>,
    }
    let line: Named<'_> = serde_json::from_slice(line).ok()?;
    Endpoint::from_path(&line.url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, size: usize) -> Option<Endpoint> {
        let mut first = FirstEndpoint::default();
        text.as_bytes().chunks(size).for_each(|piece| first.push(&Bytes::copy_from_slice(piece)));
        first.end()
    }

    #[test]
    fn the_first_line_names_it_in_any_pieces() {
        let long = format!(r#"{{"body":"{}","url":"/v1/embeddings"}}"#, "x".repeat(300_000));
        for (text, wanted) in [
            ("\n \n{\"url\":\"/v1/responses\"}\n{\"url\":\"/v1/embeddings\"}", Some(Endpoint::Responses)),
            ("{\"body\":{\"url\":\"/v1/embeddings\"},\"url\":\"\\u002fv1/completions\"}", Some(Endpoint::Completions)),
            ("\u{feff}{\"url\":\"/v1/moderations\"}", Some(Endpoint::Moderations)),
            (&long, Some(Endpoint::Embeddings)),
            ("", None),
            ("{}\n{\"url\":\"/v1/embeddings\"}", None),
            ("{\"url\":\"/v1/images/generations\"}", Some(Endpoint::ImageGenerations)),
            ("{\"url\":\"/v1/images\"}", None),
            ("{\"url\":\"/v1/embeddings\"", None),
            ("not json", None),
        ] {
            for size in [1, 7, 100_000, text.len().max(1)] {
                assert_eq!(of(text, size), wanted, "{size}");
            }
        }
    }
}
