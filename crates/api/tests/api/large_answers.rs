//! An answer larger than a response may be is given by a URL, or refused whole.

use http::StatusCode;
use offpeak_api::Rules;
use offpeak_core::ids::ObjectName;
use serde_json::json;

use crate::door::{Door, rules};

fn bounded(response_bytes: u64) -> Rules {
    Rules { response_bytes: Some(response_bytes), ..rules() }
}

#[tokio::test]
async fn an_answer_that_fits_is_given_byte_for_byte() {
    let door = Door::sharing(bounded(12));
    let job = door.chat(&json!({})).await.job();
    door.answer(job, 200, b"{\"id\" : \"a\"}").await;
    let got = door.chat(&json!({})).await;
    assert_eq!((got.status, got.text()), (StatusCode::OK, "{\"id\" : \"a\"}"));
}

#[tokio::test]
async fn a_larger_answer_is_led_to() {
    let door = Door::sharing(bounded(11));
    let job = door.chat(&json!({})).await.job();
    door.answer(job, 200, b"{\"id\" : \"a\"}").await;
    for got in [door.chat(&json!({})).await, door.get(&format!("/v1/jobs/{job}/result")).await] {
        assert_eq!((got.status, got.job()), (StatusCode::SEE_OTHER, job));
        let (_, name) = got.header("location").split_once("https://objects.invalid/").unwrap();
        assert!(name.starts_with(&format!("answers/{job}-")), "{name}");
        let shared = door.fakes.objects.bytes(&ObjectName::from(name)).unwrap();
        assert_eq!(shared, "{\"id\" : \"a\"}", "the answer and no byte more");
    }
}

#[tokio::test]
async fn without_a_way_to_share_a_larger_answer_is_refused_and_named() {
    let door = Door::new(bounded(11));
    let job = door.chat(&json!({})).await.job();
    door.answer(job, 200, b"{\"id\" : \"a\"}").await;
    let got = door.chat(&json!({})).await;
    assert_eq!((got.status, got.code().as_str()), (StatusCode::BAD_GATEWAY, "response_too_large"));
    assert_eq!(got.header("x-should-retry"), "false");
    assert!(got.text().contains("results/one.jsonl, bytes 8 to 20"), "{}", got.text());
    assert_eq!(door.get(&format!("/v1/jobs/{job}")).await.status, StatusCode::OK, "the job is done all the same");
}

#[tokio::test]
async fn a_larger_error_of_the_provider_is_not_shared() {
    let door = Door::sharing(bounded(5));
    let job = door.chat(&json!({})).await.job();
    door.answer(job, 400, b"{\"error\":{}}").await;
    assert_eq!(door.chat(&json!({})).await.code(), "response_too_large");
}

#[tokio::test]
async fn an_answer_that_its_models_name_makes_larger_is_not_cut() {
    let answer = b"{\"model\":\"large\"}";
    let renamed = json!({"model": "a-longer-name"});
    let door = Door::new(bounded(answer.len() as u64));
    let job = door.chat(&renamed).await.job();
    door.answer(job, 200, answer).await;
    assert_eq!(door.chat(&renamed).await.code(), "response_too_large");
    let door = Door::sharing(bounded(answer.len() as u64));
    let job = door.chat(&renamed).await.job();
    door.answer(job, 200, answer).await;
    assert_eq!(door.chat(&renamed).await.status, StatusCode::SEE_OTHER);
}
