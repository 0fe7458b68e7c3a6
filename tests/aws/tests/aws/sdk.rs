//! The OpenAI SDK, as it is, at the deployed API.

use std::process::Command;

use futures_util::future::join_all;
use offpeak_tests::{run, workspace};
use offpeak_tests_aws::{Fact, World};

/// Programs of `examples/python` that need nothing but an address and a key, and some of this package's own.
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

pub(crate) static SERVED: Fact = Fact::new(|| Box::pin(served()));

#[test]
fn the_openai_sdk_is_served() {
    SERVED.holds();
}

async fn served() {
    let world = World::get().await;
    let _turn = world.busy().await;
    let installed = run(Command::new(workspace().join("tools/clients.sh"))).await;
    assert_eq!(installed.code, Some(0), "{}{}", installed.out, installed.err);
    let key = world.key_of("sdk").await;
    let programs = PROGRAMS.map(|program| {
        let mut python = Command::new(workspace().join(".tools/py3x/bin/python"));
        python.arg(workspace().join(program));
        python.env("OPENAI_BASE_URL", world.stack.base_url()).env("OPENAI_API_KEY", &key);
        python.env("OFFPEAK_WRONG_KEY", "1").env("OFFPEAK_UNKNOWN_MODEL", "1");
        for proxy in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            python.env_remove(proxy);
        }
        async move { (program, run(python).await) }
    });
    for (program, ended) in join_all(programs).await {
        assert_eq!(ended.code, Some(0), "{program}\n{}\n{}", ended.out, ended.err);
    }
}
