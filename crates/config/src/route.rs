//! `[[route]]`: which model goes where, and where else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use offpeak_core::class::Rule;
use offpeak_core::fleet;

use crate::bounds::{Bounds, Kind};
use crate::class::SOON;
use crate::document::{Document, Section};
use crate::limits::deadline;
use crate::problem::Problems;
use crate::provider::Provider;
use crate::value::{self, HOUR};

/// A day: a provider's usual window.
const DAY: Duration = Duration::from_hours(24);

/// A provider's batches (`backend = "provider"`, the default), its live calls (`backend = "live"`), or own model servers
/// (`backend = "fleet"`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// `provider`: the name of one. Default: the first. With `backend = "fleet"` none is named, and this is
    /// [`offpeak_core::fleet::NAME`]; with `backend = "live"` it is that of [`offpeak_core::fleet::live`].
    pub provider: String,
    /// `upstream_model`: the model's name there. Default: the same.
    pub upstream_model: Option<String>,
    /// `within`: how long it takes at most, 50 ms to 13 days. Default 24 h of a provider, 1 h of own model servers.
    pub within: Duration,
    /// `grace`: so long before its deadline a job that is not done there is taken to a later target, 50 ms to 13 days.
    /// Default: none, it never is.
    pub grace: Option<Duration>,
    /// What bounds each model there.
    pub bounds: Bounds,
}

/// From a model's name to a target, and to others where that one would be too late; the first match wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// `model`: a name, with `*` for any run of characters. A list of them is as many routes.
    pub model: String,
    /// Where it goes: the cheapest.
    pub target: Target,
    /// `[[route.then]]`: where it goes where that would be too late, or refuses: in order of price.
    pub then: Vec<Target>,
    /// `class`: of jobs that do not say. Default `soon`.
    pub class: String,
    /// `deadline`: of jobs that do not say, from their acceptance, 50 ms to 13 days. Default: that of `[limits]`.
    pub deadline: Option<Duration>,
}

/// The names that routes may use.
#[derive(Debug)]
pub(crate) struct Known<'a> {
    pub(crate) providers: &'a [Provider],
    pub(crate) classes: &'a BTreeMap<String, Rule>,
}

impl Target {
    /// That provider, as long as its batches may take.
    fn to(provider: impl Into<String>) -> Self {
        Self { provider: provider.into(), upstream_model: None, within: DAY, grace: None, bounds: Bounds::default() }
    }

    /// Whether it is own model servers.
    pub fn is_fleet(&self) -> bool {
        self.provider == fleet::NAME
    }

    /// The provider that it leads to, by its name; none where it leads to own model servers.
    pub fn provider_name(&self) -> Option<&str> {
        (!self.is_fleet()).then(|| fleet::live_provider(&self.provider).unwrap_or(&self.provider))
    }

    /// Whether it goes to a provider's ordinary endpoints.
    pub fn is_live(&self) -> bool {
        fleet::live_provider(&self.provider).is_some()
    }

    fn read(section: &mut Section<'_>, known: &Known<'_>, problems: &mut Problems) -> Self {
        let mut target = Self::to(known.providers.first().map_or("", |provider| provider.name.as_str()));
        let backend = section.text("backend", problems);
        let backends = ["provider", "fleet", "live"].map(|name| (name, name));
        let is_given = backend.is_some();
        let backend = problems.read(backend, |text| value::word(text, &backends)).map(|given| given.value);
        let to_fleet = backend == Some("fleet");
        let provider = section.text("provider", problems);
        let names = || known.providers.iter().map(|provider| provider.name.as_str());
        let provider = problems.read(provider, |text| match one_of(text, "provider", names())? {
            _ if to_fleet => Err("own model servers are no provider".to_owned()),
            name => Ok(name),
        });
        if to_fleet {
            fleet::NAME.clone_into(&mut target.provider);
            target.within = HOUR;
        } else if let Some(provider) = provider {
            target.provider = provider.value;
        }
        if backend == Some("live") {
            target.provider = fleet::live(&target.provider);
            target.within = HOUR;
        }
        let upstream = section.text("upstream_model", problems);
        let upstream = problems.read(upstream, |text| match value::model(text)? {
            model if model.contains('*') => Err("one name, without `*`".to_owned()),
            model => Ok(model),
        });
        target.upstream_model = upstream.map(|model| model.value);
        let within = section.text("within", problems);
        if let Some(within) = problems.read(within, |text| deadline(text)) {
            target.within = within.value;
        }
        let kind = match backend {
            Some("fleet") => Kind::Fleet,
            Some("live") => Kind::Live,
            None if is_given => Kind::Unknown,
            _ => Kind::Batches,
        };
        target.bounds = Bounds::read(section, kind, problems);
        target
    }

