//! Results while a batch runs: the lines of the parts that came home, in the order in which they did.

use std::fmt;
use std::str::FromStr;

use bytes::{Bytes, BytesMut};

use super::merge::rerun_lines;
use super::{get, merged};
use crate::batch::line_id;
use crate::batch::{Batch, Part};
use crate::flows::lines::Lines;
use crate::flows::manifest;
use crate::ids::{MalformedId, NativeBatchId, TenantId};
use crate::ports::{Ports, StoreError};
use crate::submission::line::Found;

use super::verdict::Fate;

/// Where a page begins: after what came before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Cursor {
    /// Parts that were read to their end.
    pub parts: u32,
    /// Bytes read of the next part's results. Within a line it means the line that follows.
    pub offset: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.parts, self.offset)
    }
}

impl FromStr for Cursor {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        let (parts, offset) = text.split_once('-').ok_or(MalformedId)?;
        let cursor =
            Self { parts: parts.parse().map_err(|_| MalformedId)?, offset: offset.parse().map_err(|_| MalformedId)? };
        if cursor.to_string() == text { Ok(cursor) } else { Err(MalformedId) }
    }
}

/// At so many bytes a page is full.
const PAGE_BYTES: usize = 1 << 20;

/// Some lines of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultsPage {
    /// The batch as it was read before them.
    pub batch: Batch,
    /// Lines as in the batch's files, without line feeds: those that a provider answered and that do not run again.
    pub lines: Vec<Bytes>,
    /// Where the next page begins; it may be asked for later too.
    pub next: Cursor,
    /// Whether more lines are there already.
    pub has_more: bool,
}

/// Up to `limit` lines after `after`, or about a mebibyte of them; `None` if the tenant has no such batch.
///
/// Lines that nobody answered are in the batch's error file, which exists when it has ended. A line that a provider
/// repeats in its results is in the files once, here as often as it stands there.
///
/// # Errors
/// [`StoreError`].
pub async fn results(
    ports: &Ports,
    tenant: &TenantId,
    id: NativeBatchId,
    after: Cursor,
    limit: usize,
) -> Result<Option<ResultsPage>, StoreError> {
    let Some(batch) = get(ports, tenant, id).await? else { return Ok(None) };
    let mut page = ResultsPage { batch, lines: Vec::new(), next: after, has_more: false };
    while let Some(part) = home(&page.batch, page.next.parts).cloned() {
        if !read(ports, &part, &mut page, limit).await? {
            page.has_more = true;
            break;
        }
        page.next = Cursor { parts: page.next.parts + 1, offset: 0 };
    }
    Ok(Some(page))
}

/// The part that came home after so many others.
fn home(batch: &Batch, order: u32) -> Option<&Part> {
    batch.parts.iter().find(|part| part.collected().is_some_and(|collected| collected.order == order))
}

/// Reads a part from the cursor on; says whether that was all of it.
async fn read(ports: &Ports, part: &Part, page: &mut ResultsPage, limit: usize) -> Result<bool, StoreError> {
    let Some(results) = part.collected().and_then(|collected| collected.results.as_ref()) else { return Ok(true) };
    let manifest = manifest(ports, &part.sealed).await?;
    let again = rerun_lines(ports, &page.batch, part, &manifest).await?;
    // From the line feed before the cursor on: what is none there is the rest of a line that began before it.
    let before = page.next.offset.saturating_sub(1);
    let mut lines = Lines::from(before, ports.objects.tail(results, before).await?);
    while let Some(line) = lines.next().await? {
        if line.offset < page.next.offset {
            continue;
        }
        let Some(found) = Found::read(&line.bytes) else { continue };
        let Some(index) = manifest.find(line_id(&found.custom_id)) else { continue };
        if again[index] || !Fate::of(&found).is_told() {
            continue;
        }
        if page.lines.len() >= limit || page.lines.iter().map(Bytes::len).sum::<usize>() >= PAGE_BYTES {
            page.next.offset = line.offset;
            return Ok(false);
        }
        let mut out = BytesMut::new();
        merged::provider_line(&mut out, part, &line.bytes, &found);
        out.truncate(out.len() - 1);
        page.lines.push(out.freeze());
    }
    Ok(true)
}
