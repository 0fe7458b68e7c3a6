//! Wishes that a request carries in its `user` field: `sim-status-NNN` fails always, `sim-flaky-NNN` the first time.

use memchr::memmem;
use parking_lot::Mutex;
use serde::Deserialize;

use crate::endpoint::Endpoint;
use crate::ledger::DigestSet;
use crate::model::{Text, prompt_text};
use crate::refusal::Refusal;

/// The requests that failed once on demand.
#[derive(Default)]
pub(crate) struct Knobs {
    failed_once: Mutex<DigestSet>,
}

#[derive(Deserialize)]
struct User<'a> {
    #[serde(borrow, default)]
    user: Text<'a>,
}

impl Knobs {
    /// The refusal that the request in `body`, of that digest, asks for.
    pub(crate) fn refusal(&self, endpoint: Endpoint, body: &str, digest: u128) -> Option<Refusal> {
        memmem::find(body.as_bytes(), b"\"sim-")?;
        let user = serde_json::from_str::<User<'_>>(body).ok()?.user.0;
        let status = if let Some(status) = user.strip_prefix("sim-status-") {
            error_status(status)?
        } else {
            let status = error_status(user.strip_prefix("sim-flaky-")?)?;
            if !self.failed_once.lock().insert(digest) {
                return None;
            }
            status
        };
        let text = prompt_text(endpoint, body);
        Some(Refusal::new(status, format!("simulated {status} for {text}")).code("simulated"))
    }
}

/// The number, if it is the status of an error.
fn error_status(digits: &str) -> Option<u16> {
    digits.parse().ok().filter(|status| (400..600).contains(status))
}
