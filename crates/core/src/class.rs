//! Service classes: when the jobs that wait in an intake queue depart.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use serde::{Deserialize, Serialize};

use crate::ids::RequestId;

/// Notes that a row holds at most.
const NOTES: usize = 16;

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

/// A drain that began a receive and has not ended empty-handed since: what it received may be hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The drain.
    pub drain: RequestId,
    /// Before its last receive, Unix milliseconds.
    pub at_ms: u64,
}

/// The row of a class.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Departures {
    /// Raised by every write; 0 where there is no row yet.
    pub version: u64,
    /// When the last drain that departed had begun, Unix milliseconds.
    pub departed_ms: u64,
    /// The drains that hold messages, or died holding them. Each note goes when its drain ends holding none, or
    /// another departs that began so much later that every message held at the note was visible again.
    pub notes: Vec<Note>,
    /// When something last put work back: a requeue or a lost lease; raised by each. Cleared by a departure whose
    /// drain saw it when it began, over a tick later.
    pub recalled_ms: Option<u64>,
}

impl Departures {
    /// Whether the class must be drained now.
    ///
    /// `waiting` counts visible and hidden messages. Ticks are not exact: a window that ends within half of one has
    /// ended, or a window as long as a tick would depart at every second one.
    pub fn due(&self, rule: &Rule, waiting: u64, now_ms: u64, tick_ms: u64) -> bool {
        if !self.notes.is_empty() || self.recalled_ms.is_some() {
            return true;
        }
        waiting > 0
            && match rule {
                Rule::Window { window_ms, max_jobs } => {
                    now_ms.saturating_add(tick_ms / 2) >= self.departed_ms.saturating_add(*window_ms)
                        || max_jobs.is_some_and(|enough| waiting >= enough)
                }
                Rule::At { time, zone } => self.departed_ms < last_occurrence(*time, zone, now_ms),
            }
    }

    /// The row with this drain's note at `at_ms`, or without it. Of very many notes the oldest become one without a
    /// drain, which goes as the latest of them would have gone.
    #[must_use]
    pub fn noted(mut self, drain: RequestId, at_ms: Option<u64>) -> Self {
        self.notes.retain(|note| note.drain != drain);
        self.notes.extend(at_ms.map(|at_ms| Note { drain, at_ms }));
        if self.notes.len() > NOTES {
            self.notes.sort_by_key(|note| note.at_ms);
            let folded = self.notes.drain(..=NOTES / 2).map(|note| note.at_ms).max();
            self.notes.extend(folded.map(|at_ms| Note { drain: RequestId([0; 16]), at_ms }));
        }
        self
    }

    /// The row after work was put back.
    #[must_use]
    pub fn recalled(mut self, now_ms: u64) -> Self {
        self.recalled_ms = Some(self.recalled_ms.map_or(now_ms, |before| now_ms.max(before + 1)));
        self
    }

    /// The row after a drain departed that had begun at `began_ms`, when the row was `before`. `keep_ms` is how long
    /// a message may be hidden after its note.
    #[must_use]
    pub fn departed(mut self, before: &Self, began_ms: u64, tick_ms: u64, keep_ms: u64) -> Self {
        self.departed_ms = self.departed_ms.max(began_ms);
        self.notes.retain(|note| began_ms < note.at_ms.saturating_add(keep_ms));
        let over = self.recalled_ms.is_some_and(|recalled| began_ms > recalled.saturating_add(tick_ms));
        if over && self.recalled_ms == before.recalled_ms {
            self.recalled_ms = None;
        }
        self
    }
}

/// The latest moment not after `now_ms` at which the zone's clocks showed `time`, in Unix milliseconds; 0 if the
/// calendar ends before it.
pub(crate) fn last_occurrence(time: Time, zone: &TimeZone, now_ms: u64) -> u64 {
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
    const DRAIN: RequestId = RequestId([1; 16]);

    fn nightly() -> Rule {
        Rule::At { time: Time::constant(1, 0, 0, 0), zone: TimeZone::UTC }
    }

    #[test]
    fn a_window_departs_by_time_or_by_count() {
        let rule = Rule::Window { window_ms: 1_000, max_jobs: Some(5) };
        let row = Departures { departed_ms: 10_000, ..Departures::default() };
        assert!(!row.due(&rule, 1, 10_999, 0));
        assert!(row.due(&rule, 1, 11_000, 0));
        assert!(row.due(&rule, 5, 10_001, 0));
        assert!(!row.due(&rule, 0, 99_999, 0), "an empty queue never departs");
        assert!(row.due(&rule, 1, 10_950, 100), "a tick may come a little early");
        assert!(!row.due(&rule, 1, 10_949, 100));
    }

    #[test]
    fn a_night_departs_once() {
        let day = 86_400_000;
        let one_o_clock = 20_000 * day + 3_600_000;
        let row = Departures { departed_ms: one_o_clock - day + 5, ..Departures::default() };
        assert!(!row.due(&nightly(), 9, one_o_clock - 1, 0));
        assert!(row.due(&nightly(), 9, one_o_clock, 0));
        assert!(!row.clone().departed(&row, one_o_clock, 10, KEEP).due(&nightly(), 9, one_o_clock + day - 1, 0));
    }

    #[test]
    fn a_note_keeps_a_class_due_until_its_messages_were_visible_again() {
        let row = Departures { departed_ms: 5_000, ..Departures::default() }.noted(DRAIN, Some(6_000));
        assert!(row.due(&nightly(), 0, 99_000, 0));
        let early = row.clone().departed(&row, 6_000 + KEEP - 1, 100, KEEP);
        assert!(early.due(&nightly(), 0, 99_000, 0), "begun while its messages may have been hidden");
        assert!(!row.clone().departed(&row, 6_000 + KEEP, 100, KEEP).due(&nightly(), 0, 17_000, 0));
        assert!(!row.noted(DRAIN, None).due(&nightly(), 0, 6_001, 0), "its drain ended empty-handed");
    }

    #[test]
    fn many_notes_are_few_and_none_is_forgotten() {
        let at_ms = |n: u8| 6_000 + u64::from(n);
        let row = (1..=200).fold(Departures::default(), |row, n| row.noted(RequestId([n; 16]), Some(at_ms(n))));
        assert!(row.notes.len() <= NOTES, "{}", row.notes.len());
        let row = (1..=200).fold(row, |row, n| if n == 150 { row } else { row.noted(RequestId([n; 16]), None) });
        let early = row.clone().departed(&row, at_ms(150) + KEEP - 1, 100, KEEP);
        assert!(!early.notes.is_empty(), "what the one that is left received may be hidden");
        assert!(row.clone().departed(&row, at_ms(200) + KEEP, 100, KEEP).notes.is_empty());
    }

    #[test]
    fn a_recall_is_cleared_only_by_a_drain_that_saw_it() {
        let row = Departures::default().recalled(7_000);
        assert!(row.clone().departed(&row, 7_100, 100, KEEP).due(&nightly(), 0, 8_000, 0), "begun too soon after");
        assert_eq!(row.clone().departed(&row, 7_101, 100, KEEP).recalled_ms, None);
        let again = row.clone().recalled(6_000);
        assert!(again.departed(&row, 7_200, 100, KEEP).recalled_ms.is_some(), "another recall since it began");
    }
}
