//! What happened in a run, line by line: kept only where somebody will read it.

use std::sync::Arc;

use offpeak_core::ports::Clock;
use parking_lot::Mutex;

use crate::fakes::TokioClock;

/// The lines of a run. Clones share them.
#[derive(Debug, Clone)]
pub struct Trace {
    lines: Option<Arc<Mutex<Vec<String>>>>,
    clock: TokioClock,
    start_ms: u64,
}

impl Trace {
    /// An empty one, dated by `clock`; one that is not `kept` forgets every line at once.
    pub fn new(clock: &TokioClock, kept: bool) -> Self {
        Self { lines: kept.then(Arc::default), clock: clock.clone(), start_ms: clock.now_ms() }
    }

    /// Notes what `who` did; `what` is asked only if the line is kept.
    pub fn say(&self, who: &str, what: impl FnOnce() -> String) {
        let Some(lines) = &self.lines else { return };
        let at_ms = self.clock.now_ms() - self.start_ms;
        let text = what();
        lines.lock().push(format!("{:>9}.{:03} {who:<12} {text}", at_ms / 1_000, at_ms % 1_000));
    }

    /// Every line so far.
    pub fn lines(&self) -> Vec<String> {
        self.lines.as_ref().map(|lines| lines.lock().clone()).unwrap_or_default()
    }
}
