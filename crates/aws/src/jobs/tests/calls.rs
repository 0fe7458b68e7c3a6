//! Calls: one for each write, with no more in it than changes, and repeated only if it was refused.

use offpeak_core::ids::{RequestId, SubmissionId};
use offpeak_core::job::{Event, Handed, Job, Mark, Transition};
use offpeak_core::ports::{Created, Jobs as _, StoreError, Written};
use offpeak_testkit::samples::{Namespace, after, to};
use serde_json::{Value, json};

use super::super::{Jobs, encode};
use super::{RETENTION_MS, large_job};
use crate::dynamo::{Item, Script, wire};

const DONE: (u16, &str) = (200, "{}");
const THROTTLED: (u16, &str) =
    (400, r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slower"}"#);
const UNCLEAR: (u16, &str) =
    (500, r#"{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"the row of a prompt"}"#);
const DOWN: (u16, &str) = (503, r#"{"__type":"com.amazon.coral.service#ServiceUnavailable"}"#);

fn jobs(script: &Script) -> Jobs {
    Jobs::new(script.client(), "jobs".to_owned(), RETENTION_MS, false)
}

/// A refusal by the condition, with the item that stands.
fn conflict(item: &Item) -> String {
    let kind = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
    json!({"__type": kind, "message": "The conditional request failed", "Item": wire(item)}).to_string()
}

fn claim(job: &Job) -> Transition {
    to(job, Event::Claim(SubmissionId([7; 16])))
}

/// The one update that was asked for.
async fn update(transition: Transition) -> Value {
    let script = Script::new(&[DONE]);
    assert_eq!(jobs(&script).apply(vec![transition]).await.unwrap(), [Written::Yes]);
    let mut requests = script.requests();
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}

#[tokio::test]
async fn a_claim_writes_its_state_and_submission() {
    let request = update(claim(&Namespace::fresh().job())).await;
    assert_eq!(request["UpdateExpression"], "SET #s = :s, #u = :u");
    assert_eq!(request["ConditionExpression"], "(#ttl >= :now) AND (#s = :was AND #a = :tried)");
    assert_eq!(request["ReturnValuesOnConditionCheckFailure"], "ALL_OLD");
    assert_eq!(request["ExpressionAttributeValues"][":was"], json!({"S": "queued"}));
}

#[tokio::test]
async fn a_requeue_raises_the_attempt_and_lets_go() {
    let packed = after(&Namespace::fresh().rich_job(), Event::Claim(SubmissionId([7; 16])));
    let request = update(to(&packed, Event::Requeue)).await;
    assert_eq!(request["UpdateExpression"], "SET #s = :s, #a = :a REMOVE #u");
    let condition = "(#ttl >= :now) AND (#s = :was AND #a = :tried) AND (#u = :held)";
    assert_eq!(request["ConditionExpression"], condition);
    assert_eq!(request["ExpressionAttributeValues"][":a"], json!({"N": "4"}));
}

#[tokio::test]
async fn an_end_writes_its_time_and_particulars() {
    let names = Namespace::fresh();
    let packed = after(&names.job(), Event::Claim(SubmissionId([7; 16])));
    let request = update(to(&packed, Event::Answer(names.answer()))).await;
    let sets = "#s = :s, #x = :x, #xo = :xo, #xf = :xf, #xl = :xl, #xi = :xi, #xt = :xt, #f = :f, #ttl = :ttl";
    assert_eq!(request["UpdateExpression"], format!("SET {sets} REMOVE #u"));
    let request = update(to(&names.job(), Event::Cancel)).await;
    assert_eq!(request["UpdateExpression"], "SET #s = :s, #f = :f, #ttl = :ttl");
}

#[tokio::test]
async fn a_create_is_one_call_that_brings_the_row_it_meets() {
    let job = large_job(&Namespace::fresh());
    let taken = conflict(&encode::item(&job, RETENTION_MS, false));
    let script = Script::new(&[(400, &taken)]);
    let created = jobs(&script).create(vec![Namespace::fresh().job()]).await.unwrap();
    assert_eq!(created, [Created::Exists(Box::new(job))]);
    let requests = script.requests();
    assert_eq!(requests.len(), 1, "no read before or after");
    assert_eq!(requests[0]["ConditionExpression"], "attribute_not_exists(#id) OR #ttl < :now");
    assert_eq!(requests[0]["ReturnValuesOnConditionCheckFailure"], "ALL_OLD");
}

#[tokio::test]
async fn a_row_past_its_time_is_a_conflict_without_a_row() {
    let job = Namespace::fresh().job();
    let gone = Item::from([("ttl".to_owned(), crate::dynamo::number(1_u32))]);
    let script = Script::new(&[(400, &conflict(&gone))]);
    assert_eq!(jobs(&script).apply(vec![claim(&job)]).await.unwrap(), [Written::Conflict(None)]);
}

#[tokio::test]
async fn a_raise_that_was_raised_further_is_no_conflict() {
    let row = large_job(&Namespace::fresh());
    let stands = conflict(&encode::item(&row, RETENTION_MS, false));
    let handed = Handed { request: RequestId([1; 16]), retry_count: 0, at_ms: 1 };
    let script = Script::new(&[(400, &stands), (400, &stands), (400, &stands)]);
    let jobs = jobs(&script);
    assert_eq!(jobs.mark(row.id, Mark::Count(2)).await.unwrap(), Written::Yes);
    assert_eq!(jobs.mark(row.id, Mark::Low(2)).await.unwrap(), Written::Yes);
    let refused = jobs.mark(row.id, Mark::HandOut(handed)).await.unwrap();
    assert_eq!(refused, Written::Conflict(Some(Box::new(row))));
}

#[tokio::test(start_paused = true)]
async fn a_refused_write_is_sent_again() {
    let script = Script::new(&[THROTTLED, THROTTLED, DONE]);
    let written = jobs(&script).apply(vec![claim(&Namespace::fresh().job())]).await.unwrap();
    assert_eq!(written, [Written::Yes]);
    let requests = script.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| *request == requests[0]), "the same each time");
}

#[tokio::test(start_paused = true)]
async fn patience_ends() {
    let script = Script::new(&[THROTTLED; 8]);
    let reply = jobs(&script).mark(Namespace::fresh().job_id(), Mark::CancelWish).await;
    let Err(StoreError::Unavailable(text)) = reply else { panic!("{reply:?}") };
    assert!(text.contains("UpdateItem: ProvisionedThroughputExceededException"), "{text}");
    assert_eq!(script.requests().len(), 8);
}

#[tokio::test(start_paused = true)]
async fn an_unclear_write_is_sent_once() {
    for unclear in [UNCLEAR, DOWN] {
        let script = Script::new(&[unclear]);
        let jobs = jobs(&script);
        let job = Namespace::fresh().job();
        assert_eq!(jobs.apply(vec![claim(&job)]).await.unwrap(), [Written::Unclear]);
        assert_eq!(script.requests().len(), 1, "it may have been written");
        let script = Script::new(&[unclear]);
        let reply = self::jobs(&script).create(vec![job]).await;
        let Err(StoreError::Unavailable(text)) = reply else { panic!("{reply:?}") };
        assert!(!text.contains("prompt"), "{text}");
        assert_eq!(script.requests().len(), 1, "it may have been written");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unclear_write_leaves_the_others_clear() {
    let script = Script::new(&[DONE, UNCLEAR, DONE]);
    let claims = (0..3).map(|_| claim(&Namespace::fresh().job())).collect();
    let mut written = jobs(&script).apply(claims).await.unwrap();
    written.sort_by_key(|one| *one == Written::Unclear);
    assert_eq!(written, [Written::Yes, Written::Yes, Written::Unclear]);
}

#[tokio::test(start_paused = true)]
async fn keys_that_a_batch_leaves_are_asked_for_again() {
    let names = Namespace::fresh();
    let rows = [names.job(), names.rich_job()];
    let items = rows.each_ref().map(|job| wire(&encode::item(job, RETENTION_MS, false)));
    let left = json!({"jobs": {"Keys": [{"id": items[1]["id"]}], "ConsistentRead": true}});
    let part = json!({"Responses": {"jobs": [items[0]]}, "UnprocessedKeys": left}).to_string();
    let none = json!({"Responses": {"jobs": []}, "UnprocessedKeys": left}).to_string();
    let rest = json!({"Responses": {"jobs": [items[1]]}, "UnprocessedKeys": {}}).to_string();
    let script = Script::new(&[(200, &part), (200, &none), (200, &rest)]);
    let [a, b] = rows;
    let found = jobs(&script).get(&[b.id, a.id, b.id, names.job_id()]).await.unwrap();
    assert_eq!(found, [Some(b.clone()), Some(a), Some(b.clone()), None]);
    let asked: Vec<usize> = script.requests().iter().map(keys_of).collect();
    assert_eq!(asked, [3, 1, 1], "each key once, and then only what is left");
    assert_eq!(script.requests()[1]["RequestItems"]["jobs"]["ConsistentRead"], true);
}

fn keys_of(request: &Value) -> usize {
    request["RequestItems"]["jobs"]["Keys"].as_array().map_or(0, Vec::len)
}
