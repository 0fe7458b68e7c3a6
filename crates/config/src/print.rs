//! The effective settings as a file, without secrets.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use offpeak_core::class::Rule;
use offpeak_core::fleet::{Rates, Timing};
use offpeak_core::nightly::{Schedule, ScheduledInput};

use crate::{Bounds, Config, Live, Nightly, Place, Provider, Route, Target};

impl Display for Config {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "[server]")?;
        if self.place == Place::Machine {
            writeln!(f, "listen = \"{}\"", self.server.listen)?;
            writeln!(f, "data_dir = {}", text(&self.server.data_dir.display().to_string()))?;
        }
        writeln!(f, "max_body_bytes = {}", self.server.max_body_bytes)?;
        writeln!(f, "max_file_bytes = {}", self.server.max_file_bytes)?;
        writeln!(f, "\n[auth]")?;
        writeln!(f, "mode = {}", text(self.auth.mode.name()))?;
        let prefixes: Vec<String> = self.auth.relay_allow.iter().map(|prefix| text(prefix)).collect();
        writeln!(f, "relay_allow = [{}]", prefixes.join(", "))?;
        writeln!(f, "\n[waiting]")?;
        writeln!(f, "hold = {}", duration(self.waiting.hold))?;
        writeln!(f, "not_ready_status = {}", self.waiting.not_ready_status)?;
        writeln!(f, "retry_after = {}", duration(self.waiting.retry_after))?;
        writeln!(f, "redirect = {}", self.waiting.redirect)?;
        self.providers.iter().try_for_each(|each| provider(f, each))?;
        self.classes.iter().try_for_each(|(name, rule)| class(f, name, rule))?;
        self.routes.iter().try_for_each(|each| route(f, each))?;
        if self.has_fleet() {
            fleet(f, &self.fleet.timing)?;
        }
        let (input, windows) = self.batches.names();
        writeln!(f, "\n[batches]\ninput = {}\nwindows = {}", text(input), text(windows))?;
        writeln!(f, "\n[webhooks]\nallow_private = {}", self.webhooks.allow_private)?;
        nightly(f, self)?;
        writeln!(f, "\n[limits]")?;
        writeln!(f, "max_attempts = {}", self.limits.max_attempts)?;
        writeln!(f, "deadline = {}", duration(self.limits.deadline))?;
        writeln!(f, "\n[retention]")?;
        writeln!(f, "results = {}", duration(self.retention.results))
    }
}

fn nightly(f: &mut Formatter<'_>, config: &Config) -> fmt::Result {
    let Nightly { inbox, inbox_dir, outbox_dir, schedules } = &config.nightly;
    if config.place == Place::Machine {
        writeln!(f, "\n[inbox]\nenabled = {inbox}")?;
        for (key, folder) in [("dir", inbox_dir), ("outbox_dir", outbox_dir)] {
            folder.iter().try_for_each(|folder| writeln!(f, "{key} = {}", text(&folder.display().to_string())))?;
        }
    }
    schedules.iter().try_for_each(|each| schedule(f, each))
}

fn schedule(f: &mut Formatter<'_>, schedule: &Schedule) -> fmt::Result {
    let input = match &schedule.input {
        ScheduledInput::File(id) => id.text(),
        ScheduledInput::Path(path) => path.clone(),
    };
    writeln!(f, "\n[[schedule]]")?;
    writeln!(f, "name = {}", text(&schedule.name))?;
    writeln!(f, "at = \"{}\"", schedule.time.strftime("%H:%M"))?;
    writeln!(f, "time_zone = {}", text(schedule.zone.iana_name().unwrap_or("UTC")))?;
    writeln!(f, "input = {}", text(&input))?;
    writeln!(f, "tenant = {}", text(schedule.tenant.as_str()))?;
    schedule.endpoint.map_or(Ok(()), |endpoint| writeln!(f, "endpoint = \"{}\"", endpoint.path()))
}

