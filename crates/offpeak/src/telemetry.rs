//! Logs: text or JSON on standard error.
//!
//! Only Offpeak's own events may be finer than `info`, whatever the filter says: what libraries tell at `debug` and
//! `trace` can hold parts of requests, and no prompt or key may reach a log.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{EnvFilter, FilterFn, LevelFilter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

/// How Offpeak logs.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Logging")]
pub(crate) struct Options {
    /// What to log: error, warn, info, debug, trace or off, or such a level by module (`info,offpeak_core=debug`)
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
    let filter = filter(&options.log).with_context(|| {
        format!("--log (OFFPEAK_LOG): {:?} is not a log filter; write one such as debug", options.log)
    })?;
    let layer = fmt::layer().with_writer(std::io::stderr);
    let layer = match options.log_format {
        Format::Text => layer.with_ansi(std::io::stderr().is_terminal()).boxed(),
        Format::Json => layer.json().flatten_event(true).boxed(),
    };
    let layer = layer.with_filter(FilterFn::new(may_be_logged));
    tracing_subscriber::registry().with(filter).with(layer).try_init().context("could not start logging")
}

/// A single word must be a level: the library would take a misspelled one for the name of a module, and log nothing.
fn filter(text: &str) -> anyhow::Result<EnvFilter> {
    for word in text.split(',').map(str::trim).filter(|part| !part.contains(['=', '['])) {
        let level = word.parse::<LevelFilter>();
        anyhow::ensure!(!word.is_empty() && level.is_ok(), "{word:?} is no level");
    }
    Ok(EnvFilter::builder().parse(text)?)
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
    fn a_misspelled_level_is_refused() {
        for text in ["debgu", "", "info,offpeak", "loud=very"] {
            assert!(filter(text).is_err(), "{text}");
        }
        for text in ["off", "WARN", "info,offpeak_core=debug", "offpeak[span]=trace"] {
            assert!(filter(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn libraries_are_not_ours() {
        assert!(is_ours("offpeak") && is_ours("offpeak_core"));
        assert!(!is_ours("hyper") && !is_ours("offpeakish"));
    }
}
