//! The intake where SQS is unlike other queues: batches, limits, refusals, what nobody can read.

use std::collections::BTreeSet;

use bytes::Bytes;
use offpeak_core::ids::JobId;
use offpeak_core::ports::{Depth, Intake as _, Message, MessageBody, Objects as _, Receipt, Received, StoreError};
use offpeak_testkit::samples::Namespace;
use rand::Rng as _;

use super::script::Script;
use super::world::World;

const LONG_MS: u64 = 60_000;

/// A store with a queue of a class, and messages for it.
async fn with_class(count: usize) -> (World, String, Vec<Message>) {
    let names = Namespace::fresh();
    let class = names.lane().class;
    let world = World::shared().await.with_queue(&class).await;
    let messages = (0..count).map(|n| names.message(format!("{{\"q\":{n}}}"))).collect();
    (world, class, messages)
}

fn soon(count: usize) -> Vec<Message> {
    let names = Namespace::fresh();
    let mut messages: Vec<Message> = (0..count).map(|n| names.message(format!("{{\"q\":{n}}}"))).collect();
    for message in &mut messages {
        "soon".clone_into(&mut message.lane.class);
    }
    messages
}

fn jobs(received: &[Received]) -> BTreeSet<JobId> {
    received.iter().map(|one| one.message.job).collect()
}

fn noise(length: usize) -> Bytes {
    let mut bytes = vec![0; length];
    rand::rng().fill_bytes(&mut bytes);
    bytes.into()
}

#[tokio::test]
async fn sixty_messages_come_in_one_receive() {
    let (world, class, messages) = with_class(60).await;
    let intake = world.store().intake();
    intake.send(messages.clone()).await.unwrap();
    let received = intake.receive(&class, 45, LONG_MS, 1_000).await.unwrap();
    assert_eq!(received.len(), 45, "no more than asked for");
    let rest = intake.receive(&class, 1_000, LONG_MS, 1_000).await.unwrap();
    assert_eq!(rest.len(), 15);
    let sent: BTreeSet<JobId> = messages.iter().map(|message| message.job).collect();
    assert_eq!(&jobs(&received) | &jobs(&rest), sent, "each once");
    let receipts = received.into_iter().chain(rest).map(|one| one.receipt).collect();
    intake.delete(&class, receipts).await.unwrap();
    assert_eq!(intake.depth(&class).await.unwrap(), Depth::default());
}

#[tokio::test]
async fn a_body_too_long_for_a_message_lies_aside() {
    let (world, class, mut messages) = with_class(3).await;
    let body = noise(600 << 10);
    messages[1].body = MessageBody::Inline(body.clone());
    let store = world.store();
    store.intake().send(messages.clone()).await.unwrap();
    let received = store.intake().receive(&class, 10, LONG_MS, 1_000).await.unwrap();
    assert_eq!(received.len(), 3);
    let long = received.iter().find(|one| one.message.job == messages[1].job).unwrap();
    let MessageBody::At(at) = &long.message.body else { panic!("its place") };
    assert!(at.object.as_str().starts_with("bodies/"), "{}", at.object);
    assert!(store.objects().read(&at.object, at.offset, at.length).await.unwrap() == body);
}

#[tokio::test]
async fn two_long_messages_fill_a_call() {
    let (world, class, mut messages) = with_class(7).await;
    for message in &mut messages {
        message.body = MessageBody::Inline(noise(330 << 10));
    }
    let intake = world.store().intake();
    intake.send(messages.clone()).await.unwrap();
    let received = intake.receive(&class, 10, LONG_MS, 1_000).await.unwrap();
    assert_eq!(received.len(), 7);
    assert!(received.iter().all(|one| messages.contains(&one.message)));
}

#[tokio::test]
async fn characters_that_sqs_refuses_pass() {
    let (world, class, mut messages) = with_class(1).await;
    let odd = "\0\u{1}\u{b}\u{1f}\u{7f}\u{fffe}\u{ffff}\u{10ffff}\r\n\"\\";
    messages[0].body = MessageBody::Inline(Bytes::from_static(odd.as_bytes()));
    messages[0].lane.model = odd.to_owned();
    let intake = world.store().intake();
    intake.send(messages.clone()).await.unwrap();
    assert_eq!(intake.receive(&class, 1, LONG_MS, 1_000).await.unwrap()[0].message, messages[0]);
}

#[tokio::test]
async fn poison_is_kept_and_blocks_nobody() {
    let (world, class, messages) = with_class(3).await;
    let store = world.store();
    let text = Namespace::fresh().name("not one of ours");
    for body in [text.as_str(), "{\"v\":1}"] {
        let send = world.clients.sqs.send_message().queue_url(&world.resources.queues[&class]).message_body(body);
        send.send().await.unwrap();
    }
    store.intake().send(messages.clone()).await.unwrap();
    let received = store.intake().receive(&class, 10, LONG_MS, 1_000).await.unwrap();
    assert_eq!(jobs(&received).len(), 3, "the others arrive");
    assert_eq!(store.intake().depth(&class).await.unwrap(), Depth { visible: 0, hidden: 3 }, "poison is out");
    let mut kept = Vec::new();
    for (name, _) in store.objects().list("poison/", None, 100).await.unwrap() {
        kept.push(store.objects().read(&name, 0, 7).await.unwrap());
    }
    assert!(kept.contains(&Bytes::copy_from_slice(&text.as_bytes()[..7])), "and kept");
}

