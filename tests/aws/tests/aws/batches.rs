//! Files, uploads and batches at the deployed API: all of it is brought about by the poller's ticks.

use futures_util::future::join_all;
use hyper::Method;
use offpeak_tests::batches::{comes_to, conserved, content, create, input, line, show, store};
use offpeak_tests::{Answer, Http, Program, until_ok};
use offpeak_tests_aws::{Fact, Function, LONG, World};
use serde_json::{Value, json};

use super::files::{send_part, upload_of};

/// The programs of the local gateway's tests, and what only a stack shows. Each has a tenant of its own.
/// Beside them run those for Node and those that are compiled.
const PROGRAMS: [&str; 3] = ["examples/python/batch.py", "examples/python/uploads.py", "tests/aws/clients/files.py"];

const MODELS: [&str; 3] = ["gpt-4.1-mini", "gpt-5-mini", "gpt-4o-mini"];
pub(crate) static SERVED: Fact = Fact::new(|| Box::pin(served()));
pub(crate) static CONSERVED: Fact = Fact::new(|| Box::pin(conserved_with_failures()));
pub(crate) static APART: Fact = Fact::new(|| Box::pin(tenants_apart()));
pub(crate) static POLLED: Fact = Fact::new(|| Box::pin(polled()));

#[test]
fn the_openai_sdks_store_files_and_run_batches() {
    SERVED.holds();
}

#[test]
fn each_line_of_a_mixed_and_failing_batch_comes_back_once() {
    CONSERVED.holds();
}

#[test]
fn another_tenants_files_uploads_and_batches_are_not_found() {
    APART.holds();
}

#[test]
fn the_pollers_ticks_alone_bring_a_batch_home() {
    POLLED.holds();
}

async fn served() {
    let world = World::get().await;
    let _turn = world.busy().await;
    let serve = |(number, program): (usize, Program)| async move {
        let key = world.key_of(&format!("batches-{number}")).await;
        program.is_served(&world.stack.base_url(), &key).await;
    };
    let in_each_language = ["batch", "uploads"];
    let programs = PROGRAMS
        .into_iter()
        .map(Program::at)
        .chain(in_each_language.map(Program::node_7))
        .chain(in_each_language.into_iter().flat_map(Program::compiled));
    join_all(programs.enumerate().map(serve)).await;
}

/// Has an input stored and its batch created.
async fn begun(http: &Http, input: &str) -> String {
    let file = store(http, input).await.expect("a stored file");
    create(http, &file).await.expect("a batch")
}

/// A batch of three models, of which each seventh line fails for good, and each eleventh of the others once.
async fn conserved_with_failures() {
    const COUNT: usize = 700;
    let world = World::get().await;
    let _turn = world.busy().await;
    let http = world.tenant("mixed batch").await;
    let lines = (0..COUNT).map(|number| {
        let mut line = line("mixed", number, MODELS[number % MODELS.len()]);
        if number % 7 == 0 {
            line["body"]["user"] = json!("sim-status-422");
        } else if number % 11 == 0 {
            line["body"]["user"] = json!("sim-flaky-500");
        }
        format!("{line}\n")
    });
    let batch = begun(&http, &lines.collect::<String>()).await;
    let done = comes_to(&http, &batch, &["completed"]).await;
    assert_eq!(conserved(&http, &done, "mixed", COUNT).await, COUNT - COUNT / 7);
    assert!(done["model"].is_null() && done["usage"]["total_tokens"].as_u64() > Some(0), "{done}");
    failures_run_again(&http, &batch, COUNT / 7).await;
}

/// What failed for good does so again; a page of results on the way.
async fn failures_run_again(http: &Http, batch: &str, failed: usize) {
    let page = http.json(&format!("/v1/batches/{batch}/results?limit=5")).await;
    assert_eq!((page["data"].as_array().map(Vec::len), &page["has_more"]), (Some(5), &json!(true)), "{page}");
    let again = http.post_bytes(&format!("/v1/batches/{batch}/retry"), "").send().await;
    assert_eq!(again.status, 200, "{again:?}");
    let again = comes_to(http, again.json()["id"].as_str().expect("an id"), &["completed"]).await;
    assert_eq!(again["request_counts"], json!({"total": failed, "completed": 0, "failed": failed}));
}

fn is_missing(answer: &Answer) {
    assert_eq!(answer.status, 404, "{answer:?}");
    assert_eq!(answer.json()["error"]["type"], "invalid_request_error", "{answer:?}");
}

