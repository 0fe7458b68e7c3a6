//! Bodies at the limit, and with characters that a queue refuses: the provider gets every byte, and so does the caller.

use bytes::Bytes;
use hyper::{Request, StatusCode};
use offpeak_tests_aws::Stop;
use serde_json::Value;

use super::{PATIENCE, chat, noise};
use crate::crash::{Run, door, send};

/// What SQS refuses in a message, as far as JSON allows it unescaped.
const ODD: &str = "\u{fffe}\u{ffff}\u{7f}\u{80}\u{85}\u{9f}\u{feff}\u{2028}\u{10ffff}";
/// The rest of it, escaped as JSON demands.
const ESCAPED: &str = "\\u0000\\u0001\\u0008\\u001f\\ufffe\\uffff";

#[test]
fn every_byte_of_a_body_arrives_whatever_it_is() {
    let large = noise(4_000_000);
    let bodies = [
        format!(r#"{{"model":"gpt-4o-mini","messages":[{{"role":"user","content":"{large}"}}],"q":"large"}}"#),
        chat(&format!("{ODD}{ESCAPED}")),
        chat(&format!("{}{ODD}{ESCAPED}", &large[..600_000])),
    ];
    let mut run = Run::new(Stop::never(), 0);
    let jobs = enter(&run, &bodies);
    run.finish(PATIENCE);
    assert_eq!(run.judged_rest(), Vec::<String>::new());
    let uploads = run.site.tap.uploads();
    for body in &bodies {
        let holds = |file: &Bytes| file.windows(body.len()).any(|bytes| bytes == body.as_bytes());
        assert!(uploads.iter().any(holds), "a body of {} bytes did not reach the provider as it was", body.len());
    }
    for (job, body) in jobs.iter().zip(&bodies) {
        let (status, answer) = fetch(&run, job);
        assert_eq!(status, StatusCode::OK, "{job}");
        let (asked, told): (Value, Value) =
            (serde_json::from_str(body).unwrap(), serde_json::from_slice(&answer).unwrap());
        assert_eq!(told["echo"], asked["q"], "{job}");
    }
    let (_, answer) = fetch(&run, &jobs[1]);
    assert!(answer.windows(ODD.len()).any(|bytes| bytes == ODD.as_bytes()), "the provider wrote them unescaped");
}

/// Has the bodies accepted; their jobs.
fn enter(run: &Run, bodies: &[String]) -> Vec<String> {
    let process = Stop::never().process();
    let work = async {
        let door = door(&run.site.reach(&process).await);
        let mut jobs = Vec::new();
        for body in bodies {
            let request = Request::post("/v1/chat/completions").header("content-type", "application/json");
            let request = request.header("prefer", "respond-async");
            let (status, headers, answer) = send(&door, request, Bytes::from(body.clone())).await;
            assert_eq!(status, StatusCode::ACCEPTED, "{answer:?}");
            jobs.push(headers["x-offpeak-job"].to_str().unwrap().to_owned());
        }
        jobs
    };
    process.live(work).unwrap()
}

fn fetch(run: &Run, job: &str) -> (StatusCode, Bytes) {
    let process = Stop::never().process();
    let work = async {
        let door = door(&run.site.reach(&process).await);
        let (status, _, body) = send(&door, Request::get(format!("/v1/jobs/{job}/result")), Bytes::new()).await;
        (status, body)
    };
    process.live(work).unwrap()
}
