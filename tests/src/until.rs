//! Waiting with a bound: for a signal where there is one, else by asking again.

use std::time::{Duration, Instant};

/// How long a test waits for what must come: generous, since other tests share the cores.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Asks until there is an answer, and panics with `what` if none comes within `bound`.
pub async fn until<T>(what: &str, bound: Duration, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    until_ok(what, bound, async || ask().await.ok_or_else(|| "nothing".to_owned())).await
}

/// The same where each try says what it saw instead: a panic tells the last of it.
pub async fn until_ok<T>(what: &str, bound: Duration, mut ask: impl AsyncFnMut() -> Result<T, String>) -> T {
    let began = Instant::now();
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(seen) => assert!(began.elapsed() < bound, "waited {bound:?} in vain: {what}; the last look saw {seen}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