#[tokio::test]
async fn a_message_with_a_broken_body_arrives_without_it() {
    let (world, class, messages) = with_class(1).await;
    let store = world.store();
    store.intake().send(messages.clone()).await.unwrap();
    let (url, sqs) = (&world.resources.queues[&class], &world.clients.sqs);
    let raw = sqs.receive_message().queue_url(url).visibility_timeout(60).wait_time_seconds(1).send().await.unwrap();
    let text = raw.messages()[0].body().unwrap();
    let (head, body) = text.split_once('\n').unwrap();
    let broken = format!("{head}\n*{body}");
    sqs.send_message().queue_url(url).message_body(broken).send().await.unwrap();
    let received = store.intake().receive(&class, 10, LONG_MS, 1_000).await.unwrap();
    assert_eq!(jobs(&received), BTreeSet::from([messages[0].job]));
    let MessageBody::At(at) = &received[0].message.body else { panic!("a place") };
    let read = store.objects().read(&at.object, at.offset, at.length).await;
    assert!(matches!(read, Err(StoreError::NotFound)), "{read:?}");
}

#[tokio::test]
async fn a_census_leaves_the_messages_where_they_are() {
    let (world, class, messages) = with_class(25).await;
    let intake = world.store().intake();
    intake.send(messages.clone()).await.unwrap();
    let sent: BTreeSet<JobId> = messages.iter().map(|message| message.job).collect();
    assert_eq!(intake.waiting(&class).await.unwrap(), sent);
    assert_eq!(jobs(&intake.receive(&class, 100, LONG_MS, 1_000).await.unwrap()), sent, "at once again");
    assert_eq!(intake.waiting(&class).await.unwrap(), BTreeSet::new(), "a packer holds them");
}

#[tokio::test]
async fn a_receipt_of_nothing_is_no_error() {
    let (world, class, messages) = with_class(1).await;
    let intake = world.store().intake();
    intake.send(messages).await.unwrap();
    let received = intake.receive(&class, 1, LONG_MS, 1_000).await.unwrap();
    let made_up = Receipt("AQEB-made-up".to_owned());
    intake.delete(&class, vec![made_up.clone(), received[0].receipt.clone(), made_up]).await.unwrap();
    assert_eq!(intake.depth(&class).await.unwrap(), Depth::default(), "the others are deleted");
}

#[tokio::test]
async fn a_class_without_a_queue_is_named() {
    let intake = World::shared().await.store().intake();
    let text = intake.depth("later").await.unwrap_err().to_string();
    assert!(text.contains("\"later\"") && text.contains("nightly, soon"), "{text}");
}

const SENT: &str = r#""MessageId":"m","MD5OfMessageBody":"d""#;
const THROTTLED: &str = r#"{"__type":"com.amazonaws.sqs#RequestThrottled","message":"slow"}"#;

#[tokio::test(start_paused = true)]
async fn only_what_failed_is_sent_again() {
    let answer = format!(
        r#"{{"Successful":[{{"Id":"0",{SENT}}},{{"Id":"2",{SENT}}}],
            "Failed":[{{"Id":"1","Code":"InternalError","SenderFault":false}}]}}"#
    );
    let rest = format!(r#"{{"Successful":[{{"Id":"0",{SENT}}}],"Failed":[]}}"#);
    let script = Script::default().then(200, &answer).then(400, THROTTLED).then(200, &rest);
    let messages = soon(3);
    script.store().await.intake().send(messages.clone()).await.unwrap();
    let asked = script.asked();
    let holds = |n: usize, message: &Message| asked[n].body.contains(&message.job.to_string());
    assert!(messages.iter().all(|message| holds(0, message)));
    for again in [1, 2] {
        assert!(holds(again, &messages[1]) && !holds(again, &messages[0]) && !holds(again, &messages[2]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_refused_for_good_is_an_error() {
    let refused = r#"{"Successful":[],"Failed":[
        {"Id":"0","Code":"InvalidMessageContents","SenderFault":true,"Message":"a prompt"}]}"#;
    let script = Script::default().then(200, refused);
    let error = script.store().await.intake().send(soon(2)).await.unwrap_err().to_string();
    assert!(error.contains("InvalidMessageContents") && !error.contains("prompt"), "{error}");
    assert_eq!(script.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_send_is_made_again() {
    let script = Script::default().then(400, THROTTLED).then(503, "").then(200, &format!("{{{SENT}}}"));
    script.store().await.intake().send(soon(1)).await.unwrap();
    assert_eq!(script.asked().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn throttling_without_end_is_told() {
    let script = (0..8).fold(Script::default(), |script, _| script.then(400, THROTTLED));
    let error = script.store().await.intake().send(soon(1)).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unavailable(text) if text.contains("RequestThrottled")), "{error}");
    assert_eq!(script.asked().len(), 8);
}

#[tokio::test(start_paused = true)]
async fn only_what_was_not_deleted_is_deleted_again() {
    let first = r#"{"Successful":[{"Id":"0"}],"Failed":[
        {"Id":"1","Code":"ReceiptHandleIsInvalid","SenderFault":true},
        {"Id":"2","Code":"InternalError","SenderFault":false}]}"#;
    let script = Script::default().then(200, first).then(200, r#"{"Successful":[{"Id":"0"}],"Failed":[]}"#);
    let receipts = ["done", "stale", "again"].map(|word| Receipt(word.to_owned()));
    script.store().await.intake().delete("soon", receipts.into()).await.unwrap();
    let asked = script.asked();
    assert!(asked[1].body.contains("again") && !asked[1].body.contains("stale") && !asked[1].body.contains("done"));
}
