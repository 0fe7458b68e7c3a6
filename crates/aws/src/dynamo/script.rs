//! A service that answers by a script.

use std::collections::VecDeque;
use std::sync::Arc;

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::{Client, Config};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::Item;

/// Replies in their order, and the bodies of the requests that took them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script(Arc<Mutex<Played>>);

#[derive(Debug, Default)]
struct Played {
    replies: VecDeque<(u16, String)>,
    requests: Vec<Value>,
}

impl Script {
    /// Statuses and bodies.
    pub(crate) fn new(replies: &[(u16, &str)]) -> Self {
        let replies = replies.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
        Self(Arc::new(Mutex::new(Played { replies, requests: Vec::new() })))
    }

    /// A client whose every call is answered from here.
    pub(crate) fn client(&self) -> Client {
        let script = self.clone();
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "script"))
            .http_client(http_client_fn(move |_, _| SharedHttpConnector::new(script.clone())))
            .build();
        Client::from_conf(config)
    }

    /// What was asked so far.
    pub(crate) fn requests(&self) -> Vec<Value> {
        self.0.lock().requests.clone()
    }
}

impl HttpConnector for Script {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut played = self.0.lock();
        let body = request.body().bytes().unwrap_or_default();
        played.requests.push(serde_json::from_slice(body).unwrap());
        let (status, body) = played.replies.pop_front().unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))))
    }
}

/// An item as DynamoDB writes it.
pub(crate) fn wire(item: &Item) -> Value {
    item.iter().map(|(name, value)| (name.clone(), wire_value(value))).collect()
}

fn wire_value(value: &AttributeValue) -> Value {
    if let Ok(text) = value.as_s() {
        return json!({ "S": text });
    }
    if let Ok(digits) = value.as_n() {
        return json!({ "N": digits });
    }
    if let Ok(blob) = value.as_b() {
        return json!({ "B": BASE64_STANDARD.encode(blob) });
    }
    json!({ "BOOL": value.as_bool().unwrap() })
}
