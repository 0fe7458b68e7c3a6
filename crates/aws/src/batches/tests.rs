//! Items and calls: both indexes at their cheapest, and a row that fits.

use offpeak_core::batch::{Batch, InputError, State};
use offpeak_core::ports::{BatchPage, BatchWalk as _, Batches as _, StoreError};
use offpeak_testkit::samples::{CREATED_MS, Namespace};
use serde_json::{Value, json};

use super::*;
use crate::dynamo::{Script, bytes, item_bytes, wire};

const RETENTION_MS: u64 = 100 * 365 * 86_400_000;
const DONE: (u16, &str) = (200, "{}");

fn batches(script: &Script) -> Batches {
    Batches::new(script.client(), "batches".to_owned(), RETENTION_MS)
}

fn item(batch: &Batch) -> Item {
    batches(&Script::new(&[])).item(batch, batch.version).unwrap()
}

/// What an index that holds nothing but keys says of a row.
fn key(batch: &Batch) -> Value {
    let mut key = item(batch);
    key.retain(|name, _| [ID, TENANT, BORN].contains(&name.as_str()));
    wire(&key)
}

fn found(rows: &[&Batch]) -> String {
    json!({"Responses": {"batches": rows.iter().map(|row| wire(&item(row))).collect::<Vec<_>>()}}).to_string()
}

#[test]
fn a_row_is_in_the_index_of_open_rows_until_it_has_ended() {
    let names = Namespace::fresh();
    for state in names.open_batch_states() {
        let item = item(&names.batch_in(state));
        assert!(item.contains_key("open") && !item.contains_key(EXPIRY));
    }
    for state in names.final_batch_states() {
        let batch = names.batch_in(state);
        let item = item(&batch);
        assert!(!item.contains_key("open"));
        assert_eq!(batch.times.ended_ms, Some(CREATED_MS + 5));
        assert_eq!(item[EXPIRY], number((CREATED_MS + RETENTION_MS) / 1_000 + 1), "rounded up to seconds");
    }
}

#[test]
fn the_largest_row_fits_into_an_item() {
    let names = Namespace::fresh();
    let mut batch = names.batch();
    batch.tenant = TenantId("t".repeat(1_024));
    let error = |length| InputError { line: None, code: String::new(), message: "m".repeat(length), param: None };
    batch.state = State::Failed { errors: vec![error(0)] };
    batch.times.ended_ms = Some(CREATED_MS);
    let bytes = serde_json::to_vec(&batch).unwrap().len();
    batch.state = State::Failed { errors: vec![error(400_000 - bytes)] };
    let size = item_bytes(&item(&batch));
    assert!((400_000..=400 << 10).contains(&size), "{size} bytes");
}

