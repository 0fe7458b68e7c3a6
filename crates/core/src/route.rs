//! Which targets and class a model name leads to, and which of the targets a job takes.

use crate::endpoint::Endpoint;
use crate::faults::{Fault, planted};
use crate::fleet;
use crate::ids::CredentialId;
use crate::lane::{Lane, Next, Terms};

/// A day, milliseconds.
const DAY_MS: u64 = 86_400_000;

/// A model name with `*` for any run of characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// A pattern as written in a configuration.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The model, where the pattern names just one.
    pub fn exact(&self) -> Option<&str> {
        (!self.0.contains('*')).then_some(self.0.as_str())
    }

    /// Whether the model matches.
    pub fn matches(&self, model: &str) -> bool {
        let mut parts = self.0.split('*');
        let Some(mut rest) = parts.next().and_then(|first| model.strip_prefix(first)) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

/// What holds for single models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByModel<T>(Vec<(Pattern, T)>);

impl<T> ByModel<T> {
    /// What holds for a model: the first pattern that matches says.
    pub fn of(&self, model: &str) -> Option<&T> {
        self.0.iter().find_map(|(pattern, what)| pattern.matches(model).then_some(what))
    }
}

impl<T> Default for ByModel<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> FromIterator<(Pattern, T)> for ByModel<T> {
    fn from_iter<I: IntoIterator<Item = (Pattern, T)>>(all: I) -> Self {
        Self(all.into_iter().collect())
    }
}

/// Where a model's lines may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The backend's name: a configured provider's, or that of own model servers.
    pub provider: String,
    /// The model's name there, if it is another.
    pub upstream_model: Option<String>,
    /// How long it takes at most, milliseconds.
    pub within_ms: u64,
    /// So long before their deadline jobs that are not done there are taken to a later target, milliseconds; none, never.
    pub grace_ms: Option<u64>,
}

/// One rule; the first that matches wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Which models.
    pub model: Pattern,
    /// Where they go: the cheapest.
    pub target: Target,
    /// Where they go where that would be too late, or refuses: in order of price.
    pub then: Vec<Target>,
    /// The class of jobs that do not say.
    pub class: String,
    /// The deadline of jobs that do not say, milliseconds from acceptance.
    pub deadline_ms: Option<u64>,
}

/// What a lane is asked for.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Where each line is sent.
    pub endpoint: Endpoint,
    /// The model as the caller names it.
    pub model: &'a str,
    /// The service class.
    pub class: String,
    /// Until the deadline, milliseconds.
    pub left_ms: u64,
    /// Its lines never leave own model servers.
    pub private: bool,
    /// The caller's own key, where it brought one; the gateway's otherwise.
    pub credential: Option<CredentialId>,
}

impl Target {
    /// To that backend, within a provider's usual window of 24 h.
    pub fn to(provider: impl Into<String>) -> Self {
        Self { provider: provider.into(), upstream_model: None, within_ms: DAY_MS, grace_ms: None }
    }

    fn next(&self, model: &str) -> Next {
        Next {
            provider: self.provider.clone(),
            model: self.upstream_model.clone().unwrap_or_else(|| model.to_owned()),
            within_ms: self.within_ms,
            grace_ms: self.grace_ms,
        }
    }
}

impl Route {
    /// Every target, in order of price.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        std::iter::once(&self.target).chain(&self.then)
    }

    /// The lane of the cheapest target that is in time, or else the fastest; `None` where what is private has none.
    pub fn lane(&self, wanted: Wanted<'_>) -> Option<Lane> {
        let Wanted { endpoint, model, class, left_ms, private, credential } = wanted;
        let stays = |target: &&Target| !private || target.provider == fleet::NAME || planted(Fault::PrivateLeaves);
        let mut targets: Vec<Next> = self.targets().filter(stays).map(|target| target.next(model)).collect();
        let at = choose(targets.iter().map(|target| target.within_ms), left_ms)?;
        let then = targets.split_off(at + 1);
        let own = targets.pop()?;
        let (within_ms, grace_ms) = if then.is_empty() { (0, None) } else { (own.within_ms, own.grace_ms) };
        Some(Lane {
            credential: credential.unwrap_or_else(|| CredentialId::own(&own.provider)),
            provider: own.provider,
            endpoint,
            model: own.model,
            class,
            terms: Terms { private, within_ms, grace_ms, then },
        })
    }
}

