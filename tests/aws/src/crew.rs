//! Ticks without a pause worth the name: what the schedules do once a minute.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::{Mutex as Turn, MutexGuard};

use crate::{Aws, Function, Stack};

const PAUSE: Duration = Duration::from_millis(150);

/// Invokes the packer and the poller in turn, for as long as the process lives.
#[derive(Debug)]
pub(crate) struct Crew {
    turn: Arc<Turn<()>>,
    failures: Arc<Mutex<Vec<Value>>>,
}

impl Crew {
    /// Begins to tick.
    pub(crate) fn start(aws: &Aws, stack: &Stack) -> Self {
        let crew = Self { turn: Arc::default(), failures: Arc::default() };
        let (aws, stack) = (aws.clone(), stack.clone());
        let (turn, failures) = (Arc::clone(&crew.turn), Arc::clone(&crew.failures));
        crate::runtime().spawn(async move {
            let events = [(Function::Packer, stack.event("packer-soon")), (Function::Poller, stack.event("poller"))];
            loop {
                for (function, event) in &events {
                    let _turn = turn.lock().await;
                    match aws.try_invoke(stack.function(*function), event).await {
                        Ok(end) if end.failed => failures.lock().push(end.payload),
                        Ok(_) => {}
                        // Told, and not the end of the crew: the tests that wait for it say what failed.
                        Err(error) => failures.lock().push(Value::String(error)),
                    }
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
        crew
    }

    /// Waits for the tick under way; none begins while this is held.
    pub(crate) async fn pause(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// What ticks failed with.
    pub(crate) fn failures(&self) -> Vec<Value> {
        self.failures.lock().clone()
    }
}
