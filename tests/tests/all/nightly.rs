//! What runs without a call, by the real binary: files that are moved into a folder, and a schedule.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use offpeak_core::ports::Clock as _;
use offpeak_embedded::SystemClock;
use offpeak_tests::batches::{PATIENCE, conserved, input, show};
use offpeak_tests::{Gateway, Upstream, until};
use serde_json::{Value, json};

/// Moves an input into the inbox, as users are told to.
fn drop_into(gateway: &Gateway, path: &str, content: &str) {
    let (aside, path) = (gateway.home.write("aside", content), gateway.data().join("inbox").join(path));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::rename(aside, path).unwrap();
}

fn outbox(gateway: &Gateway, path: &str) -> PathBuf {
    gateway.data().join("outbox").join(path)
}

fn summary(folder: &Path) -> Option<Value> {
    let text = fs::read(folder.join("summary.json")).ok()?;
    Some(serde_json::from_slice(&text).expect("a summary is there whole or not at all"))
}

async fn told(folder: &Path) -> Value {
    until(&format!("a summary in {}", folder.display()), PATIENCE, async || summary(folder)).await
}

fn lines(path: &Path) -> usize {
    fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

/// What the summary of a batch in the open mode's tenant says, and its files, are what the API says of it.
async fn agrees(gateway: &Gateway, folder: &Path, name: &str, count: usize) {
    let told = told(folder).await;
    let shown = show(&gateway.http, told["batch_id"].as_str().unwrap()).await.unwrap();
    assert_eq!(conserved(&gateway.http, &shown, name, count).await, count);
    assert_eq!((&told["status"], &told["request_counts"]), (&json!("completed"), &shown["request_counts"]), "{told}");
    assert_eq!(told["usage"]["output_tokens"], shown["usage"]["output_tokens"]);
    let output = offpeak_tests::batches::content(&gateway.http, shown["output_file_id"].as_str().unwrap()).await.text();
    assert_eq!(fs::read_to_string(folder.join("output.jsonl")).unwrap(), output);
    assert!(!folder.join("errors.jsonl").exists());
}

async fn batches(gateway: &Gateway) -> usize {
    gateway.http.json("/v1/batches?limit=100").await["data"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_dropped_comes_back_in_the_outbox() {
    const COUNT: usize = 300;
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    drop_into(&gateway, "night one.jsonl", &input("line", COUNT, &["gpt-a", "gpt-b"]));
    drop_into(&gateway, "odd.jsonl", "{\"custom_id\":\"a\"}\nno json\n");
    let odd = told(&outbox(&gateway, "default/odd")).await;
    let at: Vec<&Value> = odd["errors"].as_array().unwrap().iter().map(|error| &error["line"]).collect();
    assert_eq!((&odd["status"], at), (&json!("failed"), vec![&json!(1), &json!(2)]), "{odd}");
    agrees(&gateway, &outbox(&gateway, "default/night one"), "line", COUNT).await;
    let left = fs::read_dir(gateway.data().join("inbox")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), [".taken"], "everything was taken");
    assert_eq!(upstream.counts().lines_run, COUNT as u64);
    gateway.passes_audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_callers_have_keys_each_tenant_has_a_folder() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).auth("keys").start().await;
    drop_into(&gateway, "team/same.jsonl", &input("team", 3, &["gpt-a"]));
    drop_into(&gateway, "other/same.jsonl", &input("other", 2, &["gpt-a"]));
    drop_into(&gateway, "stray.jsonl", &input("stray", 1, &["gpt-a"]));
    for (tenant, count) in [("team", 3), ("other", 2)] {
        let told = told(&outbox(&gateway, &format!("{tenant}/same"))).await;
        assert_eq!(lines(&outbox(&gateway, &format!("{tenant}/same/output.jsonl"))), count);
        let http = gateway.http.with_key(gateway.key_of(tenant).await);
        let listed = http.json("/v1/batches").await;
        assert_eq!(listed["data"].as_array().unwrap().len(), 1);
        assert_eq!(listed["data"][0]["id"], told["batch_id"]);
    }
    let refused = until("the note on what is nobody's", PATIENCE, async || {
        let folders = fs::read_dir(outbox(&gateway, "")).unwrap().map(|entry| entry.unwrap().path());
        let mut folders = folders.filter(|path| path.extension().is_some_and(|end| end == "refused"));
        folders.next().filter(|folder| summary(folder).is_some())
    })
    .await;
    assert_eq!(lines(&refused.join("input.jsonl")), 1);
    assert_eq!(upstream.counts().lines_run, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drop_outlives_its_gateway_at_any_instant() {
    const COUNT: usize = 200;
    for run in 0..10_u64 {
        let upstream = Upstream::slow(Duration::from_millis(300)).await;
        let mut gateway = Gateway::before(&upstream).start().await;
        drop_into(&gateway, "night.jsonl", &input("line", COUNT, &["gpt-a", "gpt-b"]));
        // A file is taken two looks after it came, so after 1 to 3 s.
        tokio::time::sleep(Duration::from_millis(900 + run * 350 + rand::random_range(0..350))).await;
        gateway.kill();
        gateway.start().await;
        agrees(&gateway, &outbox(&gateway, "default/night"), "line", COUNT).await;
        let counts = upstream.counts();
        assert_eq!((batches(&gateway).await, counts.lines_run, counts.paid_twice), (1, COUNT as u64, 0), "run {run}");
    }
}

/// `HH:MM`, UTC, of the next minute that does not begin within 8 s; and how long it is until then.
fn next_minute() -> (String, Duration) {
    let now_ms = SystemClock.now_ms();
    let minute = (now_ms + 8_000) / 60_000 + 1;
    let at = format!("{:02}:{:02}", minute / 60 % 24, minute % 60);
    (at, Duration::from_millis(minute * 60_000 - now_ms))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_runs_once_at_its_minute_also_where_that_was_missed() {
    const COUNT: usize = 20;
    let upstream = Upstream::sound().await;
    let (at, left) = next_minute();
    let began = tokio::time::Instant::now();
    let schedule =
        |name: &str, input: &str| format!("[[schedule]]\nname = \"{name}\"\nat = \"{at}\"\ninput = \"{input}\"\n");
    let sections = schedule("report", "report.jsonl") + &schedule("nothing", "nothing.jsonl");
    let mut gateway = Gateway::before(&upstream).config(&sections).start().await;
    fs::write(gateway.data().join("schedules/report.jsonl"), input("line", COUNT, &["gpt-a"])).unwrap();
    // From its first look on it knows the schedule.
    tokio::time::sleep(Duration::from_secs(3)).await;
    gateway.kill();
    tokio::time::sleep_until(began + left + Duration::from_millis(500)).await;
    gateway.start().await;
    let nights = until("a night's folder", PATIENCE, async || {
        let nights = fs::read_dir(outbox(&gateway, "default/report")).ok()?;
        Some(nights.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()).filter(|nights| !nights.is_empty())
    })
    .await;
    agrees(&gateway, &nights[0], "line", COUNT).await;
    let night = nights[0].file_name().unwrap();
    let told = told(&outbox(&gateway, "default/nothing").join(night)).await;
    assert_eq!((&told["status"], &told["errors"][0]["param"]), (&json!("failed"), &json!("file_id")), "{told}");
    gateway.stop().await;
    gateway.start().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!((nights.len(), batches(&gateway).await), (1, 2), "once each");
}
