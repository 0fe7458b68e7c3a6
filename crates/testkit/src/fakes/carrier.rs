//! What carries webhooks, in memory: what was sent is kept, and what is answered is said beforehand.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::ports::{Deliver, Delivered, Delivery, Forbidden, NotAdmitted};
use parking_lot::Mutex;
use secrecy::ExposeSecret;
use serde_json::Value;

/// What carries webhooks. Clones share what was sent.
#[derive(Debug, Clone, Default)]
pub struct Carrier {
    sent: Arc<Mutex<Vec<Sent>>>,
    answers: Arc<Mutex<VecDeque<Delivered>>>,
}

/// A message as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// To where.
    pub url: String,
    /// Its `webhook-id`.
    pub id: String,
    /// Its body.
    pub body: Value,
    /// What signed it, newest first.
    pub secrets: Vec<String>,
}

impl Carrier {
    /// What the next messages are answered, in their order; all others 200.
    pub fn answer(&self, answers: impl IntoIterator<Item = Delivered>) {
        self.answers.lock().extend(answers);
    }

    /// What was sent since the last time.
    pub fn take(&self) -> Vec<Sent> {
        std::mem::take(&mut *self.sent.lock())
    }
}

#[async_trait]
impl Deliver for Carrier {
    /// Whatever begins with `https://` may be called, but for the host `private`.
    async fn admit(&self, url: &str) -> Result<(), NotAdmitted> {
        match url.strip_prefix("https://") {
            None => Err(Forbidden::NotHttps.into()),
            Some(rest) if rest.starts_with("private") => Err(Forbidden::Address.into()),
            Some(_) => Ok(()),
        }
    }

    async fn deliver(&self, delivery: &Delivery, _: u64) -> Delivered {
        self.sent.lock().push(Sent {
            url: delivery.url.clone(),
            id: delivery.id.clone(),
            body: serde_json::from_slice(&delivery.body).unwrap_or_default(),
            secrets: delivery.secrets.iter().map(|secret| secret.expose_secret().to_owned()).collect(),
        });
        self.answers.lock().pop_front().unwrap_or(Delivered::Answered { status: 200 })
    }
}
