//! The promises of [`Intake`]; those about time and redelivery are in [`super::intake_time`].

use std::collections::BTreeSet;

use bytes::Bytes;
use offpeak_core::endpoint::Endpoint;
use offpeak_core::ids::JobId;
use offpeak_core::ports::{Depth, Intake, Message, MessageBody, Receipt, Received};

use super::eventually;
use crate::samples::Namespace;

/// Longer than any case takes, in milliseconds.
pub(super) const LONG_MS: u64 = 60_000;

/// Makes each promise of the intake queues a test. The factory gives `(Arc<dyn Intake>, guard)`.
#[macro_export]
macro_rules! intake_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            intake(port),
            $factory,
            [
                a_message_arrives_in_every_field,
                a_stored_body_arrives_as_its_place,
                a_body_may_hold_every_byte,
                a_body_may_be_empty,
                a_body_of_four_megabytes_arrives,
                a_class_receives_its_own_messages_only,
                a_receive_takes_no_more_than_asked,
                hundreds_of_messages_fit_in_one_call,
                a_message_sent_twice_arrives_twice,
                a_deleted_message_stays_deleted,
                a_delete_takes_its_own_message_only,
                a_repeated_delete_is_no_error,
                an_empty_call_does_nothing,
                a_class_without_messages_is_empty,
                depth_counts_what_shows_and_what_hides,
            ]
        );
        $crate::conformance_cases!(
            intake_time(port),
            $factory,
            [
                a_received_message_hides,
                an_undeleted_message_comes_back,
                every_delivery_is_counted,
                a_message_is_kept_however_often_received,
                a_late_delete_before_the_next_delivery_holds,
                a_stale_receipt_is_no_error,
                the_latest_receipt_deletes,
                a_receive_that_may_not_wait_returns_at_once,
                a_receive_waits_no_longer_than_asked,
                a_waiting_receive_hears_a_send,
                a_waiting_receive_hears_a_message_come_back,
                sixteen_receivers_share_64_messages,
            ]
        );
    };
}

/// Up to `max` messages, hidden for the rest of the case.
pub(super) async fn take(intake: &dyn Intake, class: &str, max: usize) -> Vec<Received> {
    intake.receive(class, max, LONG_MS, 0).await.unwrap()
}

/// Everything that a class holds: receives until there are `count` messages, and checks that there are no more.
pub(super) async fn drain(intake: &dyn Intake, class: &str, count: usize) -> Vec<Received> {
    let mut all = Vec::new();
    eventually("every message arrives", 2_000, async || {
        all.extend(take(intake, class, 10).await);
        all.len() >= count
    })
    .await;
    all.extend(take(intake, class, 10).await);
    assert_eq!(all.len(), count, "every message arrives once");
    all
}

/// The only message of a class.
pub(super) async fn one(intake: &dyn Intake, class: &str) -> Received {
    drain(intake, class, 1).await.remove(0)
}

async fn delete(intake: &dyn Intake, class: &str, receipts: &[&Receipt]) {
    intake.delete(class, receipts.iter().map(|receipt| (*receipt).clone()).collect()).await.unwrap();
}

async fn arrives(intake: &dyn Intake, message: Message) {
    intake.send(vec![message.clone()]).await.unwrap();
    let received = one(intake, &message.lane.class).await;
    assert_eq!(received.receives, 1, "its first delivery");
    assert!(received.message == message, "what arrives is what was sent");
}

fn jobs(received: &[Received]) -> BTreeSet<JobId> {
    received.iter().map(|one| one.message.job).collect()
}

