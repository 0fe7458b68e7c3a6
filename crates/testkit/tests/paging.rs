//! A chunk's lines in pages: each line once, whatever is answered meanwhile.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt as _;
use offpeak_core::endpoint::Endpoint;
use offpeak_core::fleet::{self, Timing};
use offpeak_core::flows::fleet::{Desk, Fleet, Stores};
use offpeak_core::ids::{CredentialId, FileId, JobId, NativeBatchId, ObjectName, SubmissionId, TenantId};
use offpeak_core::lane::{Lane, Terms};
use offpeak_core::ports::{
    Ask, Backend as _, Checkpoint, Clock as _, CreateReply, Desk as _, Lease, NewBatch, Objects as _, PageLines,
    Paged as _, Submissions as _,
};
use offpeak_core::submission::manifest::{Entry, Manifest};
use offpeak_core::submission::{Origin, Sealed, Size, State, Submission, line};
use offpeak_testkit::fakes::{Fakes, TokioClock};

/// Of a page.
const BYTES: u64 = 2_000;

/// Which line is longer than a page.
const LONG: u64 = 7;

const LINES: u64 = 40;

fn id(number: u64) -> JobId {
    JobId([[0; 8], number.to_be_bytes()].concat().try_into().unwrap())
}

/// Lines, and their manifest.
fn content() -> (Bytes, Bytes) {
    let (mut lines, mut entries) = (BytesMut::new(), Vec::new());
    for number in 0..LINES {
        let prompt = "p".repeat(if number == LONG { 5_000 } else { 200 });
        let body = format!(r#"{{"model":"m","messages":["{prompt}"]}}"#);
        let start = lines.len();
        let offset = start + line::write(&mut lines, id(number), Endpoint::ChatCompletions, body.as_bytes());
        let length = u32::try_from(body.len()).unwrap();
        entries.push(Entry { job: id(number), attempt: 0, offset: offset as u64, length, tenant: 0 });
    }
    (lines.freeze(), Manifest::of(entries, vec![TenantId::from("t")]).bytes())
}

/// A desk whose one chunk is held.
async fn held() -> (Fakes, Desk, Lease) {
    let fakes = Fakes::new(&TokioClock::default(), 1);
    let submission = SubmissionId([1; 16]);
    let (lines, manifest) = content();
    let sealed = Sealed {
        object: ObjectName::from("sealed/lines"),
        manifest: ObjectName::from("sealed/manifest"),
        manifest_sha256: Manifest::sha256(&manifest),
        size: Size { requests: LINES, bytes: lines.len() as u64, tokens: 1, inputs: 0 },
        deadline_ms: fakes.clock.now_ms() + 1_000_000,
        turn_ms: None,
    };
    for (name, bytes) in [(&sealed.object, lines), (&sealed.manifest, manifest)] {
        let mut writer = fakes.objects.create(name).await.unwrap();
        writer.write(bytes).await.unwrap();
        writer.finish().await.unwrap();
    }
    let lane = Lane {
        credential: CredentialId::own(fleet::NAME),
        provider: fleet::NAME.to_owned(),
        endpoint: Endpoint::ChatCompletions,
        model: "m".to_owned(),
        class: "soon".to_owned(),
        terms: Terms::default(),
    };
    let row = Submission {
        id: submission,
        version: 1,
        lane,
        state: State::Sealed,
        created_ms: fakes.clock.now_ms(),
        sealed: Some(sealed),
        busy_until_ms: 0,
        origin: Origin::Batch { batch: NativeBatchId([9; 16]), withdrawn: false },
    };
    fakes.submissions.create(&row).await.unwrap();
    let stores = Stores {
        chunks: Arc::new(fakes.chunks.clone()),
        submissions: Arc::new(fakes.submissions.clone()),
        objects: Arc::new(fakes.objects.clone()),
        clock: Arc::new(fakes.clock.clone()),
    };
    let fleet = Fleet::new(stores, Timing::default());
    let batch = NewBatch {
        submission,
        file: FileId(submission.to_string()),
        endpoint: Endpoint::ChatCompletions,
        timeout_ms: 1_000,
    };
    let created = fleet.create(&secrecy::SecretString::default(), batch).await;
    assert!(matches!(created, CreateReply::Created(_)));
    let ask = Ask { worker: "w".to_owned(), models: vec!["m".to_owned()], full: BTreeSet::new() };
    let lease = fleet.desk().take(&ask).await.unwrap().unwrap();
    (fakes, fleet.desk(), lease)
}

/// The ids of a page's lines, and where the next one begins.
async fn page(fakes: &Fakes, desk: &Desk, lease: &Lease, from: u32) -> (Vec<String>, Option<u32>) {
    let page = desk.page(lease, from, BYTES).await.unwrap();
    let text = match page.lines {
        PageLines::Here(lines) => {
            let text = lines.try_collect::<BytesMut>().await.unwrap();
            assert!(text.len() as u64 <= BYTES, "{} bytes", text.len());
            text.freeze()
        }
        PageLines::There { object, offset, length } => {
            assert!(length > BYTES);
            fakes.objects.read(&object, offset, length).await.unwrap()
        }
    };
    let id = |line: &[u8]| {
        let line: serde_json::Value = serde_json::from_slice(line).unwrap();
        line["custom_id"].as_str().unwrap().to_owned()
    };
    (text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(id).collect(), page.next)
}

async fn answer(desk: &Desk, lease: &Lease, number: u32, id: &str) {
    let bytes = Bytes::from(format!(
        "{{\"id\":\"r\",\"custom_id\":\"{id}\",\"response\":{{\"status_code\":200,\"request_id\":null,\"body\":{{}}}},\
         \"error\":null}}\n"
    ));
    desk.keep(lease, Some(Checkpoint { number, bytes, lines: 1, failed: 0 })).await.unwrap();
}

#[tokio::test]
async fn every_line_is_in_one_page_though_some_are_answered_meanwhile() {
    let (fakes, desk, lease) = held().await;
    let (mut seen, mut from, mut pages) = (Vec::new(), Some(0), 0);
    while let Some(at) = from {
        let (ids, next) = page(&fakes, &desk, &lease, at).await;
        // The first of them is answered before the next page is asked for.
        if let Some(first) = ids.first().filter(|_| pages < 3) {
            answer(&desk, &lease, pages, first).await;
        }
        assert!(next.is_none_or(|next| next > at));
        seen.extend(ids);
        (from, pages) = (next, pages + 1);
    }
    assert!(pages > 5, "{pages} pages");
    seen.sort();
    let mut all: Vec<String> = (0..LINES).map(|number| id(number).to_string()).collect();
    all.sort();
    assert_eq!(seen, all, "each once");
}

#[tokio::test]
async fn what_is_answered_is_in_no_page_however_long_it_is() {
    let (fakes, desk, lease) = held().await;
    answer(&desk, &lease, 0, &id(LONG).to_string()).await;
    let (mut seen, mut from) = (Vec::new(), Some(0));
    while let Some(at) = from {
        let (ids, next) = page(&fakes, &desk, &lease, at).await;
        seen.extend(ids);
        from = next;
    }
    assert_eq!(seen.len() as u64, LINES - 1);
    assert!(!seen.contains(&id(LONG).to_string()));
}
