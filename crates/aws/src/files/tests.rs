//! Calls: one for each row, one for each page.

use offpeak_core::file::Purpose;
use offpeak_core::ports::{FilePlace, Files as _, StoreError};
use offpeak_testkit::samples::{CREATED_MS, Namespace};
use serde_json::{Value, json};

use super::*;
use crate::dynamo::{Script, item_bytes, wire};

const DONE: (u16, &str) = (200, "{}");
const ALL: FileQuery = FileQuery { purpose: None, ascending: true, after: None, limit: 2 };

fn files(script: &Script) -> Files {
    Files::new(script.client(), "files".to_owned())
}

fn page(rows: &[&File], more: bool) -> String {
    let items: Vec<Value> = rows.iter().map(|row| wire(&item(row).unwrap())).collect();
    let last = more.then(|| items.last().cloned());
    json!({"Items": items, "LastEvaluatedKey": last.flatten()}).to_string()
}

#[test]
fn a_row_is_one_unit_and_goes_when_its_file_expires() {
    let names = Namespace::fresh();
    let expires_ms = Some(CREATED_MS + 1);
    let (kept, expiring) = (names.file(), File { expires_ms, ..names.file() });
    let (kept, expiring) = (item(&kept).unwrap(), item(&expiring).unwrap());
    assert!(!kept.contains_key(EXPIRY));
    assert_eq!(expiring[EXPIRY], number(CREATED_MS / 1_000 + 1), "rounded up to seconds");
    assert!(item_bytes(&expiring) <= 1_024, "{} bytes", item_bytes(&expiring));
}

#[tokio::test]
async fn a_create_is_sent_once_and_leaves_what_stands() {
    let kind = "com.amazonaws.dynamodb.v20120810#";
    let taken = json!({"__type": format!("{kind}ConditionalCheckFailedException")}).to_string();
    let unclear = json!({"__type": format!("{kind}InternalServerError")}).to_string();
    let script = Script::new(&[DONE, (400, &taken), (500, &unclear)]);
    let (rows, file) = (files(&script), Namespace::fresh().file());
    rows.create(&file).await.unwrap();
    rows.create(&file).await.unwrap();
    let reply = rows.create(&file).await;
    assert!(matches!(reply, Err(StoreError::Unavailable(_))), "{reply:?}");
    let requests = script.requests();
    assert_eq!(requests.len(), 3, "it may have been written");
    assert!(requests.iter().all(|request| request["ConditionExpression"] == "attribute_not_exists(#id)"));
}

#[tokio::test]
async fn a_page_is_one_query_that_brings_whole_rows() {
    let names = Namespace::fresh();
    let rows = [names.file(), names.file(), names.file()];
    let script = Script::new(&[(200, &page(&rows.each_ref(), true))]);
    let listed = files(&script).list(&names.tenant(), ALL).await.unwrap();
    assert_eq!(listed, FilePage { files: rows[..2].to_vec(), has_more: true });
    let request = &script.requests()[0];
    assert_eq!((&request["IndexName"], &request["Limit"]), (&json!("by-tenant"), &json!(3)));
    assert_eq!(request["ScanIndexForward"], true);
}

#[tokio::test]
async fn rows_of_another_purpose_are_passed_over() {
    let names = Namespace::fresh();
    let other = || File { purpose: Purpose::Vision, ..names.file() };
    let (wanted, others) = (names.file(), [other(), other()]);
    let (first, last) = (page(&others.each_ref(), true), page(&[&wanted], false));
    let script = Script::new(&[(200, &first), (200, &last)]);
    let query = FileQuery { purpose: Some(Purpose::Batch), ascending: false, ..ALL };
    let listed = files(&script).list(&names.tenant(), query).await.unwrap();
    assert_eq!(listed, FilePage { files: vec![wanted], has_more: false });
    let requests = script.requests();
    assert_eq!(requests[1]["ExclusiveStartKey"], wire(&item(&others[1]).unwrap()), "on from where the page ended");
    assert!(requests.iter().all(|request| request["Limit"] == PAGE && request["ScanIndexForward"] == false));
}

#[tokio::test]
async fn a_page_goes_on_after_a_place_without_reading_its_row() {
    let names = Namespace::fresh();
    let gone = names.file();
    let script = Script::new(&[(200, &page(&[], false))]);
    let query = FileQuery { after: Some(FilePlace::of(&gone)), ..ALL };
    let listed = files(&script).list(&names.tenant(), query).await.unwrap();
    assert_eq!(listed, FilePage { files: Vec::new(), has_more: false });
    let mut place = item(&gone).unwrap();
    place.remove(DOC);
    assert_eq!(script.requests()[0]["ExclusiveStartKey"], wire(&place));
}
