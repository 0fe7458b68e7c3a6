//! Callers with keys of their own, at a Function URL.

use std::cell::Cell;

use futures_util::future::{join, join_all};
use offpeak_tests::{Http, chat, until_ok};
use offpeak_tests_aws::{Fact, LONG, Stack, World};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::upgrade::{KEPT, accepted, is_answered};
use super::webhooks;

const CHAT: &str = "/v1/chat/completions";
/// A caller's.
const KEY: &str = "sk-callers-own-credential";

/// What seals them.
pub(crate) static SEALING_KEY: Mutex<String> = Mutex::new(String::new());

pub(crate) static PASSED_THROUGH: Fact = Fact::new(|| Box::pin(passed_through()));

#[test]
fn callers_credentials_pass_through_sealed_and_a_function_url_serves_and_streams() {
    PASSED_THROUGH.holds();
}

async fn passed_through() {
    let world = World::get().await;
    super::all(&[&KEPT, &super::inbox::GIVEN]).await;
    let _alone = world.quiet().await;
    let passing = [("JobIndex", "true"), ("Inbox", "false"), ("Auth", "passthrough"), ("FrontDoor", "function-url")];
    let stack = world.redeploy(&passing).await;
    assert_ne!(stack.outputs["Url"], world.stack.outputs["Url"], "another front door has another address");
    stack.physical("SealingKey").clone_into(&mut SEALING_KEY.lock());
    let http = stack.http().with_key(KEY);
    are_answered(world, &http).await;
    is_streamed(world, &http).await;
    assert_eq!(http.get("/v1/models").send().await.status, 200, "what is relayed");
    holds_no_secret(world).await;
    ends_without_its_caller(world, &http).await;
}

async fn are_answered(world: &World, http: &Http) {
    let job = accepted(http, "sealed").await;
    is_answered(world, http, &job, "sealed").await;
    // At once, so that another environment has to open the key that the first one made.
    let texts: Vec<String> = (0..6).map(|number| format!("sealed {number}")).collect();
    let jobs = join_all(texts.iter().map(|text| accepted(http, text))).await;
    for (job, text) in jobs.iter().zip(&texts) {
        is_answered(world, http, job, text).await;
    }
}

/// A stream begins with comments while its job runs. The emulator hands on only what is whole, so that it comes piece by
/// piece is shown where there is none: `tests/functions/start.rs`.
async fn is_streamed(world: &World, http: &Http) {
    let mut question = chat("streamed");
    question["stream"] = json!(true);
    let (mut tries, over) = (0, Cell::new(false));
    // On a busy machine the stream may end before the job: then it is asked for again, as SDKs do.
    let asks = async {
        let whole = until_ok("a stream with its answer", LONG, async || {
            let answer = http.post(CHAT, &question).retry(tries).send().await;
            tries += 1;
            assert!(answer.header("content-type").starts_with("text/event-stream"), "{answer:?}");
            let text = answer.text();
            if text.trim_end().ends_with("data: [DONE]") { Ok(text) } else { Err(text) }
        });
        let whole = whole.await;
        over.set(true);
        whole
    };
    // The last one ends before anything else begins.
    let ticks = async {
        while !over.get() {
            world.tick().await;
        }
    };
    let (whole, ()) = join(asks, ticks).await;
    let chunks = whole.lines().filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
    let said: String =
        chunks.filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned)).collect();
    assert_eq!(said, "echo: streamed", "{whole}");
    assert!(tries > 1 || whole.starts_with(':'), "nothing kept the connection alive: {whole}");
}

/// A job whose caller passed a key ends also after nobody may pass one any more, as long as the key that sealed it stays.
async fn ends_without_its_caller(world: &World, http: &Http) {
    let done = async || world.operator(&json!({"command": "status"})).await["jobs"]["done"].as_u64().expect("a count");
    let before = done().await;
    accepted(http, "left alone").await;
    world.route_elsewhere(&world.stack.name).await;
    let stack = world.redeploy(&webhooks::TELLING).await;
    assert_eq!(stack.physical("SealingKey"), *SEALING_KEY.lock());
    assert_eq!(http.get("/v1/models").send().await.error(401), "invalid_api_key");
    world.tick_until_rest().await;
    assert_eq!(done().await, before + 1);
    keys_open_again(world, &stack).await;
    *webhooks::STACK.lock() = Some(stack);
}

/// The keys of the first deployment are those of this one.
async fn keys_open_again(world: &World, stack: &Stack) {
    let http = stack.http().with_key(world.key_of("back").await);
    let job = accepted(&http, "back").await;
    is_answered(world, &http, &job, "back").await;
}

async fn holds_no_secret(world: &World) {
    let sealed = world.aws.items(world.stack.physical("CredentialsTable")).await;
    assert!(!sealed.is_empty() && !json!(sealed).to_string().contains(KEY));
}
