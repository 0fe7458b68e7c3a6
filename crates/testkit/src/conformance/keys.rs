//! The promises of [`Keys`].

use futures_util::future::join_all;
use offpeak_core::ids::TenantId;
use offpeak_core::ports::{KeyRecord, Keys, StoreError};

use super::eventually;
use crate::samples::{CREATED_MS, Namespace};

/// How old an answer of `find` may be, and a little more, in milliseconds.
const STALE_MS: u64 = 5_500;

/// Makes each promise of the callers' keys a test. The factory gives `(Arc<dyn Keys>, guard)`.
#[macro_export]
macro_rules! keys_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            keys(port),
            $factory,
            [
                a_key_is_found_as_it_was_created,
                an_unknown_key_is_none,
                a_repeated_create_changes_nothing,
                a_key_is_found_by_its_whole_hash,
                keys_are_listed_oldest_first,
                a_revoked_key_says_when,
                a_revoked_key_keeps_its_time,
                a_repeated_create_does_not_revive_a_key,
                revoking_an_unknown_key_is_not_found,
                keys_created_at_once_are_all_kept,
            ]
        );
    };
}

fn record(names: &Namespace, created_ms: u64) -> KeyRecord {
    let mut hash = [0xa5; 32];
    hash[8..24].copy_from_slice(&names.job_id().0);
    let tenant = TenantId(names.name("tenant \"é\""));
    KeyRecord { hash, tenant, hint: "opk_12ab…".to_owned(), created_ms, revoked_ms: None }
}

/// Waits until the key is found as given: what `find` says may be some seconds old.
async fn found(keys: &dyn Keys, record: &KeyRecord) {
    let found = async || keys.find(&record.hash).await.unwrap().as_ref() == Some(record);
    eventually("the key is found as it is", STALE_MS, found).await;
}

/// The listed keys of this namespace, in their order.
async fn listed(keys: &dyn Keys, records: &[KeyRecord]) -> Vec<KeyRecord> {
    let mut all = keys.list().await.unwrap();
    all.retain(|one| records.iter().any(|record| record.hash == one.hash));
    all
}

/// Every field reads back.
pub async fn a_key_is_found_as_it_was_created(keys: &dyn Keys) {
    let key = record(&Namespace::fresh(), CREATED_MS);
    keys.create(key.clone()).await.unwrap();
    found(keys, &key).await;
}

/// A hash that nobody was given is no error.
pub async fn an_unknown_key_is_none(keys: &dyn Keys) {
    let key = record(&Namespace::fresh(), CREATED_MS);
    assert_eq!(keys.find(&key.hash).await.unwrap(), None);
}

/// A create repeated after a lost reply does no harm, and takes no key over.
pub async fn a_repeated_create_changes_nothing(keys: &dyn Keys) {
    let names = Namespace::fresh();
    let key = record(&names, CREATED_MS);
    keys.create(key.clone()).await.unwrap();
    keys.create(key.clone()).await.unwrap();
    keys.create(KeyRecord { tenant: names.tenant(), created_ms: 1, ..key.clone() }).await.unwrap();
    assert_eq!(listed(keys, std::slice::from_ref(&key)).await, [key]);
}

/// A hash that differs in one bit finds nothing.
pub async fn a_key_is_found_by_its_whole_hash(keys: &dyn Keys) {
    let key = record(&Namespace::fresh(), CREATED_MS);
    keys.create(key.clone()).await.unwrap();
    for byte in [0, 16, 31] {
        let mut other = key.hash;
        other[byte] ^= 1;
        assert_eq!(keys.find(&other).await.unwrap(), None, "byte {byte}");
    }
}

/// The order is by creation, revoked keys included.
pub async fn keys_are_listed_oldest_first(keys: &dyn Keys) {
    let names = Namespace::fresh();
    let mut records: Vec<KeyRecord> = [3, 1, 4, 0, 2].map(|n| record(&names, CREATED_MS + n)).to_vec();
    for key in &records {
        keys.create(key.clone()).await.unwrap();
    }
    records.sort_by_key(|key| key.created_ms);
    keys.revoke(&records[1].hash, CREATED_MS + 9).await.unwrap();
    records[1].revoked_ms = Some(CREATED_MS + 9);
    assert_eq!(listed(keys, &records).await, records);
}

/// A revoked key is found, with its time.
pub async fn a_revoked_key_says_when(keys: &dyn Keys) {
    let key = record(&Namespace::fresh(), CREATED_MS);
    keys.create(key.clone()).await.unwrap();
    keys.revoke(&key.hash, CREATED_MS + 5).await.unwrap();
    found(keys, &KeyRecord { revoked_ms: Some(CREATED_MS + 5), ..key }).await;
}

/// Revoking again is no error, and moves nothing.
pub async fn a_revoked_key_keeps_its_time(keys: &dyn Keys) {
    let key = record(&Namespace::fresh(), CREATED_MS);
    keys.create(key.clone()).await.unwrap();
    for at_ms in [CREATED_MS + 5, CREATED_MS + 9, CREATED_MS + 1] {
        keys.revoke(&key.hash, at_ms).await.unwrap();
    }
    let revoked = KeyRecord { revoked_ms: Some(CREATED_MS + 5), ..key };
    assert_eq!(listed(keys, std::slice::from_ref(&revoked)).await, [revoked]);
}

/// What is revoked stays revoked.
pub async fn a_repeated_create_does_not_revive_a_key(keys: &dyn Keys) {
    let key = record(&Namespace::fresh(), CREATED_MS);
    keys.create(key.clone()).await.unwrap();
    keys.revoke(&key.hash, CREATED_MS + 5).await.unwrap();
    keys.create(key.clone()).await.unwrap();
    found(keys, &KeyRecord { revoked_ms: Some(CREATED_MS + 5), ..key }).await;
}

/// A key that is not there cannot be revoked, and is not made by trying.
pub async fn revoking_an_unknown_key_is_not_found(keys: &dyn Keys) {
    let key = record(&Namespace::fresh(), CREATED_MS);
    let reply = keys.revoke(&key.hash, CREATED_MS).await;
    assert!(matches!(reply, Err(StoreError::NotFound)), "{reply:?}");
    assert_eq!(keys.find(&key.hash).await.unwrap(), None);
}

/// Concurrent creates lose no key.
pub async fn keys_created_at_once_are_all_kept(keys: &dyn Keys) {
    let names = Namespace::fresh();
    let records: Vec<KeyRecord> = (0..32).map(|n| record(&names, CREATED_MS + n)).collect();
    for reply in join_all(records.iter().map(|key| keys.create(key.clone()))).await {
        reply.unwrap();
    }
    assert_eq!(listed(keys, &records).await, records);
}
