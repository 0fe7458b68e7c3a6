//! Who is who among identical requests.

use std::time::Duration;

use offpeak_tests::{Answer, Gateway, Upstream, chat};

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn first_calls_with_equal_bodies_are_jobs_of_their_own() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    let (one, other) = tokio::join!(
        gateway.http.post(CHAT, &chat("dice?")).retry(0).send(),
        gateway.http.post(CHAT, &chat("dice?")).send()
    );
    one.echoes("dice?");
    other.echoes("dice?");
    assert_ne!(one.job(), other.job());
    assert_ne!(one.json()["system_fingerprint"], other.json()["system_fingerprint"], "each has its own sample");
    assert_eq!(upstream.counts().lines_run, 2);
}

#[tokio::test]
async fn a_retry_joins_the_job_of_its_first_call() {
    let upstream = Upstream::slow(Duration::from_millis(800)).await;
    let gateway = Gateway::before(&upstream).start().await;
    let first = gateway.http.post(CHAT, &chat("why?")).header("prefer", "wait=0").send().await;
    assert_eq!(first.error(503), "result_pending");
    let retry = gateway.http.post(CHAT, &chat("why?")).retry(1).send().await;
    retry.echoes("why?");
    assert_eq!(retry.job(), first.job());
    // Lost on its way: the same call again, at a higher count, gets the same answer.
    let again = gateway.http.post(CHAT, &chat("why?")).retry(2).send().await;
    assert_eq!((again.job(), &again.body), (retry.job(), &retry.body));
    assert_eq!(upstream.counts().lines_run, 1);
}

#[tokio::test]
async fn a_retry_that_finds_nothing_is_a_first_call() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    gateway.http.post(CHAT, &chat("why?")).retry(3).send().await.echoes("why?");
}

#[tokio::test]
async fn an_idempotency_key_names_one_job_for_all_who_use_it() {
    let upstream = Upstream::slow(Duration::from_millis(300)).await;
    let gateway = Gateway::before(&upstream).start().await;
    let ask = || gateway.http.post(CHAT, &chat("why?")).header("idempotency-key", "k1").send();
    let (one, other) = tokio::join!(ask(), ask());
    one.echoes("why?");
    let later = ask().await;
    assert_eq!((one.job(), &one.body), (other.job(), &other.body));
    assert_eq!((one.job(), &one.body), (later.job(), &later.body));
    let another = gateway.http.post(CHAT, &chat("why?")).header("idempotency-key", "k2").send().await;
    assert_ne!(another.job(), one.job());
    assert_eq!(upstream.counts().lines_run, 2);
}

#[tokio::test]
async fn ten_retries_of_ten_equal_calls_get_ten_samples() {
    let upstream = Upstream::slow(Duration::from_millis(800)).await;
    let gateway = Gateway::before(&upstream).start().await;
    let firsts = (0..10).map(|_| gateway.http.post(CHAT, &chat("dice?")).header("prefer", "wait=0").send());
    let firsts = futures_util::future::join_all(firsts).await;
    assert!(firsts.iter().all(|answer| answer.status == 503));
    let retries = (0..10).map(|_| gateway.http.post(CHAT, &chat("dice?")).retry(1).send());
    let retries = futures_util::future::join_all(retries).await;
    let jobs: std::collections::BTreeSet<&str> = retries.iter().map(Answer::job).collect();
    let begun: std::collections::BTreeSet<&str> = firsts.iter().map(Answer::job).collect();
    assert_eq!(jobs, begun);
    assert_eq!(jobs.len(), 10);
    assert_eq!(upstream.counts().lines_run, 10);
}
