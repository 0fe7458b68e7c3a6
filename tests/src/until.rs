//! Waiting with a bound: for a signal where there is one, else by asking again.

use std::time::{Duration, Instant};

/// How long a test waits for what must come: generous, since other tests share the cores.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Asks until there is an answer, and panics with `what` if none comes within `bound`.
pub async fn until<T>(what: &str, bound: Duration, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(began.elapsed() < bound, "waited {bound:?} in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