/// No field is lost or rounded on the way.
pub async fn a_message_arrives_in_every_field(intake: &dyn Intake) {
    let names = Namespace::fresh();
    let mut message = names.message(r#"{"model":"m","q":"\"é\\"}"#);
    message.attempt = 4_000_000_000;
    message.size.requests = 3;
    message.size.tokens = (1 << 53) + 1;
    message.size.inputs = 2_048;
    message.deadline_ms = (1 << 62) + 1;
    message.lane.endpoint = Endpoint::Embeddings;
    message.lane.model = names.name("org/modèle:v1 \"x\"");
    intake.send(vec![message.clone()]).await.unwrap();
    assert_eq!(one(intake, &message.lane.class).await.message, message);
}

/// A body that lies in the object store arrives as its place there.
pub async fn a_stored_body_arrives_as_its_place(intake: &dyn Intake) {
    let names = Namespace::fresh();
    let message = Message { body: MessageBody::At(names.body_at("body")), attempt: 1, ..names.message("") };
    intake.send(vec![message.clone()]).await.unwrap();
    assert_eq!(one(intake, &message.lane.class).await.message, message);
}

/// Bodies are bytes: no value is lost, and none needs to be text.
pub async fn a_body_may_hold_every_byte(intake: &dyn Intake) {
    let body: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
    arrives(intake, Namespace::fresh().message(body)).await;
}

/// A body of no bytes arrives as such.
pub async fn a_body_may_be_empty(intake: &dyn Intake) {
    arrives(intake, Namespace::fresh().message("")).await;
}

/// A body larger than most stores like in one piece arrives whole.
pub async fn a_body_of_four_megabytes_arrives(intake: &dyn Intake) {
    let body: Bytes = (0..4 * 1024 * 1024_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    arrives(intake, Namespace::fresh().message(body)).await;
}

/// The class in a message's lane names its queue, also where one call sends to several.
pub async fn a_class_receives_its_own_messages_only(intake: &dyn Intake) {
    let (soon, nightly) = (Namespace::fresh(), Namespace::fresh());
    let messages: Vec<Message> = (0..6).map(|n| if n % 2 == 0 { &soon } else { &nightly }.message("{}")).collect();
    intake.send(messages.clone()).await.unwrap();
    for (class, first) in [(soon.lane().class, 0), (nightly.lane().class, 1)] {
        let sent: BTreeSet<JobId> = messages.iter().skip(first).step_by(2).map(|message| message.job).collect();
        assert_eq!(jobs(&drain(intake, &class, 3).await), sent);
    }
}

/// `max` is a limit, and no message is lost to it.
pub async fn a_receive_takes_no_more_than_asked(intake: &dyn Intake) {
    let names = Namespace::fresh();
    let class = names.lane().class;
    intake.send((0..7).map(|_| names.message("{}")).collect()).await.unwrap();
    let mut all = Vec::new();
    eventually("every message arrives", 2_000, async || {
        let some = take(intake, &class, 3).await;
        assert!(some.len() <= 3, "at most 3");
        all.extend(some);
        all.len() >= 7
    })
    .await;
    assert_eq!(jobs(&all).len(), 7, "each once");
}

/// A call is not bounded by what a queue takes at once.
pub async fn hundreds_of_messages_fit_in_one_call(intake: &dyn Intake) {
    let names = Namespace::fresh();
    let class = names.lane().class;
    let messages: Vec<Message> = (0..300).map(|n| names.message(format!("{{\"q\":{n}}}"))).collect();
    intake.send(messages.clone()).await.unwrap();
    let mut received = drain(intake, &class, 300).await;
    received.sort_by_key(|one| one.message.job);
    assert!(received.iter().map(|one| &one.message).eq(messages.iter()), "all arrive as they were sent");
    intake.delete(&class, received.into_iter().map(|one| one.receipt).collect()).await.unwrap();
    let gone = async || intake.depth(&class).await.unwrap() == Depth::default();
    eventually("all are deleted in one call", 2_000, gone).await;
}

/// A repeated send is a second message, with a receipt of its own.
pub async fn a_message_sent_twice_arrives_twice(intake: &dyn Intake) {
    let names = Namespace::fresh();
    let class = names.lane().class;
    let message = names.message("{}");
    intake.send(vec![message.clone()]).await.unwrap();
    intake.send(vec![message.clone()]).await.unwrap();
    let received = drain(intake, &class, 2).await;
    assert!(received.iter().all(|one| one.message == message && one.receives == 1), "two deliveries, two messages");
    assert_ne!(received[0].receipt, received[1].receipt);
}

/// What is deleted is not delivered again.
pub async fn a_deleted_message_stays_deleted(intake: &dyn Intake) {
    let names = Namespace::fresh();
    let class = names.lane().class;
    intake.send(vec![names.message("{}")]).await.unwrap();
    let mut received = Vec::new();
    eventually("the message arrives", 2_000, async || {
        received = intake.receive(&class, 10, 100, 0).await.unwrap();
        !received.is_empty()
    })
    .await;
    delete(intake, &class, &[&received[0].receipt]).await;
    assert_eq!(intake.receive(&class, 10, LONG_MS, 250).await.unwrap(), [], "not after its time of hiding either");
}

/// A receipt stands for one message, not for its job.
pub async fn a_delete_takes_its_own_message_only(intake: &dyn Intake) {
    let names = Namespace::fresh();
    let class = names.lane().class;
    let twin = names.message("{}");
    intake.send(vec![twin.clone(), twin]).await.unwrap();
    let received = drain(intake, &class, 2).await;
    delete(intake, &class, &[&received[0].receipt]).await;
    let one_left = async || intake.depth(&class).await.unwrap() == Depth { visible: 0, hidden: 1 };
    eventually("the other message stays", 2_000, one_left).await;
    delete(intake, &class, &[&received[1].receipt]).await;
    let none_left = async || intake.depth(&class).await.unwrap() == Depth::default();
    eventually("both are deleted", 2_000, none_left).await;
}

/// A delete may be repeated, alone or among others.
pub async fn a_repeated_delete_is_no_error(intake: &dyn Intake) {
    let names = Namespace::fresh();
    let class = names.lane().class;
    intake.send(vec![names.message("{}"), names.message("{}")]).await.unwrap();
    let received = drain(intake, &class, 2).await;
    let (first, second) = (&received[0].receipt, &received[1].receipt);
    delete(intake, &class, &[first]).await;
    delete(intake, &class, &[first]).await;
    delete(intake, &class, &[first, second]).await;
    let none_left = async || intake.depth(&class).await.unwrap() == Depth::default();
    eventually("both are deleted", 2_000, none_left).await;
}

/// Nothing to send, to take or to delete is no error.
pub async fn an_empty_call_does_nothing(intake: &dyn Intake) {
    let names = Namespace::fresh();
    let class = names.lane().class;
    intake.send(Vec::new()).await.unwrap();
    intake.delete(&class, Vec::new()).await.unwrap();
    intake.send(vec![names.message("{}")]).await.unwrap();
    intake.delete(&class, Vec::new()).await.unwrap();
    one(intake, &class).await;
}

/// A class that nobody has sent to is empty, not unknown.
pub async fn a_class_without_messages_is_empty(intake: &dyn Intake) {
    let class = Namespace::fresh().lane().class;
    assert_eq!(take(intake, &class, 10).await, []);
    assert_eq!(intake.depth(&class).await.unwrap(), Depth::default());
}

/// Depth tells visible and hidden messages apart; it may lag.
pub async fn depth_counts_what_shows_and_what_hides(intake: &dyn Intake) {
    let names = Namespace::fresh();
    let class = names.lane().class;
    let is = async |visible, hidden| {
        let depth = async || intake.depth(&class).await.unwrap() == Depth { visible, hidden };
        eventually(&format!("{visible} show and {hidden} hide"), 2_000, depth).await;
    };
    intake.send((0..3).map(|_| names.message("{}")).collect()).await.unwrap();
    is(3, 0).await;
    let received = take(intake, &class, 1).await;
    is(2, 1).await;
    delete(intake, &class, &[&received[0].receipt]).await;
    is(2, 0).await;
}
