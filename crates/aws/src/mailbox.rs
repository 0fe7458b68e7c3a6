//! The mailbox: three prefixes of the bucket.
//!
//! ```text
//! inbox/TENANT/NAME.jsonl   outbox/TENANT/NAME/summary.json   schedules/…
//! ```
//! An object is visible whole or not at all. What was dropped is known by its entity tag and, by the second, its time: read
//! and removed by both, so that what replaces it is left alone.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::Object;
use offpeak_core::ids::ObjectName;
use offpeak_core::ports::{self, ByteStream, Dropped, ObjectWriter, StoreError};

use crate::Objects;

const INBOX: &str = "inbox/";
const OUTBOX: &str = "outbox/";
const INPUTS: &str = "schedules/";

/// The mailbox.
pub struct Mailbox {
    objects: Arc<Objects>,
}

impl Mailbox {
    pub(crate) const fn new(objects: Arc<Objects>) -> Self {
        Self { objects }
    }
}

/// What tells an object from what has the same name before or after it.
fn version(tag: &str, written: Option<&DateTime>) -> String {
    format!("{tag} {}", written.map_or(0, DateTime::secs))
}

/// The tag of a version.
fn tag(version: &str) -> &str {
    version.rsplit_once(' ').map_or(version, |(tag, _)| tag)
}

fn dropped(object: Object) -> Option<Dropped> {
    let version = version(object.e_tag()?, object.last_modified());
    Some(Dropped { path: object.key?.strip_prefix(INBOX)?.to_owned(), version })
}

fn name(prefix: &str, path: &str) -> ObjectName {
    ObjectName(format!("{prefix}{path}"))
}

#[async_trait]
impl ports::Mailbox for Mailbox {
    async fn dropped(&self, after: Option<&str>, limit: usize) -> Result<Vec<Dropped>, StoreError> {
        let mut found: Vec<Dropped> = Vec::new();
        let mut after = after.map(|path| name(INBOX, path));
        while found.len() < limit {
            let from = after.as_ref().map(ObjectName::as_str);
            let page = self.objects.page(INBOX, from, limit - found.len()).await?;
            let has_more = page.is_truncated() == Some(true);
            found.extend(page.contents.unwrap_or_default().into_iter().filter_map(dropped));
            after = found.last().map(|last| name(INBOX, &last.path));
            if !has_more {
                break;
            }
        }
        Ok(found)
    }

    async fn read(&self, dropped: &Dropped) -> Result<ByteStream, StoreError> {
        let name = name(INBOX, &dropped.path);
        let (_, pieces) = self.objects.stream_of(&name, Some(tag(&dropped.version).to_owned())).await?;
        Ok(pieces)
    }

    async fn remove(&self, dropped: &Dropped) -> Result<(), StoreError> {
        let name = name(INBOX, &dropped.path);
        // The tag alone would not tell the same content that was dropped again.
        let lies = self.objects.tagged(&name).await?;
        match lies {
            Some((found, written)) if version(&found, written.as_ref()) == dropped.version => {
                self.objects.delete_tagged(&name, found).await
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn input(&self, path: &str) -> Result<ByteStream, StoreError> {
        let (_, pieces) = self.objects.stream_of(&name(INPUTS, path), None).await?;
        Ok(pieces)
    }

    async fn give(&self, path: &str) -> Result<Box<dyn ObjectWriter>, StoreError> {
        ports::Objects::create(&*self.objects, &name(OUTBOX, path)).await
    }

    async fn retract(&self, path: &str) -> Result<(), StoreError> {
        ports::Objects::delete(&*self.objects, &name(OUTBOX, path)).await
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("objects", &self.objects).finish()
    }
}
