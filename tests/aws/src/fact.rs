//! A fact about the deployed stack: found out once, by whichever test asks first.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{LazyLock, Once};

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
    /// Where in the code it panicked, and what the panic said.
    pub async fn outcome(&'static self) -> Result<(), String> {
        let outcome = self.outcome.get_or_init(|| async {
            let find_out = self.find_out;
            let ended = runtime().spawn_blocking(move || told(|| runtime().block_on(find_out()))).await;
            ended.unwrap_or_else(|error| Err(error.to_string()))
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

thread_local! {
    /// Where this thread panicked last.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Does something, and tells a panic: which test fails of it may be another's, and what is printed meanwhile is lost.
fn told(act: impl FnOnce()) -> Result<(), String> {
    static HOOKED: Once = Once::new();
    HOOKED.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            PLACE.set(panic.location().map(ToString::to_string).unwrap_or_default());
            usual(panic);
        }));
    });
    catch_unwind(AssertUnwindSafe(act)).map_err(|panic| format!("{}: {}", PLACE.take(), text(panic.as_ref())))
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let constant = panic.downcast_ref::<&str>().copied();
    panic.downcast_ref::<String>().map(String::as_str).or(constant).unwrap_or("it did not say why")
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn a_panic_is_told_with_its_place() {
        let wrong = told(|| panic!("{} is wrong", 1)).expect_err("it panicked");
        assert!(wrong.contains("fact.rs:") && wrong.ends_with("1 is wrong"), "{wrong}");
        assert_eq!(told(|| ()), Ok(()));
    }
}
