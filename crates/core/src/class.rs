//! Service classes: when the jobs that wait in an intake queue depart.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use serde::{Deserialize, Serialize};

/// When a class departs.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// This long after the last departure, or as soon as so many jobs wait.
    Window {
        /// Milliseconds.
        window_ms: u64,
        /// Jobs that are enough to depart at once.
        max_jobs: Option<u64>,
    },
    /// Every day at this hour.
    At {
        /// The time of day.
        time: Time,
        /// Whose time of day.
        zone: TimeZone,
    },
}

/// The row of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Departures {
    /// Raised by every write; 0 where there is no row yet.
    pub version: u64,
    /// When the last drain that departed had begun, Unix milliseconds.
    pub departed_ms: u64,
    /// When a drain last began a receive without having ended empty-handed since.
    pub noted_ms: Option<u64>,
    /// When something last put work back: a requeue or a lost lease. Cleared by a departure begun over a tick later.
    pub recalled_ms: Option<u64>,
}

impl Departures {
    /// Whether the class must be drained now.
    ///
    /// `waiting` counts visible and hidden messages, `keep_ms` is one visibility timeout plus two ticks: so long a
    /// note of a drain that never ended keeps the class due.
    pub fn due(&self, rule: &Rule, waiting: u64, now_ms: u64, keep_ms: u64) -> bool {
        let noted = self.noted_ms.is_some_and(|noted| now_ms < noted.saturating_add(keep_ms));
        if noted || self.recalled_ms.is_some() {
            return true;
        }
        waiting > 0
            && match rule {
                Rule::Window { window_ms, max_jobs } => {
                    now_ms >= self.departed_ms.saturating_add(*window_ms)
                        || max_jobs.is_some_and(|enough| waiting >= enough)
                }
                Rule::At { time, zone } => self.departed_ms < last_occurrence(*time, zone, now_ms),
            }
    }

    /// The row after a drain that began at `began_ms` departed.
    #[must_use]
    pub fn departed(mut self, began_ms: u64, tick_ms: u64) -> Self {
        self.departed_ms = self.departed_ms.max(began_ms);
        self.noted_ms = None;
        if self.recalled_ms.is_some_and(|recalled| began_ms > recalled.saturating_add(tick_ms)) {
            self.recalled_ms = None;
        }
        self
    }
}

/// The latest moment not after `now_ms` at which the zone's clocks showed `time`, in Unix milliseconds; 0 if the
/// calendar ends before it.
fn last_occurrence(time: Time, zone: &TimeZone, now_ms: u64) -> u64 {
    let occurrence = || -> Result<Zoned, jiff::Error> {
        let now = Timestamp::from_millisecond(i64::try_from(now_ms).unwrap_or(i64::MAX))?.to_zoned(zone.clone());
        let today = now.date().to_datetime(time).to_zoned(zone.clone())?;
        if today <= now {
            return Ok(today);
        }
        now.date().checked_sub(1.day())?.to_datetime(time).to_zoned(zone.clone())
    };
    occurrence().map_or(0, |at| u64::try_from(at.timestamp().as_millisecond()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: u64 = 10_000;

    fn nightly() -> Rule {
        Rule::At { time: Time::constant(1, 0, 0, 0), zone: TimeZone::UTC }
    }

    #[test]
    fn a_window_departs_by_time_or_by_count() {
        let rule = Rule::Window { window_ms: 1_000, max_jobs: Some(5) };
        let row = Departures { departed_ms: 10_000, ..Departures::default() };
        assert!(!row.due(&rule, 1, 10_999, KEEP));
        assert!(row.due(&rule, 1, 11_000, KEEP));
        assert!(row.due(&rule, 5, 10_001, KEEP));
        assert!(!row.due(&rule, 0, 99_999, KEEP), "an empty queue never departs");
    }

    #[test]
    fn a_night_departs_once() {
        let day = 86_400_000;
        let one_o_clock = 20_000 * day + 3_600_000;
        let row = Departures { departed_ms: one_o_clock - day + 5, ..Departures::default() };
        assert!(!row.due(&nightly(), 9, one_o_clock - 1, KEEP));
        assert!(row.due(&nightly(), 9, one_o_clock, KEEP));
        assert!(!row.departed(one_o_clock, 10).due(&nightly(), 9, one_o_clock + day - 1, KEEP));
    }

    #[test]
    fn a_note_and_a_recall_keep_a_class_due() {
        let row = Departures { departed_ms: 5_000, noted_ms: Some(6_000), ..Departures::default() };
        assert!(row.due(&nightly(), 0, 6_000 + KEEP - 1, KEEP));
        assert!(!row.due(&nightly(), 0, 6_000 + KEEP, KEEP));
        let recalled = Departures { recalled_ms: Some(7_000), ..Departures::default() };
        assert!(recalled.departed(7_100, 100).due(&nightly(), 0, 8_000, KEEP), "begun too soon after");
        assert_eq!(recalled.departed(7_101, 100).recalled_ms, None);
    }
}