#[tokio::test]
async fn a_write_compares_the_version_and_is_sent_once() {
    let unclear = (500, r#"{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"a secret"}"#);
    let script = Script::new(&[DONE, unclear, unclear]);
    let (rows, batch) = (batches(&script), Namespace::fresh().batch_in(State::InProgress));
    assert!(rows.replace(&batch).await.unwrap());
    for reply in [rows.replace(&batch).await.map(drop), rows.create(&batch).await] {
        assert!(matches!(reply, Err(StoreError::Unavailable(_))), "{reply:?}");
    }
    let requests = script.requests();
    assert_eq!(requests.len(), 3, "what is unclear may have been written");
    let condition = "#version = :version AND (attribute_not_exists(#ttl) OR #ttl >= :now)";
    assert_eq!(requests[0]["ConditionExpression"], condition);
    assert_eq!(requests[0]["ExpressionAttributeValues"][":version"], json!({"N": "1"}));
    assert_eq!(requests[0]["Item"]["version"], json!({"N": "2"}));
    assert_eq!(requests[2]["ConditionExpression"], "attribute_not_exists(#id) OR #ttl < :now");
}

#[tokio::test]
async fn a_page_is_a_query_of_keys_and_a_read_of_rows() {
    let names = Namespace::fresh();
    let rows: Vec<Batch> = (0..3).map(|_| names.batch_in(State::InProgress)).collect();
    let keys = json!({"Items": [key(&rows[2]), key(&rows[1]), key(&rows[0])]}).to_string();
    // In any order.
    let read = found(&[&rows[0], &rows[2], &rows[1]]);
    let script = Script::new(&[(200, &keys), (200, &read)]);
    let page = batches(&script).list(&names.tenant(), None, 2).await.unwrap();
    assert_eq!(page, BatchPage { batches: vec![rows[2].clone(), rows[1].clone()], has_more: true });
    let requests = script.requests();
    assert_eq!((&requests[0]["IndexName"], &requests[0]["Limit"]), (&json!("by-tenant"), &json!(3)));
    assert_eq!(requests[0]["ScanIndexForward"], false);
    assert_eq!(requests[1]["RequestItems"]["batches"]["ConsistentRead"], true);
}

#[tokio::test]
async fn a_page_goes_on_until_it_is_full() {
    let names = Namespace::fresh();
    let rows: Vec<Batch> = (0..3).map(|_| names.batch()).collect();
    let gone = names.batch();
    let first = json!({"Items": [key(&gone), key(&rows[2])], "LastEvaluatedKey": key(&rows[2])}).to_string();
    let last = json!({"Items": [key(&rows[1])]}).to_string();
    let cursor = json!({"Item": wire(&item(&rows[0]))}).to_string();
    let (one, other) = (found(&[&rows[2]]), found(&[&rows[1]]));
    let script = Script::new(&[(200, &cursor), (200, &first), (200, &one), (200, &last), (200, &other)]);
    let page = batches(&script).list(&names.tenant(), Some(rows[0].id), 2).await.unwrap();
    assert_eq!(page, BatchPage { batches: vec![rows[2].clone(), rows[1].clone()], has_more: false });
    let starts: Vec<Value> = [1, 3].map(|n| script.requests()[n]["ExclusiveStartKey"].clone()).into();
    assert_eq!(starts, [key(&rows[0]), key(&rows[2])]);
}

#[tokio::test]
async fn a_cursor_of_another_tenant_is_not_found() {
    let (ours, theirs) = (Namespace::fresh(), Namespace::fresh());
    let foreign = theirs.batch();
    let cursor = json!({"Item": wire(&item(&foreign))}).to_string();
    let script = Script::new(&[(200, &cursor), DONE]);
    for after in [foreign.id, ours.batch_id()] {
        let reply = batches(&script).list(&ours.tenant(), Some(after), 2).await;
        assert!(matches!(reply, Err(StoreError::NotFound)), "{reply:?}");
    }
    assert_eq!(script.requests().len(), 2, "nothing is listed");
}

#[tokio::test]
async fn a_walk_reads_each_row_once_and_goes_on_where_its_caller_is() {
    let names = Namespace::fresh();
    let rows = [names.batch(), names.batch()];
    let at = |row: &Batch| wire(&Item::from([(ID.to_owned(), bytes(&row.id.0))]));
    let first = json!({"Items": [wire(&item(&rows[1]))], "LastEvaluatedKey": at(&rows[1])}).to_string();
    let last = json!({"Items": [wire(&item(&rows[0]))]}).to_string();
    let script = Script::new(&[(200, &first), (200, &last)]);
    let walk = batches(&script);
    assert_eq!(walk.scan(None, 1).await.unwrap(), [rows[1].clone()]);
    assert_eq!(walk.scan(Some(rows[1].id), 1).await.unwrap(), [rows[0].clone()]);
    let asked: Vec<Value> = script.requests().iter().map(|one| one["ExclusiveStartKey"].clone()).collect();
    assert_eq!(asked, [json!(null), at(&rows[1])]);
}

#[tokio::test]
async fn a_row_past_its_time_is_not_there() {
    let mut gone = item(&Namespace::fresh().batch());
    gone.insert(EXPIRY.to_owned(), number(1_u32));
    let reply = json!({"Item": wire(&gone)}).to_string();
    let script = Script::new(&[(200, &reply)]);
    assert_eq!(batches(&script).get(NativeBatchId([1; 16])).await.unwrap(), None);
    assert_eq!(script.requests()[0]["Key"]["id"], wire(&Item::from([(ID.to_owned(), bytes(&[1; 16]))]))["id"]);
}
