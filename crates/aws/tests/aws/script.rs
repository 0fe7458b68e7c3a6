//! A service that answers by a script, to say what the emulator never says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws_sdk_s3::config::BehaviorVersion;
use aws_sdk_sqs::config::{Credentials, Region};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use offpeak_aws::{Options, Store};

use super::world::World;

/// What is answered next, and what was asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// A call as it was sent.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) body: String,
    pub(crate) range: Option<String>,
    pub(crate) if_match: Option<String>,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Script {
    /// One more answer.
    pub(crate) fn then(self, status: u16, body: &str) -> Self {
        self.then_with(status, &[], body)
    }

    /// One more answer, with headers.
    pub(crate) fn then_with(self, status: u16, headers: &[(&'static str, &str)], body: &str) -> Self {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.answers.lock().unwrap().push_back(Answer { status, headers, body: body.to_owned() });
        self
    }

    /// Everything that was asked; the script must be at its end.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        assert!(self.answers.lock().unwrap().is_empty(), "answers that nobody asked for");
        self.asked.lock().unwrap().clone()
    }

    /// The script as an HTTP client.
    pub(crate) fn client(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| connector.clone())
    }

    /// The ports, with this script as SQS and as S3.
    pub(crate) async fn store(&self) -> Store {
        let World { mut clients, mut resources } = World::shared().await;
        let credentials = Credentials::new("test", "test", None, None, "tests");
        let sqs = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(credentials.clone())
            .retry_config(RetryConfig::disabled())
            .http_client(self.client());
        let s3 = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(credentials)
            .retry_config(RetryConfig::disabled())
            .http_client(self.client());
        clients.sqs = aws_sdk_sqs::Client::from_conf(sqs.build());
        clients.s3 = aws_sdk_s3::Client::from_conf(s3.build());
        resources.queues = [("soon".to_owned(), "https://sqs.test/soon".to_owned())].into();
        Store::new(clients, resources, Options::default())
    }
}

impl HttpConnector for Script {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let header = |name| request.headers().get(name).map(str::to_owned);
        let body = request.body().bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let asked = Asked { body: body.unwrap_or_default(), range: header("range"), if_match: header("if-match") };
        self.asked.lock().unwrap().push(asked);
        let answer = self.answers.lock().unwrap().pop_front().unwrap();
        let status = StatusCode::try_from(answer.status).unwrap();
        let mut response = HttpResponse::new(status, SdkBody::from(answer.body));
        for (name, value) in answer.headers {
            response.headers_mut().insert(name, value);
        }
        HttpConnectorFuture::ready(Ok(response))
    }
}
