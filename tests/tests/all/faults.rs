//! An upstream that fails, and callers that do not notice, or are told what is theirs.

use std::time::Duration;

use offpeak_simulator::Faults;
use offpeak_tests::{Gateway, Load, Outcome, Upstream, chat};
use serde_json::Value;

const COUNT: usize = 300;

/// Asks so many questions of a gateway before this upstream, and audits it afterwards.
async fn asked(upstream: &Upstream) -> Outcome {
    let gateway = Gateway::before(upstream).start().await;
    let outcome = Load::of(&gateway.http, "question", COUNT).run().await;
    gateway.passes_audit().await;
    outcome
}

/// All answered, and nothing billed twice.
async fn survives(faults: Faults) {
    let shown = format!("{faults:?}");
    let upstream = Upstream::slow_with(Duration::from_millis(200), faults).await;
    asked(&upstream).await.all_right(COUNT);
    let counts = upstream.counts();
    assert_eq!((counts.lines_run, counts.paid_twice), (COUNT as u64, 0), "{shown} {counts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_fault_nothing_is_left_behind_at_the_provider() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    Load::of(&gateway.http, "question", COUNT).run().await.all_right(COUNT);
    offpeak_tests::until("no file left behind", offpeak_tests::PATIENCE, async || {
        (upstream.counts().files_present == 0).then_some(())
    })
    .await;
    assert_eq!(upstream.counts().mixed_model_batches, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_expires_half_done_is_answered_and_its_finished_half_not_paid_again() {
    survives(Faults { expire_batches: 1, ..Faults::default() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_reply_of_create_costs_nothing() {
    survives(Faults { create_cut_after: 1, ..Faults::default() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_that_took_effect_and_answers_500_costs_nothing() {
    survives(Faults { create_500_after: 1, ..Faults::default() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_reply_behind_a_lagging_list_costs_nothing() {
    survives(Faults { create_cut_after: 1, list_lag_ms: 1_500, ..Faults::default() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_that_never_took_effect_is_made_again() {
    survives(Faults { create_500_before: 1, rate_limit_creates: 1, ..Faults::default() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_results_download_that_is_cut_is_made_again() {
    survives(Faults { download_truncate: 1, ..Faults::default() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_results_download_that_ends_early_unnoticed_is_made_again() {
    survives(Faults { download_short: 1, ..Faults::default() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failing_uploads_and_polls_are_made_again() {
    survives(Faults { upload_fail: 1, upload_cut: 1, poll_fail_rate: 0.3, ..Faults::default() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repeated_result_lines_change_nothing() {
    survives(Faults { line_repeat_rate: 0.2, ..Faults::default() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_that_the_provider_limits_are_run_again() {
    survives(Faults { line_429_rate: 0.2, ..Faults::default() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_caller_of_a_failing_line_gets_its_own_error() {
    let faults = Faults { line_fail_rate: 0.1, line_fail_status: 418, ..Faults::default() };
    let upstream = Upstream::with(faults).await;
    let outcome = asked(&upstream).await;
    assert_eq!((outcome.wrong, outcome.lost), (0, 0));
    assert_eq!(outcome.right + outcome.refused.len(), COUNT);
    assert!((5..100).contains(&outcome.refused.len()), "{} of {COUNT} failed", outcome.refused.len());
    for (_, status, body) in &outcome.refused {
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!((*status, &body["error"]["code"]), (418, &Value::from("simulated")));
    }
    assert_eq!(upstream.counts().paid_twice, 0);
}

#[tokio::test]
async fn a_failing_lines_error_names_its_own_job() {
    let faults = Faults { line_fail_rate: 1.0, line_fail_status: 404, ..Faults::default() };
    let upstream = Upstream::with(faults).await;
    let gateway = Gateway::before(&upstream).start().await;
    let calls = (0..20).map(|n| gateway.http.post("/v1/chat/completions", &chat(&format!("q{n}"))).send());
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.error(404), "simulated");
        assert_eq!(answer.header("x-should-retry"), "false");
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.ends_with(answer.job()), "{message} for {}", answer.job());
    }
}
