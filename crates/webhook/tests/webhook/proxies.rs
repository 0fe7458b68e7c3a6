//! Proxies named in the environment: one would do the resolving and the calling, and reach what it likes.

use std::process::Command;

use offpeak_core::ports::{Deliver as _, Delivered};

use crate::receiver::{Receiver, Trap};
use crate::{NOW_S, delivery, near};

/// Where the process below is told whom to call.
const TARGET: &str = "OFFPEAK_TEST_RECEIVER";

#[tokio::test]
async fn a_proxy_from_the_environment_is_not_used() {
    let mut receiver = Receiver::saying(200).await;
    let proxy = Trap::new();
    let proxy_url = format!("http://{}", proxy.address());
    let mut process = Command::new(std::env::current_exe().unwrap());
    process.args(["--exact", "proxies::with_a_proxy_in_the_environment", "--ignored"]).env(TARGET, receiver.url());
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        process.env(name, &proxy_url).env(name.to_uppercase(), &proxy_url);
    }
    process.env_remove("no_proxy").env_remove("NO_PROXY");
    let run = tokio::task::spawn_blocking(move || process.output().unwrap()).await.unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
    receiver.call().await;
    assert!(proxy.is_untouched());
}

#[tokio::test]
#[ignore = "run by the test above, in a process whose environment names a proxy"]
#[expect(clippy::disallowed_methods, reason = "a test is configured by its environment alone")]
async fn with_a_proxy_in_the_environment() {
    let Ok(url) = std::env::var(TARGET) else { return };
    assert_eq!(near().deliver(&delivery(url), NOW_S).await, Delivered::Answered { status: 200 });
}
