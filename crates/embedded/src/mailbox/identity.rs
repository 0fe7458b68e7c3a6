//! Which file it is, and which content it has, as the file system tells.

use std::fmt;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

/// A file with a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    content: Content,
    /// When it got its name, its owner or its permissions, too: seconds and nanoseconds.
    changed: (i64, i64),
}

/// What stays when a file is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Content {
    device: u64,
    node: u64,
    bytes: u64,
    written: (i64, i64),
}

impl Identity {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let content = Content {
            device: metadata.dev(),
            node: metadata.ino(),
            bytes: metadata.size(),
            written: (metadata.mtime(), metadata.mtime_nsec()),
        };
        Self { content, changed: (metadata.ctime(), metadata.ctime_nsec()) }
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.content.bytes
    }

    pub(super) const fn content(&self) -> Content {
        self.content
    }

    /// Whether it is the same file with the same content, wherever it is now.
    pub(super) fn is_content_of(&self, other: &Self) -> bool {
        self.content == other.content
    }

    /// What tells it from every other, also from one of the same content that comes after it.
    pub(super) fn version(&self) -> String {
        format!("{}-{}.{}", self.content, self.changed.0, self.changed.1)
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { device, node, bytes, written } = self;
        write!(f, "{device}.{node}-{bytes}-{}.{}", written.0, written.1)
    }
}
