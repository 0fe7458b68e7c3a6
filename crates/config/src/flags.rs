//! The flags that overrule the file. Their values are read where the file's are, so that both are refused alike.

use std::path::PathBuf;

use crate::environment;
use crate::place::Place;
use crate::problem::{Given, Origin};

/// A setting beside the file, by all its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Variable {
    /// The flag without its dashes; empty if there is none.
    pub(crate) flag: &'static str,
    /// The environment variable.
    pub(crate) name: &'static str,
    /// The stack's parameter that fills the variable; empty if there is none.
    pub(crate) parameter: &'static str,
}

impl Variable {
    const fn new(flag: &'static str, name: &'static str, parameter: &'static str) -> Self {
        Self { flag, name, parameter }
    }

    /// How people of a place know it.
    pub(crate) fn within(self, place: Place) -> String {
        let Self { flag, name, parameter } = self;
        match place {
            Place::Machine if !flag.is_empty() => format!("--{flag} ({name})"),
            Place::Lambda if !parameter.is_empty() => format!("parameter {parameter} ({name})"),
            Place::Machine | Place::Lambda => name.to_owned(),
        }
    }
}

const CONFIG: Variable = Variable::new("config", "OFFPEAK_CONFIG", "");
const LISTEN: Variable = Variable::new("listen", "OFFPEAK_LISTEN", "");
const DATA_DIR: Variable = Variable::new("data-dir", "OFFPEAK_DATA_DIR", "");
const UPSTREAM: Variable = Variable::new("upstream", "OFFPEAK_UPSTREAM", "Upstream");
const AUTH: Variable = Variable::new("auth", "OFFPEAK_AUTH", "Auth");
const WINDOW: Variable = Variable::new("window", "OFFPEAK_WINDOW", "Window");
const POLL_INTERVAL: Variable = Variable::new("poll-interval", "OFFPEAK_POLL_INTERVAL", "PollInterval");
const HOLD: Variable = Variable::new("hold", "OFFPEAK_HOLD", "Hold");
const FRONT_DOOR: Variable = Variable::new("", "OFFPEAK_FRONT_DOOR", "");
const WEBHOOKS: Variable = Variable::new("", "OFFPEAK_WEBHOOKS", "Webhooks");
const EVENT_BUS: Variable = Variable::new("", "OFFPEAK_EVENT_BUS", "EventBus");
pub(crate) const INBOX: Variable = Variable::new("", "OFFPEAK_INBOX", "Inbox");
pub(crate) const RESULT_DAYS: Variable = Variable::new("", "OFFPEAK_RESULT_DAYS", "ResultDays");
pub(crate) const OBJECT_DAYS: Variable = Variable::new("", "OFFPEAK_OBJECT_DAYS", "ObjectDays");

/// The flags that overrule the file.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Flags {
    /// The configuration file (see offpeak.example.toml); without it the defaults hold
    #[arg(long = CONFIG.flag, env = CONFIG.name, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where the front door listens [default: 127.0.0.1:8080]
    #[arg(long = LISTEN.flag, env = LISTEN.name, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Where everything is kept [default: ./offpeak-data]
    #[arg(long = DATA_DIR.flag, env = DATA_DIR.name, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Base URL of the first provider [default: <https://api.openai.com/v1>]
    #[arg(long = UPSTREAM.flag, env = UPSTREAM.name, value_name = "URL")]
    pub upstream: Option<String>,
    /// Who may call: open, keys or passthrough [default: open on a loopback address, else keys]
    #[arg(long = AUTH.flag, env = AUTH.name, value_name = "MODE")]
    pub auth: Option<String>,
    /// How long the class `soon` gathers jobs before they depart [default: 60s]
    #[arg(long = WINDOW.flag, env = WINDOW.name, value_name = "DURATION")]
    pub window: Option<String>,
    /// Time between two polls of a batch, at every provider [default: 30s]
    #[arg(long = POLL_INTERVAL.flag, env = POLL_INTERVAL.name, value_name = "DURATION")]
    pub poll_interval: Option<String>,
    /// How long a call stays open for its answer [default: 280s]
    #[arg(long = HOLD.flag, env = HOLD.name, value_name = "DURATION")]
    pub hold: Option<String>,
    /// `OFFPEAK_FRONT_DOOR`: what stands before a deployment's front door, `http-api` (the default) or `function-url`.
    #[arg(skip)]
    pub front_door: Option<String>,
    /// `OFFPEAK_WEBHOOKS`: whether a deployment sends webhooks, `true` or `false` (the default).
    #[arg(skip)]
    pub webhooks: Option<String>,
    /// `OFFPEAK_EVENT_BUS`: the event bus that hears of everything that ends in a deployment.
    #[arg(skip)]
    pub event_bus: Option<String>,
    /// `OFFPEAK_INBOX`: whether a deployment takes what is dropped and keeps schedules, `true` or `false`.
    #[arg(skip)]
    pub inbox: Option<String>,
    /// `OFFPEAK_RESULT_DAYS`: replaces `retention.results` of a deployment, days.
    #[arg(skip)]
    pub result_days: Option<String>,
    /// `OFFPEAK_OBJECT_DAYS`: after so many days a deployment's bucket expires an object.
    #[arg(skip)]
    pub object_days: Option<String>,
}

