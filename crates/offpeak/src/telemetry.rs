//! Logs: text or JSON on standard error.
//!
//! Only Offpeak's own events may be finer than `info`, whatever the filter says: what libraries tell at `debug` and
//! `trace` can hold parts of requests, and no prompt or key may reach a log.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{EnvFilter, FilterFn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

/// How Offpeak logs.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// What to log: error, warn, info, debug, trace or off, or such a level by module (info,offpeak_core=debug)
    #[arg(long, env = "OFFPEAK_LOG", value_name = "FILTER", default_value = "info", global = true)]
    log: String,
    /// How to log
    #[arg(long, env = "OFFPEAK_LOG_FORMAT", value_enum, default_value_t = Format::Text, global = true)]
    log_format: Format,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Logs from now on.
///
/// # Errors
/// The filter cannot be read.
pub(crate) fn start(options: &Options) -> anyhow::Result<()> {
    let filter = EnvFilter::builder()
        .parse(&options.log)
        .with_context(|| format!("--log (OFFPEAK_LOG): {:?} is not a log filter", options.log))?;
    let layer = fmt::layer().with_writer(std::io::stderr);
    let layer = match options.log_format {
        Format::Text => layer.with_ansi(std::io::stderr().is_terminal()).boxed(),
        Format::Json => layer.json().flatten_event(true).boxed(),
    };
    let layer = layer.with_filter(FilterFn::new(may_be_logged));
    tracing_subscriber::registry().with(filter).with(layer).try_init().context("could not start logging")
}

fn may_be_logged(event: &Metadata<'_>) -> bool {
    *event.level() <= Level::INFO || event.target().split("::").next().is_some_and(is_ours)
}

fn is_ours(name: &str) -> bool {
    name == "offpeak" || name.starts_with("offpeak_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_not_ours() {
        assert!(is_ours("offpeak") && is_ours("offpeak_core"));
        assert!(!is_ours("hyper") && !is_ours("offpeakish"));
    }
}
