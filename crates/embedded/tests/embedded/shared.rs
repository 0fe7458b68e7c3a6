//! Two processes on one directory: here two stores, of which one serves.

use offpeak_core::ids::TenantId;
use offpeak_core::ports::{Depth, Intake, Jobs, KeyRecord, Keys, StoreError};
use offpeak_embedded::Store;

use super::samples::{Dir, id, job, message};

fn key(n: u8) -> KeyRecord {
    KeyRecord {
        hash: [n; 32],
        tenant: TenantId::from("acme"),
        hint: "opk_".to_owned(),
        created_ms: u64::from(n),
        revoked_ms: None,
    }
}

#[tokio::test]
async fn keys_changed_beside_a_server_are_noticed() {
    let dir = Dir::new();
    let server = dir.open();
    let beside = Store::open_shared(dir.path()).unwrap();
    assert_eq!(server.keys().find(&[1; 32]).await.unwrap(), None);
    beside.keys().create(key(1)).await.unwrap();
    assert_eq!(server.keys().find(&[1; 32]).await.unwrap(), Some(key(1)), "a new key at once");
    beside.keys().revoke(&[1; 32], 77).await.unwrap();
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(5)).await;
    assert_eq!(server.keys().find(&[1; 32]).await.unwrap().unwrap().revoked_ms, Some(77), "a revoked one within 5 s");
}

#[tokio::test]
async fn both_write_and_read_each_others_rows() {
    let dir = Dir::new();
    let server = dir.open();
    let beside = Store::open_shared(dir.path()).unwrap();
    for n in 0..40 {
        let (one, other) = if n % 2 == 0 { (&server, &beside) } else { (&beside, &server) };
        one.jobs().create(vec![job(n)]).await.unwrap();
        assert_eq!(other.jobs().get(&[id(n)]).await.unwrap(), [Some(job(n))]);
    }
}

#[tokio::test]
async fn only_the_server_has_queues_and_others_see_how_full_they_are() {
    let dir = Dir::new();
    let server = dir.open();
    let beside = Store::open_shared(dir.path()).unwrap();
    server.intake().send(vec![message(1, "{}"), message(2, "{}")]).await.unwrap();
    server.intake().receive("soon", 1, 60_000, 0).await.unwrap();
    assert_eq!(beside.intake().depth("soon").await.unwrap(), Depth { visible: 2, hidden: 0 });
    assert_eq!(beside.intake().depth("nightly").await.unwrap(), Depth::default());
    let sent = beside.intake().send(vec![message(3, "{}")]).await;
    assert!(matches!(sent, Err(StoreError::Unavailable(_))), "{sent:?}");
    let received = beside.intake().receive("soon", 1, 1, 0).await;
    assert!(matches!(received, Err(StoreError::Unavailable(_))), "{received:?}");
}
