//! Batches found again by their marker.

use offpeak_core::ids::BatchId;
use offpeak_core::ports::Marker;
use reqwest::Method;
use secrecy::SecretString;

use super::Backend;
use super::call::{json, send};
use super::failure::Failure;
use super::wire::{Batch, Page};

/// Batches a page: OpenAI's most (API reference of `GET /batches`, read 2026-11-20).
const PAGE: &str = "100";
/// Pages that are read: 5,000 batches, where OpenAI allows 2,000 creates an hour (Batch guide, read 2026-11-20).
const PAGES: usize = 50;
/// Providers' clocks may be this far behind ours, in milliseconds.
const MARGIN_MS: u64 = 600_000;

/// The batches that bear the marker, oldest first.
pub(super) async fn find(backend: &Backend, key: &SecretString, marker: &Marker) -> Result<Vec<BatchId>, Failure> {
    let mut search = Search::new(marker);
    let mut after = None;
    for _ in 0..PAGES {
        let page = backend.retry.run(|| page(backend, key, after.as_deref())).await?;
        after = match search.take(page, after.as_deref())? {
            Some(next) => Some(next),
            None => return Ok(search.oldest_first()),
        };
    }
    // A list with no end in reach: what was found is sure, what was not found may still be there.
    if search.found.is_empty() { Err(Failure::Unreadable) } else { Ok(search.oldest_first()) }
}

async fn page(backend: &Backend, key: &SecretString, after: Option<&str>) -> Result<Page, Failure> {
    let mut query = vec![("limit", PAGE)];
    query.extend(after.map(|after| ("after", after)));
    let request = backend.caller.read(Method::GET, &["batches"], &query).timeout(backend.caller.answer_timeout());
    json(send(request, key).await?).await
}

/// What was found so far.
struct Search<'a> {
    marker: &'a Marker,
    submission: String,
    since_ms: u64,
    /// In the list's order, with the time of creation.
    found: Vec<(BatchId, u64)>,
    first: Option<String>,
}

impl<'a> Search<'a> {
    fn new(marker: &'a Marker) -> Self {
        let since_ms = marker.since_ms.saturating_sub(MARGIN_MS);
        Self { marker, submission: marker.submission.text(), since_ms, found: Vec::new(), first: None }
    }

    /// Looks through a page; returns after which batch to go on, if there is any need.
    fn take(&mut self, page: Page, after: Option<&str>) -> Result<Option<String>, Failure> {
        let (batches, has_more) = match page {
            Page::Bare(batches) => (batches, Some(false)),
            Page::Envelope { data, has_more } => (data, has_more),
        };
        let first = batches.first().and_then(|batch| batch.id.clone());
        // A provider that knows no `after` gives the same page again.
        if after.is_some() && first == self.first {
            return Ok(None);
        }
        self.first = first;
        for batch in &batches {
            if self.matches(batch) {
                let id = batch.id.clone().map(BatchId).ok_or(Failure::Unreadable)?;
                self.found.push((id, batch.created_ms.unwrap_or(0)));
            }
        }
        if has_more == Some(false) || self.is_past(&batches) {
            return Ok(None);
        }
        Ok(batches.last().and_then(|batch| batch.id.clone()))
    }

    fn matches(&self, batch: &Batch) -> bool {
        batch.submission() == Some(&self.submission)
            || batch.input_file_id.as_deref() == Some(self.marker.file.as_str())
    }

    /// Whether what follows is too old. Only a page that is sorted newest first can say so.
    fn is_past(&self, batches: &[Batch]) -> bool {
        let times: Vec<u64> = batches.iter().filter_map(|batch| batch.created_ms).collect();
        times.is_sorted_by(|earlier, later| earlier >= later) && times.last().is_some_and(|last| *last < self.since_ms)
    }

    fn oldest_first(mut self) -> Vec<BatchId> {
        self.found.reverse();
        self.found.sort_by_key(|(_, created_ms)| *created_ms);
        self.found.into_iter().map(|(id, _)| id).collect()
    }
}
