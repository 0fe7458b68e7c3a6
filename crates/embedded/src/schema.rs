//! The database's schema and how connections are set up.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

/// Each script leads from the schema of its index to the next; all that are missing run in one transaction.
pub(crate) const MIGRATIONS: &[&str] = &[
    include_str!("schema/0001_first.sql"),
    include_str!("schema/0002_files_and_batches.sql"),
    include_str!("schema/0003_notices.sql"),
    include_str!("schema/0004_chunks.sql"),
    include_str!("schema/0005_queues.sql"),
    include_str!("schema/0006_terms.sql"),
];

/// How long one process waits for another's transaction, for example `offpeak keys create` for the server's.
const BUSY: Duration = Duration::from_secs(10);
/// Statements kept prepared; above the number that this room uses.
const STATEMENTS: usize = 96;

/// The latest schema.
pub(crate) fn latest() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// The schema that is there; 0 in an empty database.
pub(crate) fn version(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Runs the scripts that are missing.
pub(crate) fn migrate(connection: &mut Connection, scripts: &[&str]) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let from = usize::try_from(version(&transaction)?).unwrap_or(usize::MAX);
    for script in scripts.iter().skip(from) {
        transaction.execute_batch(script)?;
    }
    transaction.pragma_update(None, "user_version", i64::try_from(scripts.len()).unwrap_or(i64::MAX))?;
    transaction.commit()
}

/// A connection that writes. `page_bytes` holds only for a new database.
pub(crate) fn connect_writer(
    database: &Path,
    page_bytes: u32,
    cache_bytes: u32,
) -> Result<Connection, rusqlite::Error> {
    let connection = connect(database, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    connection.pragma_update(None, "page_size", page_bytes)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "full")?;
    // The checkpoint thread does it; a log that had to grow shrinks when it starts over.
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_size_limit", 64 << 20, |_| Ok(()))?;
    connection.pragma_update(None, "cache_size", -i64::from(cache_bytes >> 10))?;
    Ok(connection)
}

/// A connection that reads.
pub(crate) fn connect_reader(database: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = connect(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -1_024)?;
    Ok(connection)
}

fn connect(database: &Path, flags: OpenFlags) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open_with_flags(database, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "foreign_keys", false)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

/// How SQLite would find the rows of a statement.
#[cfg(test)]
pub(crate) fn plan(sql: &str) -> String {
    let mut database = Connection::open_in_memory().unwrap();
    migrate(&mut database, MIGRATIONS).unwrap();
    let mut statement = database.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let nulls = vec![rusqlite::types::Null; statement.parameter_count()];
    let steps = statement.query_map(rusqlite::params_from_iter(nulls), |row| row.get::<_, String>("detail")).unwrap();
    steps.map(Result::unwrap).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use offpeak_core::fleet::Queue;

    use super::*;

    #[test]
    fn an_older_schema_is_brought_up_to_date_and_keeps_its_rows() {
        let mut database = Connection::open_in_memory().unwrap();
        let later = [MIGRATIONS[0], "ALTER TABLE keys ADD COLUMN note TEXT NOT NULL DEFAULT 'none';"];
        migrate(&mut database, &later[..1]).unwrap();
        database.execute("INSERT INTO keys VALUES (x'01', 't', 'sk-', 5, NULL)", ()).unwrap();
        migrate(&mut database, &later).unwrap();
        assert_eq!(version(&database).unwrap(), 2);
        let note: String = database.query_row("SELECT note FROM keys", (), |row| row.get(0)).unwrap();
        assert_eq!(note, "none");
        migrate(&mut database, &later).unwrap();
    }

    #[test]
    fn chunks_of_before_there_were_queues_are_in_the_fleets() {
        let mut database = Connection::open_in_memory().unwrap();
        migrate(&mut database, &MIGRATIONS[..4]).unwrap();
        database.execute("INSERT INTO chunks VALUES (x'01', 0, 1, 'm', 5, 1, '{}')", ()).unwrap();
        database.execute("INSERT INTO served VALUES ('m', 1, '{}')", ()).unwrap();
        migrate(&mut database, MIGRATIONS).unwrap();
        for table in ["chunks", "served"] {
            let queue: String =
                database.query_row(&format!("SELECT queue FROM {table}"), (), |row| row.get(0)).unwrap();
            assert_eq!(queue, Queue::of_fleet("m").as_str(), "{table}");
        }
    }

    #[test]
    fn a_migration_that_fails_changes_nothing() {
        let mut database = Connection::open_in_memory().unwrap();
        migrate(&mut database, MIGRATIONS).unwrap();
        let broken: Vec<&str> = MIGRATIONS.iter().copied().chain(["CREATE TABLE extra (a) ;", "no sql"]).collect();
        assert!(migrate(&mut database, &broken).is_err());
        assert_eq!(version(&database).unwrap(), latest());
        assert!(database.query_row("SELECT 1 FROM extra", (), |_| Ok(())).is_err());
    }
}
