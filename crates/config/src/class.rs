//! `[[class]]`: the service classes, and when each departs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use offpeak_core::class::Rule;

use crate::document::{Document, Section};
use crate::place::{Place, Surroundings};
use crate::problem::{Given, Origin, Problems};
use crate::value::{self, DAY, SHORTEST};

/// The class of jobs that do not say; it is always there.
pub const SOON: &str = "soon";

/// The class of jobs that can wait for the night; a deployment has it.
pub const NIGHTLY: &str = "nightly";

/// `window`: 50 ms to 7 days. Default 60 s.
const WINDOW: Duration = Duration::from_mins(1);
const LONGEST_WINDOW: Duration = Duration::from_secs(7 * DAY.as_secs());

/// The departure rule of every class by its name (1 to 32 small letters, digits and `-`).
///
/// A class has `window` (default 60 s, 50 ms to 7 days) and perhaps `max_jobs` (as many depart at once), or `at`
/// (`"HH:MM"`) with `time_zone` (an IANA name, default `UTC`). The class `soon` is there even if the file has none.
///
/// On AWS there are the classes that were deployed, each with a queue: the file changes their rules. Without it `soon`
/// has its window, and `nightly` departs at 01:00 UTC.
pub(crate) fn read_all(
    document: &mut Document<'_>,
    around: Surroundings<'_>,
    problems: &mut Problems,
) -> BTreeMap<String, Rule> {
    let mut seen = BTreeSet::new();
    let mut classes = defaults(around);
    for mut section in document.tables("class", problems) {
        let name = match section.text("name", problems) {
            None => {
                section.needs("name", problems);
                None
            }
            given => problems.read(given, |text| match value::class_name(text)? {
                name if !around.has_queue(&name) => {
                    Err(format!("the class {name:?} is not deployed; deployed: {}", around.deployed.join(", ")))
                }
                name if seen.insert(name.clone()) => Ok(name),
                name => Err(format!("{name:?} names a class above; names are unique")),
            }),
        };
        let rule = read(&mut section, problems);
        section.finish(problems);
        if let Some(name) = name {
            classes.insert(name.value, rule);
        }
    }
    if around.place == Place::Lambda {
        match_queues(&classes, around.deployed, problems);
    }
    let window = problems.read(around.flags.window(), |text| value::duration(text, SHORTEST..=LONGEST_WINDOW));
    if let Some(window) = window {
        overrule(&mut classes, &window, problems);
    }
    classes
}

fn defaults(around: Surroundings<'_>) -> BTreeMap<String, Rule> {
    let mut classes = BTreeMap::from([(SOON.to_owned(), by_window(WINDOW, None))]);
    if around.deployed.contains(&NIGHTLY) {
        classes.insert(NIGHTLY.to_owned(), Rule::At { time: Time::constant(1, 0, 0, 0), zone: TimeZone::UTC });
    }
    classes
}

/// Refuses classes without a queue, and queues without a rule.
fn match_queues(classes: &BTreeMap<String, Rule>, deployed: &[&str], problems: &mut Problems) {
    if !deployed.contains(&SOON) {
        problems.add(Origin::Nowhere, format!("the class {SOON:?} is not deployed: OFFPEAK_QUEUES has no queue of it"));
    }
    for class in deployed.iter().filter(|class| !classes.contains_key(**class)) {
        problems
            .add(Origin::Nowhere, format!("the class {class:?} is deployed, but no [[class]] says when it departs"));
    }
}

fn read(section: &mut Section<'_>, problems: &mut Problems) -> Rule {
    let (window, at) = (section.text("window", problems), section.text("at", problems));
    let (max_jobs, zone) = (section.number("max_jobs", problems), section.text("time_zone", problems));
    if let Some(at) = at {
        for (key, origin) in
            [("window", window.map(|given| given.origin)), ("max_jobs", max_jobs.map(|given| given.origin))]
        {
            if let Some(origin) = origin {
                problems.add(origin, format!("{key}: not together with `at`; a class has a window or an hour"));
            }
        }
        let time = problems.read(Some(at), |text| time_of_day(text)).map_or(Time::midnight(), |time| time.value);
        let zone = problems.read(zone, |text| time_zone(text)).map_or(TimeZone::UTC, |zone| zone.value);
        return Rule::At { time, zone };
    }
    if let Some(zone) = zone {
        problems.refuse(&zone, "only together with `at`");
    }
    let window = problems.read(window, |text| value::duration(text, SHORTEST..=LONGEST_WINDOW));
    let max_jobs = problems.read(max_jobs, |jobs| value::number(*jobs, &(1..=1_000_000_000)));
    by_window(window.map_or(WINDOW, |window| window.value), max_jobs.map(|jobs| jobs.value))
}

/// `--window` replaces the window of the class `soon`.
fn overrule(classes: &mut BTreeMap<String, Rule>, window: &Given<Duration>, problems: &mut Problems) {
    match classes.get_mut(SOON) {
        Some(Rule::Window { window_ms, .. }) => *window_ms = millis(window.value),
        Some(Rule::At { .. }) | None => {
            problems.refuse(window, format_args!("the class {SOON:?} departs at an hour and has no window"));
        }
    }
}

fn by_window(window: Duration, max_jobs: Option<u64>) -> Rule {
    Rule::Window { window_ms: millis(window), max_jobs }
}

/// A duration in milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn time_of_day(text: &str) -> Result<Time, String> {
    let error = || format!("{text:?} is not an hour of the day; write one such as \"01:00\"");
    let shaped = text.len() == 5 && text.bytes().enumerate().all(|(at, byte)| (at == 2) == (byte == b':'));
    if shaped { text.parse().map_err(|_| error()) } else { Err(error()) }
}

pub(crate) fn time_zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::get(text)
        .map_err(|_| format!("{text:?} is not a time zone; write an IANA name such as \"Europe/Berlin\""))
}
