//! `[limits]` and `[retention]`: how long and how often.

use std::time::Duration;

use offpeak_core::flows::accept::MAX_DEADLINE_MS;

use super::document::Document;
use super::problem::Problems;
use super::value::{self, DAY, SHORTEST};

/// How long a job may take and how often it may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limits {
    /// `max_attempts`: executions of a job in all, 1 to 100. Default 3.
    pub(crate) max_attempts: u32,
    /// `deadline`: of jobs that do not say, from their acceptance, 50 ms to 13 days. Default 72 h.
    pub(crate) deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_attempts: 3, deadline: Duration::from_hours(72) }
    }
}

impl Limits {
    pub(super) fn read(document: &mut Document<'_>, problems: &mut Problems) -> Self {
        let mut section = document.table("limits", problems);
        let mut limits = Self::default();
        let attempts = section.number("max_attempts", problems);
        if let Some(attempts) = problems.read(attempts, |number| value::number(*number, &(1..=100))) {
            limits.max_attempts = u32::try_from(attempts.value).unwrap_or(limits.max_attempts);
        }
        let given = section.text("deadline", problems);
        if let Some(deadline) = problems.read(given, |text| deadline(text)) {
            limits.deadline = deadline.value;
        }
        section.finish(problems);
        limits
    }
}

/// How long things are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Retention {
    /// `results`: how long a finished job and its answer are kept, 50 ms to 10 years. Default 30 days.
    pub(crate) results: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self { results: Duration::from_secs(30 * DAY.as_secs()) }
    }
}

impl Retention {
    pub(super) fn read(document: &mut Document<'_>, problems: &mut Problems) -> Self {
        let mut section = document.table("retention", problems);
        let mut retention = Self::default();
        let results = section.text("results", problems);
        let longest = Duration::from_secs(3_653 * DAY.as_secs());
        if let Some(results) = problems.read(results, |text| value::duration(text, SHORTEST..=longest)) {
            retention.results = results.value;
        }
        section.finish(problems);
        retention
    }
}

/// A job's deadline: bodies live in queues that keep a message for 14 days.
pub(super) fn deadline(text: &str) -> Result<Duration, String> {
    value::duration(text, SHORTEST..=Duration::from_millis(MAX_DEADLINE_MS))
}
