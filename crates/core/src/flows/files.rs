//! Callers' files: stored as they come, listed, read and deleted.
//!
//! Content is durable before the row that names it, and goes before the row goes. What a crash leaves is content without
//! a row; the other way round, a row without content is as if it did not exist.

use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::ascending;
use crate::batch::State;
use crate::file::{File, FirstLine, Purpose, object_name};
use crate::ids::{NativeBatchId, NativeFileId, ObjectName, TenantId};
use crate::ports::{ByteStream, FilePage, FileQuery, ObjectWriter, Ports, StoreError};

/// Bytes read at once of a part of a file.
const PIECE: u64 = 256 << 10;

/// Batches that are looked at for one that is still to read a file: the tenant's newest.
const NEWEST: usize = 100;

/// What a caller says of a file.
#[derive(Debug, Clone)]
pub struct About {
    /// Whose file it is.
    pub tenant: TenantId,
    /// What it is for.
    pub purpose: Purpose,
    /// Its name.
    pub filename: String,
    /// After so many milliseconds it expires; never if there is none.
    pub expires_after_ms: Option<u64>,
}

/// Why a file is not stored, or not deleted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// More bytes came than a file may have.
    #[error("the file is larger than {0} bytes")]
    TooLarge(u64),
    /// It is for batches, and no JSON lines.
    #[error("the file does not begin with a line of JSON")]
    NotJsonLines,
    /// There is no such file of this tenant.
    #[error("there is no such file")]
    NotFound,
    /// A batch is still to read it.
    #[error("{0} is still to read the file")]
    InUse(NativeBatchId),
    /// A store could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Content on its way into the object store. Dropped before it is finished, nothing is left of it.
pub struct Incoming {
    id: NativeFileId,
    begun_ms: u64,
    name: ObjectName,
    /// Where it is written is where expiring files lie.
    expires: bool,
    writer: Box<dyn ObjectWriter>,
    first: FirstLine,
    bytes: u64,
    limit: u64,
}

impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Incoming").field("id", &self.id).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Incoming {
    /// Begins a file of at most `limit` bytes. Whether it expires may turn out otherwise.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin(ports: &Ports, expires: bool, limit: u64) -> Result<Self, StoreError> {
        let id = NativeFileId(ascending(ports));
        let name = object_name(&id.text(), expires);
        let writer = ports.objects.create(&name).await?;
        let begun_ms = created_ms(id);
        Ok(Self { id, begun_ms, name, expires, writer, first: FirstLine::default(), bytes: 0, limit })
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// [`FileError::TooLarge`], [`FileError::Store`]: it is of no more use.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), FileError> {
        self.bytes += bytes.len() as u64;
        if self.bytes > self.limit {
            return Err(FileError::TooLarge(self.limit));
        }
        self.first.push(&bytes);
        Ok(self.writer.write(bytes).await?)
    }

    /// Makes the content durable, and then a file.
    ///
    /// # Errors
    /// [`FileError::NotJsonLines`]; [`FileError::Store`]: the file may be there.
    pub async fn finish(self, ports: &Ports, about: About) -> Result<File, FileError> {
        let file = self.store(ports, about).await?;
        ports.files.create(&file).await?;
        Ok(file)
    }

    /// The same under an id that the caller's request decides: a repeat finds the file that stands.
    ///
    /// # Errors
    /// As [`Self::finish`].
    pub async fn finish_as(self, ports: &Ports, about: About, id: NativeFileId) -> Result<File, FileError> {
        let file = File { id, ..self.store(ports, about).await? };
        ports.files.create(&file).await?;
        let stands = ports.files.get(id).await?.ok_or(StoreError::NotFound)?;
        if stands.object != file.object {
            ports.objects.delete(&file.object).await?;
        }
        Ok(stands)
    }

    /// Makes the content durable, and says which file it is to be.
    pub(super) async fn store(self, ports: &Ports, about: About) -> Result<File, FileError> {
        if about.purpose == Purpose::Batch && !self.first.is_object() {
            return Err(FileError::NotJsonLines);
        }
        let bytes = self.writer.finish().await?;
        let expires = about.expires_after_ms.is_some();
        let object =
            if self.expires == expires { self.name } else { relocate(ports, &self.name, self.id, expires).await? };
        Ok(about.file((self.id, self.begun_ms), object, bytes))
    }
}

impl About {
    /// The row of a file that began to come at a time, Unix milliseconds.
    pub(super) fn file(self, (id, created_ms): (NativeFileId, u64), object: ObjectName, bytes: u64) -> File {
        let Self { tenant, purpose, filename, expires_after_ms } = self;
        let expires_ms = expires_after_ms.map(|after_ms| created_ms + after_ms);
        File { id, tenant, purpose, filename, bytes, created_ms, expires_ms, object }
    }
}

/// When an id that ascends with time was made, Unix milliseconds.
pub(super) fn created_ms(id: NativeFileId) -> u64 {
    id.0[..6].iter().fold(0, |ms, byte| ms << 8 | u64::from(*byte))
}

/// Copies content to where it belongs: whether it expires was not known when it began to come.
async fn relocate(
    ports: &Ports,
    from: &ObjectName,
    id: NativeFileId,
    expires: bool,
) -> Result<ObjectName, StoreError> {
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

/// One page of the tenant's files that may still be read.
///
/// # Errors
/// [`StoreError::NotFound`] if `query.after` is no file of this tenant.
pub async fn list(ports: &Ports, tenant: &TenantId, query: FileQuery) -> Result<FilePage, StoreError> {
    let now_ms = ports.clock.now_ms();
    let mut found = FilePage { files: Vec::new(), has_more: true };
    let mut after = query.after;
    while found.has_more && found.files.len() < query.limit {
        let limit = query.limit - found.files.len();
        let page = ports.files.list(tenant, FileQuery { after, limit, ..query }).await?;
        after = page.files.last().map(|file| file.id);
        found.has_more = page.has_more && after.is_some();
        found.files.extend(page.files.into_iter().filter(|file| file.is_readable(now_ms)));
    }
    Ok(found)
}

/// Deletes the tenant's file. One that a batch is still to read stays: that batch could not be validated.
///
/// # Errors
/// [`FileError::NotFound`], [`FileError::InUse`]; [`FileError::Store`]: it may be gone in part, and a repeat is right.
pub async fn delete(ports: &Ports, tenant: &TenantId, id: NativeFileId) -> Result<(), FileError> {
    let file = get(ports, tenant, id).await?.ok_or(FileError::NotFound)?;
    if file.purpose == Purpose::Batch
        && let Some(batch) = reader(ports, &file).await?
    {
        return Err(FileError::InUse(batch));
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
