//! Poison: what cannot be read becomes an error result or is put aside, and blocks nobody.

use bytes::Bytes;
use hyper::{Request, StatusCode};
use offpeak_core::ports::Objects as _;
use offpeak_tests_aws::{Aws, Stop};
use serde_json::{Value, json};

use super::{PATIENCE, noise};
use crate::crash::{Caller, Run, door, send, url};

const GARBAGE: &str = "not one of ours";

#[test]
fn poison_is_put_aside_or_answered_and_blocks_nobody() {
    let mut run = Run::new(Stop::never(), 6);
    let process = Stop::never().process();
    let bodiless = process.live(poison(&run)).unwrap();
    run.finish(PATIENCE);
    assert_eq!(run.judged_rest(), Vec::<String>::new());
    let complaints: Vec<String> = run.callers.iter().filter_map(Caller::complaint).collect();
    assert_eq!(complaints, Vec::<String>::new(), "those beside the poison are answered");
    process.live(async {
        let reach = run.site.reach(&process).await;
        let request = Request::get(format!("/v1/jobs/{bodiless}/result"));
        let (status, headers, body) = send(&door(&reach), request, Bytes::new()).await;
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((status, body["error"]["code"].as_str()), (StatusCode::BAD_GATEWAY, Some("body_unreadable")));
        assert_eq!(headers["x-should-retry"], "false");
        let objects = reach.store.objects();
        let kept = objects.list("poison/", None, 10).await.unwrap();
        assert_eq!(kept.len(), 1, "{kept:?}");
        let kept = objects.read(&kept[0].0, 0, GARBAGE.len() as u64).await.unwrap();
        assert_eq!(kept, GARBAGE.as_bytes());
    });
}

/// A text that is no message, and a job whose body is lost; the job.
async fn poison(run: &Run) -> String {
    let aws = Aws::at(url());
    aws.json("AmazonSQS.SendMessage", &json!({"QueueUrl": run.site.queue(), "MessageBody": GARBAGE})).await;
    let process = Stop::never().process();
    let reach = run.site.reach(&process).await;
    let content = noise(1_000_000);
    let body = json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": content}]}).to_string();
    let request = Request::post("/v1/chat/completions").header("content-type", "application/json");
    let request = request.header("prefer", "respond-async");
    let (status, headers, answer) = send(&door(&reach), request, Bytes::from(body)).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer:?}");
    let objects = reach.store.objects();
    let stored = objects.list("bodies/", None, 10).await.unwrap();
    assert_eq!(stored.len(), 1, "a body too long for a message");
    objects.delete(&stored[0].0).await.unwrap();
    headers["x-offpeak-job"].to_str().unwrap().to_owned()
}
