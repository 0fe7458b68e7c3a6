//! The OpenAI SDK, as it is, at the deployed API.

use std::path::Path;

use std::process::Command;

use futures_util::future::join_all;
use offpeak_tests::{run, workspace};
use offpeak_tests_aws::{Fact, Stack, World};

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
    serve(world, &world.key_of("sdk").await, &PROGRAMS).await;
}

/// Runs programs at the stack as it was deployed first, all at once; each must say that all is well.
pub(super) async fn serve(world: &World, key: &str, programs: &[&str]) {
    serve_at(&world.stack, key, programs).await;
}

/// The same at another deployment of it.
pub(super) async fn serve_at(stack: &Stack, key: &str, programs: &[&str]) {
    let installed = run(Command::new(workspace().join("tools/clients.sh"))).await;
    assert_eq!(installed.code, Some(0), "{}{}", installed.out, installed.err);
    let runs = programs.iter().map(|program| {
        let is_node = Path::new(program).extension().is_some_and(|extension| extension == "mjs");
        let mut command =
            Command::new(if is_node { "node".into() } else { workspace().join(".tools/py3x/bin/python") });
        command.arg(workspace().join(program));
        command.env("OPENAI_BASE_URL", stack.base_url()).env("OPENAI_API_KEY", key);
        command.env("OFFPEAK_WRONG_KEY", "1").env("OFFPEAK_UNKNOWN_MODEL", "1");
        for proxy in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env_remove(proxy);
        }
        async move { (program, run(command).await) }
    });
    for (program, ended) in join_all(runs).await {
        assert_eq!(ended.code, Some(0), "{program}\n{}\n{}", ended.out, ended.err);
    }
}
