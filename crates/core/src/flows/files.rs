//! Callers' files: received in pieces, listed, read, deleted.
//!
//! The content is durable before its row is created, and the row goes before the content: no row is without content. What
//! a cut leaves is content without a row, which goes by its age.

use bytes::Bytes;

use crate::batch::input::Splitter;
use crate::file::{BATCH_EXPIRY_MS, File, Purpose, object_name};
use crate::ids::{NativeFileId, ObjectName, TenantId};
use crate::ports::{FilePage, FileQuery, FileSweep, ObjectWriter, Ports, StoreError};

/// Rows looked at in one call.
const ROWS: usize = 1_000;

/// What is known of a file once all of it has come.
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

/// A file while it arrives. Dropped before it is finished, nothing is left of it.
pub struct Receiving<'a> {
    ports: &'a Ports,
    object: ObjectName,
    writer: Box<dyn ObjectWriter>,
    bytes: u64,
    most: u64,
    first: First,
}

/// What is known of the first line that is not blank.
enum First {
    Awaited(Box<Splitter>),
    Object,
    Other,
}

impl std::fmt::Debug for Receiving<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receiving").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// Begins to receive a file of at most `most` bytes. What it is for may be said later.
///
/// # Errors
/// [`StoreError`].
pub async fn receive(ports: &Ports, most: u64) -> Result<Receiving<'_>, StoreError> {
    let object = object_name(&crate::hex::encode(&ports.random.bits()), true);
    let writer = ports.objects.create(&object).await?;
    Ok(Receiving { ports, object, writer, bytes: 0, most, first: First::Awaited(Box::default()) })
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
        self.look(Some(&piece));
        if !piece.is_empty() {
            self.writer.write(piece).await?;
        }
        Ok(())
    }

    /// Bytes so far.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// All of it has come. Durable when it returns.
    ///
    /// # Errors
    /// [`ReceiveError`]. After [`ReceiveError::Store`] it may have been stored.
    pub async fn finish(mut self, new: NewFile) -> Result<File, ReceiveError> {
        self.look(None);
        if new.purpose == Purpose::Batch && !matches!(self.first, First::Object) {
            return Err(ReceiveError::NotJsonl);
        }
        let Self { ports, object, writer, bytes, .. } = self;
        writer.finish().await?;
        let expires_after_ms =
            new.expires_after_ms.or_else(|| (new.purpose == Purpose::Batch).then_some(BATCH_EXPIRY_MS));
        let object = if expires_after_ms.is_some() { object } else { keep(ports, object).await? };
        let created_ms = ports.clock.now_ms();
        let file = File {
            id: new.id.unwrap_or_else(|| NativeFileId(super::ascending(ports))),
            tenant: new.tenant,
            purpose: new.purpose,
            filename: new.filename,
            bytes,
            created_ms,
            expires_ms: expires_after_ms.map(|after_ms| created_ms.saturating_add(after_ms)),
            object,
        };
        ports.files.create(&file).await?;
        if new.id.is_none() {
            return Ok(file);
        }
        let stands = ports.files.get(file.id).await?.ok_or(StoreError::NotFound)?;
        if stands.object != file.object {
            ports.objects.delete(&file.object).await?;
        }
        Ok(stands)
    }

    /// Looks at the first line as soon as it is whole; without a piece, nothing follows.
    fn look(&mut self, piece: Option<&Bytes>) {
        let First::Awaited(splitter) = &mut self.first else { return };
        match piece {
            Some(piece) => splitter.push(piece.clone()),
            None => splitter.end(),
        }
        if let Some(line) = splitter.take() {
            let object = |bytes: Bytes| crate::body::is_object(&bytes);
            self.first = if line.bytes.is_some_and(object) { First::Object } else { First::Other };
        }
    }
}

/// Moves content to where nothing goes by its age: what a file is for is known only when all of it has come.
async fn keep(ports: &Ports, from: ObjectName) -> Result<ObjectName, StoreError> {
    use futures_util::StreamExt;
    let to = object_name(&crate::hex::encode(&ports.random.bits()), false);
    let mut writer = ports.objects.create(&to).await?;
    let (_, mut pieces) = ports.objects.stream(&from).await?;
    while let Some(piece) = pieces.next().await {
        writer.write(piece?).await?;
    }
    writer.finish().await?;
    // If it stays, it goes by its age.
    let _ = ports.objects.delete(&from).await;
    Ok(to)
}

/// The tenant's file of that id, while it may be read.
///
/// # Errors
/// [`StoreError`].
pub async fn get(ports: &Ports, tenant: &TenantId, id: NativeFileId) -> Result<Option<File>, StoreError> {
    let now_ms = ports.clock.now_ms();
    Ok(ports.files.get(id).await?.filter(|file| file.tenant == *tenant && file.is_readable(now_ms)))
}

/// The tenant's files. What has expired is left out: a page may be shorter than asked for, and more may still follow.
///
/// # Errors
/// [`StoreError::NotFound`] if `query.after` is no file of this tenant.
pub async fn list(ports: &Ports, tenant: &TenantId, query: FileQuery) -> Result<FilePage, StoreError> {
    let now_ms = ports.clock.now_ms();
    let mut page = ports.files.list(tenant, query).await?;
    let mut last = page.files.last().map(|file| file.id);
    page.files.retain(|file| file.is_readable(now_ms));
    // A client ends at an empty page, so none is given while more may follow.
    while page.files.is_empty() && page.has_more && last.is_some() {
        page = ports.files.list(tenant, FileQuery { after: last, ..query }).await?;
        last = page.files.last().map(|file| file.id);
        page.files.retain(|file| file.is_readable(now_ms));
    }
    Ok(page)
}

/// Deletes the tenant's file; says whether there was one. A batch that has not read it yet will fail; one that has needs
/// it no more.
///
/// # Errors
/// [`StoreError`]: it may be gone.
pub async fn delete(ports: &Ports, tenant: &TenantId, id: NativeFileId) -> Result<bool, StoreError> {
    let Some(file) = get(ports, tenant, id).await? else { return Ok(false) };
    ports.files.delete(id).await?;
    ports.objects.delete(&file.object).await?;
    Ok(true)
}

/// Deletes files that have expired, where no store does so by itself; returns how many.
///
/// # Errors
/// [`StoreError`]: repeat at the next sweep.
pub async fn sweep(ports: &Ports, files: &dyn FileSweep) -> Result<usize, StoreError> {
    let mut swept = 0;
    loop {
        let expired = files.expired(ports.clock.now_ms(), ROWS).await?;
        for file in &expired {
            ports.objects.delete(&file.object).await?;
            ports.files.delete(file.id).await?;
        }
        swept += expired.len();
        if expired.len() < ROWS {
            return Ok(swept);
        }
    }
}
