//! Sealed is sealed.

use std::collections::BTreeMap;
use std::fs;

use offpeak_core::ids::CredentialId;
use offpeak_core::ports::{Credentials, StoreError};
use offpeak_embedded::{Options, Store};
use secrecy::{ExposeSecret, SecretString};

use super::samples::Dir;

const SECRET: &str = "sk-proj-callers-own-key-0123456789";

#[tokio::test]
async fn no_file_holds_a_callers_key_in_plain_text() {
    let dir = Dir::new();
    let store = dir.open();
    let id = store.credentials().seal(&SecretString::from(SECRET)).await.unwrap();
    for _ in 0..2 {
        for file in dir.files() {
            let bytes = fs::read(&file).unwrap();
            let found = bytes.windows(16).any(|part| part == &SECRET.as_bytes()[..16]);
            assert!(!found, "{}", file.display());
        }
        // Once more with the log brought home.
        rusqlite::Connection::open(dir.path().join("offpeak.db"))
            .unwrap()
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))
            .unwrap();
    }
    assert_eq!(store.credentials().open(&id).await.unwrap().expose_secret(), SECRET);
}

#[tokio::test]
async fn a_callers_key_survives_a_restart_under_the_same_name() {
    let dir = Dir::new();
    let store = dir.open();
    let id = store.credentials().seal(&SecretString::from(SECRET)).await.unwrap();
    drop(store);
    let store = dir.open();
    assert_eq!(store.credentials().open(&id).await.unwrap().expose_secret(), SECRET);
    assert_eq!(store.credentials().seal(&SecretString::from(SECRET)).await.unwrap(), id);
}

#[tokio::test]
async fn another_key_file_opens_nothing_and_names_otherwise() {
    let dir = Dir::new();
    let store = dir.open();
    let id = store.credentials().seal(&SecretString::from(SECRET)).await.unwrap();
    drop(store);
    fs::write(dir.path().join("key"), [7; 32]).unwrap();
    let store = dir.open();
    let opened = store.credentials().open(&id).await.map(|_| "a secret");
    assert!(matches!(opened, Err(StoreError::Corrupt(_))), "{opened:?}");
    assert_ne!(store.credentials().seal(&SecretString::from(SECRET)).await.unwrap(), id);
}

#[tokio::test]
async fn a_sealed_key_does_not_open_under_another_name() {
    let dir = Dir::new();
    let store = dir.open();
    let one = store.credentials().seal(&SecretString::from("sk-one")).await.unwrap();
    let two = store.credentials().seal(&SecretString::from("sk-two")).await.unwrap();
    rusqlite::Connection::open(dir.path().join("offpeak.db"))
        .unwrap()
        .execute(
            "UPDATE credentials SET (nonce, sealed) = (SELECT nonce, sealed FROM credentials WHERE name = ?1)
             WHERE name = ?2",
            [one.as_str(), two.as_str()],
        )
        .unwrap();
    assert!(matches!(store.credentials().open(&two).await, Err(StoreError::Corrupt(_))));
}

#[tokio::test]
async fn the_gateways_own_keys_take_precedence() {
    let dir = Dir::new();
    let own = CredentialId::from("openai");
    let credentials = BTreeMap::from([(own.clone(), SecretString::from("sk-own"))]);
    let store = Store::open(dir.path(), &Options { credentials, ..Options::default() }).unwrap();
    assert_eq!(store.credentials().open(&own).await.unwrap().expose_secret(), "sk-own");
    let unknown = store.credentials().open(&CredentialId::from("caller:00")).await;
    assert!(matches!(unknown, Err(StoreError::NotFound)));
}
