//! The rows of batches.

use offpeak_core::batch::Batch;
use offpeak_core::ports::{Batches, StoreError};
use offpeak_testkit::samples::{CREATED_MS, Namespace};
use rusqlite::Connection;

use super::samples::Dir;

/// Ids that derive from keys say nothing of age.
#[tokio::test]
async fn open_batches_are_listed_by_age_whatever_their_ids() {
    let dir = Dir::new();
    let (batches, names) = (dir.open().batches(), Namespace::fresh());
    let rows = [3, 0, 2, 1].map(|age| Batch { created_ms: CREATED_MS - age, ..names.batch() });
    for batch in &rows {
        batches.create(batch).await.unwrap();
    }
    assert_eq!(batches.open().await.unwrap(), [rows[0].id, rows[2].id, rows[3].id, rows[1].id]);
}

#[tokio::test]
async fn rows_survive_reopening_with_their_versions() {
    let dir = Dir::new();
    let (store, batch) = (dir.open(), Namespace::fresh().batch());
    store.batches().create(&batch).await.unwrap();
    assert!(store.batches().replace(&batch).await.unwrap());
    drop(store);
    let batches = dir.open().batches();
    assert_eq!(batches.get(batch.id).await.unwrap(), Some(Batch { version: 2, ..batch.clone() }));
    assert!(!batches.replace(&batch).await.unwrap(), "an older version");
}

#[tokio::test]
async fn a_batch_that_this_version_cannot_read_is_corrupt() {
    let dir = Dir::new();
    let (store, batch) = (dir.open(), Namespace::fresh().batch());
    store.batches().create(&batch).await.unwrap();
    let database = Connection::open(dir.path().join("offpeak.db")).unwrap();
    database.execute("UPDATE batches SET doc = '{\"id\":\"elsewhere\"}'", ()).unwrap();
    let read = store.batches().get(batch.id).await;
    let Err(StoreError::Corrupt(text)) = read else { panic!("{read:?}") };
    assert!(!text.contains("elsewhere"), "{text}");
}
