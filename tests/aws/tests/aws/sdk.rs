//! The OpenAI SDKs, as they are, at the deployed API.

use futures_util::future::join_all;
use offpeak_tests::Program;
use offpeak_tests_aws::{Fact, World};

/// Examples that need nothing but an address and a key, and some of this package's own.
const PROGRAMS: [&str; 11] = [
    "examples/python/chat.py",
    "examples/python/completions.py",
    "examples/python/embeddings.py",
    "examples/python/responses.py",
    "examples/python/background.py",
    "examples/python/moderations.py",
    "examples/python/respond_async.py",
    "examples/python/errors.py",
    "tests/aws/clients/hold.py",
    "tests/aws/clients/stream.py",
    "tests/aws/clients/cancel.py",
];

const NODE: [&str; 5] = ["chat", "embeddings", "responses", "background", "errors"];

pub(crate) static SERVED: Fact = Fact::new(|| Box::pin(served()));

#[test]
fn the_openai_sdks_are_served() {
    SERVED.holds();
}

async fn served() {
    let world = World::get().await;
    let _turn = world.busy().await;
    let key = world.key_of("sdk").await;
    let programs =
        PROGRAMS.into_iter().map(Program::at).chain(NODE.map(Program::node_7)).chain(Program::compiled("background"));
    let url = world.stack.base_url();
    let serve = |program: Program| {
        let (url, key) = (&url, &key);
        async move { program.is_served(url, key).await }
    };
    join_all(programs.map(serve)).await;
}
