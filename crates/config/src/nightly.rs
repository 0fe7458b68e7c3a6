//! `[inbox]` and `[[schedule]]`: what runs without a call.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use offpeak_core::endpoint::Endpoint;
use offpeak_core::ids::TenantId;
use offpeak_core::nightly::{self, Schedule, ScheduledInput};

use crate::auth::Mode;
use crate::batches::Batches;
use crate::class::{time_of_day, time_zone};
use crate::document::{Document, Section};
use crate::flags::INBOX;
use crate::place::{Place, Surroundings};
use crate::problem::Problems;
use crate::value;

/// Whose everything is where no key names a tenant.
const DEFAULT: &str = "default";

/// The longest path of an input.
const LONGEST_PATH: usize = 512;

/// Why nothing runs so where callers bring their keys.
const NO_KEY: &str = "not in mode \"passthrough\": without a caller there is no key towards the provider";

/// What runs without a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Nightly {
    /// `[inbox] enabled`: whether what is dropped runs. Default `true`, but in mode `passthrough`, where it cannot. On AWS the
    /// parameter `Inbox`, default `false`.
    pub inbox: bool,
    /// `[inbox] dir`: where things are dropped. Default `inbox` in the data directory. On AWS refused.
    pub inbox_dir: Option<PathBuf>,
    /// `[inbox] outbox_dir`: where results lie. Default `outbox` in the data directory. On AWS refused.
    pub outbox_dir: Option<PathBuf>,
    /// `[[schedule]]`: what runs every day at an hour.
    ///
    /// Each has a `name` (unique), `at` (`"HH:MM"`), `time_zone` (an IANA name, default `UTC`), `input` (a
    /// path below the folder `schedules`, or a file's id), `tenant` (default `default` in mode `open`) and `endpoint`
    /// (default: that of the input's first line).
    pub schedules: Vec<Schedule>,
}

impl Nightly {
    pub(crate) fn read(
        document: &mut Document<'_>,
        around: Surroundings<'_>,
        mode: Mode,
        problems: &mut Problems,
    ) -> Self {
        let mut nightly = Self::read_inbox(document, around, mode, problems);
        let mut taken = BTreeSet::new();
        for mut section in document.tables("schedule", problems) {
            if mode == Mode::Passthrough {
                problems.add(section.origin, format!("[[schedule]]: {NO_KEY}"));
            }
            if around.flags.inbox.as_deref() == Some("false") {
                let what = format!("[[schedule]]: needs the stack's parameter {}=true", INBOX.parameter);
                problems.add(section.origin, what);
            }
            let schedule = schedule(&mut section, around.place, mode, &mut taken, problems);
            section.finish(problems);
            nightly.schedules.extend(schedule);
        }
        nightly
    }

    fn read_inbox(document: &mut Document<'_>, around: Surroundings<'_>, mode: Mode, problems: &mut Problems) -> Self {
        let mut section = document.table("inbox", problems);
        let given = section.flag("enabled", problems);
        around.only_on_a_machine(given.clone(), problems);
        let possible =
            |enabled: bool| if enabled && mode == Mode::Passthrough { Err(NO_KEY.to_owned()) } else { Ok(enabled) };
        let here = problems.read(given, |enabled| possible(*enabled));
        let there = problems
            .read(around.flags.inbox(), |text| possible(value::word(text, &[("true", true), ("false", false)])?));
        let inbox = match around.place {
            Place::Machine => here.map_or(mode != Mode::Passthrough, |given| given.value),
            Place::Lambda => there.is_some_and(|given| given.value),
        };
        let mut folder = |key| {
            let given = section.text(key, problems);
            around.only_on_a_machine(given.clone(), problems);
            let folder = problems.read(given, |text| match text.as_str() {
                "" => Err("empty; write a path".to_owned()),
                path => Ok(PathBuf::from(path)),
            });
            folder.map(|folder| folder.value)
        };
        let (inbox_dir, outbox_dir) = (folder("dir"), folder("outbox_dir"));
        section.finish(problems);
        Self { inbox, inbox_dir, outbox_dir, schedules: Vec::new() }
    }

    /// The same as flows know it.
    pub(crate) fn settings(&self, mode: Mode, batches: Batches) -> nightly::Nightly {
        nightly::Nightly {
            inbox: self.inbox,
            default_tenant: default_tenant(mode),
            rule: batches.input,
            schedules: self.schedules.clone(),
        }
    }

    /// Whether anything may run without a call.
    pub fn is_on(&self) -> bool {
        self.inbox || !self.schedules.is_empty()
    }
}

fn default_tenant(mode: Mode) -> Option<TenantId> {
    (mode == Mode::Open).then(|| TenantId::from(DEFAULT))
}

fn schedule(
    section: &mut Section<'_>,
    place: Place,
    mode: Mode,
    taken: &mut BTreeSet<String>,
    problems: &mut Problems,
) -> Option<Schedule> {
    let given = section.text("name", problems);
    let [name, at, input] =
        [("name", given), ("at", section.text("at", problems)), ("input", section.text("input", problems))].map(
            |(key, given)| {
                if given.is_none() {
                    section.needs(key, problems);
                }
                given
            },
        );
    let name = problems.read(name, |text| match value::name(text)? {
        name if name.starts_with('.') => {
            Err(format!("{name:?} begins with a dot; results lie in a folder of this name"))
        }
        name if taken.insert(name.clone()) => Ok(name),
        name => Err(format!("{name:?} names a schedule above; names are unique")),
    });
    let time: Option<Time> = problems.read(at, |text| time_of_day(text)).map(|time| time.value);
    let zone = section.text("time_zone", problems);
    let zone = problems.read(zone, |text| time_zone(text)).map_or(TimeZone::UTC, |zone| zone.value);
    let input = problems.read(input, |text| scheduled_input(text, place)).map(|input| input.value);
    let endpoint = section.text("endpoint", problems);
    let endpoint =
        problems.read(endpoint, |text| value::word(text, &Endpoint::ALL.map(|endpoint| (endpoint.path(), endpoint))));
    let given = section.text("tenant", problems);
    if given.is_none() && mode == Mode::Keys {
        section.needs("tenant", problems);
    }
    let tenant = problems.read(given, |text| tenant(text)).map(|tenant| tenant.value);
    Some(Schedule {
        name: name?.value,
        tenant: tenant.or_else(|| default_tenant(mode))?,
        time: time?,
        zone,
        input: input?,
        endpoint: endpoint.map(|endpoint| endpoint.value),
    })
}

fn scheduled_input(text: &str, place: Place) -> Result<ScheduledInput, String> {
    if let Ok(id) = text.parse() {
        return Ok(ScheduledInput::File(id));
    }
    let relative = match (text.strip_prefix('/'), place) {
        (Some(_), Place::Lambda) => return Err(format!("{text:?} begins at a root; allowed: a path below schedules/")),
        (Some(rest), Place::Machine) => rest,
        (None, _) => text,
    };
    let plain = |segment: &str| !matches!(segment, "" | "." | "..") && !segment.contains(char::is_control);
    if text.len() <= LONGEST_PATH && relative.split('/').all(plain) {
        return Ok(ScheduledInput::Path(text.to_owned()));
    }
    Err(format!("{text:?} is neither a file's id nor a path; write one such as \"questions.jsonl\", below schedules/"))
}

fn tenant(text: &str) -> Result<TenantId, String> {
    if nightly::is_folder(text) {
        return Ok(TenantId::from(text));
    }
    Err(format!("{text:?} is no tenant with a folder; allowed: up to 200 bytes, no '/', and no dot at the beginning"))
}
