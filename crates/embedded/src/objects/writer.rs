//! An object being written.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use offpeak_core::hex;
use offpeak_core::ports::{ObjectWriter, Random, StoreError};

use super::blocking;
use super::handles::Handles;
use super::tree::Tree;
use crate::error::Fault;
use crate::random::SystemRandom;
use crate::unfinished::Unfinished;

pub(super) struct Writer {
    tree: Arc<Tree>,
    path: PathBuf,
    handles: Arc<Handles>,
    content: Unfinished,
}

impl Writer {
    pub(super) fn new(tree: Arc<Tree>, incoming: &Path, path: PathBuf, handles: Arc<Handles>) -> Result<Self, Fault> {
        let aside = incoming.join(hex::encode(&SystemRandom.bits()));
        let content = Unfinished::create(aside, OpenOptions::new().mode(0o600))?;
        Ok(Self { tree, path, handles, content })
    }

    /// The steps of the module's drawing, in their order.
    fn place(mut self) -> Result<u64, Fault> {
        self.content.seal()?;
        self.tree.place(self.content.path(), &self.path)?;
        self.handles.forget(&self.path);
        Ok(self.content.length())
    }
}

#[async_trait]
impl ObjectWriter for Writer {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.content.write(bytes).await
    }

    async fn finish(self: Box<Self>) -> Result<u64, StoreError> {
        blocking(move || self.place()).await
    }
}
