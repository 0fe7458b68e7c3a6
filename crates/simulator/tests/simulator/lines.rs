use std::collections::BTreeSet;

use offpeak_simulator::{Faults, Options};
use serde_json::{Value, json};

use crate::upstream::{Upstream, chat, chat_line, chat_lines, text};

async fn custom_ids(upstream: &Upstream, batch: &Value) -> Vec<String> {
    upstream.lines(batch, "/output_file_id").await.iter().map(|line| text(line, "/custom_id")).collect()
}

#[tokio::test]
async fn answers_come_out_of_order_but_the_same_for_a_seed() {
    let mut orders = Vec::new();
    for seed in [1, 1, 2] {
        let upstream = Upstream::start(Options { seed, ..Options::default() }).await;
        let batch = upstream.run(&chat_lines(50)).await;
        orders.push(custom_ids(&upstream, &batch).await);
    }
    let sorted: Vec<String> = (0..50).map(|index| format!("r{index}")).collect();
    assert_ne!(orders[0], sorted);
    assert_eq!(orders[0], orders[1]);
    assert_ne!(orders[0], orders[2]);

    let upstream = Upstream::with_faults(Faults { shuffle: false, ..Faults::default() }).await;
    let batch = upstream.run(&chat_lines(50)).await;
    assert_eq!(custom_ids(&upstream, &batch).await, sorted);
}

#[tokio::test]
async fn lines_fail_at_their_rate() {
    let faults = Faults { line_fail_rate: 0.3, line_fail_status: 503, ..Faults::default() };
    let upstream = Upstream::with_faults(faults).await;
    let batch = upstream.run(&chat_lines(400)).await;
    let failed = upstream.lines(&batch, "/error_file_id").await;
    let output = upstream.lines(&batch, "/output_file_id").await;
    assert!((60..200).contains(&failed.len()), "{}", failed.len());
    assert_eq!(batch["request_counts"], json!({ "total": 400, "completed": output.len(), "failed": failed.len() }));
    assert_eq!(failed[0]["response"]["status_code"], 503);
    assert_eq!(failed[0]["error"], Value::Null);
    let message = text(&failed[0], "/response/body/error/message");
    assert!(message.ends_with(&text(&failed[0], "/custom_id")), "{message}");
    let counts = upstream.counts();
    assert_eq!((counts.lines_run, counts.lines_failed), (output.len() as u64, failed.len() as u64));
}

#[tokio::test]
async fn a_batch_whose_lines_all_fail_is_completed_without_output() {
    let upstream = Upstream::with_faults(Faults { line_fail_rate: 1.0, ..Faults::default() }).await;
    let batch = upstream.run(&chat_lines(3)).await;
    assert_eq!((&batch["status"], &batch["output_file_id"]), (&json!("completed"), &Value::Null));
    assert_eq!(upstream.lines(&batch, "/error_file_id").await[0]["response"]["status_code"], 400);
}

#[tokio::test]
async fn a_body_is_rate_limited_only_the_first_time() {
    let upstream = Upstream::with_faults(Faults { line_429_rate: 0.5, ..Faults::default() }).await;
    let first = upstream.run(&chat_lines(100)).await;
    let limited = upstream.lines(&first, "/error_file_id").await;
    assert!((25..75).contains(&limited.len()), "{}", limited.len());
    assert!(limited.iter().all(|line| line["response"]["status_code"] == 429));
    let second = upstream.run(&chat_lines(100)).await;
    assert_eq!(second["request_counts"]["completed"], 100);
}

#[tokio::test]
async fn lines_vanish_and_repeat() {
    let faults = Faults { line_vanish_rate: 0.3, line_repeat_rate: 0.3, ..Faults::default() };
    let upstream = Upstream::with_faults(faults).await;
    let batch = upstream.run(&chat_lines(200)).await;
    let ids = custom_ids(&upstream, &batch).await;
    let distinct: BTreeSet<&String> = ids.iter().collect();
    assert!((100..180).contains(&distinct.len()), "{}", distinct.len());
    assert!(ids.len() > distinct.len() + 15, "{} {}", ids.len(), distinct.len());
    assert_eq!(batch["request_counts"], json!({ "total": 200, "completed": distinct.len(), "failed": 0 }));
    assert_eq!(upstream.counts().lines_run, distinct.len() as u64);
}

#[tokio::test]
async fn a_line_billed_again_is_noticed() {
    let upstream = Upstream::sound().await;
    upstream.run(&chat_lines(3)).await;
    assert_eq!(upstream.counts().paid_twice, 0);
    let again = chat_lines(2) + &chat_line("r2", &chat("another question"));
    upstream.run(&again).await;
    let counts = upstream.counts();
    assert_eq!((counts.lines_run, counts.lines_distinct, counts.paid_twice), (6, 4, 3));
    assert_eq!(Vec::from_iter(&counts.paid_twice_ids), [r#""r0""#, r#""r1""#, r#""r2""#]);
    assert_eq!((counts.batches_created, counts.largest_batch_lines), (2, 3));
}

#[tokio::test]
async fn executions_of_a_same_body_can_be_told_apart() {
    let upstream = Upstream::sound().await;
    let content = chat_line("a", &chat("same")) + &chat_line("b", &chat("same"));
    let batch = upstream.run(&content).await;
    let answers = upstream.answers(&batch, "/output_file_id").await;
    let prints: BTreeSet<String> =
        answers.values().map(|answer| text(answer, "/response/body/system_fingerprint")).collect();
    assert_eq!(prints, BTreeSet::from(["fp_1".to_owned(), "fp_2".to_owned()]));
}

#[tokio::test]
async fn a_request_can_ask_for_a_status() {
    let upstream = Upstream::sound().await;
    let mut teapot = chat("tea");
    teapot["user"] = json!("sim-status-418");
    let mut flaky = chat("maybe");
    flaky["user"] = json!("sim-flaky-500");
    let content = chat_line("teapot", &teapot) + &chat_line("flaky", &flaky);
    let first = upstream.run(&content).await;
    let errors = upstream.answers(&first, "/error_file_id").await;
    assert_eq!(errors["teapot"]["response"]["status_code"], 418);
    assert_eq!(text(&errors["teapot"], "/response/body/error/message"), "simulated 418 for tea");
    assert_eq!(errors["flaky"]["response"]["status_code"], 500);
    let second = upstream.run(&content).await;
    assert_eq!(second["request_counts"], json!({ "total": 2, "completed": 1, "failed": 1 }));
}

#[tokio::test]
async fn odd_ids_and_texts_survive() {
    let upstream = Upstream::sound().await;
    let id = "quote \" slash \\ ünï \u{1F600}";
    let batch = upstream.run(&chat_line(id, &chat("line\nbreak \u{1F600}"))).await;
    let lines = upstream.lines(&batch, "/output_file_id").await;
    assert_eq!(lines[0]["custom_id"], id);
    assert_eq!(lines[0]["response"]["body"]["choices"][0]["message"]["content"], "echo: line\nbreak \u{1F600}");
}
