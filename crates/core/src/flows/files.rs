//! Callers' files: stored as they come, listed, read and deleted.
//!
//! Content is durable before the row that names it, and goes before the row goes. What a crash leaves is content without
//! a row; the other way round, a row without content is as if it did not exist.

use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::ascending;
use crate::batch::State;
use crate::file::{BATCH_EXPIRY_MS, File, FirstLine, Purpose, object_name};
use crate::ids::{NativeBatchId, NativeFileId, ObjectName, TenantId};
use crate::ports::{ByteStream, FilePage, FilePlace, FileQuery, ObjectWriter, Ports, StoreError};

/// Bytes read at once of a part of a file.
const PIECE: u64 = 256 << 10;

/// Batches that are looked at for one that is still to read a file: the tenant's newest.
const NEWEST: usize = 100;

/// How far the clock that made an id may be ahead of the one that reads it.
const CLOCKS_MS: u64 = 86_400_000;

/// What a caller says of a file.
#[derive(Debug, Clone)]
pub struct NewFile {
    /// Whose file it is.
    pub tenant: TenantId,
    /// What it is for.
    pub purpose: Purpose,
    /// Its name.
    pub filename: String,
    /// After so many milliseconds it expires. If not said, what is for batches expires after 30 days, all else never.
    pub expires_after_ms: Option<u64>,
    /// Its id, where the caller's request decides it: then a repeat finds the file. A new one otherwise.
    pub id: Option<NativeFileId>,
}

impl NewFile {
    /// After so many milliseconds it expires; never if there is none.
    pub(super) fn lifetime_ms(&self) -> Option<u64> {
        self.expires_after_ms.or_else(|| (self.purpose == Purpose::Batch).then_some(BATCH_EXPIRY_MS))
    }

    /// The row of a file that began to come at a time, Unix milliseconds.
    pub(super) fn row(self, (id, created_ms): (NativeFileId, u64), object: ObjectName, bytes: u64) -> File {
        let expires_ms = self.lifetime_ms().map(|after_ms| created_ms.saturating_add(after_ms));
        let Self { tenant, purpose, filename, .. } = self;
        File { id, tenant, purpose, filename, bytes, created_ms, expires_ms, object }
    }
}

/// Why a file was not stored.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// It is for a batch, and its first line is no JSON object.
    #[error("the first line is not a JSON object")]
    NotJsonl,
    /// It has more bytes than it may.
    #[error("the file is larger than {most} bytes")]
    TooLarge {
        /// Bytes.
        most: u64,
    },
    /// The store could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a file was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// The tenant has no such file.
    #[error("no such file")]
    NotFound,
    /// A batch is still to read it.
    #[error("{0} is still to read the file")]
    InUse(NativeBatchId),
    /// The store could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A file while it arrives. Dropped before it is finished, nothing is left of it.
pub struct Receiving<'a> {
    ports: &'a Ports,
    id: NativeFileId,
    begun_ms: u64,
    object: ObjectName,
    /// It is written to where expiring files lie.
    expires: bool,
    writer: Box<dyn ObjectWriter>,
    first: FirstLine,
    bytes: u64,
    most: u64,
}

impl std::fmt::Debug for Receiving<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receiving").field("id", &self.id).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// Begins to receive a file of at most `most` bytes. What it is for may be said later.
///
/// # Errors
/// [`StoreError`].
pub async fn receive(ports: &Ports, most: u64) -> Result<Receiving<'_>, StoreError> {
    receive_as(ports, most, true).await
}

/// The same for a file that, as far as is known, expires or stays. If it turns out otherwise, it is copied.
///
/// # Errors
/// [`StoreError`].
pub async fn receive_as(ports: &Ports, most: u64, expires: bool) -> Result<Receiving<'_>, StoreError> {
    let id = NativeFileId(ascending(ports));
    let object = object_name(&id.text(), expires);
    let writer = ports.objects.create(&object).await?;
    let (begun_ms, first) = (created_ms(id), FirstLine::default());
    Ok(Receiving { ports, id, begun_ms, object, expires, writer, first, bytes: 0, most })
}

