//! The configuration: flags and environment over `offpeak.toml` over defaults.
//!
//! Everything is read and validated before anything starts. What is wrong is refused with its line or its flag, all at
//! once; nothing odd is replaced by a default.

mod auth;
mod class;
mod document;
mod environment;
mod flags;
mod limits;
mod print;
mod problem;
mod provider;
mod route;
mod server;
mod value;
mod waiting;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use offpeak_core::class::Rule;
use offpeak_core::timing::Timing;
use secrecy::SecretString;

pub(crate) use auth::{Auth, Mode};
pub(crate) use class::SOON;
pub(crate) use flags::Flags;
pub(crate) use limits::{Limits, Retention};
pub(crate) use problem::Refused;
pub(crate) use provider::Provider;
pub(crate) use route::Route;
pub(crate) use server::Server;
pub(crate) use value::name;
pub(crate) use waiting::Waiting;

use class::millis;
use document::Document;
use problem::{Origin, Problems};

/// The effective settings, all of them valid.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Where Offpeak listens and keeps its data.
    pub(crate) server: Server,
    /// Who may call.
    pub(crate) auth: Auth,
    /// How long a call is held and what it is told then.
    pub(crate) waiting: Waiting,
    /// Where batches run; at least one, names unique.
    pub(crate) providers: Vec<Provider>,
    /// When each class departs, by name; `soon` is among them.
    pub(crate) classes: BTreeMap<String, Rule>,
    /// Which model goes where; at least one, the first that matches wins, and its provider and class exist.
    pub(crate) routes: Vec<Route>,
    /// How long a job may take and how often it may run.
    pub(crate) limits: Limits,
    /// How long things are kept.
    pub(crate) retention: Retention,
}

impl Default for Config {
    /// What holds without a file, a flag or a key.
    fn default() -> Self {
        Self::read("", &Flags::default(), &mut Problems::default())
    }
}

impl Config {
    /// The effective settings of these flags and of the file that they name, with the providers' keys.
    ///
    /// # Errors
    /// [`Refused`] with a line for each thing that is wrong.
    pub(crate) fn load(flags: &Flags) -> Result<Self, Refused> {
        let Some(path) = &flags.config else {
            return Self::of("", Path::new("offpeak.toml"), flags, &environment::variable);
        };
        match std::fs::read_to_string(path) {
            Ok(text) => Self::of(&text, path, flags, &environment::variable),
            Err(error) => Err(Refused { lines: vec![format!("{}: {error}", path.display())] }),
        }
    }

    fn of(text: &str, path: &Path, flags: &Flags, look_up: &dyn Fn(&str) -> Lookup) -> Result<Self, Refused> {
        let mut problems = Problems::default();
        let mut config = Self::read(text, flags, &mut problems);
        config.take_keys(look_up, &mut problems);
        problems.verdict(&path.display().to_string()).map(|()| config)
    }

    fn read(text: &str, flags: &Flags, problems: &mut Problems) -> Self {
        let mut document = Document::parse(text, problems);
        let server = Server::read(&mut document, flags, problems);
        let auth = Auth::read(&mut document, flags, server.listen, problems);
        let waiting = Waiting::read(&mut document, flags, problems);
        let providers = Provider::read_all(&mut document, flags, problems);
        let classes = class::read_all(&mut document, flags, problems);
        let known = route::Known { providers: &providers, classes: &classes };
        let routes = Route::read_all(&mut document, &known, problems);
        let limits = Limits::read(&mut document, problems);
        let retention = Retention::read(&mut document, problems);
        document.finish(problems);
        Self { server, auth, waiting, providers, classes, routes, limits, retention }
    }

    /// In `passthrough` mode a key may be missing; it still serves what another mode began.
    fn take_keys(&mut self, look_up: &dyn Fn(&str) -> Lookup, problems: &mut Problems) {
        for provider in &mut self.providers {
            let variable = &provider.key_env;
            match look_up(variable) {
                Lookup::Found(key) => provider.key = Some(key),
                Lookup::Missing if self.auth.mode == Mode::Passthrough => {}
                Lookup::Missing => problems.add(
                    Origin::Nowhere,
                    format!(
                        "{variable} is not set: the environment variable with the key towards provider {:?} (only \
                         --auth passthrough needs none)",
                        provider.name
                    ),
                ),
                Lookup::Odd => problems.add(
                    Origin::Nowhere,
                    format!("{variable} is not a key: allowed are ASCII characters without spaces"),
                ),
            }
        }
    }

    /// Durations of the protocol towards one provider.
    pub(crate) fn timing_of(&self, provider: &Provider) -> Timing {
        let defaults = Timing::default();
        let create_grace_ms = millis(provider.create_grace);
        Timing {
            tick_ms: self.tick_ms(),
            create_timeout_ms: millis(provider.create_timeout),
            create_grace_ms,
            absent_gap_ms: defaults.absent_gap_ms.min(create_grace_ms),
            poll_interval_ms: millis(provider.poll_interval),
            max_attempts: self.limits.max_attempts,
            ..defaults
        }
    }

    /// Durations of the protocol that suit every provider: the shortest poll interval, the longest create.
    pub(crate) fn timing(&self) -> Timing {
        let mut suits_all =
            Provider { poll_interval: Duration::MAX, ..self.providers.first().cloned().unwrap_or_default() };
        for provider in &self.providers {
            suits_all.poll_interval = suits_all.poll_interval.min(provider.poll_interval);
            suits_all.create_timeout = suits_all.create_timeout.max(provider.create_timeout);
            suits_all.create_grace = suits_all.create_grace.max(provider.create_grace);
        }
        self.timing_of(&suits_all)
    }

    /// A second, or the shortest window or poll interval if that is shorter.
    fn tick_ms(&self) -> u64 {
        let polls = self.providers.iter().map(|provider| millis(provider.poll_interval));
        let windows = self.classes.values().map(|rule| match rule {
            Rule::Window { window_ms, .. } => *window_ms,
            Rule::At { .. } => u64::MAX,
        });
        polls.chain(windows).fold(Timing::default().tick_ms, u64::min)
    }
}

/// What a variable of the environment holds.
#[derive(Debug)]
enum Lookup {
    /// A key.
    Found(SecretString),
    /// Nothing.
    Missing,
    /// Something that cannot be a key.
    Odd,
}
