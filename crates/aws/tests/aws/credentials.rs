//! Sealed credentials: one data key for a deployment, and nothing readable in the table.

use offpeak_aws::{Options, Store};
use offpeak_core::ids::CredentialId;
use offpeak_core::ports::{Credentials as _, StoreError};
use offpeak_testkit::samples::Namespace;
use secrecy::{ExposeSecret as _, SecretString};

use super::world::World;

#[tokio::test]
async fn processes_that_race_for_the_data_key_agree() {
    let world = World::fresh().await;
    let stores: Vec<Store> = (0..8).map(|_| world.store()).collect();
    let secret = SecretString::from(Namespace::fresh().name("sk"));
    let sealed = futures_util::future::join_all(
        stores.iter().map(|store| async { store.credentials().seal(&secret).await.unwrap() }),
    );
    let ids = sealed.await;
    assert!(ids.iter().all(|id| *id == ids[0]), "one name");
    let later = world.store().credentials().open(&ids[0]).await.unwrap();
    assert_eq!(later.expose_secret(), secret.expose_secret(), "a process that comes later opens it");
}

#[tokio::test]
async fn the_table_holds_nothing_that_can_be_read() {
    let world = World::fresh().await;
    let secret = Namespace::fresh().name("sk-readable");
    world.store().credentials().seal(&SecretString::from(secret.clone())).await.unwrap();
    let table = &world.resources.tables.credentials;
    let rows = world.clients.dynamodb.scan().table_name(table).send().await.unwrap();
    assert_eq!(rows.count(), 2, "the data key and the credential");
    for row in rows.items() {
        let bytes = row["sealed"].as_b().unwrap().as_ref();
        assert!(!bytes.windows(8).any(|part| secret.as_bytes().windows(8).any(|of| of == part)));
    }
}

#[tokio::test]
async fn a_tampered_credential_is_corrupt() {
    let world = World::fresh().await;
    let (one, two) = (SecretString::from("sk-one"), SecretString::from("sk-two"));
    let first = world.store().credentials().seal(&one).await.unwrap();
    let second = world.store().credentials().seal(&two).await.unwrap();
    let (table, rows) = (&world.resources.tables.credentials, &world.clients.dynamodb);
    let all = rows.scan().table_name(table).send().await.unwrap();
    let mut row = all.items().iter().find(|row| row["name"].as_s().unwrap() == first.as_str()).unwrap().clone();
    row.insert("name".to_owned(), aws_sdk_dynamodb::types::AttributeValue::S(second.to_string()));
    rows.put_item().table_name(table).set_item(Some(row)).send().await.unwrap();
    let opened = world.store().credentials().open(&second).await.map(|_| "a secret");
    assert!(matches!(opened, Err(StoreError::Corrupt(_))), "{opened:?}");
}

#[tokio::test]
async fn without_a_key_nothing_is_sealed() {
    let mut world = World::shared().await;
    world.resources.sealing_key = None;
    let own = [(CredentialId::own("openai"), SecretString::from("sk-own"))].into();
    let store = Store::new(world.clients, world.resources, Options { own, retention_ms: 1 });
    let error = store.credentials().seal(&SecretString::from("sk-caller")).await.unwrap_err().to_string();
    assert!(error.contains("OFFPEAK_SEALING_KEY") && error.contains("passthrough"), "{error}");
    let own = store.credentials().open(&CredentialId::own("openai")).await.unwrap();
    assert_eq!(own.expose_secret(), "sk-own", "the gateway's own keys need none");
}

#[tokio::test]
async fn the_data_key_is_no_credential() {
    let world = World::fresh().await;
    world.store().credentials().seal(&SecretString::from("sk")).await.unwrap();
    let opened = world.store().credentials().open(&CredentialId::from("#key")).await.map(|_| "a secret");
    assert!(matches!(opened, Err(StoreError::NotFound)), "{opened:?}");
}