impl Receiving<'_> {
    /// Takes the next piece.
    ///
    /// # Errors
    /// [`ReceiveError`]: the file cannot become one.
    pub async fn write(&mut self, piece: Bytes) -> Result<(), ReceiveError> {
        self.bytes += piece.len() as u64;
        if self.bytes > self.most {
            return Err(ReceiveError::TooLarge { most: self.most });
        }
        self.first.push(&piece);
        Ok(self.writer.write(piece).await?)
    }

    /// Bytes so far.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// All of it has come. Durable when it returns.
    ///
    /// # Errors
    /// [`ReceiveError`]. After [`ReceiveError::Store`] it may have been stored.
    pub async fn finish(self, new: NewFile) -> Result<File, ReceiveError> {
        self.check(&new)?;
        Ok(self.finish_as_it_is(new).await?)
    }

    /// The same without a look at its first line: what is wrong with it is told by the batch that reads it.
    pub(super) async fn finish_as_it_is(self, new: NewFile) -> Result<File, StoreError> {
        let (ports, decided) = (self.ports, new.id);
        let mut file = self.keep(new).await?;
        file.id = decided.unwrap_or(file.id);
        ports.files.create(&file).await?;
        if decided.is_none() {
            return Ok(file);
        }
        let stands = ports.files.get(file.id).await?.ok_or(StoreError::NotFound)?;
        if stands.object != file.object {
            ports.objects.delete(&file.object).await?;
        }
        Ok(stands)
    }

    /// Makes the content durable, and says which file it is to be.
    pub(super) async fn store(self, new: NewFile) -> Result<File, ReceiveError> {
        self.check(&new)?;
        Ok(self.keep(new).await?)
    }

    fn check(&self, new: &NewFile) -> Result<(), ReceiveError> {
        let refused = new.purpose == Purpose::Batch && !self.first.is_object();
        if refused { Err(ReceiveError::NotJsonl) } else { Ok(()) }
    }

    async fn keep(self, new: NewFile) -> Result<File, StoreError> {
        let bytes = self.writer.finish().await?;
        let expires = new.lifetime_ms().is_some();
        let mut object = self.object;
        if self.expires != expires {
            object = relocate(self.ports, &object, self.id, expires).await?;
        }
        Ok(new.row((self.id, self.begun_ms), object, bytes))
    }
}

/// When a new file's id was made, Unix milliseconds.
pub(super) fn created_ms(id: NativeFileId) -> u64 {
    id.made_ms().unwrap_or(0)
}

/// Copies content to where it belongs: whether it expires was not known when it began to come.
async fn relocate(ports: &Ports, from: &ObjectName, id: NativeFileId, expires: bool) -> Result<ObjectName, StoreError> {
    let name = object_name(&id.text(), expires);
    let (_, mut pieces) = ports.objects.stream(from).await?;
    let mut writer = ports.objects.create(&name).await?;
    while let Some(piece) = pieces.next().await {
        writer.write(piece?).await?;
    }
    writer.finish().await?;
    ports.objects.delete(from).await?;
    Ok(name)
}

/// The tenant's file, if it may still be read.
///
/// # Errors
/// [`StoreError`].
pub async fn get(ports: &Ports, tenant: &TenantId, id: NativeFileId) -> Result<Option<File>, StoreError> {
    let now_ms = ports.clock.now_ms();
    let file = ports.files.get(id).await?;
    Ok(file.filter(|file| file.tenant == *tenant && file.is_readable(now_ms)))
}

/// What a caller asks to be listed.
#[derive(Debug, Clone, Copy)]
pub struct Listing {
    /// Of this purpose; of every purpose if there is none.
    pub purpose: Option<Purpose>,
    /// Oldest first; newest first otherwise.
    pub ascending: bool,
    /// What follows this file in that order. It may have been deleted since it was listed.
    pub after: Option<NativeFileId>,
    /// Files at most.
    pub limit: usize,
}

