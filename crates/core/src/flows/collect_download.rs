//! Downloading a batch's files, and whether to believe what came (DESIGN rule 7).

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use memchr::{memchr_iter, memrchr};

use super::advance::Advancing;
use crate::faults::{Fault, planted};
use crate::ids::ObjectName;
use crate::ports::{BackendError, Download, ObjectWriter, ProviderFile, StoreError};
use crate::submission::{Ending, State, line};

/// What became of a download.
pub(super) enum Downloaded {
    /// Everything came; the object only has to be finished.
    Whole(Box<dyn ObjectWriter>),
    /// The provider could not be reached, or cut the transfer.
    Later,
    /// The transfer was whole, but not what the batch's counts promise.
    Disagrees,
}

/// Streams the batch's files, one after the other, into one object.
pub(super) async fn download(advancing: &Advancing<'_>, name: &ObjectName) -> Result<Downloaded, StoreError> {
    let State::Collecting { ending: Ending::Batch { files, lines, .. }, downloads, .. } = &advancing.row.state else {
        return Ok(Downloaded::Later);
    };
    let give_in = *downloads >= advancing.timing().max_downloads || planted(Fault::TruncatedBelieved);
    let mut writer = advancing.ports.objects.create(name).await?;
    let mut total = 0;
    for file in files {
        let download = match advancing.backend.download(advancing.key, &file.id).await {
            Ok(download) => download,
            Err(BackendError::NotFound | BackendError::Refused(_)) if give_in => continue,
            Err(error @ (BackendError::NotFound | BackendError::Refused(_))) => {
                advancing.failed("download", &error);
                return Ok(Downloaded::Disagrees);
            }
            Err(error @ (BackendError::Throttled { .. } | BackendError::Unavailable(_) | BackendError::Source)) => {
                advancing.failed("download", &error);
                return Ok(Downloaded::Later);
            }
        };
        match copy(file, download, writer.as_mut()).await? {
            Copied::Lines(lines) => total += lines,
            Copied::Cut(lines) if planted(Fault::TruncatedBelieved) => total += lines,
            Copied::Cut(_) => {
                tracing::warn!(submission = %advancing.row.id, file = %file.id, "a download was cut");
                return Ok(Downloaded::Later);
            }
            Copied::Short(lines) if give_in => total += lines,
            Copied::Short(_) => return Ok(Downloaded::Disagrees),
        }
    }
    if lines.is_some_and(|promised| total < promised) && !give_in {
        return Ok(Downloaded::Disagrees);
    }
    Ok(Downloaded::Whole(writer))
}

enum Copied {
    /// As many lines as promised, or more.
    Lines(u64),
    /// The transfer ended early.
    Cut(u64),
    /// A whole transfer of too few lines.
    Short(u64),
}

async fn copy(file: &ProviderFile, download: Download, writer: &mut dyn ObjectWriter) -> Result<Copied, StoreError> {
    let Download { length, mut bytes } = download;
    let (mut received, mut lines, mut tail) = (0_u64, 0_u64, BytesMut::new());
    let mut whole = true;
    while let Some(piece) = bytes.next().await {
        let Ok(piece) = piece else {
            whole = false;
            break;
        };
        received += piece.len() as u64;
        lines += memchr_iter(b'\n', &piece).count() as u64;
        match memrchr(b'\n', &piece) {
            Some(feed) => tail = BytesMut::from(&piece[feed + 1..]),
            None => tail.extend_from_slice(&piece),
        }
        writer.write(piece).await?;
    }
    if !tail.is_empty() {
        // The last line has no line feed: give it one, so that the next file's first line stands alone. It counts
        // only if it can be read: a transfer of unknown length may have ended within it.
        lines += u64::from(line::is_result(&tail));
        writer.write(Bytes::from_static(b"\n")).await?;
    }
    Ok(if !whole || length.is_some_and(|length| length != received) {
        Copied::Cut(lines)
    } else if file.lines.is_some_and(|promised| lines < promised) {
        Copied::Short(lines)
    } else {
        Copied::Lines(lines)
    })
}