    /// Reads the grace, which must leave the later targets their time.
    fn read_grace(&mut self, section: &mut Section<'_>, later: &[Self], problems: &mut Problems) {
        let grace = section.text("grace", problems);
        let shortest = later.iter().map(|target| target.within).min();
        let is_live = self.is_live();
        let leaves_time = |text: &String| {
            let grace = deadline(text)?;
            if is_live {
                return Err("live calls that run are paid, and would be made again at the next target".to_owned());
            }
            match shortest {
                None => Err("nothing comes after this target; write a [[route.then]]".to_owned()),
                Some(within) if grace <= within => Err(format!(
                    "{text:?} leaves no later target its time; write more than its `within`, {}",
                    humantime::format_duration(within)
                )),
                Some(_) => Ok(grace),
            }
        };
        self.grace = problems.read(grace, leaves_time).map(|grace| grace.value);
    }
}

impl Route {
    /// Every model to that provider.
    pub fn all_to(provider: impl Into<String>) -> Self {
        Self {
            model: "*".to_owned(),
            target: Target::to(provider),
            then: Vec::new(),
            class: SOON.to_owned(),
            deadline: None,
        }
    }

    /// All of them, at least one.
    pub(crate) fn read_all(document: &mut Document<'_>, known: &Known<'_>, problems: &mut Problems) -> Vec<Self> {
        let default = known.providers.first().map_or_else(String::new, |provider| provider.name.clone());
        let mut routes: Vec<Self> = Vec::new();
        let mut models = BTreeSet::new();
        for mut section in document.tables("route", problems) {
            let names = section.one_or_more("model", problems);
            if names.is_empty() {
                section.needs("model", problems);
            }
            let route = Self::read(&mut section, known, problems);
            section.finish(problems);
            for name in names {
                let reached = |text: &String| match value::model(text)? {
                    _ if models.contains("*") => Err("never reached: a route above takes every model".to_owned()),
                    model if models.insert(model.clone()) => Ok(model),
                    model => Err(format!("never reached: a route above takes {model:?}")),
                };
                let model = problems.read(Some(name), reached);
                routes.extend(model.map(|model| Self { model: model.value, ..route.clone() }));
            }
        }
        if routes.is_empty() { vec![Self::all_to(default)] } else { routes }
    }

    /// Every target, in order of price.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        std::iter::once(&self.target).chain(&self.then)
    }

    /// Everything but its model.
    fn read(section: &mut Section<'_>, known: &Known<'_>, problems: &mut Problems) -> Self {
        let mut sections = section.tables("then", problems);
        let mut then: Vec<Target> = sections.iter_mut().map(|one| Target::read(one, known, problems)).collect();
        let mut route = Self { target: Target::read(section, known, problems), ..Self::all_to("") };
        route.target.read_grace(section, &then, problems);
        for (at, mut one) in sections.into_iter().enumerate() {
            let (earlier, later) = then.split_at_mut(at + 1);
            if let Some(target) = earlier.last_mut() {
                target.read_grace(&mut one, later, problems);
            }
            one.finish(problems);
        }
        route.then = then;
        let class = section.text("class", problems);
        let names = || known.classes.keys().map(String::as_str);
        if let Some(class) = problems.read(class, |text| one_of(text, "class", names())) {
            route.class = class.value;
        }
        let given = section.text("deadline", problems);
        route.deadline = problems.read(given, |text| deadline(text)).map(|deadline| deadline.value);
        route
    }
}

fn one_of<'a>(text: &str, what: &str, mut names: impl Iterator<Item = &'a str> + Clone) -> Result<String, String> {
    if names.clone().any(|name| name == text) {
        return Ok(text.to_owned());
    }
    let first = names.next().unwrap_or_default().to_owned();
    let list = names.fold(first, |list, name| list + ", " + name);
    Err(format!("there is no {what} {text:?}; allowed: {list}"))
}
