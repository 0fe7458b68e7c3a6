//! What of a `[[route]]` or a `[[route.then]]` bounds each model that it leads to, beside what bounds its provider.

use std::ops::RangeInclusive;

use offpeak_core::fleet::Rates;
use offpeak_core::route::{ByModel, Pattern};
use offpeak_core::submission::Limits;

use crate::Route;
use crate::document::Section;
use crate::problem::Problems;
use crate::value;

/// How a target bounds a model. What is left out is as its provider has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bounds {
    /// `max_requests` of one batch, 1 to 1,000,000.
    pub requests: Option<u64>,
    /// `max_bytes` of one batch, 1 to 1,000,000,000.
    pub bytes: Option<u64>,
    /// `max_tokens` of one batch, 1 to 1,000,000,000,000: prompt tokens.
    pub tokens: Option<u64>,
    /// `requests_per_minute` and `tokens_per_minute` of live calls that may begin, 1 to 1,000,000,000 each.
    pub rates: Rates,
}

/// Where a target's work runs, for what may bound it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Batches,
    Live,
    Fleet,
    /// What was given cannot be read.
    Unknown,
}

/// The keys that bound batches, and what they allow.
pub(crate) const BATCH: [(&str, RangeInclusive<u64>); 3] =
    [("max_requests", 1..=1_000_000), ("max_bytes", 1..=1_000_000_000), ("max_tokens", 1..=1_000_000_000_000)];

/// Those that bound live calls.
pub(crate) const RATES: [(&str, RangeInclusive<u64>); 2] =
    [("requests_per_minute", 1..=1_000_000_000), ("tokens_per_minute", 1..=1_000_000_000)];

/// The amounts that a section gives by such keys.
pub(crate) fn amounts<const N: usize>(
    section: &mut Section<'_>,
    keys: &[(&'static str, RangeInclusive<u64>); N],
    refusal: Option<&str>,
    problems: &mut Problems,
) -> [Option<u64>; N] {
    keys.each_ref().map(|(key, allowed)| {
        let given = section.number(key, problems);
        let read = |number: &u64| match refusal {
            Some(refusal) => Err(refusal.to_owned()),
            None => value::number(*number, allowed),
        };
        problems.read(given, read).map(|amount| amount.value)
    })
}

impl Bounds {
    pub(crate) fn read(section: &mut Section<'_>, kind: Kind, problems: &mut Problems) -> Self {
        let own = "own model servers are bounded by their workers";
        let (batches, rates) = match kind {
            Kind::Batches => (None, Some("batches are bounded by max_requests, max_bytes and max_tokens")),
            Kind::Live => (Some("live calls are bounded by requests_per_minute and tokens_per_minute"), None),
            Kind::Fleet => (Some(own), Some(own)),
            Kind::Unknown => (None, None),
        };
        let [requests, bytes, tokens] = amounts(section, &BATCH, batches, problems);
        let [requests_per_minute, tokens_per_minute] = amounts(section, &RATES, rates, problems);
        Self { requests, bytes, tokens, rates: Rates { requests_per_minute, tokens_per_minute } }
    }

    /// What one batch may hold, where its provider's may hold that.
    pub(crate) fn limits(&self, of_provider: Limits) -> Limits {
        Limits {
            requests: self.requests.unwrap_or(of_provider.requests),
            bytes: self.bytes.unwrap_or(of_provider.bytes),
            tokens: self.tokens.unwrap_or(of_provider.tokens),
            ..of_provider
        }
    }
}

/// What the routes say of each model at a backend, by its name there: the one that names it outright, or else the first that
/// leads to it; those that bound nothing say nothing.
pub(crate) fn by_model<T>(routes: &[Route], backend: &str, what: impl Fn(&Bounds) -> T) -> ByModel<T> {
    let targets = routes.iter().flat_map(|route| route.targets().map(move |target| (route, target)));
    let bounding = targets.filter(|(_, target)| target.provider == backend && target.bounds != Bounds::default());
    let mut said: Vec<_> = bounding
        .map(|(route, target)| {
            let model = target.upstream_model.as_ref().unwrap_or(&route.model);
            (Pattern::new(model.as_str()), what(&target.bounds))
        })
        .collect();
    said.sort_by_key(|(pattern, _)| pattern.exact().is_none());
    said.into_iter().collect()
}
