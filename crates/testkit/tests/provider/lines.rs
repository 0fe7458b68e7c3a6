//! Lines: checked, run, answered, downloaded.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{Bytes, BytesMut};
use offpeak_core::endpoint::Endpoint;
use offpeak_core::ids::JobId;
use offpeak_core::ports::BatchPhase;
use offpeak_core::submission::line::{self, LineOutcome};
use offpeak_testkit::provider::{DownloadOdds, LineOdds, Script};

use crate::desk::{Desk, lines, pass};

#[tokio::test(start_paused = true)]
async fn a_line_is_answered_with_its_question_and_its_number() {
    let desk = Desk::new(1, Script::calm());
    let (jobs, batch, report) = desk.run(3).await;
    let (_, bytes, _) = desk.download(&report.files[0].id).await;
    let mut answers = BTreeMap::new();
    for text in bytes.split(|byte| *byte == b'\n').filter(|text| !text.is_empty()) {
        let LineOutcome::Answered { status: 200, offset, length, usage } = line::read(text).unwrap().outcome else {
            panic!("answered")
        };
        assert!(usage.input_tokens > 0 && usage.output_tokens > 0);
        let body: serde_json::Value = serde_json::from_slice(&text[offset..offset + length]).unwrap();
        answers.insert(body["echo"].as_str().unwrap().to_owned(), body["sample"].as_u64().unwrap());
    }
    for (n, job) in jobs.iter().enumerate() {
        let [execution] = &desk.provider.executions_of(*job)[..] else { panic!("{job} ran once") };
        assert_eq!(answers[&n.to_string()], execution.sample);
        assert!(execution.billed && execution.batch == batch);
        assert_eq!(desk.provider.billed(*job), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn bad_files_are_named_by_their_line() {
    let desk = Desk::new(10, Script::calm());
    let job = desk.names.job_id();
    let mut twice = BytesMut::new();
    for _ in 0..2 {
        line::write(&mut twice, job, Endpoint::Responses, b"{}");
    }
    let mut elsewhere = BytesMut::new();
    line::write(&mut elsewhere, job, Endpoint::Embeddings, b"{}");
    let files = [
        (twice.freeze(), "duplicate_custom_id", vec![2]),
        (elsewhere.freeze(), "invalid_url", vec![1]),
        (Bytes::from_static(b"{\n"), "invalid_json_line", vec![1]),
        (Bytes::new(), "empty_file", vec![]),
    ];
    for (file, code, lines) in files {
        let submission = desk.names.submission_id();
        let file = desk.upload_bytes(submission, file).await;
        let batch = desk.begin(submission, &file).await;
        pass(1_000).await;
        let BatchPhase::Failed(refusal) = desk.poll(&batch).await.phase else { panic!("{code}") };
        assert_eq!((refusal.code.as_str(), refusal.lines), (code, lines));
    }
}

#[tokio::test(start_paused = true)]
async fn each_failing_line_fails_in_its_own_way() {
    for (odds, status) in [
        (LineOdds { bad_request: 1_000, ..LineOdds::default() }, 400),
        (LineOdds { rate_limited: 1_000, ..LineOdds::default() }, 429),
        (LineOdds { server_error: 1_000, ..LineOdds::default() }, 500),
    ] {
        let desk = Desk::new(11, lines(odds));
        let (jobs, _, report) = desk.run(5).await;
        let results = desk.results(&report).await;
        assert_eq!(results.len(), 5);
        let failed = |outcome: &LineOutcome| matches!(outcome, LineOutcome::Answered { status: s, .. } if *s == status);
        assert!(results.iter().all(|(_, outcome)| failed(outcome)), "{status}");
        assert!(jobs.iter().all(|job| desk.provider.executions_of(*job).len() == 1 && desk.provider.billed(*job) == 0));
    }
    let desk = Desk::new(11, lines(LineOdds { timed_out: 1_000, ..LineOdds::default() }));
    let (_, _, report) = desk.run(5).await;
    let timed_out = LineOutcome::Unanswered { code: "request_timeout".to_owned() };
    assert!(desk.results(&report).await.iter().all(|(_, outcome)| *outcome == timed_out));
}

#[tokio::test(start_paused = true)]
async fn vanished_lines_are_in_no_count() {
    let desk = Desk::new(12, lines(LineOdds { vanished: 300, ..LineOdds::default() }));
    let (jobs, _, report) = desk.run(100).await;
    let there = desk.results(&report).await.len();
    assert!((1..100).contains(&there), "{there} of 100 are there");
    let counts = report.counts.unwrap();
    assert_eq!((counts.total, counts.completed, counts.failed), (100, there as u64, 0));
    let billed: usize = jobs.iter().map(|job| desk.provider.billed(*job)).sum();
    assert_eq!(billed, there, "what vanished is not paid for");
}

#[tokio::test(start_paused = true)]
async fn repeated_lines_count_once_and_come_in_any_order() {
    let desk = Desk::new(13, lines(LineOdds { repeated: 300, ..LineOdds::default() }));
    let (jobs, _, report) = desk.run(100).await;
    let order: Vec<JobId> = desk.results(&report).await.into_iter().map(|(job, _)| job).collect();
    assert!(order.len() > 110, "{} lines of 100", order.len());
    assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), 100);
    assert_eq!(report.files[0].lines, Some(100));
    assert!(!order.is_sorted(), "they are shuffled");
    assert!(jobs.iter().all(|job| desk.provider.executions_of(*job).len() == 1));
}

#[tokio::test(start_paused = true)]
async fn a_visible_cut_shows_in_the_length() {
    let downloads = DownloadOdds { cut_visibly: 1_000, cut_silently: 0 };
    let desk = Desk::new(14, Script { downloads, ..Script::calm() });
    let (_, _, report) = desk.run(30).await;
    let mut endings = BTreeSet::new();
    for _ in 0..30 {
        let (length, bytes, broken) = desk.download(&report.files[0].id).await;
        assert!(length.unwrap() > bytes.len() as u64);
        endings.insert(broken);
    }
    assert_eq!(endings.len(), 2, "with and without an error at the end");
}

#[tokio::test(start_paused = true)]
async fn a_silent_cut_shows_only_in_the_counts() {
    let downloads = DownloadOdds { cut_visibly: 0, cut_silently: 500 };
    let desk = Desk::new(15, Script { downloads, ..Script::calm() });
    let (_, _, report) = desk.run(30).await;
    let mut seen = BTreeSet::new();
    for _ in 0..60 {
        let (length, bytes, broken) = desk.download(&report.files[0].id).await;
        assert!(!broken && length.is_none_or(|length| length == bytes.len() as u64));
        let lines = bytes.split(|byte| *byte == b'\n').filter_map(line::read).count() as u64;
        assert_eq!(length.is_none(), lines < report.files[0].lines.unwrap(), "the counts tell");
        seen.insert(length.is_none());
    }
    assert_eq!(seen.len(), 2, "some are cut and some are whole");
}
