//! Real clients, as their users would write them: everything under `examples/`.

use std::time::Duration;

use futures_util::future::join_all;
use offpeak_tests::{Gateway, Program, Upstream};

/// Which models there are: `errors` asks for one that is not among them.
const ROUTES: &str =
    "[[route]]\nmodel = \"gpt-*\"\n[[route]]\nmodel = \"text-embedding-*\"\n[[route]]\nmodel = \"omni-*\"\n";

/// A receiver on this machine may be called.
const LOCAL_RECEIVERS: &str = "[webhooks]\nallow_private = true\n";

/// Holds a second, while a batch takes three: every call is told several times that its answer is not ready.
const IMPATIENT: &str = "[waiting]\nhold = \"1s\"\nretry_after = \"1s\"\n";

/// A gateway for clients with a key.
struct Shop {
    upstream: Upstream,
    gateway: Gateway,
    key: String,
}

impl Shop {
    async fn open(delay: Duration, config: &str) -> Self {
        let upstream = Upstream::slow(delay).await;
        let setup = Gateway::before(&upstream).auth("keys").config(ROUTES).config(config);
        let gateway = setup.start().await;
        let key = gateway.key_of("examples").await;
        Self { upstream, gateway, key }
    }

    /// Runs each example, all at once; each must say that all is well.
    async fn serves(&self, examples: impl IntoIterator<Item = Program>) {
        join_all(examples.into_iter().map(|example| self.serve(example))).await;
        self.gateway.passes_audit().await;
    }

    async fn serve(&self, example: Program) {
        example.is_served(&self.gateway.base_url(), &self.key).await;
    }

    /// How often a caller was told that its answer is not ready.
    async fn not_ready(&self) -> u64 {
        self.gateway.http.with_key(&self.key).json("/stats").await["requests"]["not_ready"].as_u64().unwrap()
    }
}

fn python(environment: &str, names: &[&str]) -> Vec<Program> {
    let interpreter = format!(".tools/{environment}/bin/python");
    names.iter().map(|name| Program::at(format!("examples/python/{name}.py")).by(&interpreter)).collect()
}

fn node(names: &[&str]) -> Vec<Program> {
    names.iter().map(|name| Program::at(format!("examples/node/{name}.mjs"))).collect()
}

fn go(names: &[&str]) -> Vec<Program> {
    names.iter().map(|name| Program::at(format!(".tools/bin/go-{name}"))).collect()
}

fn curl(names: &[&str]) -> Vec<Program> {
    names.iter().map(|name| Program::at(format!("examples/curl/{name}.sh"))).collect()
}

const PYTHON: [&str; 12] = [
    "chat",
    "completions",
    "embeddings",
    "responses",
    "background",
    "moderations",
    "stream",
    "many",
    "respond_async",
    "errors",
    "batch",
    "uploads",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_with_openai_3() {
    Shop::open(Duration::from_millis(100), "").await.serves(python("py3x", &PYTHON)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_with_openai_1() {
    Shop::open(Duration::from_millis(100), "").await.serves(python("py1x", &PYTHON)).await;
}

const NODE: [&str; 8] = ["chat", "embeddings", "responses", "background", "stream", "errors", "batch", "uploads"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_with_openai_6() {
    Shop::open(Duration::from_millis(100), "").await.serves(node(&NODE)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_with_openai_7() {
    Shop::open(Duration::from_millis(100), "").await.serves(NODE.map(Program::node_7)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_are_managed_and_verified_by_the_sdks() {
    let shop = Shop::open(Duration::from_millis(100), LOCAL_RECEIVERS).await;
    shop.serves(python("py3x", &["webhooks"])).await;
    shop.serves([Program::node_7("webhooks")]).await;
    for example in Program::compiled("webhooks") {
        shop.serves([example]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn go_java_and_rust_with_files_uploads_batches_and_background_responses() {
    let names = ["batch", "uploads", "background"];
    Shop::open(Duration::from_millis(100), "").await.serves(names.into_iter().flat_map(Program::compiled)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn go_with_sashabaranovs_library() {
    Shop::open(Duration::from_millis(100), "").await.serves(go(&["chat", "embeddings", "stream"])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_by_itself() {
    Shop::open(Duration::from_millis(100), "").await.serves(curl(&["hold", "respond_async"])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_typescript_loop_until_the_answer_is_no_longer_422() {
    let config = "[waiting]\nhold = \"0s\"\nnot_ready_status = 422\nretry_after = \"1s\"\n";
    let shop = Shop::open(Duration::from_secs(2), config).await;
    shop.serves([Program::at("examples/typescript/poll.ts")]).await;
    assert!(shop.not_ready().await >= 2);
    assert_eq!(shop.upstream.counts().lines_run, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_client_is_held_past_several_not_ready_answers() {
    let shop = Shop::open(Duration::from_secs(3), IMPATIENT).await;
    let mut examples = python("py3x", &["chat", "embeddings", "responses", "stream"]);
    examples.extend(python("py1x", &["chat", "embeddings", "responses", "stream"]));
    examples.extend(node(&["chat", "embeddings", "responses", "stream"]));
    examples.extend(["chat", "embeddings", "responses", "stream"].map(Program::node_7));
    examples.extend(go(&["chat", "embeddings", "stream"]));
    examples.extend(curl(&["hold", "respond_async"]));
    shop.serves(examples).await;
    let told = shop.not_ready().await;
    assert!(told >= 24, "only {told} calls were told to come back");
    // Two for each chat example of Python and Node, one for each of the others: no retry became a job of its own.
    assert_eq!(shop.upstream.counts().lines_run, 21 + 4);
}
