//! The outbox: each notice one document, in the index `open` while it is owed. From then on a `ttl`.
//!
//! ```text
//! open S   due B (ms)                the keys of the index `open`: the order in which they are due
//! tenant S   born B (created, id)    the keys of the index `by-tenant`, which only the dead are in
//! ```

use std::fmt;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use offpeak_core::ids::{NoticeId, TenantId};
use offpeak_core::notice::Notice;
use offpeak_core::ports::{self, NoticePage, StoreError};

use crate::dynamo::{
    BORN, Documents, EXPIRY, FIRST, Item, Listing, TENANT, born, bytes, ceil_s, in_order, now_s, number, owe, text,
};
use crate::error::Fault;

const DUE: &str = "due";

/// The outbox.
pub struct Notices {
    rows: Documents,
    retention_ms: u64,
}

impl Notices {
    /// The rows in that table, each kept `retention_ms` after it was decided.
    pub const fn new(client: Client, table: String, retention_ms: u64) -> Self {
        Self { rows: Documents::new(client, table, "a notice's row"), retention_ms }
    }

    fn item(&self, notice: &Notice, version: u64) -> Result<Item, Fault> {
        let stored = Notice { version, ..notice.clone() };
        let mut item = self.rows.item(&notice.id.0, version, &stored)?;
        match notice.state.ended_ms() {
            None => {
                owe(&mut item);
                item.insert(DUE.to_owned(), bytes(&notice.due_ms.to_be_bytes()));
            }
            Some(ended_ms) => {
                item.insert(EXPIRY.to_owned(), number(ceil_s(ended_ms.saturating_add(self.retention_ms))));
            }
        }
        if notice.is_dead_letter() {
            item.insert(TENANT.to_owned(), text(notice.tenant.as_str()));
            item.insert(BORN.to_owned(), born(notice.created_ms, &notice.id.0));
        }
        Ok(item)
    }

    async fn page(&self, tenant: &TenantId, after: Option<NoticeId>, limit: usize) -> Result<NoticePage, Fault> {
        let listing = Listing { client: &self.rows.client, table: &self.rows.table, tenant, ascending: false };
        let mut place = match after {
            None => None,
            Some(after) => Some(listing.place(self.born(tenant, after).await?, &after.0)),
        };
        let mut notices: Vec<Notice> = Vec::new();
        loop {
            // One more than asked for tells whether more follow.
            let (items, next) = listing.page(place, limit.saturating_add(1) - notices.len()).await?;
            for item in items {
                notices.extend(self.rows.read::<Notice>(item, now_s())?);
            }
            place = next;
            if place.is_none() || notices.len() > limit {
                break;
            }
        }
        let has_more = notices.len() > limit;
        notices.truncate(limit);
        Ok(NoticePage { notices, has_more })
    }

    /// When a notice of the tenant was created.
    async fn born(&self, tenant: &TenantId, id: NoticeId) -> Result<u64, Fault> {
        let row: Option<Notice> = self.rows.find(&id.0).await?;
        row.filter(|notice| notice.tenant == *tenant).map(|notice| notice.created_ms).ok_or(Fault::NoSuch)
    }
}

#[async_trait]
impl ports::Notices for Notices {
    async fn create(&self, notices: Vec<Notice>) -> Result<(), StoreError> {
        let insert = |notice: Notice| async move { self.rows.insert(self.item(&notice, FIRST)?).await };
        in_order(notices, |notice| notice.id, insert).await?;
        Ok(())
    }

    async fn get(&self, id: NoticeId) -> Result<Option<Notice>, StoreError> {
        Ok(self.rows.find(&id.0).await?)
    }

    async fn replace(&self, notice: &Notice) -> Result<bool, StoreError> {
        let version = notice.version;
        Ok(self.rows.exchange(self.item(notice, version.saturating_add(1))?, version).await?)
    }

    /// By an index that may lag behind the rows by a second or so; whoever reads a row sees what became of it.
    async fn due(&self, now_ms: u64, limit: usize) -> Result<Vec<NoticeId>, StoreError> {
        let by_then = (DUE, bytes(&now_ms.to_be_bytes()));
        Ok(self.rows.open_until(Some(by_then), limit).await?.into_iter().map(NoticeId).collect())
    }

    async fn dead(&self, tenant: &TenantId, after: Option<NoticeId>, limit: usize) -> Result<NoticePage, StoreError> {
        Ok(self.page(tenant, after, limit).await?)
    }
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notices").field("table", &self.rows.table).finish_non_exhaustive()
    }
}
