//! Where the files of a batch are written.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

/// Both files of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places {
    /// Lines that succeeded.
    pub(super) output: PathBuf,
    /// All others.
    pub(super) errors: PathBuf,
}

impl Places {
    /// For an input: beside it, in the folder `wanted`, or in the file `wanted` with the errors beside it.
    ///
    /// # Errors
    /// The input itself would be overwritten.
    pub(super) fn of_input(input: &Path, wanted: Option<&Path>) -> anyhow::Result<Self> {
        let stem = input.file_stem().unwrap_or_default().to_string_lossy();
        let beside = || input.parent().map(Path::to_owned).unwrap_or_default();
        let places = match wanted {
            Some(file) if !is_folder(file) => Self::of_file(file),
            folder => Self::within(&folder.map_or_else(beside, Path::to_owned), &stem),
        };
        let is_input = |place: &Path| place == input || is_same(place, input);
        ensure!(!is_input(&places.output) && !is_input(&places.errors), "--output would overwrite the input");
        Ok(places)
    }

    /// For a batch of which nothing but its id is known.
    pub(super) fn of_batch(id: &str, wanted: Option<&Path>) -> Self {
        match wanted {
            Some(file) if !is_folder(file) => Self::of_file(file),
            folder => Self::within(folder.unwrap_or(Path::new("")), &name(id)),
        }
    }

    fn within(folder: &Path, stem: &str) -> Self {
        Self {
            output: folder.join(format!("{stem}.output.jsonl")),
            errors: folder.join(format!("{stem}.errors.jsonl")),
        }
    }

    fn of_file(file: &Path) -> Self {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        Self { output: file.to_owned(), errors: file.with_file_name(format!("{stem}.errors.jsonl")) }
    }

    /// Makes the folders that are missing.
    ///
    /// # Errors
    /// They cannot be made.
    pub(super) fn prepare(&self) -> anyhow::Result<()> {
        let folder = self.output.parent().filter(|folder| !folder.as_os_str().is_empty());
        let Some(folder) = folder else { return Ok(()) };
        std::fs::create_dir_all(folder).with_context(|| format!("could not make the folder {}", folder.display()))
    }
}

/// A server's id as the name of a file, wherever it would lead.
fn name(id: &str) -> String {
    id.chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || "_-".contains(letter) { letter } else { '_' })
        .collect()
}

/// What is a folder, or ends as one does.
fn is_folder(path: &Path) -> bool {
    path.is_dir() || path.as_os_str().as_encoded_bytes().ends_with(b"/")
}

fn is_same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(input: &str, wanted: Option<&str>) -> (String, String) {
        let places = Places::of_input(Path::new(input), wanted.map(Path::new)).unwrap();
        (places.output.display().to_string(), places.errors.display().to_string())
    }

    #[test]
    fn results_lie_beside_the_input_or_where_they_are_wanted() {
        for (input, wanted, output, errors) in [
            ("in/nightly.jsonl", None, "in/nightly.output.jsonl", "in/nightly.errors.jsonl"),
            ("nightly.jsonl", None, "nightly.output.jsonl", "nightly.errors.jsonl"),
            ("in/nightly.jsonl", Some("no-such/"), "no-such/nightly.output.jsonl", "no-such/nightly.errors.jsonl"),
            ("in/nightly.jsonl", Some("/"), "/nightly.output.jsonl", "/nightly.errors.jsonl"),
            ("in/nightly.jsonl", Some("x/out.jsonl"), "x/out.jsonl", "x/out.errors.jsonl"),
        ] {
            assert_eq!(places(input, wanted), (output.to_owned(), errors.to_owned()), "{input} {wanted:?}");
        }
        let of_batch = Places::of_batch("batch_1", None);
        assert_eq!(of_batch.output, Path::new("batch_1.output.jsonl"));
        assert_eq!(Places::of_batch("../a/b", None).output, Path::new("___a_b.output.jsonl"));
    }

    #[test]
    fn the_input_is_not_overwritten() {
        for (input, wanted) in [("a.jsonl", "a.jsonl"), ("out.errors.jsonl", "out.jsonl")] {
            assert!(Places::of_input(Path::new(input), Some(Path::new(wanted))).is_err(), "{input}");
        }
    }
}
