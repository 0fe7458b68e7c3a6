//! The durations of the protocol, from the settings.

use std::time::Duration;

use offpeak_core::class::Rule;
use offpeak_core::fleet;
use offpeak_core::ports::Settings;
use offpeak_core::route::{Pattern, Route, Routes, Target};
use offpeak_core::timing::Timing;

use crate::class::millis;
use crate::{Config, Place, Provider};

/// The longest deadline of a job: 13 days.
const LONGEST_DEADLINE_MS: u64 = 13 * 86_400_000;

impl Config {
    /// What the flows go by.
    pub fn settings(&self) -> Settings {
        let named = |provider: &Provider| (provider.name.clone(), self.timing_of(provider));
        let fleet = self.has_fleet().then(|| (fleet::NAME.to_owned(), self.timing_of_fleet()));
        let live = self.live_providers().map(|provider| (fleet::live(&provider.name), self.timing_of_fleet()));
        Settings {
            timing: self.timing(),
            provider_timing: self.providers.iter().map(named).chain(fleet).chain(live).collect(),
            classes: self.classes.clone(),
            routes: self.routes(),
            telling: self.webhooks.telling,
            nightly: self.nightly.settings(self.auth.mode, self.batches),
        }
    }

    /// Where each model's requests go.
    pub(crate) fn routes(&self) -> Routes {
        let target = |target: &crate::Target| Target {
            provider: target.provider.clone(),
            upstream_model: target.upstream_model.clone(),
            within_ms: millis(target.within),
            grace_ms: target.grace.map(millis),
        };
        let routes = self.routes.iter().map(|route| Route {
            model: Pattern::new(&route.model),
            target: target(&route.target),
            then: route.then.iter().map(target).collect(),
            class: route.class.clone(),
            deadline_ms: route.deadline.map(millis),
        });
        Routes(routes.collect())
    }

    /// How long a finished job is kept, milliseconds.
    pub fn retention_ms(&self) -> u64 {
        millis(self.retention.results)
    }

    /// Durations of the protocol towards one provider.
    pub fn timing_of(&self, provider: &Provider) -> Timing {
        let defaults = match self.place {
            Place::Machine => Timing { tick_ms: self.tick_ms(), ..Timing::default() },
            Place::Lambda => on_lambda(),
        };
        let create_grace_ms = millis(provider.create_grace);
        Timing {
            create_timeout_ms: millis(provider.create_timeout),
            create_grace_ms,
            absent_gap_ms: defaults.absent_gap_ms.min(create_grace_ms),
            poll_interval_ms: millis(provider.poll_interval),
            patience_ms: millis(provider.patience),
            max_attempts: self.limits.max_attempts,
            ..defaults
        }
    }

    /// Durations of the protocol towards own model servers and live calls: asking them costs nothing, they list what they have at once,
    /// and a submission may wait for them as long as a job may.
    fn timing_of_fleet(&self) -> Timing {
        let tick_ms = self.timing().tick_ms;
        Timing {
            create_grace_ms: tick_ms,
            absent_gap_ms: tick_ms,
            poll_interval_ms: tick_ms,
            window_ms: LONGEST_DEADLINE_MS,
            ..self.timing()
        }
    }

    /// Durations of the protocol that suit every provider: the shortest poll interval, the longest create.
    pub fn timing(&self) -> Timing {
        let first = self.providers.first().cloned().unwrap_or_else(|| Provider::of(self.place));
        let mut suits_all = Provider { poll_interval: Duration::MAX, ..first };
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

/// What the functions go by: schedules start them every minute, and each may run for 900 s. The poller's ticks are those
/// of the clock, and no tick knows of another.
fn on_lambda() -> Timing {
    Timing {
        tick_ms: 60_000,
        visibility_ms: 900_000,
        receive_wait_ms: 1_000,
        lease_ms: 120_000,
        poll_tick_ms: 60_000,
        ..Timing::default()
    }
}
