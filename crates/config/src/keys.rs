//! The keys towards providers: where each is looked for, and what is said of one that is not there.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret as _, SecretString};

use crate::auth::Mode;
use crate::problem::{Origin, Problems};
use crate::provider::Provider;

/// Where keys are looked for.
#[derive(Clone, Copy)]
pub(crate) enum KeySource<'a> {
    /// In variables of the environment.
    Environment(&'a dyn Fn(&str) -> Lookup),
    /// Among a stack's parameters `keys/NAME`, below a path.
    Parameters {
        /// The path, such as `/offpeak/STACK/`.
        path: &'a str,
        /// The keys by NAME.
        keys: &'a BTreeMap<String, SecretString>,
    },
    /// Nowhere: these settings are only looked at.
    Nowhere,
}

/// What was found by a name.
#[derive(Debug)]
pub(crate) enum Lookup {
    /// A key.
    Found(SecretString),
    /// Nothing.
    Missing,
    /// Something that cannot be a key.
    Odd,
}

impl Lookup {
    /// What a text is.
    pub(crate) fn of(text: SecretString) -> Self {
        match text.expose_secret() {
            "" => Self::Missing,
            key if key.bytes().all(|byte| byte.is_ascii_graphic()) => Self::Found(text),
            _ => Self::Odd,
        }
    }
}

impl KeySource<'_> {
    /// Gives every provider its key. In `passthrough` mode one may be missing; it still serves what another mode began.
    pub(crate) fn give(self, mode: Mode, providers: &mut [Provider], problems: &mut Problems) {
        for provider in providers {
            match self.look_up(&provider.key_env) {
                None => {}
                Some(Lookup::Found(key)) => provider.key = Some(key),
                Some(Lookup::Missing) if mode == Mode::Passthrough => {}
                Some(Lookup::Missing) => problems.add(Origin::Nowhere, self.missing(provider)),
                Some(Lookup::Odd) => {
                    let name = self.name(&provider.key_env);
                    let what = format!("{name} is not a key: allowed are ASCII characters without spaces");
                    problems.add(Origin::Nowhere, what);
                }
            }
        }
    }

    pub(crate) fn look_up(self, name: &str) -> Option<Lookup> {
        match self {
            Self::Environment(look_up) => Some(look_up(name)),
            Self::Parameters { keys, .. } => Some(keys.get(name).cloned().map_or(Lookup::Missing, Lookup::of)),
            Self::Nowhere => None,
        }
    }

    pub(crate) fn name(self, name: &str) -> String {
        match self {
            Self::Environment(_) | Self::Nowhere => name.to_owned(),
            Self::Parameters { path, .. } => format!("parameter {}", below(path, &format!("keys/{name}"))),
        }
    }

    fn missing(self, Provider { name, key_env, .. }: &Provider) -> String {
        match self {
            Self::Environment(_) | Self::Nowhere => format!(
                "{key_env} is not set: the environment variable with the key towards provider {name:?} (only \
                 --auth passthrough needs none)"
            ),
            Self::Parameters { path, .. } => format!(
                "parameter keys/{key_env} under the path given by OFFPEAK_PARAMETERS is missing: create the \
                 SecureString {} with the key towards provider {name:?} (only mode \"passthrough\" needs none)",
                below(path, &format!("keys/{key_env}"))
            ),
        }
    }
}

/// The full name of a stack's parameter.
pub(crate) fn below(path: &str, name: &str) -> String {
    format!("{}/{name}", path.trim_end_matches('/'))
}
