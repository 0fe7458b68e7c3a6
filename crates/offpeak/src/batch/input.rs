//! The file of requests: read once before anything is sent, so that a repeat recognises it.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use offpeak_core::batch::input::{Line, Splitter};
use offpeak_core::hex;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// Bytes read at a time.
const PIECE: usize = 1 << 20;

/// Lines in which an endpoint is looked for.
const LOOKED_AT: u64 = 1_000;

/// An input as it stood when it was read.
#[derive(Debug, Clone)]
pub(super) struct Input {
    pub(super) path: PathBuf,
    pub(super) name: String,
    pub(super) bytes: u64,
    /// Hexadecimal.
    pub(super) sha256: String,
    /// The `url` of the first line that has one.
    pub(super) endpoint: Option<String>,
}

/// As much of a line as says where it goes.
#[derive(Deserialize)]
struct Request {
    url: Option<String>,
}

impl Input {
    /// Reads all of it.
    ///
    /// # Errors
    /// It cannot be read, or is empty.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let name = path.file_name().with_context(|| format!("{} is no file", path.display()))?;
        let (mut hash, mut found) = (Sha256::new(), Endpoint::default());
        let mut bytes = 0;
        each_piece(path, |piece| {
            bytes += piece.len() as u64;
            hash.update(&piece);
            found.look(piece);
            Ok(true)
        })?;
        ensure!(bytes > 0, "{} is empty", path.display());
        Ok(Self {
            path: path.to_owned(),
            name: name.to_string_lossy().into_owned(),
            bytes,
            sha256: hex::encode(&hash.finalize()),
            endpoint: found.finish(),
        })
    }
}

/// Reads a file piece by piece, until `take` has had enough.
///
/// # Errors
/// The file cannot be read; or `take`'s own.
pub(super) fn each_piece(path: &Path, mut take: impl FnMut(Bytes) -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let shown = path.display();
    let mut file = File::open(path).with_context(|| format!("could not open {shown}"))?;
    loop {
        let mut piece = vec![0; PIECE];
        let read = file.read(&mut piece).with_context(|| format!("could not read {shown}"))?;
        if read == 0 {
            return Ok(());
        }
        piece.truncate(read);
        if !take(Bytes::from(piece))? {
            return Ok(());
        }
    }
}

/// Looks for the endpoint while pieces come by.
#[derive(Default)]
pub(super) struct Endpoint {
    splitter: Splitter,
    found: Option<String>,
    given_up: bool,
}

impl Endpoint {
    /// Looks at the next piece.
    pub(super) fn look(&mut self, piece: Bytes) {
        if !self.is_known() {
            self.splitter.push(piece);
            self.take();
        }
    }

    /// Whether looking on brings nothing more.
    pub(super) const fn is_known(&self) -> bool {
        self.found.is_some() || self.given_up
    }

    /// What was found, the file being at its end.
    pub(super) fn finish(mut self) -> Option<String> {
        if !self.is_known() {
            self.splitter.end();
            self.take();
        }
        self.found
    }

    fn take(&mut self) {
        while let Some(line) = self.splitter.take() {
            self.found = url(&line);
            self.given_up = line.number >= LOOKED_AT;
            if self.is_known() {
                return;
            }
        }
    }
}

fn url(line: &Line) -> Option<String> {
    serde_json::from_slice::<Request>(line.bytes.as_ref()?).ok()?.url.filter(|url| !url.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str, size: usize) -> Option<String> {
        let mut found = Endpoint::default();
        text.as_bytes().chunks(size).for_each(|piece| found.look(Bytes::copy_from_slice(piece)));
        found.finish()
    }

    #[test]
    fn the_first_line_that_says_where_it_goes_decides() {
        let text = "\n{\"a\":1}\nnot json\n{\"url\":\"/v1/embeddings\"}\n{\"url\":\"/v1/responses\"}";
        for size in [1, 7, 1_000] {
            assert_eq!(endpoint(text, size).as_deref(), Some("/v1/embeddings"), "{size}");
            assert_eq!(endpoint("{\"url\":\"/v1/responses\"}", size).as_deref(), Some("/v1/responses"), "{size}");
            assert_eq!(endpoint("{\"url\":1}\n{}", size), None);
        }
    }
}
