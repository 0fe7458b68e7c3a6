//! Logs of a function: JSON lines on standard output.
//!
//! Only Offpeak's own events may be finer than `info`, whatever the filter says: what libraries tell at `debug` and
//! `trace` can hold parts of requests, and no prompt or key may reach a log.

use tracing::{Level, Metadata};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{EnvFilter, FilterFn, LevelFilter};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::environment;

/// The variable that holds the filter, as the command line's flag does.
const FILTER: &str = "OFFPEAK_LOG";

/// The filter cannot be read. What was logged until the function ended went by the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{FILTER} is not a log filter; write one such as info,offpeak_core=debug into the parameter LogLevel")]
pub struct OddFilter;

/// Logs from now on, by the filter in `OFFPEAK_LOG` (default `info`).
///
/// # Errors
/// [`OddFilter`]: then it logs by the default, so that the refusal can be read.
pub fn start() -> Result<(), OddFilter> {
    let wanted = environment::variable(FILTER);
    let read = wanted.as_deref().map(filter);
    let odd = matches!(read, Some(None));
    let filter = read.flatten().unwrap_or_else(default);
    let layer = fmt::layer().json().flatten_event(true).with_span_list(false).with_writer(std::io::stdout);
    let layer = layer.with_filter(FilterFn::new(may_be_logged));
    // Logging that has begun goes on: a second start has nothing to add.
    let _ = tracing_subscriber::registry().with(filter).with(layer).try_init();
    if odd { Err(OddFilter) } else { Ok(()) }
}

fn default() -> EnvFilter {
    EnvFilter::default().add_directive(LevelFilter::INFO.into())
}

/// A single word must be a level: the library would take a misspelled one for the name of a module, and log nothing.
fn filter(text: &str) -> Option<EnvFilter> {
    for word in text.split(',').map(str::trim).filter(|part| !part.contains(['=', '['])) {
        word.parse::<LevelFilter>().ok().filter(|_| !word.is_empty())?;
    }
    EnvFilter::builder().parse(text).ok()
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
            assert!(filter(text).is_none(), "{text}");
        }
        for text in ["off", "WARN", "info,offpeak_aws::calls=debug", "offpeak[span]=trace"] {
            assert!(filter(text).is_some(), "{text}");
        }
    }

    #[test]
    fn libraries_are_not_ours() {
        assert!(is_ours("offpeak") && is_ours("offpeak_aws"));
        assert!(!is_ours("aws_smithy_runtime") && !is_ours("offpeakish"));
    }

    #[test]
    fn a_second_start_harms_nobody() {
        assert_eq!((start(), start()), (Ok(()), Ok(())));
    }
}
