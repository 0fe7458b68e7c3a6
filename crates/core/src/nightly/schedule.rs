//! Schedules: a batch a day, of an input that stays.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use crate::class::last_occurrence;
use crate::endpoint::Endpoint;
use crate::ids::{NativeFileId, TenantId};

/// What runs every day at an hour.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Its name, unique among schedules; it names the results.
    pub name: String,
    /// Whose batches they are.
    pub tenant: TenantId,
    /// The time of day.
    pub time: Time,
    /// Whose time of day.
    pub zone: TimeZone,
    /// What runs.
    pub input: ScheduledInput,
    /// Where every line goes; where the first line says, if there is none.
    pub endpoint: Option<Endpoint>,
}

/// What a schedule runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScheduledInput {
    /// A file that the tenant stored.
    File(NativeFileId),
    /// What lies at that path of the mailbox when it is due.
    Path(String),
}

/// One time that a schedule is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// Unix milliseconds.
    pub at_ms: u64,
    /// The day, where the schedule's clock hangs.
    pub date: Date,
}

impl Schedule {
    /// The latest occurrence not after `now_ms`. Each day has one: an hour that clocks skip comes after the gap, and of
    /// one that they show twice the first counts.
    pub fn last(&self, now_ms: u64) -> Option<Occurrence> {
        let at_ms = last_occurrence(self.time, &self.zone, now_ms);
        let at = Timestamp::from_millisecond(i64::try_from(at_ms).ok()?).ok()?;
        (at_ms > 0).then(|| Occurrence { at_ms, date: at.to_zoned(self.zone.clone()).date() })
    }

    /// Where the results of an occurrence go, below the outbox.
    pub fn outbox(&self, occurrence: Occurrence) -> String {
        format!("{}/{}/{}", self.tenant, self.name, occurrence.date)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin(time: &str) -> Schedule {
        Schedule {
            name: "night".to_owned(),
            tenant: TenantId::from("default"),
            time: time.parse().unwrap(),
            zone: TimeZone::get("Europe/Berlin").unwrap(),
            input: ScheduledInput::Path("night.jsonl".to_owned()),
            endpoint: None,
        }
    }

    fn ms(time: &str) -> u64 {
        u64::try_from(time.parse::<Timestamp>().unwrap().as_millisecond()).unwrap()
    }

    /// Every occurrence that somebody sees who looks each minute.
    fn seen(schedule: &Schedule, from: &str, to: &str) -> Vec<(String, String)> {
        let mut seen = Vec::new();
        for now_ms in (ms(from)..=ms(to)).step_by(60_000) {
            let last = schedule.last(now_ms).unwrap();
            let at = Timestamp::from_millisecond(i64::try_from(last.at_ms).unwrap()).unwrap();
            let one = (at.to_string(), schedule.outbox(last));
            if seen.last() != Some(&one) {
                seen.push(one);
            }
        }
        seen
    }

    fn pairs(wanted: &[(&str, &str)]) -> Vec<(String, String)> {
        wanted.iter().map(|(at, date)| ((*at).to_owned(), format!("default/night/{date}"))).collect()
    }

    #[test]
    fn a_day_has_one_occurrence_by_the_clocks_of_its_zone() {
        let found = seen(&berlin("01:00"), "2026-11-27T23:59:00Z", "2026-11-30T12:00:00Z");
        let wanted = [
            ("2026-11-27T00:00:00Z", "2026-11-27"),
            ("2026-11-28T00:00:00Z", "2026-11-28"),
            ("2026-11-29T00:00:00Z", "2026-11-29"),
            ("2026-11-30T00:00:00Z", "2026-11-30"),
        ];
        assert_eq!(found, pairs(&wanted));
    }

    #[test]
    fn an_hour_that_clocks_skip_comes_after_the_gap() {
        // On 2026-03-29 at 02:00 clocks in Berlin go to 03:00.
        let found = seen(&berlin("02:30"), "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z");
        let wanted = [
            ("2026-03-28T01:30:00Z", "2026-03-28"),
            ("2026-03-29T01:30:00Z", "2026-03-29"),
            ("2026-03-30T00:30:00Z", "2026-03-30"),
        ];
        assert_eq!(found, pairs(&wanted));
    }

    #[test]
    fn an_hour_that_clocks_show_twice_comes_once() {
        // On 2026-10-25 at 03:00 clocks in Berlin go back to 02:00.
        let found = seen(&berlin("02:30"), "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z");
        let wanted = [
            ("2026-10-24T00:30:00Z", "2026-10-24"),
            ("2026-10-25T00:30:00Z", "2026-10-25"),
            ("2026-10-26T01:30:00Z", "2026-10-26"),
        ];
        assert_eq!(found, pairs(&wanted));
    }
}
