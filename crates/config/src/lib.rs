//! The configuration: flags and environment over `offpeak.toml` over defaults; and what is composed from it.
//!
//! Everything is read and validated before anything starts. What is wrong is refused with its line, its flag or the
//! stack's parameter, all at once; nothing odd is replaced by a default. The same text holds on one machine and in a
//! deployment on AWS, where some defaults and ranges differ ([`Place`]).

mod auth;
mod batches;
mod bounds;
mod class;
mod compose;
mod document;
pub mod environment;
mod flags;
mod fleet;
mod keys;
mod limits;
mod live;
mod nightly;
mod place;
mod print;
mod problem;
mod provider;
mod relay;
mod route;
mod server;
mod timing;
mod value;
mod waiting;
mod webhooks;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use offpeak_core::class::Rule;
use secrecy::SecretString;

pub use auth::{Auth, Mode};
pub use batches::Batches;
pub use bounds::Bounds;
pub use class::{NIGHTLY, SOON};
pub use compose::{ComposeError, LiveWorker, Stores};
pub use flags::Flags;
pub use fleet::Fleet;
pub use limits::{Limits, Retention};
pub use live::Live;
pub use nightly::Nightly;
pub use place::{FrontDoor, Place};
pub use problem::Refused;
pub use provider::Provider;
pub use route::{Route, Target};
pub use server::Server;
pub use value::name;
pub use waiting::Waiting;
pub use webhooks::Webhooks;

use document::Document;
use flags::OBJECT_DAYS;
use keys::{KeySource, below};
use place::Surroundings;
use problem::{Origin, Problems};

/// Why callers with a provider's key have no fleet.
const PASSED_ON: &str = "a route goes to the fleet, and auth is passthrough: only a provider could tell who calls, and there \
                         is none; use keys";
/// Why a caller's key is shown to one provider only.
const KEY_STRAYS: &str = "a route goes on to another provider, and auth is passthrough: callers' keys are for one of them; \
                          use keys";

/// Why callers with a provider's key have no live calls.
const LIVE_PASSED_ON: &str = "a route is live, and auth is passthrough: live calls are made with the gateway's own key; use \
                              keys, or backend = \"provider\"";

/// The effective settings, all of them valid.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where they hold.
    pub place: Place,
    /// What stands before a deployment's front door; on one machine nothing reads it.
    pub front_door: FrontDoor,
    /// Where Offpeak listens and keeps its data.
    pub server: Server,
    /// Who may call.
    pub auth: Auth,
    /// How long a call is held and what it is told then.
    pub waiting: Waiting,
    /// Where batches run; names unique. At least one, unless every route goes to the fleet.
    pub providers: Vec<Provider>,
    /// When each class departs, by name; `soon` is among them.
    pub classes: BTreeMap<String, Rule>,
    /// Which model goes where; at least one, the first that matches wins, and its provider and class exist.
    pub routes: Vec<Route>,
    /// Own model servers.
    pub fleet: Fleet,
    /// How callers' batches are taken.
    pub batches: Batches,
    /// Who is told of what ends.
    pub webhooks: Webhooks,
    /// What runs without a call.
    pub nightly: Nightly,
    /// How long a job may take and how often it may run.
    pub limits: Limits,
    /// How long things are kept.
    pub retention: Retention,
}

impl Default for Config {
    /// What holds on one machine without a file, a flag or a key.
    fn default() -> Self {
        let around = Surroundings { place: Place::Machine, flags: &Flags::default(), deployed: &[] };
        Self::read("", around, &mut Problems::default())
    }
}

impl Config {
    /// The effective settings of these flags and of the file that they name, with the providers' keys.
    ///
    /// # Errors
    /// [`Refused`] with a line for each thing that is wrong.
    pub fn load(flags: &Flags) -> Result<Self, Refused> {
        let around = Surroundings { place: Place::Machine, flags, deployed: &[] };
        let (text, path) = file(flags)?;
        Self::of(&text, &path, around, KeySource::Environment(&environment::variable))
    }

    /// The settings that the file of these flags would have as the parameter `config` of a stack, without keys.
    ///
    /// # Errors
    /// [`Refused`] with a line for each thing that is wrong.
    pub fn load_as_deployed(flags: &Flags) -> Result<Self, Refused> {
        let (text, path) = file(flags)?;
        let flags = Flags { config: None, ..flags.clone() };
        let around = Surroundings { place: Place::Lambda, flags: &flags, deployed: &[NIGHTLY, SOON] };
        Self::of(&text, &path, around, KeySource::Nowhere)
    }

