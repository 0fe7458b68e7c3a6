//! `[[route]]`: which model goes where.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use offpeak_core::class::Rule;
use offpeak_core::fleet;

use crate::class::SOON;
use crate::document::{Document, Section};
use crate::limits::deadline;
use crate::problem::Problems;
use crate::provider::Provider;
use crate::value;

/// From a model's name to a provider's batches (`backend = "provider"`, the default), to its live calls
/// (`backend = "live"`), or to own model servers (`backend = "fleet"`); the first match wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// `model`: a name, with `*` for any run of characters.
    pub model: String,
    /// `provider`: the name of one. Default: the first. With `backend = "fleet"` none is named, and this is
    /// [`offpeak_core::fleet::NAME`]; with `backend = "live"` it is that of [`offpeak_core::fleet::live`].
    pub provider: String,
    /// `upstream_model`: the model's name there. Default: the same.
    pub upstream_model: Option<String>,
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

impl Route {
    /// Every model to that provider.
    pub fn all_to(provider: impl Into<String>) -> Self {
        Self {
            model: "*".to_owned(),
            provider: provider.into(),
            upstream_model: None,
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
            let mut route = Self::all_to(default.clone());
            match section.text("model", problems) {
                None => section.needs("model", problems),
                Some(given) => {
                    let reached = |text: &String| match value::model(text)? {
                        _ if models.contains("*") => Err("never reached: a route above takes every model".to_owned()),
                        model if models.insert(model.clone()) => Ok(model),
                        model => Err(format!("never reached: a route above takes {model:?}")),
                    };
                    if let Some(model) = problems.read(Some(given), reached) {
                        route.model = model.value;
                    }
                }
            }
            route.read_target(&mut section, known, problems);
            section.finish(problems);
            routes.push(route);
        }
        if routes.is_empty() { vec![Self::all_to(default)] } else { routes }
    }

    /// Whether it goes to own model servers.
    pub fn is_to_fleet(&self) -> bool {
        self.provider == fleet::NAME
    }

    /// The provider that it leads to, by its name; none where it leads to own model servers.
    pub fn provider_name(&self) -> Option<&str> {
        (!self.is_to_fleet()).then(|| fleet::live_provider(&self.provider).unwrap_or(&self.provider))
    }

    /// Whether it goes to a provider's ordinary endpoints.
    pub fn is_live(&self) -> bool {
        fleet::live_provider(&self.provider).is_some()
    }

    fn read_target(&mut self, section: &mut Section<'_>, known: &Known<'_>, problems: &mut Problems) {
        let backend = section.text("backend", problems);
        let backends = ["provider", "fleet", "live"].map(|name| (name, name));
        let backend = problems.read(backend, |text| value::word(text, &backends)).map(|given| given.value);
        let to_fleet = backend == Some("fleet");
        let provider = section.text("provider", problems);
        let names = || known.providers.iter().map(|provider| provider.name.as_str());
        let provider = problems.read(provider, |text| match one_of(text, "provider", names())? {
            _ if to_fleet => Err("own model servers are no provider".to_owned()),
            name => Ok(name),
        });
        if to_fleet {
            fleet::NAME.clone_into(&mut self.provider);
        } else if let Some(provider) = provider {
            self.provider = provider.value;
        }
        if backend == Some("live") {
            self.provider = fleet::live(&self.provider);
        }
        let upstream = section.text("upstream_model", problems);
        let upstream = problems.read(upstream, |text| match value::model(text)? {
            model if model.contains('*') => Err("one name, without `*`".to_owned()),
            model => Ok(model),
        });
        self.upstream_model = upstream.map(|model| model.value);
        let class = section.text("class", problems);
        let names = || known.classes.keys().map(String::as_str);
        if let Some(class) = problems.read(class, |text| one_of(text, "class", names())) {
            self.class = class.value;
        }
        let given = section.text("deadline", problems);
        self.deadline = problems.read(given, |text| deadline(text)).map(|deadline| deadline.value);
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
