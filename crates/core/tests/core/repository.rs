//! The repository's files, for tests that compare documents with them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the workspace's `Cargo.toml` is.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_path_buf()
}

/// The text of a file, by its path from the root.
pub(crate) fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names in a folder, in order.
pub(crate) fn names(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Compares a generated document with its file; with `UPDATE_DOCS=1` in the environment the file is written instead.
#[expect(clippy::disallowed_methods, reason = "a test is configured by its environment alone")]
pub(crate) fn compare(path: &str, generated: &str) {
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(root().join(path), generated).unwrap();
    }
    let stored = fs::read_to_string(root().join(path)).unwrap_or_default();
    if stored != generated {
        let differs =
            (1..).zip(lines(&stored).zip(lines(generated))).find(|(_, (stored, generated))| stored != generated);
        let (number, (stored, generated)) = differs.unwrap();
        panic!(
            "{path} differs from the code, first in line {number}\n  stored: {stored}\n  now:    {generated}\n\
             if the code is right, run: UPDATE_DOCS=1 cargo test -p offpeak-core"
        );
    }
}

/// The lines of a text, and then its end, for ever.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n').chain(std::iter::repeat("(nothing)"))
}
