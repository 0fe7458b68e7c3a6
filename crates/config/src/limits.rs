//! `[limits]` and `[retention]`: how long and how often.

use std::time::Duration;

use offpeak_core::flows::accept::MAX_DEADLINE_MS;

use crate::document::Document;
use crate::flags::{Flags, RESULT_DAYS};
use crate::problem::Problems;
use crate::value::{self, DAY, SHORTEST};

/// How long a job may take and how often it may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// `max_attempts`: executions of a job in all, 1 to 100. Default 3.
    pub max_attempts: u32,
    /// `deadline`: of jobs that do not say, from their acceptance, 50 ms to 13 days. Default 72 h.
    pub deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_attempts: 3, deadline: Duration::from_hours(72) }
    }
}

impl Limits {
    pub(crate) fn read(document: &mut Document<'_>, problems: &mut Problems) -> Self {
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

/// The longest retention: ten years.
const LONGEST_DAYS: u32 = 3_653;

/// From the first object of a job to its end: the longest deadline, and a day.
const JOB_DAYS: u32 = 14;

/// How long things are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// `results`: how long a finished job and its answer are kept, 50 ms to 10 years. Default 30 days. On AWS
    /// the parameter `ResultDays` replaces it.
    pub results: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self { results: DAY.saturating_mul(30) }
    }
}

impl Retention {
    pub(crate) fn read(document: &mut Document<'_>, flags: &Flags, problems: &mut Problems) -> Self {
        let mut section = document.table("retention", problems);
        let mut retention = Self::default();
        let results = section.text("results", problems);
        let longest = DAY.saturating_mul(LONGEST_DAYS);
        if let Some(results) = problems.read(results, |text| value::duration(text, SHORTEST..=longest)) {
            retention.results = results.value;
        }
        section.finish(problems);
        if let Some(days) = problems.read(flags.result_days(), |text| value::days(text, 1..=LONGEST_DAYS)) {
            retention.results = DAY.saturating_mul(days.value);
        }
        problems.read(flags.object_days(), |text| retention.fits_in(value::days(text, 1..=u32::MAX)?));
        retention
    }

    /// Whether objects that live so many days outlive every answer in them.
    pub(crate) fn fits_in(&self, object_days: u32) -> Result<(), String> {
        let days = self.results.as_millis().div_ceil(DAY.as_millis());
        let least = days + u128::from(JOB_DAYS);
        if u128::from(object_days) >= least {
            return Ok(());
        }
        Err(format!(
            "{object_days} days are too few for results that are kept {days} days after a job's end; allowed: at least \
             {least}, which is {} or retention.results in days, and {JOB_DAYS} for the longest job",
            RESULT_DAYS.parameter
        ))
    }
}

/// A job's deadline: bodies live in queues that keep a message for 14 days.
pub(crate) fn deadline(text: &str) -> Result<Duration, String> {
    value::duration(text, SHORTEST..=Duration::from_millis(MAX_DEADLINE_MS))
}
