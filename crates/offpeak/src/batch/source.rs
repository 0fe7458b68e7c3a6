//! The bytes of an upload, from the disk, a piece at a time.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, SeekFrom};

use super::progress::Sent;

/// Bytes read at a time.
const PIECE: u64 = 256 << 10;

/// A part of a file on its way.
#[derive(Debug)]
pub(super) struct Source {
    file: File,
    left: u64,
    spoilt: Arc<AtomicBool>,
    sent: Sent,
}

impl Source {
    /// The bytes of `range`. `spoilt` is set where they cannot be read, so that this is not taken for the network's fault.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(super) async fn open(path: &Path, range: Range<u64>, spoilt: Arc<AtomicBool>, sent: Sent) -> io::Result<Self> {
        let mut file = File::open(path).await?;
        file.seek(SeekFrom::Start(range.start)).await?;
        Ok(Self { file, left: range.end - range.start, spoilt, sent })
    }

    /// The pieces.
    pub(super) fn pieces(self) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        stream::try_unfold(self, |mut source| async move {
            let piece = source.next().await.inspect_err(|_| source.spoilt.store(true, Ordering::Relaxed))?;
            Ok(piece.map(|piece| (piece, source)))
        })
    }

    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if self.left == 0 {
            return Ok(None);
        }
        let most = usize::try_from(self.left.min(PIECE)).unwrap_or(usize::MAX);
        let mut piece = BytesMut::zeroed(most);
        let read = self.file.read(&mut piece).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        piece.truncate(read);
        self.left -= read as u64;
        self.sent.add(read as u64);
        Ok(Some(piece.freeze()))
    }
}
