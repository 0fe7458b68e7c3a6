//! Opening, refusing and migrating.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use offpeak_core::file::{File, Purpose};
use offpeak_core::ids::{NativeFileId, ObjectName, TenantId};
use offpeak_core::ports::{Credentials, Files, Jobs, Keys, StoreError};
use offpeak_embedded::{OpenError, Options, Store};
use rusqlite::Connection;
use secrecy::SecretString;

use super::samples::{Dir, id, job};

fn refusal(dir: &Dir) -> OpenError {
    Store::open(dir.path(), &Options::default()).unwrap_err()
}

#[tokio::test]
async fn a_second_server_is_refused_until_the_first_has_gone() {
    let dir = Dir::new();
    let store = dir.open();
    let error = refusal(&dir);
    assert!(matches!(error, OpenError::InUse(_)));
    assert!(error.to_string().contains("in use by another running `offpeak serve`"), "{error}");
    let jobs = store.jobs();
    drop(store);
    assert!(matches!(refusal(&dir), OpenError::InUse(_)), "a port still writes");
    drop(jobs);
    dir.open();
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let dir = Dir::new();
    drop(dir.open());
    let database = Connection::open(dir.path().join("offpeak.db")).unwrap();
    database.pragma_update(None, "user_version", 999).unwrap();
    for error in [refusal(&dir), Store::open_shared(dir.path()).unwrap_err()] {
        assert!(matches!(error, OpenError::Newer { found: 999, .. }), "{error}");
    }
    let found: i64 = database.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(found, 999);
}

#[tokio::test]
async fn an_empty_database_is_migrated_by_a_server_only() {
    let dir = Dir::new();
    fs::create_dir(dir.path()).unwrap();
    Connection::open(dir.path().join("offpeak.db")).unwrap().execute_batch("PRAGMA user_version = 0").unwrap();
    fs::write(dir.path().join("offpeak.db"), b"").unwrap();
    let error = Store::open_shared(dir.path()).unwrap_err();
    assert!(matches!(error, OpenError::Older { found: 0, .. }), "{error}");
    drop(dir.open());
    Store::open_shared(dir.path()).unwrap();
}

/// What the first version left, with a key in it.
fn first_version() -> Dir {
    let dir = Dir::new();
    fs::create_dir(dir.path()).unwrap();
    let database = Connection::open(dir.path().join("offpeak.db")).unwrap();
    database.execute_batch(include_str!("../../src/schema/0001_first.sql")).unwrap();
    database.execute("INSERT INTO keys VALUES (zeroblob(32), 'acme', 'opk_', 5, NULL)", ()).unwrap();
    database.pragma_update(None, "user_version", 1).unwrap();
    dir
}

#[tokio::test]
async fn a_directory_of_the_first_version_is_migrated_and_keeps_its_rows() {
    let dir = first_version();
    let error = Store::open_shared(dir.path()).unwrap_err();
    assert!(matches!(error, OpenError::Older { found: 1, .. }), "{error}");
    let store = dir.open();
    assert_eq!(store.keys().find(&[0; 32]).await.unwrap().unwrap().tenant, TenantId::from("acme"));
    let file = File {
        id: NativeFileId([1; 16]),
        tenant: TenantId::from("acme"),
        purpose: Purpose::Batch,
        filename: "input.jsonl".to_owned(),
        bytes: 3,
        created_ms: 1,
        expires_ms: None,
        object: ObjectName::from("files/kept/1"),
    };
    store.files().create(&file).await.unwrap();
    drop(store);
    let beside = Store::open_shared(dir.path()).unwrap();
    assert_eq!(beside.files().get(file.id).await.unwrap(), Some(file));
}

#[tokio::test]
async fn a_directory_without_a_database_is_not_shared() {
    let dir = Dir::new();
    assert!(matches!(Store::open_shared(dir.path()), Err(OpenError::Missing(_))));
    assert!(!dir.path().exists(), "nothing is created by asking");
    fs::create_dir(dir.path()).unwrap();
    assert!(matches!(Store::open_shared(dir.path()), Err(OpenError::Missing(_))));
}

#[tokio::test]
async fn what_holds_prompts_and_keys_is_its_owners() {
    let dir = Dir::new();
    let _store = dir.open();
    let mode = |name: &str| fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("key"), 0o600);
    assert_eq!(fs::read(dir.path().join("key")).unwrap().len(), 32);
    for directory in ["", "objects", "incoming"] {
        assert_eq!(mode(directory), 0o700, "{directory}");
    }
}

#[tokio::test]
async fn a_key_of_another_length_is_refused() {
    let dir = Dir::new();
    drop(dir.open());
    fs::write(dir.path().join("key"), b"short").unwrap();
    assert!(matches!(refusal(&dir), OpenError::Key { .. }));
}

#[tokio::test]
async fn a_lost_key_is_made_anew_only_while_nothing_is_sealed() {
    let dir = Dir::new();
    drop(dir.open());
    fs::remove_file(dir.path().join("key")).unwrap();
    let store = dir.open();
    store.credentials().seal(&SecretString::from("sk-caller")).await.unwrap();
    drop(store);
    fs::remove_file(dir.path().join("key")).unwrap();
    let error = refusal(&dir);
    assert!(matches!(error, OpenError::Key { .. }), "{error}");
}

#[tokio::test]
async fn a_garbled_database_is_refused() {
    let dir = Dir::new();
    drop(dir.open());
    fs::write(dir.path().join("offpeak.db"), vec![b'x'; 8_192]).unwrap();
    assert!(matches!(refusal(&dir), OpenError::Database { .. }));
}

#[tokio::test]
async fn rows_survive_reopening() {
    let dir = Dir::new();
    let store = dir.open();
    store.jobs().create(vec![job(1)]).await.unwrap();
    drop(store);
    assert_eq!(dir.open().jobs().get(&[id(1), id(2)]).await.unwrap(), [Some(job(1)), None]);
}

#[tokio::test]
async fn a_row_that_this_version_cannot_read_is_corrupt() {
    let dir = Dir::new();
    let store = dir.open();
    store.jobs().create(vec![job(1)]).await.unwrap();
    let database = Connection::open(dir.path().join("offpeak.db")).unwrap();
    database.execute("UPDATE jobs SET state = 'elsewhere'", ()).unwrap();
    let read = store.jobs().get(&[id(1)]).await;
    assert!(matches!(read, Err(StoreError::Corrupt(_))), "{read:?}");
}

#[tokio::test]
async fn the_databases_files_are_their_owners_only_even_in_an_older_directory() {
    let dir = Dir::new();
    fs::create_dir(dir.path()).unwrap();
    let mode = |name: &str| fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777;
    for round in ["made", "tightened"] {
        let store = dir.open();
        store.jobs().get(&[id(1)]).await.unwrap();
        for name in ["offpeak.db", "offpeak.db-wal", "offpeak.db-shm"] {
            assert_eq!(mode(name), 0o600, "{name} {round}");
        }
        drop(store);
        fs::set_permissions(dir.path().join("offpeak.db"), fs::Permissions::from_mode(0o644)).unwrap();
    }
}
