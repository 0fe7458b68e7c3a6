//! `[auth]`: who may call.

use std::net::SocketAddr;

use super::document::Document;
use super::flags::Flags;
use super::problem::{Given, Origin, Problems};
use super::value;

/// Who may call.
#[derive(Debug, Clone)]
pub(crate) struct Auth {
    /// `mode`. Default: `open` where only this machine can connect, else `keys`.
    pub(crate) mode: Mode,
    /// `relay_allow`: in `keys` mode, the beginnings of paths that are relayed to the upstream although they are no
    /// jobs, each from `/v1/`. Default none.
    pub(crate) relay_allow: Vec<String>,
}

/// How callers are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// By API keys that `offpeak keys` made.
    Keys,
    /// By their own keys towards the provider, which are used there.
    Passthrough,
    /// Not at all: everybody is one tenant. Only on a loopback address.
    Open,
}

impl Mode {
    /// Every mode by its name in the file.
    pub(super) const NAMES: [(&'static str, Self); 3] =
        [("keys", Self::Keys), ("passthrough", Self::Passthrough), ("open", Self::Open)];

    /// The name in the file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Passthrough => "passthrough",
            Self::Open => "open",
        }
    }

    /// The mode of an address if none is chosen.
    pub(crate) fn of_address(listen: SocketAddr) -> Self {
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
    pub(super) fn read(
        document: &mut Document<'_>,
        flags: &Flags,
        listen: SocketAddr,
        problems: &mut Problems,
    ) -> Self {
        let mut section = document.table("auth", problems);
        let mode = section.text("mode", problems);
        let mode = problems.read_either(mode, flags.auth(), |text| value::word(text, &Mode::NAMES));
        let default = Given { value: Mode::of_address(listen), origin: Origin::Nowhere, key: "mode" };
        let mode = mode.unwrap_or(default);
        if mode.value == Mode::Open && Mode::of_address(listen) != Mode::Open {
            let what = format!(
                "\"open\" on {listen} would let everybody who can connect spend your key; allowed there: \"keys\", \
                 \"passthrough\" (or listen on 127.0.0.1)"
            );
            problems.refuse(&mode, what);
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
