//! The promises of [`Intake`] about time: hiding, redelivery, receipts and waiting.

use std::collections::BTreeSet;

use futures_util::future::{join, join_all};
use offpeak_core::ports::{Depth, Intake, Received};
use tokio::time::Instant;

use super::intake::{LONG_MS, one, take};
use super::{eventually, pause};
use crate::samples::Namespace;

/// A time of hiding that a test can wait for, in milliseconds.
const SHORT_MS: u64 = 200;

/// The next delivery of a class's only message, which is in the queue or comes back to it.
async fn next(intake: &dyn Intake, class: &str, visibility_ms: u64) -> Received {
    let mut received = Vec::new();
    eventually("the message comes", 3_000, async || {
        received = intake.receive(class, 10, visibility_ms, 0).await.unwrap();
        !received.is_empty()
    })
    .await;
    assert_eq!(received.len(), 1, "there is one message");
    received.remove(0)
}

async fn sent_one(intake: &dyn Intake) -> String {
    let names = Namespace::fresh();
    intake.send(vec![names.message("{\"q\":1}")]).await.unwrap();
    names.lane().class
}

/// Others do not see a message that somebody has received.
pub async fn a_received_message_hides(intake: &dyn Intake) {
    let class = sent_one(intake).await;
    one(intake, &class).await;
    for _ in 0..3 {
        assert_eq!(take(intake, &class, 10).await, []);
    }
}

/// Its time of hiding over, a message is delivered again, the same but for receipt and count.
pub async fn an_undeleted_message_comes_back(intake: &dyn Intake) {
    let class = sent_one(intake).await;
    let first = next(intake, &class, SHORT_MS).await;
    assert_eq!(take(intake, &class, 10).await, [], "it hides at first");
    let second = next(intake, &class, LONG_MS).await;
    assert_eq!(second.message, first.message);
    assert_eq!((first.receives, second.receives), (1, 2));
}

/// The count says which delivery this is.
pub async fn every_delivery_is_counted(intake: &dyn Intake) {
    let class = sent_one(intake).await;
    for delivery in 1..=4 {
        assert_eq!(next(intake, &class, 10).await.receives, delivery);
        pause(15).await;
    }
}

/// Nothing drops a message for having been received often.
pub async fn a_message_is_kept_however_often_received(intake: &dyn Intake) {
    let class = sent_one(intake).await;
    for delivery in 1..=25 {
        assert!(next(intake, &class, 1).await.receives >= delivery, "delivery {delivery}");
        pause(2).await;
    }
}

/// A receipt whose time is over still deletes while nobody has received the message since.
pub async fn a_late_delete_before_the_next_delivery_holds(intake: &dyn Intake) {
    let class = sent_one(intake).await;
    let late = next(intake, &class, 20).await;
    pause(60).await;
    intake.delete(&class, vec![late.receipt]).await.unwrap();
    assert_eq!(intake.receive(&class, 10, LONG_MS, 100).await.unwrap(), [], "deleted");
}

/// Whether an outdated receipt still deletes is the queue's choice, but it is no error, and harms no other message.
pub async fn a_stale_receipt_is_no_error(intake: &dyn Intake) {
    let names = Namespace::fresh();
    let class = sent_one(intake).await;
    let stale = next(intake, &class, 20).await;
    pause(30).await;
    let fresh = next(intake, &class, LONG_MS).await;
    let mut other = names.message("{}");
    other.lane.class.clone_from(&class);
    intake.send(vec![other.clone()]).await.unwrap();
    intake.delete(&class, vec![stale.receipt.clone()]).await.unwrap();
    assert_eq!(next(intake, &class, LONG_MS).await.message, other, "another message is untouched");
    intake.delete(&class, vec![fresh.receipt]).await.unwrap();
    intake.delete(&class, vec![stale.receipt]).await.unwrap();
    let left = async || intake.depth(&class).await.unwrap() == Depth { visible: 0, hidden: 1 };
    eventually("only the other message is left", 2_000, left).await;
}

/// The receipt of the latest delivery deletes for good.
pub async fn the_latest_receipt_deletes(intake: &dyn Intake) {
    let class = sent_one(intake).await;
    next(intake, &class, 10).await;
    pause(20).await;
    let latest = next(intake, &class, SHORT_MS).await;
    intake.delete(&class, vec![latest.receipt]).await.unwrap();
    assert_eq!(intake.receive(&class, 10, LONG_MS, SHORT_MS + 100).await.unwrap(), [], "gone");
}

/// Without leave to wait an empty queue answers now.
pub async fn a_receive_that_may_not_wait_returns_at_once(intake: &dyn Intake) {
    let class = Namespace::fresh().lane().class;
    let began = Instant::now();
    assert_eq!(intake.receive(&class, 10, LONG_MS, 0).await.unwrap(), []);
    assert!(began.elapsed().as_millis() < 1_000, "it did not wait");
}

/// A wait ends empty-handed after about the time given.
pub async fn a_receive_waits_no_longer_than_asked(intake: &dyn Intake) {
    let class = Namespace::fresh().lane().class;
    let began = Instant::now();
    assert_eq!(intake.receive(&class, 10, LONG_MS, 200).await.unwrap(), []);
    assert!(began.elapsed().as_millis() < 2_000, "it waited for {:?}", began.elapsed());
}

/// A message that is sent while a receive waits ends the wait.
pub async fn a_waiting_receive_hears_a_send(intake: &dyn Intake) {
    let names = Namespace::fresh();
    let class = names.lane().class;
    let message = names.message("{}");
    let send = async {
        pause(50).await;
        intake.send(vec![message.clone()]).await.unwrap();
    };
    let (received, ()) = join(intake.receive(&class, 10, LONG_MS, 5_000), send).await;
    let received: Vec<_> = received.unwrap().into_iter().map(|one| one.message).collect();
    assert_eq!(received, [message]);
}

/// A message whose time of hiding ends while a receive waits ends the wait too.
pub async fn a_waiting_receive_hears_a_message_come_back(intake: &dyn Intake) {
    let class = sent_one(intake).await;
    next(intake, &class, SHORT_MS).await;
    let again = intake.receive(&class, 10, LONG_MS, 5_000).await.unwrap();
    assert_eq!(again.len(), 1, "it came back");
    assert_eq!(again[0].receives, 2);
}

/// Concurrent receivers get every message, and none twice while it hides.
pub async fn sixteen_receivers_share_64_messages(intake: &dyn Intake) {
    let names = Namespace::fresh();
    let class = names.lane().class;
    intake.send((0..64).map(|_| names.message("{}")).collect()).await.unwrap();
    let mut all: Vec<Received> = Vec::new();
    eventually("every message arrives", 3_000, async || {
        let taken = join_all((0..16).map(|_| take(intake, &class, 10))).await;
        all.extend(taken.into_iter().flatten());
        all.len() >= 64
    })
    .await;
    let jobs: BTreeSet<_> = all.iter().map(|one| one.message.job).collect();
    assert_eq!((all.len(), jobs.len()), (64, 64), "each once");
}
