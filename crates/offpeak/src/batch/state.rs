//! The state file beside an input: which batch is this input's.
//!
//! It is written whole, under another name first, and holds no secret:
//!
//! ```text
//! nonce ─► file_id, once the file is stored ─► batch_id, once the batch is made
//! ```
//! What the nonce is for: it is written before the batch is asked for, and the call's Idempotency-Key follows from it, so
//! that whoever repeats the call after a crash asks for the same batch.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use offpeak_core::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What is added to the input's name.
const SUFFIX: &str = ".offpeak.json";

/// The form of the file.
const VERSION: u32 = 1;

/// What was asked for, and of whom. Another word of it makes another batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) base_url: String,
    pub(super) input_sha256: String,
    pub(super) input_bytes: u64,
    pub(super) endpoint: String,
    pub(super) window: String,
    pub(super) metadata: BTreeMap<String, String>,
}

/// How far it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    version: u32,
    #[serde(flatten)]
    pub(super) asked: Asked,
    nonce: String,
    pub(super) file_id: Option<String>,
    pub(super) batch_id: Option<String>,
}

impl State {
    /// The beginning.
    pub(super) fn new(asked: Asked) -> Self {
        let nonce = format!("{:032x}", rand::random::<u128>());
        Self { version: VERSION, asked, nonce, file_id: None, batch_id: None }
    }

    /// Reads the file, if there is one.
    ///
    /// # Errors
    /// It cannot be read, or is something else.
    pub(super) fn load(path: &Path) -> anyhow::Result<Option<Self>> {
        let shown = path.display();
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("could not read {shown}")),
        };
        let state: Self =
            serde_json::from_slice(&text).with_context(|| format!("{shown} is no state of a batch; move it away"))?;
        ensure!(state.version == VERSION, "{shown} is of another version of Offpeak; move it away");
        Ok(Some(state))
    }

    /// Writes the file; durable when it returns.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn store(&self, path: &Path) -> anyhow::Result<()> {
        let shown = path.display();
        self.write(path)
            .with_context(|| format!("could not write {shown}, without which a batch could be paid for twice"))
    }

    fn write(&self, path: &Path) -> anyhow::Result<()> {
        let temporary = with_suffix(path, &format!(".{}", std::process::id()));
        let mut file = File::create(&temporary)?;
        file.write_all(format!("{}\n", serde_json::to_string_pretty(self)?).as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()?;
        Ok(())
    }

    /// What names the batch that is asked for. Each word is preceded by its length, so that no two lists of words meet.
    pub(super) fn idempotency_key(&self) -> String {
        let Asked { base_url, input_sha256, input_bytes, endpoint, window, metadata } = &self.asked;
        let bytes = input_bytes.to_string();
        let mut words: Vec<&str> = vec![&self.nonce, base_url, input_sha256, &bytes, endpoint, window];
        words.extend(metadata.iter().flat_map(|(name, note)| [name.as_str(), note.as_str()]));
        let mut hash = Sha256::new();
        for word in words {
            hash.update((word.len() as u64).to_be_bytes());
            hash.update(word);
        }
        format!("offpeak-batch-{}", hex::encode(&hash.finalize()))
    }
}

/// Where the state of an input's batch is.
pub(super) fn beside(input: &Path) -> PathBuf {
    with_suffix(input, SUFFIX)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(window: &str, metadata: &[(&str, &str)]) -> Asked {
        Asked {
            base_url: "http://localhost/v1".to_owned(),
            input_sha256: "00".to_owned(),
            input_bytes: 1,
            endpoint: "/v1/embeddings".to_owned(),
            window: window.to_owned(),
            metadata: metadata.iter().map(|(name, note)| ((*name).to_owned(), (*note).to_owned())).collect(),
        }
    }

    #[test]
    fn each_word_and_the_nonce_make_another_key() {
        let first = State::new(asked("24h", &[("a", "b")]));
        assert_eq!(first.idempotency_key(), first.clone().idempotency_key());
        let with = |asked| State { asked, ..first.clone() }.idempotency_key();
        for other in [asked("2", &[("4ha", "b")]), asked("24h", &[("ab", "")]), asked("24h", &[])] {
            assert_ne!(with(other), first.idempotency_key());
        }
        assert_ne!(State::new(first.asked.clone()).idempotency_key(), first.idempotency_key());
        assert!(first.idempotency_key().len() < 255);
    }

    #[test]
    fn a_state_is_read_as_it_was_written_and_nothing_else_is_one() {
        let path = std::env::temp_dir().join(format!("offpeak-state-{:016x}", rand::random::<u64>()));
        assert_eq!(State::load(&path).unwrap(), None);
        let mut state = State::new(asked("24h", &[("a", "b")]));
        state.store(&path).unwrap();
        state.batch_id = Some("batch_1".to_owned());
        state.store(&path).unwrap();
        assert_eq!(State::load(&path).unwrap(), Some(state));
        for text in ["", "{}", "[1]"] {
            fs::write(&path, text).unwrap();
            assert!(State::load(&path).is_err(), "{text}");
        }
        fs::remove_file(&path).unwrap();
    }
}