/// The first of several durations, milliseconds, that fits; or the shortest; `None` if there are none.
pub(crate) fn choose(withins: impl Iterator<Item = u64> + Clone, left_ms: u64) -> Option<usize> {
    let fits = withins.clone().position(|within_ms| within_ms <= left_ms);
    fits.or_else(|| withins.enumerate().min_by_key(|(_, within_ms)| *within_ms).map(|(at, _)| at))
}

/// The rules, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Routes(pub Vec<Route>);

impl Routes {
    /// The rule for a model.
    pub fn find(&self, model: &str) -> Option<&Route> {
        self.0.iter().find(|route| route.model.matches(model))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_run() {
        for (pattern, model, want) in [
            ("*", "", true),
            ("gpt-*", "gpt-5", true),
            ("gpt-*", "my-gpt-5", false),
            ("gpt-5", "gpt-5", true),
            ("gpt-5", "gpt-5-mini", false),
            ("*-mini", "gpt-5-mini", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXc", false),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(model), want, "{pattern} {model}");
        }
    }

    const HOUR_MS: u64 = 3_600_000;

    fn route() -> Route {
        let to = |provider: &str, within_ms| Target { within_ms, ..Target::to(provider) };
        Route {
            model: Pattern::new("m"),
            target: Target { grace_ms: Some(HOUR_MS), ..to("batches", 24 * HOUR_MS) },
            then: vec![
                to(fleet::NAME, 2 * HOUR_MS),
                Target { upstream_model: Some("big".into()), ..to("fast", 60_000) },
            ],
            class: "soon".to_owned(),
            deadline_ms: None,
        }
    }

    fn lane(route: &Route, left_ms: u64, private: bool) -> Option<Lane> {
        let class = "soon".to_owned();
        route.lane(Wanted { endpoint: Endpoint::Embeddings, model: "m", class, left_ms, private, credential: None })
    }

    #[test]
    fn the_cheapest_target_that_is_in_time_is_taken() {
        for (left_ms, provider, model, then) in [
            (72 * HOUR_MS, "batches", "m", 2),
            (24 * HOUR_MS, "batches", "m", 2),
            (24 * HOUR_MS - 1, fleet::NAME, "m", 1),
            (2 * HOUR_MS, fleet::NAME, "m", 1),
            (HOUR_MS, "fast", "big", 0),
            (1, "fast", "big", 0),
        ] {
            let lane = lane(&route(), left_ms, false).unwrap();
            assert_eq!((lane.provider.as_str(), lane.model.as_str(), lane.terms.then.len()), (provider, model, then));
            assert_eq!(lane.credential, CredentialId::own(provider));
            assert_eq!(lane.turn_ms(100 * HOUR_MS), (then == 2).then_some(99 * HOUR_MS), "the grace is the target's");
        }
    }

    #[test]
    fn what_is_private_has_no_target_but_own_model_servers() {
        for left_ms in [72 * HOUR_MS, HOUR_MS, 1] {
            let lane = lane(&route(), left_ms, true).unwrap();
            assert_eq!((lane.provider.as_str(), lane.terms.then.len(), lane.terms.private), (fleet::NAME, 0, true));
            assert!(!lane.is_astray());
        }
        let outside = Route { then: Vec::new(), ..route() };
        assert_eq!(lane(&outside, HOUR_MS, true), None);
    }

    #[test]
    fn a_route_of_one_target_promises_nothing() {
        let alone = Route { then: Vec::new(), ..route() };
        assert!(lane(&alone, 1, false).unwrap().terms.is_plain());
    }
}