fn provider(f: &mut Formatter<'_>, provider: &Provider) -> fmt::Result {
    writeln!(f, "\n[[provider]]")?;
    writeln!(f, "name = {}", text(&provider.name))?;
    writeln!(f, "kind = \"openai\"")?;
    writeln!(f, "base_url = {}", text(&provider.base_url))?;
    writeln!(f, "key_env = {}", text(&provider.key_env))?;
    writeln!(f, "poll_interval = {}", duration(provider.poll_interval))?;
    writeln!(f, "create_timeout = {}", duration(provider.create_timeout))?;
    writeln!(f, "create_grace = {}", duration(provider.create_grace))?;
    writeln!(f, "patience = {}", duration(provider.patience))?;
    writeln!(f, "max_requests = {}", provider.limits.requests)?;
    writeln!(f, "max_bytes = {}", provider.limits.bytes)?;
    if provider.limits.tokens < u64::MAX {
        writeln!(f, "max_tokens = {}", provider.limits.tokens)?;
    }
    live(f, &provider.live)
}

fn live(f: &mut Formatter<'_>, live: &Live) -> fmt::Result {
    rates(f, live.rates)?;
    writeln!(f, "concurrency = {}", live.concurrency)?;
    writeln!(f, "request_timeout = {}", duration(live.request_timeout))
}

fn rates(f: &mut Formatter<'_>, rates: Rates) -> fmt::Result {
    given(f, &[("requests_per_minute", rates.requests_per_minute), ("tokens_per_minute", rates.tokens_per_minute)])
}

/// Those that are there.
fn given(f: &mut Formatter<'_>, amounts: &[(&str, Option<u64>)]) -> fmt::Result {
    amounts.iter().try_for_each(|(key, amount)| amount.map_or(Ok(()), |amount| writeln!(f, "{key} = {amount}")))
}

fn class(f: &mut Formatter<'_>, name: &str, rule: &Rule) -> fmt::Result {
    writeln!(f, "\n[[class]]")?;
    writeln!(f, "name = {}", text(name))?;
    match rule {
        Rule::Window { window_ms, max_jobs } => {
            writeln!(f, "window = {}", duration(Duration::from_millis(*window_ms)))?;
            max_jobs.map_or(Ok(()), |jobs| writeln!(f, "max_jobs = {jobs}"))
        }
        Rule::At { time, zone } => {
            writeln!(f, "at = \"{}\"", time.strftime("%H:%M"))?;
            writeln!(f, "time_zone = {}", text(zone.iana_name().unwrap_or("UTC")))
        }
    }
}

fn route(f: &mut Formatter<'_>, route: &Route) -> fmt::Result {
    writeln!(f, "\n[[route]]")?;
    writeln!(f, "model = {}", text(&route.model))?;
    target(f, &route.target)?;
    writeln!(f, "class = {}", text(&route.class))?;
    route.deadline.map_or(Ok(()), |deadline| writeln!(f, "deadline = {}", duration(deadline)))?;
    for then in &route.then {
        writeln!(f, "\n[[route.then]]")?;
        target(f, then)?;
    }
    Ok(())
}

fn target(f: &mut Formatter<'_>, target: &Target) -> fmt::Result {
    match target.provider_name() {
        None => writeln!(f, "backend = \"fleet\"")?,
        Some(provider) => {
            let backend = if target.is_live() { "live" } else { "provider" };
            writeln!(f, "backend = \"{backend}\"\nprovider = {}", text(provider))?;
        }
    }
    if let Some(model) = &target.upstream_model {
        writeln!(f, "upstream_model = {}", text(model))?;
    }
    writeln!(f, "within = {}", duration(target.within))?;
    target.grace.map_or(Ok(()), |grace| writeln!(f, "grace = {}", duration(grace)))?;
    let Bounds { requests, bytes, tokens, rates: of_calls } = target.bounds;
    given(f, &[("max_requests", requests), ("max_bytes", bytes), ("max_tokens", tokens)])?;
    rates(f, of_calls)
}

fn fleet(f: &mut Formatter<'_>, timing: &Timing) -> fmt::Result {
    let Timing { chunk_tokens, chunk_lines, lease_ms, checkpoint_ms, .. } = timing;
    writeln!(f, "\n[fleet]\nchunk_tokens = {chunk_tokens}\nchunk_lines = {chunk_lines}")?;
    writeln!(f, "lease = {}", duration(Duration::from_millis(*lease_ms)))?;
    writeln!(f, "checkpoint = {}", duration(Duration::from_millis(*checkpoint_ms)))
}

/// A text as TOML writes it.
fn text(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn duration(duration: Duration) -> String {
    format!("\"{}\"", humantime::format_duration(duration))
}
