//! The outbox as the judge watches it.

use async_trait::async_trait;
use offpeak_core::ids::{NoticeId, TenantId};
use offpeak_core::notice::Notice;
use offpeak_core::ports::{self, NoticePage, StoreError};

use super::observe::Watch;

/// The outbox, watched.
#[derive(Debug)]
pub struct Notices(pub Watch);

#[async_trait]
impl ports::Notices for Notices {
    async fn create(&self, notices: Vec<Notice>) -> Result<(), StoreError> {
        for notice in &notices {
            self.0.trace.say("notices", || {
                format!("owed {} {} of {:?} to {:?}", notice.id, notice.event.name(), notice.subject, notice.receiver())
            });
        }
        ports::Notices::create(&self.0.fakes.notices, notices).await
    }

    async fn get(&self, id: NoticeId) -> Result<Option<Notice>, StoreError> {
        ports::Notices::get(&self.0.fakes.notices, id).await
    }

    async fn replace(&self, notice: &Notice) -> Result<bool, StoreError> {
        let done = ports::Notices::replace(&self.0.fakes.notices, notice).await?;
        self.0.trace.say("notices", || {
            let verdict = if done { "" } else { " REFUSED" };
            format!("{} v{} {:?} attempts {}{verdict}", notice.id, notice.version, notice.state, notice.attempts)
        });
        Ok(done)
    }

    async fn due(&self, now_ms: u64, limit: usize) -> Result<Vec<NoticeId>, StoreError> {
        ports::Notices::due(&self.0.fakes.notices, now_ms, limit).await
    }

    async fn dead(&self, tenant: &TenantId, after: Option<NoticeId>, limit: usize) -> Result<NoticePage, StoreError> {
        ports::Notices::dead(&self.0.fakes.notices, tenant, after, limit).await
    }
}