/// Another tenant's ids answer as those of nothing.
async fn sees_nothing(theirs: &Http, file: &str, batch: &str, upload: &str) {
    for path in [format!("/v1/files/{file}"), format!("/v1/files/{file}/content"), format!("/v1/batches/{batch}")] {
        is_missing(&theirs.get(&path).send().await);
    }
    for path in [format!("/v1/files?after={file}"), format!("/v1/batches?after={batch}")] {
        is_missing(&theirs.get(&path).send().await);
    }
    is_missing(&theirs.call(Method::DELETE, &format!("/v1/files/{file}")).send().await);
    is_missing(&theirs.post_bytes(&format!("/v1/batches/{batch}/cancel"), "").send().await);
    is_missing(&send_part(theirs, upload, b"hello").await);
    is_missing(&theirs.post(&format!("/v1/uploads/{upload}/complete"), &json!({"part_ids": []})).send().await);
    is_missing(&theirs.post_bytes(&format!("/v1/uploads/{upload}/cancel"), "").send().await);
    for path in ["/v1/files", "/v1/batches"] {
        assert_eq!(theirs.json(path).await["data"], json!([]), "{path}");
    }
}

/// A batch over another tenant's file fails as one over none.
async fn steals_nothing(theirs: &Http, file: &str) {
    let stolen = create(theirs, file).await.expect("a batch");
    let failed = comes_to(theirs, &stolen, &["failed"]).await;
    let unknown = create(theirs, "file_never").await.expect("a batch");
    let of_nothing = comes_to(theirs, &unknown, &["failed"]).await;
    let code = |batch: &Value| batch["errors"]["data"][0]["code"].clone();
    assert_eq!(code(&failed), code(&of_nothing), "{failed}");
}

async fn tenants_apart() {
    let world = World::get().await;
    let _turn = world.busy().await;
    let (ours, theirs) = (world.tenant("our files").await, world.tenant("their files").await);
    let file = store(&ours, &input("apart", 3, &MODELS)).await.expect("a stored file");
    let batch = create(&ours, &file).await.expect("a batch");
    let upload = upload_of(&ours, 5).await;
    sees_nothing(&theirs, &file, &batch, &upload).await;
    steals_nothing(&theirs, &file).await;
    let done = comes_to(&ours, &batch, &["completed"]).await;
    assert_eq!(conserved(&ours, &done, "apart", 3).await, 3);
    is_missing(
        &theirs.get(&format!("/v1/files/{}/content", done["output_file_id"].as_str().expect("a file"))).send().await,
    );
}

/// Ticks of the poller, and of nothing else, until a batch has ended.
async fn poll_until_ended(world: &World, http: &Http, batch: &str) -> (Value, u32) {
    let mut ticks = 0;
    let ended = until_ok(&format!("the end of {batch}"), LONG, async || {
        poll(world).await;
        ticks += 1;
        let shown = show(http, batch).await.ok_or("no batch")?;
        if shown["completed_at"].is_null() { Err(shown.to_string()) } else { Ok(shown) }
    })
    .await;
    (ended, ticks)
}

/// A tick of the poller.
pub(super) async fn poll(world: &World) {
    let end = world.aws.invoke(world.stack.function(Function::Poller), &world.stack.event("poller")).await;
    assert!(!end.failed, "{}", end.payload);
}

async fn polled() {
    const COUNT: usize = 40;
    let world = World::get().await;
    let _alone = world.quiet().await;
    let http = world.tenant("polled").await;
    let batch = begun(&http, &input("polled", COUNT, &MODELS[..2])).await;
    let (done, ticks) = poll_until_ended(world, &http, &batch).await;
    println!("a batch of two models ended after {ticks} ticks of the poller");
    assert_eq!(conserved(&http, &done, "polled", COUNT).await, COUNT);
}

/// Lines of a batch that the stack keeps while it is deployed over itself.
const KEPT: usize = 20;

/// Begins a batch and has the provider run it; nothing ticks meanwhile.
pub(super) async fn is_under_way(world: &World, http: &Http) -> String {
    let batch = begun(http, &input("kept", KEPT, &MODELS[..2])).await;
    poll(world).await;
    let shown = show(http, &batch).await.expect("the batch");
    assert_eq!(shown["status"], "in_progress", "{shown}");
    batch
}

/// Has that batch end, with all of its lines, and its input still there.
pub(super) async fn is_brought_home(world: &World, http: &Http, batch: &str) {
    let (done, _) = poll_until_ended(world, http, batch).await;
    assert_eq!(conserved(http, &done, "kept", KEPT).await, KEPT);
    let kept = content(http, done["input_file_id"].as_str().expect("an id")).await;
    assert_eq!(kept.text(), input("kept", KEPT, &MODELS[..2]));
}
