//! What runs without a call: the inbox, and what comes of what was dropped.

use std::collections::{BTreeMap, BTreeSet};

use offpeak_core::batch::{Batch, StateKind};
use offpeak_core::flows::batches;
use offpeak_core::flows::nightly::{Looked, look};
use offpeak_core::ids::TenantId;
use offpeak_core::nightly::{Nightly, Schedule};
use offpeak_core::ports::{Ports, Settings};
use offpeak_core::submission::Limits;
use offpeak_testkit::provider::{LineOdds, Script};
use serde_json::{Value, json};

use crate::desk::{Desk, line, lines};

/// A desk with an inbox, and with schedules.
pub(crate) fn desk_with(script: Script, default_tenant: Option<&str>, schedules: Vec<Schedule>) -> Desk {
    let desk = Desk::new(script, Limits::OPENAI);
    let default_tenant = default_tenant.map(TenantId::from);
    let nightly = Nightly { inbox: true, default_tenant, schedules, ..Nightly::default() };
    let settings = Settings { nightly, ..(*desk.ports.settings).clone() };
    Desk { ports: Ports { settings: settings.into(), ..desk.ports.clone() }, ..desk }
}

fn desk() -> Desk {
    desk_with(Script::calm(), Some("default"), Vec::new())
}

/// What began at a look.
pub(crate) async fn looked(ports: &Ports) -> (usize, usize) {
    let Looked { taken, scheduled } = look(ports, u64::MAX).await.unwrap();
    (taken, scheduled)
}

/// Until every batch has ended and its results were given.
pub(crate) async fn settle(desk: &Desk) -> Vec<Batch> {
    while desk.fakes.batches.snapshot().iter().any(Batch::is_open) {
        desk.tick().await;
    }
    desk.fakes.batches.snapshot()
}

pub(crate) fn text(desk: &Desk, path: &str) -> Option<String> {
    desk.fakes.mailbox.outbox().get(path).map(|content| String::from_utf8(content.to_vec()).unwrap())
}

pub(crate) fn summary(desk: &Desk, folder: &str) -> Value {
    let text = text(desk, &format!("{folder}/summary.json")).unwrap_or_else(|| unreachable!("no summary of {folder}"));
    serde_json::from_str(&text).unwrap()
}

