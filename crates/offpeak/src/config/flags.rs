//! The flags that overrule the file. Their values are read where the file's are, so that both are refused alike.

use std::path::PathBuf;

use super::problem::{Given, Origin};

/// The flags that overrule the file.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Flags {
    /// The configuration file (see offpeak.example.toml); without it the defaults hold
    #[arg(long, env = "OFFPEAK_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where the front door listens [default: 127.0.0.1:8080]
    #[arg(long, env = "OFFPEAK_LISTEN", value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// Where everything is kept [default: ./offpeak-data]
    #[arg(long, env = "OFFPEAK_DATA_DIR", value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Base URL of the first provider [default: <https://api.openai.com/v1>]
    #[arg(long, env = "OFFPEAK_UPSTREAM", value_name = "URL")]
    pub(crate) upstream: Option<String>,
    /// Who may call: open, keys or passthrough [default: open on a loopback address, else keys]
    #[arg(long, env = "OFFPEAK_AUTH", value_name = "MODE")]
    pub(crate) auth: Option<String>,
    /// How long the class `soon` gathers jobs before they depart [default: 60s]
    #[arg(long, env = "OFFPEAK_WINDOW", value_name = "DURATION")]
    pub(crate) window: Option<String>,
    /// Time between two polls of a batch, at every provider [default: 30s]
    #[arg(long, env = "OFFPEAK_POLL_INTERVAL", value_name = "DURATION")]
    pub(crate) poll_interval: Option<String>,
    /// How long a call stays open for its answer [default: 280s]
    #[arg(long, env = "OFFPEAK_HOLD", value_name = "DURATION")]
    pub(crate) hold: Option<String>,
}

impl Flags {
    pub(super) fn listen(&self) -> Option<Given<String>> {
        given("--listen (OFFPEAK_LISTEN)", self.listen.as_ref())
    }

    pub(super) fn upstream(&self) -> Option<Given<String>> {
        given("--upstream (OFFPEAK_UPSTREAM)", self.upstream.as_ref())
    }

    pub(super) fn auth(&self) -> Option<Given<String>> {
        given("--auth (OFFPEAK_AUTH)", self.auth.as_ref())
    }

    pub(super) fn window(&self) -> Option<Given<String>> {
        given("--window (OFFPEAK_WINDOW)", self.window.as_ref())
    }

    pub(super) fn poll_interval(&self) -> Option<Given<String>> {
        given("--poll-interval (OFFPEAK_POLL_INTERVAL)", self.poll_interval.as_ref())
    }

    pub(super) fn hold(&self) -> Option<Given<String>> {
        given("--hold (OFFPEAK_HOLD)", self.hold.as_ref())
    }
}

fn given(name: &'static str, value: Option<&String>) -> Option<Given<String>> {
    value.map(|value| Given { value: value.clone(), origin: Origin::Flag(name), key: "" })
}
