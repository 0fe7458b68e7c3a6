//! Batches found again.

use offpeak_core::ports::{Backend as _, BackendError};
use serde_json::{Value, json};

use crate::stage::{Play, Stage, answer, ok};
use crate::{SUBMISSION_TEXT, backend, key, marker};

/// Unix seconds at which the marker's create was intended.
const SINCE: u64 = 1_800_000_000;

fn batch(id: &str, created: u64) -> Value {
    json!({"id": id, "created_at": created, "input_file_id": "file-x", "metadata": null})
}

fn ours(id: &str, created: u64) -> Value {
    json!({"id": id, "created_at": created, "input_file_id": "file-1"})
}

fn page(batches: &[Value], has_more: bool) -> Vec<u8> {
    ok(&json!({"object": "list", "data": batches, "has_more": has_more}).to_string())
}

async fn found(stage: &Stage) -> Result<Vec<String>, BackendError> {
    let ids = backend(stage.base()).find(&key(), marker(SINCE * 1000)).await?;
    Ok(ids.into_iter().map(|id| id.0).collect())
}

#[tokio::test]
async fn either_mark_is_enough_and_the_oldest_comes_first() {
    let by_metadata = json!({"id": "b2", "created_at": SINCE + 2, "metadata": {"offpeak_submission": SUBMISSION_TEXT}});
    let other = json!({"id": "b0", "created_at": SINCE, "metadata": {"offpeak_submission": "sub_other"}});
    let stage = Stage::saying(page(&[ours("b3", SINCE + 3), by_metadata, batch("b1", SINCE), other], false)).await;
    assert_eq!(found(&stage).await.unwrap(), ["b2", "b3"]);
    let seen = stage.only();
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("GET", "/v1/batches?limit=100"));
}

#[tokio::test]
async fn pages_are_read_until_they_are_too_old() {
    let stage = Stage::new(|seen, _| {
        Play::Say(match seen.target.as_str() {
            "/v1/batches?limit=100" => page(&[batch("a/1", SINCE + 60)], true),
            "/v1/batches?limit=100&after=a%2F1" => page(&[ours("a2", SINCE + 30), batch("a3", SINCE - 599)], true),
            "/v1/batches?limit=100&after=a3" => page(&[ours("a4", SINCE - 600), batch("a5", SINCE - 601)], true),
            other => panic!("{other}"),
        })
    })
    .await;
    assert_eq!(found(&stage).await.unwrap(), ["a4", "a2"]);
    assert_eq!(stage.seen().len(), 3);
}

#[tokio::test]
async fn a_list_that_is_not_sorted_newest_first_is_read_to_its_end() {
    let stage = Stage::new(|_, before| {
        Play::Say(match before {
            0 => page(&[batch("a1", SINCE - 9_000), batch("a2", SINCE - 8_000)], true),
            _ => page(&[ours("a3", SINCE)], false),
        })
    })
    .await;
    assert_eq!(found(&stage).await.unwrap(), ["a3"]);
}

#[tokio::test]
async fn a_bare_array_is_the_whole_list() {
    let text =
        json!([{"id": "b", "created_at": "2027-01-15T08:00:00Z", "input_file_id": "file-1", "status": "FAILED"}]);
    assert_eq!(found(&Stage::saying(ok(&text.to_string())).await).await.unwrap(), ["b"]);
}

#[tokio::test]
async fn a_list_that_does_not_say_whether_more_follows_ends_with_an_empty_page() {
    let stage = Stage::new(|_, before| {
        Play::Say(match before {
            0 => ok(&json!({"data": [batch("a", SINCE)]}).to_string()),
            _ => ok(r#"{"data":[]}"#),
        })
    })
    .await;
    assert!(found(&stage).await.unwrap().is_empty());
    assert_eq!(stage.seen().len(), 2);
}

#[tokio::test]
async fn a_provider_that_knows_no_pages_is_asked_twice_at_most() {
    let stage = Stage::saying(page(&[ours("a", SINCE + 1), ours("b", SINCE)], true)).await;
    assert_eq!(found(&stage).await.unwrap(), ["b", "a"]);
    assert_eq!(stage.seen().len(), 2);
}

#[tokio::test]
async fn what_is_no_list_does_not_pass_for_an_empty_one() {
    for body in [
        "{}",
        "null",
        "",
        r#"{"error":{"message":"x"}}"#,
        r#"{"data":null}"#,
        r#"{"data":[{"input_file_id":"file-1"}]}"#,
    ] {
        let error = found(&Stage::saying(ok(body)).await).await.unwrap_err();
        assert!(matches!(error, BackendError::Unavailable(_)), "{body}");
    }
    let error = found(&Stage::saying(answer(401, &[], "")).await).await.unwrap_err();
    assert!(matches!(error, BackendError::Refused(_)));
}

#[tokio::test]
async fn a_list_without_end_proves_no_absence() {
    let endless = Stage::new(|_, before| Play::Say(page(&[batch(&format!("a{before}"), SINCE + 1)], true))).await;
    assert!(matches!(found(&endless).await, Err(BackendError::Unavailable(_))));
    assert_eq!(endless.seen().len(), 50);
}

#[tokio::test]
async fn a_time_is_read_in_every_spelling() {
    let old = SINCE - 601;
    let spellings = [
        json!(old),
        json!(old * 1000),
        json!(1_799_999_399.25),
        json!(old.to_string()),
        json!("2027-01-15T07:49:59Z"),
        json!("2027-01-15T07:49:59.5"),
        json!("2027-01-15T09:49:59+02:00"),
    ];
    for created in spellings {
        let stage = Stage::saying(page(&[json!({"id": "a", "created_at": created})], true)).await;
        assert!(found(&stage).await.unwrap().is_empty());
        assert_eq!(stage.seen().len(), 1, "{created} is too old to look further");
    }
    for created in [json!(null), json!("yesterday"), json!({}), json!(-1)] {
        let stage = Stage::saying(page(&[json!({"id": "a", "created_at": created})], true)).await;
        assert!(found(&stage).await.unwrap().is_empty());
        assert_eq!(stage.seen().len(), 2, "{created} says nothing");
    }
}