/// The `custom_id`s of a file of the outbox; each stands once.
pub(crate) fn ids(desk: &Desk, path: &str) -> BTreeSet<String> {
    let text = text(desk, path).unwrap_or_default();
    let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["custom_id"].as_str().unwrap().to_owned();
    let ids: BTreeSet<String> = text.lines().map(id).collect();
    assert_eq!(ids.len(), text.lines().count());
    ids
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_runs_and_its_results_lie_in_the_outbox() {
    let desk = desk();
    desk.fakes.mailbox.drop_into("team/night one.jsonl", lines(5, "m"));
    assert_eq!(looked(&desk.ports).await, (1, 0));
    assert!(desk.fakes.mailbox.inbox().is_empty(), "it was taken");
    assert_eq!(text(&desk, "team/night one/summary.json"), None, "it runs");
    let batch = settle(&desk).await.remove(0);
    assert_eq!((batch.tenant.as_str(), batch.asked.window.as_str()), ("team", "24h"));
    assert_eq!(batch.asked.metadata, Some(BTreeMap::from([("inbox".to_owned(), "night one".to_owned())])));
    assert_eq!(ids(&desk, "team/night one/output.jsonl"), crate::desk::names(5));
    assert_eq!(text(&desk, "team/night one/errors.jsonl"), None);
    let bytes = text(&desk, "team/night one/output.jsonl").unwrap().len();
    let usage = batch.usage();
    let wanted = json!({
        "object": "batch.summary",
        "batch_id": batch.id.text(),
        "status": "completed",
        "endpoint": "/v1/chat/completions",
        "model": "m",
        "input_file_id": batch.asked.input.text(),
        "created_at": batch.created_ms / 1_000,
        "ended_at": batch.times.ended_ms.unwrap() / 1_000,
        "request_counts": {"total": 5, "completed": 5, "failed": 0},
        "usage": {
            "input_tokens": usage.input_tokens, "cached_tokens": usage.cached_tokens,
            "output_tokens": usage.output_tokens, "reasoning_tokens": usage.reasoning_tokens,
        },
        "output": {"name": "output.jsonl", "bytes": bytes},
        "errors_file": null,
        "errors": [],
    });
    assert_eq!(summary(&desk, "team/night one"), wanted);
    // The tenant has both files, as of any batch.
    let results = batch.state.results().unwrap();
    assert_eq!(desk.lines(results.output).len(), 5);
    assert_eq!(desk.lines(Some(batch.asked.input)).len(), 5);
}

#[tokio::test(start_paused = true)]
async fn many_looks_take_it_once() {
    let desk = desk();
    desk.fakes.mailbox.drop_into("a.jsonl", lines(3, "m"));
    let (one, other) = tokio::join!(looked(&desk.ports), looked(&desk.ports));
    assert_eq!((desk.fakes.batches.snapshot().len(), one.1 + other.1), (1, 0));
    for _ in 0..3 {
        assert_eq!(looked(&desk.ports).await, (0, 0));
    }
    settle(&desk).await;
    assert_eq!((desk.fakes.batches.snapshot().len(), desk.provider.executions().len()), (1, 3));
    let contents = desk.fakes.objects.names().iter().filter(|name| name.as_str().starts_with("files/")).count();
    assert_eq!(contents, 2, "one input, one output");
}

#[tokio::test(start_paused = true)]
async fn lines_that_fail_lie_beside() {
    let script = Script { lines: LineOdds { bad_request: 500, ..LineOdds::default() }, ..Script::calm() };
    let desk = desk_with(script, Some("default"), Vec::new());
    desk.fakes.mailbox.drop_into("a.jsonl", lines(20, "m"));
    looked(&desk.ports).await;
    settle(&desk).await;
    let (output, errors) = (ids(&desk, "default/a/output.jsonl"), ids(&desk, "default/a/errors.jsonl"));
    assert!(!output.is_empty() && !errors.is_empty() && output.is_disjoint(&errors));
    let told = summary(&desk, "default/a");
    let counts = json!({"total": 20, "completed": output.len(), "failed": errors.len()});
    assert_eq!((&told["status"], &told["request_counts"]), (&json!("completed"), &counts));
    assert_eq!(told["errors_file"]["name"], "errors.jsonl");
}

#[tokio::test(start_paused = true)]
async fn a_refused_input_is_told_with_its_lines() {
    let desk = desk();
    let odd = line("a", "m") + "not json\n" + &line("c", "unknown");
    for (name, content, errors) in [
        ("odd", odd.as_str(), json!([[2, "invalid_json_line"], [3, "model_not_found"]])),
        ("empty", "", json!([[null, "empty_file"]])),
        ("blank", "\n \n", json!([[null, "empty_file"]])),
        ("text", "no lines of JSON", json!([[1, "invalid_json_line"]])),
        ("elsewhere", r#"{"custom_id":"a","method":"POST","url":"/v1/images","body":{}}"#, json!([[1, "invalid_url"]])),
    ] {
        desk.fakes.mailbox.drop_into(&format!("{name}.jsonl"), content.to_owned());
        assert_eq!(looked(&desk.ports).await, (1, 0), "{name}");
        settle(&desk).await;
        let told = summary(&desk, &format!("default/{name}"));
        assert_eq!((&told["status"], &told["output"]), (&json!("failed"), &Value::Null), "{name}: {told}");
        let found: Vec<Value> =
            told["errors"].as_array().unwrap().iter().map(|error| json!([error["line"], error["code"]])).collect();
        assert_eq!(json!(found), errors, "{name}");
    }
    assert!(desk.provider.executions().is_empty());
    assert!(desk.fakes.mailbox.inbox().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_first_line_says_where_all_go() {
    let desk = desk();
    let line = r#"{"custom_id":"a","method":"POST","body":{"model":"m","input":"x"},"url":"/v1/embeddings"}"#;
    desk.fakes.mailbox.drop_into("a.jsonl", format!("\n\n{line}\n{}", line.replace("\"a\"", "\"b\"")));
    looked(&desk.ports).await;
    settle(&desk).await;
    let told = summary(&desk, "default/a");
    assert_eq!((&told["endpoint"], &told["request_counts"]["completed"]), (&json!("/v1/embeddings"), &json!(2)));
}

#[tokio::test(start_paused = true)]
async fn what_replaces_a_drop_is_another_run_and_changes_nothing_under_way() {
    let desk = desk();
    desk.fakes.mailbox.drop_into("a.jsonl", lines(2, "m"));
    looked(&desk.ports).await;
    desk.fakes.mailbox.drop_into("a.jsonl", lines(4, "m"));
    assert_eq!(looked(&desk.ports).await, (0, 0), "one of its name is under way");
    assert_eq!(desk.fakes.mailbox.inbox(), ["a.jsonl"]);
    settle(&desk).await;
    assert_eq!(summary(&desk, "default/a")["request_counts"]["total"], 2);
    assert_eq!(looked(&desk.ports).await, (1, 0));
    assert_eq!(text(&desk, "default/a/summary.json"), None, "what is there is of the run before");
    settle(&desk).await;
    assert_eq!(summary(&desk, "default/a")["request_counts"]["total"], 4);
    assert_eq!(desk.provider.executions().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn the_same_dropped_again_runs_again_and_leaves_nothing_of_before() {
    let half = Script { lines: LineOdds { bad_request: 500, ..LineOdds::default() }, ..Script::calm() };
    let desk = desk_with(half, Some("default"), Vec::new());
    for run in 1..=2 {
        desk.fakes.mailbox.drop_into("a.jsonl", lines(20, "m"));
        assert_eq!(looked(&desk.ports).await, (1, 0));
        settle(&desk).await;
        assert_eq!(desk.fakes.batches.snapshot().len(), run);
        assert_eq!(text(&desk, "default/a/errors.jsonl").is_some(), run == 1, "run {run}");
        desk.provider.follow(Script::calm());
    }
    assert_eq!(ids(&desk, "default/a/output.jsonl").len(), 20);
}

#[tokio::test(start_paused = true)]
async fn tenants_have_folders_and_see_only_their_own() {
    let desk = desk();
    for tenant in ["one", "two"] {
        desk.fakes.mailbox.drop_into(&format!("{tenant}/same.jsonl"), lines(2, "m"));
    }
    assert_eq!(looked(&desk.ports).await, (2, 0));
    let rows = settle(&desk).await;
    assert_eq!(rows.iter().map(|row| row.tenant.as_str()).collect::<BTreeSet<_>>(), BTreeSet::from(["one", "two"]));
    for row in &rows {
        let other = TenantId::from(if row.tenant.as_str() == "one" { "two" } else { "one" });
        assert_eq!(batches::get(&desk.ports, &other, row.id).await.unwrap(), None);
        assert_eq!(summary(&desk, &format!("{}/same", row.tenant))["batch_id"], row.id.text());
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_an_input_lies_in_the_outbox_with_a_reason() {
    let desk = desk_with(Script::calm(), None, Vec::new());
    let long = format!("team/{}.jsonl", "n".repeat(300));
    for path in ["nobody's.jsonl", "team/two\nlines.jsonl", &long] {
        desk.fakes.mailbox.drop_into(path, "content".to_owned());
    }
    assert_eq!(looked(&desk.ports).await, (0, 0));
    assert!(desk.fakes.mailbox.inbox().is_empty() && desk.fakes.batches.snapshot().is_empty());
    let outbox = desk.fakes.mailbox.outbox();
    let notes: Vec<Value> = outbox
        .iter()
        .filter(|(path, _)| path.ends_with("summary.json"))
        .map(|(_, content)| serde_json::from_slice(content).unwrap())
        .collect();
    assert_eq!(notes.len(), 3);
    for note in notes {
        assert_eq!((&note["status"], &note["errors"][0]["code"]), (&json!("refused"), &json!("not_taken")), "{note}");
    }
    let kept = outbox.iter().filter(|(path, content)| path.ends_with("/input.jsonl") && **content == *"content");
    assert_eq!(kept.count(), 3, "nothing is lost");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_input_or_not_yet_stays() {
    let desk = desk();
    let paths = [".a.jsonl", "a.jsonl.part", "a.txt", "team/../a.jsonl", "team/deeper/a.jsonl", "team/a.jsonl.tmp"];
    for path in paths {
        desk.fakes.mailbox.drop_into(path, lines(1, "m"));
    }
    assert_eq!(looked(&desk.ports).await, (0, 0));
    assert_eq!(desk.fakes.mailbox.inbox().len(), paths.len());
    assert!(desk.fakes.mailbox.outbox().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_its_caller_cancels_is_told_too() {
    let desk = desk();
    desk.fakes.mailbox.drop_into("a.jsonl", lines(2, "m"));
    looked(&desk.ports).await;
    let id = desk.fakes.batches.snapshot()[0].id;
    batches::cancel(&desk.ports, &TenantId::from("default"), id).await.unwrap();
    assert_eq!(settle(&desk).await[0].state.kind(), StateKind::Cancelled);
    assert_eq!(summary(&desk, "default/a")["status"], "cancelled");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_that_stay_do_not_keep_the_next_one_waiting() {
    let desk = desk();
    for n in 0..2_100 {
        desk.fakes.mailbox.drop_into(&format!("a{n:04}.txt"), "x".to_owned());
    }
    desk.fakes.mailbox.drop_into("b.jsonl", lines(1, "m"));
    assert_eq!(looked(&desk.ports).await, (1, 0));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_begun_without_time_or_where_it_is_off() {
    let desk = desk();
    desk.fakes.mailbox.drop_into("a.jsonl", lines(1, "m"));
    assert_eq!(look(&desk.ports, 0).await.unwrap(), Looked::default());
    let off = Settings { nightly: Nightly::default(), ..(*desk.ports.settings).clone() };
    let off = Ports { settings: off.into(), ..desk.ports.clone() };
    assert_eq!(looked(&off).await, (0, 0));
    assert_eq!(desk.fakes.mailbox.inbox(), ["a.jsonl"]);
}
