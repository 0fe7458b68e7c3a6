//! The run that the bill of batches is reckoned from: four batches, alone on the stack.

use std::ops::Range;

use futures_util::future::join_all;
use offpeak_simulator::Faults;
use offpeak_tests::batches::{content, create, input, line, show, store};
use offpeak_tests::{Http, PATIENCE, until_ok};
use offpeak_tests_aws::{World, noise, now_ms};
use serde_json::{Value, json};

use super::batches::poll;
use super::files::{PART_BYTES, send_part, upload_of};
use super::schedules::provider_is_done;

/// Lines of a small batch, and of one with more.
pub(super) const FEW: usize = 500;
pub(super) const MANY: usize = 2_000;
/// Lines of a batch with many bytes, each of 8 KB: every object of it is of more than one part.
const WIDE: usize = 1_400;
const WIDE_BYTES: usize = 8 << 10;
/// Ticks over which one is averaged.
pub(super) const TICKS: u32 = 8;
pub(super) const TENANT: &str = "bulk";

/// A part of the run: when it was, and what it asked the door for.
pub(super) struct Part {
    pub(super) span: Range<u64>,
    pub(super) asked: u128,
    /// Bytes of its input.
    pub(super) bytes: u128,
}

/// What there is to compare.
pub(super) struct Run {
    pub(super) few: Part,
    pub(super) many: Part,
    pub(super) wide: Part,
    pub(super) idle: Part,
    pub(super) waiting: Part,
}

/// A batch from its input to its results, in three ticks: the provider has ended it before the second one.
async fn ended(world: &World, http: &Http, input: String, in_parts: bool) -> Part {
    let from_ms = now_ms();
    let (file, asked) = if in_parts { upload(http, &input).await } else { (store(http, &input).await, 1) };
    let batch = create(http, &file.expect("a stored file")).await.expect("a batch");
    poll(world).await;
    provider_is_done(world).await;
    poll(world).await;
    poll(world).await;
    let done = show(http, &batch).await.expect("the batch");
    assert_eq!(done["status"], "completed", "{done}");
    let results = content(http, done["output_file_id"].as_str().expect("a file")).await;
    assert_eq!(results.text().lines().count(), input.lines().count());
    // Created, shown and read.
    Part { span: from_ms..now_ms() + 1, asked: asked + 3, bytes: input.len() as u128 }
}

async fn upload(http: &Http, input: &str) -> (Option<String>, u128) {
    let upload = upload_of(http, input.len()).await;
    let pieces = input.as_bytes().chunks(PART_BYTES).map(|piece| send_part(http, &upload, piece));
    let parts: Vec<Value> = join_all(pieces).await.iter().map(|answer| answer.json()["id"].clone()).collect();
    let made = http.post(&format!("/v1/uploads/{upload}/complete"), &json!({"part_ids": parts})).send().await;
    (made.json()["file"]["id"].as_str().map(str::to_owned), parts.len() as u128 + 2)
}

async fn ticks(world: &World) -> Part {
    let from_ms = now_ms();
    for _ in 0..TICKS {
        poll(world).await;
    }
    Part { span: from_ms..now_ms() + 1, asked: 0, bytes: 0 }
}

/// Ticks beside a batch that the provider does not end.
async fn waiting(world: &World, http: &Http) -> Part {
    world.provider_fails_with(Faults { stuck_batches: 1, ..Faults::default() });
    let file = store(http, &input("stuck", 1, &["gpt-4.1-mini"])).await.expect("a stored file");
    let batch = create(http, &file).await.expect("a batch");
    poll(world).await;
    let part = ticks(world).await;
    let shown = show(http, &batch).await.expect("the batch");
    assert_eq!(shown["status"], "in_progress", "{shown}");
    world.provider_fails_with(Faults::default());
    http.post_bytes(&format!("/v1/batches/{batch}/cancel"), "").send().await;
    until_ok("the end of the batch that was stuck", PATIENCE, async || {
        poll(world).await;
        let shown = show(http, &batch).await.ok_or("no batch")?;
        if shown["status"] == "cancelled" { Ok(()) } else { Err(shown.to_string()) }
    })
    .await;
    part
}

/// Runs it. Nobody else may use the stack meanwhile.
pub(super) async fn run(world: &World) -> Run {
    let http = world.tenant(TENANT).await;
    let wide = (0..WIDE).map(|number| {
        let mut line = line("wide", number, "gpt-4.1-mini");
        line["body"]["messages"][0]["content"] = json!(noise(number as u64, WIDE_BYTES));
        format!("{line}\n")
    });
    let small = |name, count| input(name, count, &["gpt-4.1-mini"]);
    // What a start costs is no batch's.
    ended(world, &http, small("first", 1), false).await;
    let few = ended(world, &http, small("few", FEW), false).await;
    let many = ended(world, &http, small("many", MANY), false).await;
    let wide = ended(world, &http, wide.collect(), true).await;
    let idle = ticks(world).await;
    let waiting = waiting(world, &http).await;
    Run { few, many, wide, idle, waiting }
}