/// One page of the tenant's files that may still be read.
///
/// # Errors
/// [`StoreError::NotFound`] if `listing.after` cannot have been a file of this tenant.
pub async fn list(ports: &Ports, tenant: &TenantId, listing: Listing) -> Result<FilePage, StoreError> {
    let now_ms = ports.clock.now_ms();
    let mut found = FilePage { files: Vec::new(), has_more: true };
    let Listing { purpose, ascending, after, limit: wanted } = listing;
    let mut after = match after {
        Some(id) => Some(place(ports, tenant, id).await?),
        None => None,
    };
    while found.has_more && found.files.len() < wanted {
        let limit = wanted - found.files.len();
        let page = ports.files.list(tenant, FileQuery { purpose, ascending, after, limit }).await?;
        after = page.files.last().map(FilePlace::of);
        found.has_more = page.has_more && after.is_some();
        found.files.extend(page.files.into_iter().filter(|file| file.is_readable(now_ms)));
    }
    Ok(found)
}

/// Where a file of the tenant stands, or stood: one that was deleted has left its time in its id.
async fn place(ports: &Ports, tenant: &TenantId, id: NativeFileId) -> Result<FilePlace, StoreError> {
    if let Some(file) = ports.files.get(id).await? {
        return if file.tenant == *tenant { Ok(FilePlace::of(&file)) } else { Err(StoreError::NotFound) };
    }
    let latest_ms = ports.clock.now_ms().saturating_add(CLOCKS_MS);
    let made_ms = id.made_ms().filter(|made_ms| *made_ms <= latest_ms);
    made_ms.map(|created_ms| FilePlace { created_ms, id }).ok_or(StoreError::NotFound)
}

/// Deletes the tenant's file. One that a batch is still to read stays: that batch could not be validated.
///
/// # Errors
/// [`DeleteError`]. After [`DeleteError::Store`] it may be gone in part, and a repeat is right.
pub async fn delete(ports: &Ports, tenant: &TenantId, id: NativeFileId) -> Result<(), DeleteError> {
    let file = get(ports, tenant, id).await?.ok_or(DeleteError::NotFound)?;
    if file.purpose == Purpose::Batch
        && let Some(batch) = reader(ports, &file).await?
    {
        return Err(DeleteError::InUse(batch));
    }
    remove(ports, &file).await?;
    Ok(())
}

/// Deletes a file, its content first.
pub(super) async fn remove(ports: &Ports, file: &File) -> Result<(), StoreError> {
    ports.objects.delete(&file.object).await?;
    ports.files.delete(file.id).await
}

/// A batch that is still to read the file.
async fn reader(ports: &Ports, file: &File) -> Result<Option<NativeBatchId>, StoreError> {
    let page = ports.batches.list(&file.tenant, None, NEWEST).await?;
    let reads = |state: &State| matches!(state, State::Validating | State::Cancelling { split: false });
    let found = page.batches.into_iter().find(|batch| batch.asked.input == file.id && reads(&batch.state));
    Ok(found.map(|batch| batch.id))
}

/// The whole content of a file.
///
/// # Errors
/// [`StoreError::NotFound`] if it is gone.
pub async fn content(ports: &Ports, file: &File) -> Result<ByteStream, StoreError> {
    ports.objects.stream(&file.object).await.map(|(_, pieces)| pieces)
}

/// The bytes `from .. to` of a file.
pub fn part(ports: &Ports, file: &File, from: u64, to: u64) -> ByteStream {
    let (objects, name) = (std::sync::Arc::clone(&ports.objects), file.object.clone());
    stream::try_unfold((objects, name, from), move |(objects, name, at)| async move {
        let length = PIECE.min(to.saturating_sub(at));
        if length == 0 {
            return Ok(None);
        }
        let bytes = objects.read(&name, at, length).await?;
        Ok(Some((bytes, (objects, name, at + length))))
    })
    .boxed()
}
