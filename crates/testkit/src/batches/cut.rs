//! One cut: whoever makes the nth passage between a flow and its ports dies there, once, and nothing else goes wrong.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use crate::chaos::{Gate, Lost};
use crate::crash::book::Book;
use crate::crash::switch::Switch;
use crate::crash::trace::Trace;

/// Where the cut is. Clones count together.
#[derive(Debug, Clone)]
pub(super) struct Cut {
    at: u64,
    passed: Arc<AtomicU64>,
}

impl Cut {
    /// At the nth passage, from 0.
    pub(super) fn at(at: u64) -> Self {
        Self { at, passed: Arc::default() }
    }

    /// Passages so far: each call has two, one before it and one after it.
    pub(super) fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }
}

/// One actor's way to its ports.
pub(super) struct Way {
    pub(super) name: String,
    pub(super) cut: Cut,
    pub(super) switch: Switch,
    pub(super) book: Book,
    pub(super) trace: Trace,
}

impl Way {
    async fn pass(&self, what: &'static str, when: &str) {
        if self.cut.passed.fetch_add(1, Ordering::Relaxed) == self.cut.at {
            self.trace.say(&self.name, || format!("dies {when} {what}"));
            self.book.with(|pages| pages.counts.kills += 1);
            self.switch.kill();
            pending::<()>().await;
        }
    }
}

#[async_trait]
impl Gate for Way {
    async fn before(&self, what: &'static str) -> Result<(), Lost> {
        self.pass(what, "before").await;
        Ok(())
    }

    async fn after(&self, what: &'static str) -> Result<(), Lost> {
        self.pass(what, "after").await;
        Ok(())
    }
}
