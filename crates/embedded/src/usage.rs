//! What was used: one row per submission and tenant.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::ids::{SubmissionId, TenantId};
use offpeak_core::ports::{self, StoreError, UsageRow};
use rusqlite::params;

use crate::error::Fault;
use crate::readers::{Reader, Readers};
use crate::writer::{Session, Writer};

/// The usage rows.
pub struct Usage {
    writer: Arc<Writer>,
    readers: Arc<Readers>,
}

impl Usage {
    pub(crate) const fn new(writer: Arc<Writer>, readers: Arc<Readers>) -> Self {
        Self { writer, readers }
    }
}

#[async_trait]
impl ports::Usage for Usage {
    async fn record(&self, rows: Vec<UsageRow>) -> Result<(), StoreError> {
        let items = rows.len();
        self.writer.run(items, move |session| rows.iter().try_for_each(|row| insert(session, row))).await
    }

    async fn of(&self, submission: SubmissionId) -> Result<Vec<UsageRow>, StoreError> {
        self.readers.scan(move |reader| of(reader, submission)).await
    }
}

fn insert(session: &mut Session, row: &UsageRow) -> Result<(), Fault> {
    session
        .connection
        .prepare_cached(
            "INSERT INTO usage (submission, tenant, model, lines, input_tokens, output_tokens)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            row.submission.0,
            row.tenant.as_str(),
            row.model,
            row.lines,
            row.input_tokens,
            row.output_tokens
        ])?;
    Ok(())
}

/// The rows of a submission, by tenant.
pub(crate) fn of(reader: &Reader, submission: SubmissionId) -> Result<Vec<UsageRow>, Fault> {
    let sql = "SELECT tenant, model, lines, input_tokens, output_tokens FROM usage WHERE submission = ?1";
    let mut statement = reader.connection.prepare_cached(sql)?;
    let rows = statement.query_map([submission.0], |row| {
        Ok(UsageRow {
            submission,
            tenant: TenantId(row.get(0)?),
            model: row.get(1)?,
            lines: row.get(2)?,
            input_tokens: row.get(3)?,
            output_tokens: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

impl fmt::Debug for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Usage").finish_non_exhaustive()
    }
}
