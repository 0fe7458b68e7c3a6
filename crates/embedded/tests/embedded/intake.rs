//! What the intake queues keep in memory, and what they do not.

use std::time::Duration;

use bytes::Bytes;
use offpeak_core::ids::ObjectName;
use offpeak_core::job::BodyAt;
use offpeak_core::ports::{Depth, Intake, MessageBody, Objects, Receipt};

use super::samples::{Dir, id, message};

const MINUTE_MS: u64 = 60_000;

#[tokio::test(start_paused = true)]
async fn a_message_comes_back_when_its_time_is_over_and_the_old_receipt_is_void() {
    let dir = Dir::new();
    let store = dir.open();
    let intake = store.intake();
    intake.send(vec![message(1, "{}")]).await.unwrap();
    let first = intake.receive("soon", 10, MINUTE_MS, 0).await.unwrap().remove(0);
    tokio::time::advance(Duration::from_millis(MINUTE_MS - 1)).await;
    assert_eq!(intake.receive("soon", 10, MINUTE_MS, 0).await.unwrap(), []);
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(intake.depth("soon").await.unwrap(), Depth { visible: 1, hidden: 0 });
    let second = intake.receive("soon", 10, MINUTE_MS, 0).await.unwrap().remove(0);
    assert_eq!(second.receives, 2);
    intake.delete("soon", vec![first.receipt]).await.unwrap();
    assert_eq!(intake.depth("soon").await.unwrap(), Depth { visible: 0, hidden: 1 }, "a void receipt");
    intake.delete("soon", vec![second.receipt]).await.unwrap();
    assert_eq!(intake.depth("soon").await.unwrap(), Depth::default());
}

#[tokio::test]
async fn after_a_restart_every_message_is_visible_and_no_receipt_holds() {
    let dir = Dir::new();
    let store = dir.open();
    store.intake().send((0..5).map(|n| message(n, "{}")).collect()).await.unwrap();
    let before = store.intake().receive("soon", 5, MINUTE_MS, 0).await.unwrap();
    store.intake().delete("soon", vec![before[0].receipt.clone()]).await.unwrap();
    drop(store);
    let store = dir.open();
    let intake = store.intake();
    assert_eq!(intake.depth("soon").await.unwrap(), Depth { visible: 4, hidden: 0 });
    let again = intake.receive("soon", 10, MINUTE_MS, 0).await.unwrap();
    assert!(again.iter().all(|one| one.receives == 1));
    intake.delete("soon", before.into_iter().map(|one| one.receipt).collect()).await.unwrap();
    assert_eq!(intake.depth("soon").await.unwrap(), Depth { visible: 0, hidden: 4 });
    intake.delete("soon", again.into_iter().map(|one| one.receipt).collect()).await.unwrap();
    assert_eq!(intake.depth("soon").await.unwrap(), Depth::default());
}

#[tokio::test]
async fn messages_arrive_in_their_order_in_each_class() {
    let dir = Dir::new();
    let store = dir.open();
    let intake = store.intake();
    let mut messages: Vec<_> = (0..60).map(|n| message(n, "{}")).collect();
    for (n, message) in messages.iter_mut().enumerate() {
        message.lane.class = ["soon", "nightly", "weekly"][n % 3].to_owned();
    }
    for message in messages {
        intake.send(vec![message]).await.unwrap();
    }
    for (class, first) in [("nightly", 1), ("soon", 0), ("weekly", 2)] {
        let mut jobs = Vec::new();
        loop {
            let some = intake.receive(class, 7, MINUTE_MS, 0).await.unwrap();
            if some.is_empty() {
                break;
            }
            jobs.extend(some.into_iter().map(|one| one.message.job));
        }
        assert!(jobs.into_iter().eq((first..60).step_by(3).map(id)), "{class}");
    }
}

