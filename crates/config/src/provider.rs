//! `[[provider]]`: where batches run.

use std::collections::BTreeSet;
use std::time::Duration;

use offpeak_core::fleet::{self, Rates};
use offpeak_core::submission::Limits;
use secrecy::SecretString;

use crate::bounds::{BATCH, Bounds, amounts};
use crate::document::{Document, Section};
use crate::live::Live;
use crate::place::{Place, Surroundings};
use crate::problem::Problems;
use crate::value::{self, HOUR, SHORTEST};

/// A provider of a Batch API, of the OpenAI dialect (`kind = "openai"`, the only one of this version).
#[derive(Debug, Clone)]
pub struct Provider {
    /// `name`: by which routes call it; unique.
    pub name: String,
    /// `base_url`: version included, no slash at its end. Default `https://api.openai.com/v1`.
    pub base_url: String,
    /// `key_env`: the environment variable that holds the key; on AWS the parameter `keys/NAME` of the stack. Default
    /// `OPENAI_API_KEY`.
    pub key_env: String,
    /// What is in there; none only in `passthrough` mode.
    pub key: Option<SecretString>,
    /// `poll_interval`: between two polls of a batch, 50 ms to 1 h. Default 30 s, on AWS 60 s.
    pub poll_interval: Duration,
    /// `create_timeout`: for the one call that creates a batch, 50 ms to 10 min. Default 60 s.
    pub create_timeout: Duration,
    /// `create_grace`: after that, how long a batch may still turn up in the provider's list, 50 ms to 1 h. Default
    /// 5 min.
    pub create_grace: Duration,
    /// `patience`: how long it may let a submission wait, by limits or because it cannot be reached, before a later target
    /// of the route takes it, 50 ms to 24 h. Default 15 min.
    pub patience: Duration,
    /// `max_requests`, `max_bytes` and `max_tokens` of one batch. Default 50,000, 200,000,000 and no limit.
    pub limits: Limits,
    /// How it is called live.
    pub live: Live,
    /// No section names it: it is there because nothing is said.
    pub(crate) is_implied: bool,
}

impl Provider {
    /// What holds where nothing is said.
    pub(crate) fn of(place: Place) -> Self {
        Self {
            name: "openai".to_owned(),
            base_url: "https://api.openai.com/v1".to_owned(),
            key_env: "OPENAI_API_KEY".to_owned(),
            key: None,
            poll_interval: Duration::from_secs(if place == Place::Lambda { 60 } else { 30 }),
            create_timeout: Duration::from_mins(1),
            create_grace: Duration::from_mins(5),
            patience: Duration::from_mins(15),
            limits: Limits::OPENAI,
            live: Live::default(),
            is_implied: true,
        }
    }

    /// All of them, at least one; the first is the default of routes.
    pub(crate) fn read_all(
        document: &mut Document<'_>,
        around: Surroundings<'_>,
        problems: &mut Problems,
    ) -> Vec<Self> {
        let mut names = BTreeSet::new();
        let mut providers = Vec::new();
        for mut section in document.tables("provider", problems) {
            let provider = Self { is_implied: false, ..Self::of(around.place) };
            providers.push(provider.read(&mut section, &mut names, problems));
            section.finish(problems);
        }
        if providers.is_empty() {
            providers.push(Self::of(around.place));
        }
        if let (Some(url), Some(first)) =
            (problems.read(around.flags.upstream(), |text| value::base_url(text)), providers.first_mut())
        {
            first.base_url = url.value;
        }
        if let Some(interval) =
            problems.read(around.flags.poll_interval(), |text| value::duration(text, SHORTEST..=HOUR))
        {
            for provider in &mut providers {
                provider.poll_interval = interval.value;
            }
        }
        providers
    }

    fn read(mut self, section: &mut Section<'_>, names: &mut BTreeSet<String>, problems: &mut Problems) -> Self {
        match section.text("name", problems) {
            None => section.needs("name", problems),
            Some(given) => {
                let fresh = |text: &String| match value::name(text)? {
                    name if name == fleet::NAME => Err(format!("{name:?} names own model servers")),
                    name if names.insert(name.clone()) => Ok(name),
                    name => Err(format!("{name:?} names a provider above; names are unique")),
                };
                if let Some(name) = problems.read(Some(given), fresh) {
                    self.name = name.value;
                }
            }
        }
        let kind = section.text("kind", problems);
        problems.read(kind, |text| value::word(text, &[("openai", ())]));
        let base_url = section.text("base_url", problems);
        if let Some(url) = problems.read(base_url, |text| value::base_url(text)) {
            self.base_url = url.value;
        }
        let key_env = section.text("key_env", problems);
        if let Some(variable) = problems.read(key_env, |text| value::variable(text)) {
            self.key_env = variable.value;
        }
        self.read_durations(section, problems);
        self.read_limits(section, problems);
        self.live = Live::read(section, problems);
        self
    }

    fn read_durations(&mut self, section: &mut Section<'_>, problems: &mut Problems) {
        for (key, longest, target) in [
            ("poll_interval", HOUR, &mut self.poll_interval),
            ("create_timeout", Duration::from_mins(10), &mut self.create_timeout),
            ("create_grace", HOUR, &mut self.create_grace),
            ("patience", HOUR * 24, &mut self.patience),
        ] {
            let given = section.text(key, problems);
            if let Some(duration) = problems.read(given, |text| value::duration(text, SHORTEST..=longest)) {
                *target = duration.value;
            }
        }
    }

    fn read_limits(&mut self, section: &mut Section<'_>, problems: &mut Problems) {
        let [requests, bytes, tokens] = amounts(section, &BATCH, None, problems);
        self.limits = Bounds { requests, bytes, tokens, rates: Rates::default() }.limits(self.limits);
    }
}
