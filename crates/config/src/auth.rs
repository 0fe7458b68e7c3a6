//! `[auth]`: who may call.

use std::net::SocketAddr;

use crate::document::Document;
use crate::place::{Place, Surroundings};
use crate::problem::{Given, Origin, Problems};
use crate::value;

/// Who may call.
#[derive(Debug, Clone)]
pub struct Auth {
    /// `mode`. Default: `open` where only this machine can connect, else `keys`. On AWS `keys`, and never `open`.
    pub mode: Mode,
    /// `relay_allow`: in `keys` mode, the beginnings of paths that are relayed to the upstream although they are no
    /// jobs, each from `/v1/`. Default none.
    pub relay_allow: Vec<String>,
}

/// How callers are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// By API keys that `offpeak keys` made.
    Keys,
    /// By their own keys towards the provider, which are used there.
    Passthrough,
    /// Not at all: everybody is one tenant. Only on a loopback address.
    Open,
}

impl Mode {
    /// Every mode by its name in the file.
    pub(crate) const NAMES: [(&'static str, Self); 3] =
        [("keys", Self::Keys), ("passthrough", Self::Passthrough), ("open", Self::Open)];

    /// The name in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Passthrough => "passthrough",
            Self::Open => "open",
        }
    }

    /// The mode of an address if none is chosen.
    pub fn of_address(listen: SocketAddr) -> Self {
        if listen.ip().to_canonical().is_loopback() { Self::Open } else { Self::Keys }
    }
}

/// What the gateway's key could reach and no tenant may see: other tenants' objects.
const SHARED: [&str; 18] = [
    "/v1/assistants",
    "/v1/batches",
    "/v1/chat/completions",
    "/v1/chatkit",
    "/v1/containers",
    "/v1/conversations",
    "/v1/evals",
    "/v1/files",
    "/v1/fine_tuning",
    "/v1/jobs",
    "/v1/organization",
    "/v1/projects",
    "/v1/responses",
    "/v1/skills",
    "/v1/threads",
    "/v1/uploads",
    "/v1/vector_stores",
    "/v1/videos",
];

impl Auth {
    pub(crate) fn read(
        document: &mut Document<'_>,
        around: Surroundings<'_>,
        listen: SocketAddr,
        problems: &mut Problems,
    ) -> Self {
        let mut section = document.table("auth", problems);
        let mode = section.text("mode", problems);
        let mode = problems.read_either(mode, around.flags.auth(), |text| value::word(text, &Mode::NAMES));
        let default = match around.place {
            Place::Machine => Mode::of_address(listen),
            Place::Lambda => Mode::Keys,
        };
        let mode = mode.unwrap_or(Given { value: default, origin: Origin::Nowhere, key: "mode" });
        if mode.value == Mode::Open && default != Mode::Open {
            problems.refuse(&mode, exposed(around.place, listen));
        }
        let mut relay_allow = Vec::new();
        for prefix in section.texts("relay_allow", problems) {
            let Some(prefix) = problems.read(Some(prefix), |text| relayed(text)) else { continue };
            if mode.value != Mode::Keys {
                let what =
                    format!("only mode \"keys\" has such a list; mode \"{}\" relays every path", mode.value.name());
                problems.refuse(&prefix, what);
            }
            relay_allow.push(prefix.value);
        }
        section.finish(problems);
        Self { mode: mode.value, relay_allow }
    }
}

/// Why a place cannot be open.
fn exposed(place: Place, listen: SocketAddr) -> String {
    match place {
        Place::Machine => format!(
            "\"open\" on {listen} would let everybody who can connect spend your key; allowed there: \"keys\", \
             \"passthrough\" (or listen on 127.0.0.1)"
        ),
        Place::Lambda => {
            "\"open\" on AWS would let everybody who finds the URL spend your key; allowed there: \"keys\", \
                          \"passthrough\""
                .to_owned()
        }
    }
}

/// A path prefix that may be relayed with the gateway's key.
fn relayed(text: &str) -> Result<String, String> {
    let path = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    if !text.starts_with("/v1/") || text.contains("..") || text.contains("//") || !text.bytes().all(path) {
        return Err(format!("{text:?} is not the beginning of a path; write one such as \"/v1/audio/\""));
    }
    match SHARED.iter().find(|shared| text.starts_with(**shared) || shared.starts_with(text)) {
        Some(shared) => Err(format!(
            "{text:?} would show every caller what others have stored under {shared}; allowed: prefixes apart from it, \
             such as \"/v1/audio/\""
        )),
        None => Ok(text.to_owned()),
    }
}
