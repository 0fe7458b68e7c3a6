//! Object names as paths.
//!
//! `sealed/sub_01/lines.jsonl` is the file `sealed+/sub_01+/lines.jsonl`: no name holds a `+`, so an object may have
//! the name that others begin with.

use std::path::{Path, PathBuf};

use offpeak_core::ids::ObjectName;

use crate::error::Fault;

/// The longest segment: every file system takes 255 bytes, and a directory's mark is one.
const SEGMENT_BYTES: usize = 254;
/// The longest name.
const NAME_BYTES: usize = 1_024;

/// What marks a directory.
const DIRECTORY: char = '+';

/// The path of an object. Names are segments of `A-Z a-z 0-9 . _ - = %` joined by `/`; none is empty, `.` or `..`, so
/// no name leads out of the root.
pub(super) fn path(root: &Path, name: &ObjectName) -> Result<PathBuf, Fault> {
    let name = name.as_str();
    if name.len() > NAME_BYTES || !name.split('/').all(is_segment) {
        return Err(Fault::BadName);
    }
    let (directories, file) = name.rsplit_once('/').unwrap_or(("", name));
    Ok(directory(root, directories)?.join(file))
}

/// The directory of the objects whose names begin with `name` and a `/`.
pub(super) fn directory(root: &Path, name: &str) -> Result<PathBuf, Fault> {
    let mut path = root.to_owned();
    for segment in name.split('/').filter(|_| !name.is_empty()) {
        if !is_segment(segment) {
            return Err(Fault::BadName);
        }
        path.push(format!("{segment}{DIRECTORY}"));
    }
    Ok(path)
}

/// The name of a directory's entry within it, a `/` after that of a directory.
pub(super) fn of_entry(file_name: &str) -> String {
    file_name.strip_suffix(DIRECTORY).map_or_else(|| file_name.to_owned(), |directory| format!("{directory}/"))
}

fn is_segment(segment: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'=' | b'%');
    !matches!(segment, "" | "." | "..") && segment.len() <= SEGMENT_BYTES && segment.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_below_the_root() {
        let root = Path::new("/r");
        let long = "a".repeat(255);
        for bad in [
            "", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/./b", "ä", "a b", "a\\b", "a\0", "~", "a+", "a+/b",
            &long,
        ] {
            assert!(path(root, &ObjectName::from(bad)).is_err(), "{bad:?}");
        }
        for good in ["a", "a/b", ".a", "a..b/c-1_2.jsonl", &long[1..]] {
            assert!(path(root, &ObjectName::from(good)).is_ok_and(|path| path.starts_with(root)), "{good:?}");
        }
    }
}
