//! A fact about the deployed stack: found out once, by whichever test asks first.

use std::pin::Pin;
use std::sync::LazyLock;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::OnceCell;

/// Something that a test has to find out.
#[derive(Debug)]
pub struct Fact {
    find_out: fn() -> Pin<Box<dyn Future<Output = ()>>>,
    outcome: OnceCell<Result<(), String>>,
}

/// Where everything that outlives one test runs: the simulator, the ticks, the facts.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: LazyLock<Runtime> =
        LazyLock::new(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("an event loop"));
    &RUNTIME
}

impl Fact {
    /// One that is found out like this.
    pub const fn new(find_out: fn() -> Pin<Box<dyn Future<Output = ()>>>) -> Self {
        Self { find_out, outcome: OnceCell::const_new() }
    }

    /// Finds it out, unless that has been done or is under way, and says what was wrong.
    ///
    /// # Errors
    /// What the panic said.
    pub async fn outcome(&'static self) -> Result<(), String> {
        let outcome = self.outcome.get_or_init(|| async {
            let find_out = self.find_out;
            let ended = runtime().spawn_blocking(move || runtime().block_on(find_out())).await;
            ended.map_err(|error| {
                let panic = error.try_into_panic().ok();
                let text = panic.as_ref().and_then(|panic| panic.downcast_ref::<String>().cloned());
                let constant = panic.as_ref().and_then(|panic| panic.downcast_ref::<&str>().map(ToString::to_string));
                text.or(constant).unwrap_or_else(|| "it did not end".to_owned())
            })
        });
        outcome.await.clone()
    }

    /// Finds it out and fails the test if it does not hold.
    pub fn holds(&'static self) {
        if let Err(wrong) = runtime().block_on(self.outcome()) {
            panic!("{wrong}");
        }
    }
}
