//! Bodies at the limits of what the services carry.

use futures_util::future::join_all;
use offpeak_tests::{Http, chat};
use offpeak_tests_aws::{Fact, Twin, World, noise};
use serde_json::json;

const CHAT: &str = "/v1/chat/completions";

pub(crate) static LARGE: Fact = Fact::new(|| Box::pin(large()));
pub(crate) static ODD: Fact = Fact::new(|| Box::pin(odd()));
pub(crate) static REFUSED: Fact = Fact::new(|| Box::pin(refused_by_the_provider()));

/// Three of them are more than a part of an upload, on their way in and out.
#[test]
fn bodies_near_4_mb_travel_whole() {
    LARGE.holds();
}

#[test]
fn characters_that_a_queue_refuses_travel_too() {
    ODD.holds();
}

#[test]
fn a_providers_error_reaches_its_caller() {
    REFUSED.holds();
}

/// Has a request answered, from respond-async to the result.
async fn answered(world: &World, http: &Http, twin: &Twin) -> offpeak_tests::Answer {
    let call = http.post_bytes(twin.path, twin.body.clone()).header("content-type", "application/json");
    let accepted = call.header("prefer", "respond-async").send().await;
    assert_eq!(accepted.status, 202, "{}", accepted.text());
    world.job_is(http, accepted.job(), "done").await;
    let mut answer = http.get(&format!("/v1/jobs/{}/result", accepted.job())).send().await;
    if answer.status == 303 {
        // Too large for a function to return: a URL that needs no key, for a while.
        answer = Http::to("").get(answer.header("location")).send().await;
    }
    twin.answered_by(&answer);
    answer
}

async fn large() {
    let world = World::get().await;
    let _turn = world.busy().await;
    let http = world.tenant("large").await;
    let ask = |seed: u64| {
        let http = &http;
        async move {
            let body = chat(&noise(seed, (4 << 20) - 1_024)).to_string();
            answered(world, http, &Twin::of(world, CHAT, body).await).await;
        }
    };
    join_all([ask(1), ask(2), ask(3)]).await;
}

async fn odd() {
    let world = World::get().await;
    let _turn = world.busy().await;
    let http = world.tenant("odd").await;
    let text = "\u{fffe}\u{ffff}\u{1fffe}\u{10ffff}\u{7f}\u{85}\u{2028}\u{feff} \u{0}\u{1}\u{1f} \u{d7ff}\u{e000}";
    answered(world, &http, &Twin::of(world, CHAT, chat(text).to_string()).await).await.echoes(text);
}

async fn refused_by_the_provider() {
    let world = World::get().await;
    let _turn = world.busy().await;
    let http = world.tenant("provider").await;
    let ask = |status: u16| {
        let http = &http;
        async move {
            let mut body = chat("refuse me");
            body["user"] = json!(format!("sim-status-{status}"));
            answered(world, http, &Twin::of(world, CHAT, body.to_string()).await).await
        }
    };
    for answer in join_all([ask(400), ask(404), ask(422)]).await {
        let wanted = json!(format!("simulated {} for refuse me", answer.status));
        assert_eq!(answer.json()["error"]["message"], wanted);
    }
}