    /// The effective settings of a function: `text` is its stack's parameter `config`, `keys` are those under `keys/`,
    /// `classes` those that have a queue, and `parameters` is the path of the stack's parameters.
    ///
    /// # Errors
    /// [`Refused`] with a line for each thing that is wrong, by the parameter that must be changed.
    pub fn of_deployment(
        text: Option<&str>,
        flags: &Flags,
        keys: &BTreeMap<String, SecretString>,
        classes: &[&str],
        parameters: &str,
    ) -> Result<Self, Refused> {
        let around = Surroundings { place: Place::Lambda, flags, deployed: classes };
        let keys = KeySource::Parameters { path: parameters, keys };
        Self::of(text.unwrap_or_default(), &below(parameters, "config"), around, keys)
    }

    /// Whether a bucket that expires objects after so many days keeps every answer as long as it is promised.
    ///
    /// [`Self::of_deployment`] asks that itself of `OFFPEAK_OBJECT_DAYS`.
    ///
    /// # Errors
    /// [`Refused`], naming the parameters that disagree.
    pub fn object_days_suffice(&self, object_days: u32) -> Result<(), Refused> {
        let mut problems = Problems::default();
        problems.read(Some(OBJECT_DAYS.given(object_days)), |days| self.retention.fits_in(*days));
        problems.verdict(self.place, "")
    }

    /// Whether a route goes to own model servers.
    pub fn has_fleet(&self) -> bool {
        self.targets().any(Target::is_fleet)
    }

    /// Where any model may go.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &Target> {
        self.routes.iter().flat_map(Route::targets)
    }

    /// The providers that are called live.
    pub fn live_providers(&self) -> impl Iterator<Item = &Provider> {
        let is_live = |provider: &&Provider| {
            let mut live = self.targets().filter(|target| target.is_live());
            live.any(|target| target.provider_name() == Some(&provider.name))
        };
        self.providers.iter().filter(is_live)
    }

    fn of(text: &str, path: &str, around: Surroundings<'_>, keys: KeySource<'_>) -> Result<Self, Refused> {
        let mut problems = Problems::default();
        let mut config = Self::read(text, around, &mut problems);
        keys.give(config.auth.mode, &mut config.providers, &mut problems);
        let has_fleet = config.has_fleet();
        if has_fleet && config.auth.mode == Mode::Passthrough {
            problems.add(Origin::Nowhere, PASSED_ON.to_owned());
        }
        if config.targets().any(Target::is_live) && config.auth.mode == Mode::Passthrough {
            problems.add(Origin::Nowhere, LIVE_PASSED_ON.to_owned());
        }
        let strays = |route: &Route| route.then.iter().any(|then| then.provider != route.target.provider);
        if config.auth.mode == Mode::Passthrough && config.routes.iter().any(strays) {
            problems.add(Origin::Nowhere, KEY_STRAYS.to_owned());
        }
        config.fleet.give(keys, config.auth.mode, has_fleet, &mut problems);
        problems.verdict(around.place, path).map(|()| config)
    }

    fn read(text: &str, around: Surroundings<'_>, problems: &mut Problems) -> Self {
        let mut document = Document::parse(text, problems);
        let front_door = FrontDoor::read(around.flags, problems);
        let server = Server::read(&mut document, around, problems);
        let auth = Auth::read(&mut document, around, server.listen, problems);
        let waiting = Waiting::read(&mut document, around, problems);
        let mut providers = Provider::read_all(&mut document, around, problems);
        let classes = class::read_all(&mut document, around, problems);
        let known = route::Known { providers: &providers, classes: &classes };
        let routes = Route::read_all(&mut document, &known, problems);
        if providers.iter().all(|provider| provider.is_implied) {
            let is_used =
                |name: &str| routes.iter().flat_map(Route::targets).any(|target| target.provider_name() == Some(name));
            providers.retain(|provider| is_used(&provider.name));
        }
        let fleet = Fleet::read(&mut document, around.place, problems);
        let batches = Batches::read(&mut document, problems);
        let webhooks = Webhooks::read(&mut document, around, problems);
        let nightly = Nightly::read(&mut document, around, auth.mode, problems);
        let limits = Limits::read(&mut document, problems);
        let retention = Retention::read(&mut document, around.flags, problems);
        around.only_on_a_machine(around.flags.config(), problems);
        document.finish(problems);
        let place = around.place;
        Self {
            place,
            front_door,
            server,
            auth,
            waiting,
            providers,
            classes,
            routes,
            fleet,
            batches,
            webhooks,
            nightly,
            limits,
            retention,
        }
    }
}

/// The text of the file that the flags name, and how it is called.
fn file(flags: &Flags) -> Result<(String, String), Refused> {
    let Some(path) = &flags.config else { return Ok((String::new(), "offpeak.toml".to_owned())) };
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok((text, name)),
        Err(error) => Err(Refused { lines: vec![format!("{name}: {error}")] }),
    }
}
