//! Which server is called, and with which key.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use offpeak_config::environment::{secret, text};
use reqwest::Url;
use secrecy::SecretString;

use super::client::Client;
use super::tries::{BRIEF, LONG};

/// Where Offpeak listens unless it is told otherwise.
const DEFAULT: &str = "http://127.0.0.1:8080/v1";

/// The variables that hold a key, in the order in which they are looked at.
const KEYS: [&str; 2] = ["OFFPEAK_API_KEY", "OPENAI_API_KEY"];

/// Which server.
#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
pub(super) struct Target {
    /// Base URL of an Offpeak or of OpenAI, `/v1` included; without it `OPENAI_BASE_URL` holds [default: <http://127.0.0.1:8080/v1>]
    #[arg(long, env = "OFFPEAK_URL", value_name = "URL", hide_env_values = true)]
    url: Option<String>,
    /// The environment variable that holds the API key [default: `OFFPEAK_API_KEY`, or else `OPENAI_API_KEY`]
    #[arg(long, value_name = "NAME")]
    api_key_env: Option<String>,
    /// How long to go on trying a call that fails in passing [default: 10m where a batch is made, waited for or fetched; else 10s]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    retry_for: Option<Duration>,
}

impl Target {
    /// A client for a command that looks, and is soon done.
    ///
    /// # Errors
    /// The address is none, or there is no such key.
    pub(super) fn brief(&self) -> anyhow::Result<Client> {
        self.client(BRIEF)
    }

    /// A client for a command that has time.
    ///
    /// # Errors
    /// As [`Self::brief`].
    pub(super) fn patient(&self) -> anyhow::Result<Client> {
        self.client(LONG)
    }

    fn client(&self, patience: Duration) -> anyhow::Result<Client> {
        Client::new(self.base()?, self.key()?.as_ref(), self.retry_for.unwrap_or(patience))
    }

    fn base(&self) -> anyhow::Result<Url> {
        let given = self.url.clone().filter(|url| !url.is_empty());
        let named = given.or_else(|| text("OPENAI_BASE_URL").filter(|url| !url.is_empty()));
        base(named.as_deref().unwrap_or(DEFAULT))
    }

    fn key(&self) -> anyhow::Result<Option<SecretString>> {
        let Some(name) = &self.api_key_env else { return Ok(KEYS.into_iter().find_map(secret)) };
        // Whoever gives the key itself here must not see it repeated.
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        ensure!(is_name && !name.is_empty(), "--api-key-env takes the name of an environment variable, not a key");
        secret(name).map(Some).with_context(|| format!("--api-key-env: the variable {name} is not set"))
    }
}

/// A base URL without what does not belong to it. What stands before an `@` would be a secret, and is never repeated.
fn base(text: &str) -> anyhow::Result<Url> {
    let mut base: Url =
        text.parse().ok().context("--url: this is no URL; write one such as http://127.0.0.1:8080/v1")?;
    let is_http = matches!(base.scheme(), "http" | "https") && base.host().is_some();
    ensure!(is_http, "--url: this is no URL of http or https");
    let is_anonymous = base.username().is_empty() && base.password().is_none();
    ensure!(is_anonymous, "--url: a URL with a name or a password is not taken; the key comes from the environment");
    base.set_query(None);
    base.set_fragment(None);
    let path = base.path().trim_end_matches('/').to_owned();
    base.set_path(&path);
    Ok(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_has_one_spelling() {
        for text in ["http://localhost:8080/v1", "http://localhost:8080/v1/", "http://LOCALHOST:8080/v1?a=b#c"] {
            assert_eq!(base(text).unwrap().as_str(), "http://localhost:8080/v1", "{text}");
        }
    }

    #[test]
    fn what_is_no_plain_url_is_refused_and_not_repeated() {
        for text in ["", "localhost:8080", "ftp://secret-host/v1", "http://me:secret@host/v1", "secret"] {
            let refused = base(text).unwrap_err();
            assert!(!format!("{refused:#}").contains("secret"), "{refused:#}");
        }
    }
}