impl Flags {
    /// What the environment says, as a function is started with; an empty variable is one that is not set.
    pub fn from_environment() -> Self {
        Self::from_variables(environment::text)
    }

    pub(crate) fn from_variables(look_up: impl Fn(&str) -> Option<String>) -> Self {
        let text = |variable: Variable| look_up(variable.name).filter(|text| !text.is_empty());
        Self {
            config: text(CONFIG).map(PathBuf::from),
            listen: text(LISTEN),
            data_dir: text(DATA_DIR).map(PathBuf::from),
            upstream: text(UPSTREAM),
            auth: text(AUTH),
            window: text(WINDOW),
            poll_interval: text(POLL_INTERVAL),
            hold: text(HOLD),
            front_door: text(FRONT_DOOR),
            webhooks: text(WEBHOOKS),
            event_bus: text(EVENT_BUS),
            inbox: text(INBOX),
            result_days: text(RESULT_DAYS),
            object_days: text(OBJECT_DAYS),
        }
    }

    pub(crate) fn config(&self) -> Option<Given<&PathBuf>> {
        self.config.as_ref().map(|path| CONFIG.given(path))
    }

    pub(crate) fn data_dir(&self) -> Option<Given<&PathBuf>> {
        self.data_dir.as_ref().map(|path| DATA_DIR.given(path))
    }

    pub(crate) fn listen(&self) -> Option<Given<String>> {
        LISTEN.text(self.listen.as_ref())
    }

    pub(crate) fn upstream(&self) -> Option<Given<String>> {
        UPSTREAM.text(self.upstream.as_ref())
    }

    pub(crate) fn auth(&self) -> Option<Given<String>> {
        AUTH.text(self.auth.as_ref())
    }

    pub(crate) fn window(&self) -> Option<Given<String>> {
        WINDOW.text(self.window.as_ref())
    }

    pub(crate) fn poll_interval(&self) -> Option<Given<String>> {
        POLL_INTERVAL.text(self.poll_interval.as_ref())
    }

    pub(crate) fn hold(&self) -> Option<Given<String>> {
        HOLD.text(self.hold.as_ref())
    }

    pub(crate) fn front_door(&self) -> Option<Given<String>> {
        FRONT_DOOR.text(self.front_door.as_ref())
    }

    pub(crate) fn webhooks(&self) -> Option<Given<String>> {
        WEBHOOKS.text(self.webhooks.as_ref())
    }

    pub(crate) fn inbox(&self) -> Option<Given<String>> {
        INBOX.text(self.inbox.as_ref())
    }

    pub(crate) fn result_days(&self) -> Option<Given<String>> {
        RESULT_DAYS.text(self.result_days.as_ref())
    }

    pub(crate) fn object_days(&self) -> Option<Given<String>> {
        OBJECT_DAYS.text(self.object_days.as_ref())
    }
}

impl Variable {
    /// A value that was given by this name.
    pub(crate) fn given<T>(self, value: T) -> Given<T> {
        Given { value, origin: Origin::Variable(self), key: "" }
    }

    fn text(self, value: Option<&String>) -> Option<Given<String>> {
        value.map(|value| self.given(value.clone()))
    }
}
