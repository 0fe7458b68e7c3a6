//! The rows of tenants' receivers of webhooks.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::ids::TenantId;
use offpeak_core::notice;
use offpeak_core::ports::{self, StoreError};
use rusqlite::params;

use crate::document;
use crate::readers::Readers;
use crate::writer::{Session, Writer};

/// The rows of tenants' receivers of webhooks.
pub struct Receivers {
    writer: Arc<Writer>,
    readers: Arc<Readers>,
}

impl Receivers {
    pub(crate) const fn new(writer: Arc<Writer>, readers: Arc<Readers>) -> Self {
        Self { writer, readers }
    }
}

#[async_trait]
impl ports::Receivers for Receivers {
    async fn get(&self, tenant: &TenantId) -> Result<Option<notice::Receivers>, StoreError> {
        self.readers.point(|reader| {
            let mut statement = reader.connection.prepare_cached("SELECT doc FROM receivers WHERE tenant = ?1")?;
            let mut rows = statement.query([tenant.as_str()])?;
            let read = |row| document::read(row, "a tenant's receivers are unknown to this version");
            rows.next()?.map(read).transpose()
        })
    }

    async fn replace(&self, receivers: &notice::Receivers) -> Result<bool, StoreError> {
        let (tenant, version) = (receivers.tenant.clone(), receivers.version);
        let doc = document::write(&notice::Receivers { version: version.saturating_add(1), ..receivers.clone() })?;
        let sql = if version == 0 {
            "INSERT INTO receivers (tenant, version, doc) VALUES (?1, ?2 + 1, ?3) ON CONFLICT DO NOTHING"
        } else {
            "UPDATE receivers SET version = ?2 + 1, doc = ?3 WHERE tenant = ?1 AND version = ?2"
        };
        let work = move |session: &mut Session| {
            Ok(session.connection.prepare_cached(sql)?.execute(params![tenant.as_str(), version, doc])? == 1)
        };
        self.writer.run(1, work).await
    }
}

impl fmt::Debug for Receivers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receivers").finish_non_exhaustive()
    }
}
