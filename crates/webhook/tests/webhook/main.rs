//! Webhooks against receivers on this machine.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod delivery;
mod guard;
mod names;
mod proxies;
mod receiver;
mod secrets;
mod signing;
mod silence;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use offpeak_core::ports::Delivery;
use offpeak_webhook::{Client, Config, Resolve};
use secrecy::SecretString;

const ID: &str = "msg_5a5a5a5a5a5a5a5a";
/// The bytes 0 to 31.
const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const NOW_S: u64 = 1_795_886_400;
const BODY: &str = r#"{"id":"evt_1","object":"event","type":"batch.completed","created_at":1795886400,"data":{"id":"batch_1","note":"é"}}"#;

/// No test waits for these: where one does not say so, time does not run out.
fn config(allow_private: bool) -> Config {
    Config { allow_private, connect_timeout: Duration::from_mins(1), timeout: Duration::from_mins(1) }
}

/// Reaches this machine.
fn near() -> Client {
    Client::new(&config(true)).unwrap()
}

/// As it is deployed, but for who resolves names.
fn strict(resolver: &Arc<impl Resolve + 'static>) -> Client {
    resolving(&config(false), resolver)
}

fn resolving(config: &Config, resolver: &Arc<impl Resolve + 'static>) -> Client {
    let resolver = Arc::clone(resolver);
    Client::with_resolver(config, resolver).unwrap()
}

fn delivery(url: impl Into<String>) -> Delivery {
    Delivery {
        url: url.into(),
        id: ID.to_owned(),
        body: Bytes::from_static(BODY.as_bytes()),
        secrets: vec![SecretString::from(SECRET)],
    }
}