#[tokio::test]
async fn garbled_receipts_delete_nothing() {
    let dir = Dir::new();
    let store = dir.open();
    let intake = store.intake();
    intake.send(vec![message(1, "{}")]).await.unwrap();
    let received = intake.receive("soon", 1, MINUTE_MS, 0).await.unwrap().remove(0);
    let parts: Vec<&str> = received.receipt.0.split('.').collect();
    let forged = ["", "1.2.3", &format!("{}.{}", parts[0], parts[1]), &format!("0.{}.{}", parts[1], parts[2])]
        .map(|text| Receipt(text.to_owned()));
    intake.delete("soon", forged.to_vec()).await.unwrap();
    intake.delete("other", vec![received.receipt]).await.unwrap();
    assert_eq!(intake.depth("soon").await.unwrap(), Depth { visible: 0, hidden: 1 });
}

#[tokio::test]
async fn a_body_too_large_for_a_row_becomes_an_object() {
    let dir = Dir::new();
    let store = dir.open();
    let intake = store.intake();
    let body = Bytes::from(vec![b'b'; (4 << 20) + 1]);
    intake.send(vec![message(1, body.clone()), message(2, "small")]).await.unwrap();
    let received = intake.receive("soon", 10, MINUTE_MS, 0).await.unwrap();
    let MessageBody::At(BodyAt { object, offset, length }) = &received[0].message.body else {
        panic!("not inline: it is too large")
    };
    assert!(object.as_str().starts_with("bodies/"));
    assert_eq!((*offset, *length), (0, body.len() as u64));
    assert!(store.objects().read(object, *offset, *length).await.unwrap() == body);
    assert_eq!(received[1].message.body, MessageBody::Inline(Bytes::from_static(b"small")));
}

#[tokio::test]
async fn one_receive_brings_a_bounded_amount_of_bytes_and_loses_none() {
    let dir = Dir::new();
    let store = dir.open();
    let intake = store.intake();
    for n in 0..12 {
        intake.send(vec![message(n, vec![b'b'; 3 << 20])]).await.unwrap();
    }
    for visibility_ms in [1, MINUTE_MS] {
        let mut jobs = Vec::new();
        loop {
            let some = intake.receive("soon", 100, visibility_ms, 0).await.unwrap();
            assert!(some.len() <= 6, "{} bodies of 3 MiB", some.len());
            jobs.extend(some.into_iter().map(|one| one.message.job));
            if jobs.len() >= 12 {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(intake.depth("soon").await.unwrap(), Depth { visible: 0, hidden: 12 });
}

#[tokio::test]
async fn a_drain_of_many_hidden_messages_ends() {
    let dir = Dir::new();
    let store = dir.open();
    let intake = store.intake();
    intake.send((0..20_000).map(|n| message(n, "{}")).collect()).await.unwrap();
    let mut receipts = Vec::new();
    loop {
        let some = intake.receive("soon", 1_000, MINUTE_MS, 0).await.unwrap();
        if some.is_empty() {
            break;
        }
        receipts.extend(some.into_iter().map(|one| one.receipt));
    }
    assert_eq!(receipts.len(), 20_000);
    // Every second message goes: the rest stays hidden.
    let halves: Vec<Receipt> = receipts.into_iter().step_by(2).collect();
    intake.delete("soon", halves).await.unwrap();
    assert_eq!(intake.depth("soon").await.unwrap(), Depth { visible: 0, hidden: 10_000 });
}

#[tokio::test]
async fn names_of_stored_bodies_are_kept() {
    let dir = Dir::new();
    let store = dir.open();
    let at = BodyAt { object: ObjectName::from("sealed/sub_1"), offset: 9, length: 7 };
    let mut pointing = message(1, "");
    pointing.body = MessageBody::At(at);
    store.intake().send(vec![pointing.clone()]).await.unwrap();
    drop(store);
    let received = dir.open().intake().receive("soon", 1, MINUTE_MS, 0).await.unwrap();
    assert_eq!(received[0].message, pointing);
}
