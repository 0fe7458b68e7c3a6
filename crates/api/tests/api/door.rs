//! A front door over fakes, whose jobs a test ends by hand.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt;
use offpeak_api::{
    Abilities, Auth, BatchRules, Gateway, Pattern, Relay, Route, Routes, Rules, Target, Waiters, own_credential, router,
};
use offpeak_core::class::Rule;
use offpeak_core::ids::{JobId, ObjectName, SubmissionId, TenantId};
use offpeak_core::job::{Answer, Event, Transition, Usage};
use offpeak_core::ports::{
    Intake as _, Jobs as _, KeyRecord, Keys as _, MessageBody, Objects as _, Ports, Settings, Share, Telling, Written,
};
use offpeak_testkit::chaos::{Gate, Lost, behind};
use offpeak_testkit::fakes::{Carrier, Fakes, TokioClock};
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tower::ServiceExt;

/// What stands before the answer in its results object.
const BEFORE: &[u8] = b"{\"body\":";

/// What holds every packed job.
pub(crate) const SUBMISSION: SubmissionId = SubmissionId([7; 16]);

/// The front door and the stores behind it.
pub(crate) struct Door {
    pub(crate) fakes: Fakes,
    pub(crate) ports: Ports,
    app: Router,
    calls: Calls,
    /// What webhooks were sent.
    pub(crate) carrier: Carrier,
}

/// How often each port was called.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<BTreeMap<&'static str, usize>>>);

#[async_trait]
impl Gate for Calls {
    async fn before(&self, what: &'static str) -> Result<(), Lost> {
        *self.0.lock().entry(what).or_default() += 1;
        Ok(())
    }

    async fn after(&self, _: &'static str) -> Result<(), Lost> {
        Ok(())
    }
}

/// What came back, read to its end.
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Rules as a gateway has them that is not bounded, but holds no call.
pub(crate) fn rules() -> Rules {
    Rules {
        hold_ms: 0,
        not_ready_status: 503,
        retry_after_s: 20,
        redirect: false,
        max_body_bytes: 1 << 20,
        max_file_bytes: 1 << 20,
        batches: BatchRules::default(),
        deadline_ms: 3_600_000,
        relay_allow: Vec::new(),
        look_ms: 30_000,
        stream_hold_ms: None,
        response_bytes: None,
        relay_bytes: None,
        relay_ms: None,
    }
}

impl Door {
    pub(crate) fn new(rules: Rules) -> Self {
        Self::with(rules, None, false)
    }

    pub(crate) fn sharing(rules: Rules) -> Self {
        Self::with(rules, None, true)
    }

    pub(crate) fn relaying(rules: Rules, relay: Arc<dyn Relay>) -> Self {
        Self::with(rules, Some(relay), false)
    }

    /// For two tenants, `acme` and `zenith`, whose keys are their names.
    pub(crate) async fn keyed(rules: Rules) -> Self {
        let door = Self::build(rules, None, false, Auth::Keys);
        for name in ["acme", "zenith"] {
            let (hash, tenant) = (Sha256::digest(name).into(), TenantId::from(name));
            let record = KeyRecord { hash, tenant, hint: String::new(), created_ms: 0, revoked_ms: None };
            door.fakes.keys.create(record).await.unwrap();
        }
        door
    }

    fn with(rules: Rules, relay: Option<Arc<dyn Relay>>, sharing: bool) -> Self {
        Self::build(rules, relay, sharing, Auth::Open)
    }

    fn build(rules: Rules, relay: Option<Arc<dyn Relay>>, sharing: bool, auth: Auth) -> Self {
        let fakes = Fakes::new(&TokioClock::default(), 1);
        let fakes = Fakes { credentials: fakes.credentials.clone().with(&own_credential("openai"), "sk-own"), ..fakes };
        let rule = Rule::Window { window_ms: 60_000, max_jobs: None };
        let settings = Settings {
            classes: BTreeMap::from([("soon".to_owned(), rule)]),
            telling: Telling { webhooks: true, bus: false },
            ..Settings::default()
        };
        let waiters = Arc::new(Waiters::default());
        let calls = Calls::default();
        let gate: Arc<dyn Gate> = Arc::new(calls.clone());
        let ports = behind(&fakes.ports(BTreeMap::new(), settings), &gate);
        let ports = Ports { wake: Arc::<Waiters>::clone(&waiters), ..ports };
        let route = |model: &str, upstream_model: Option<&str>| Route {
            model: Pattern::new(model),
            target: Target { upstream_model: upstream_model.map(str::to_owned), ..Target::to("openai") },
            then: Vec::new(),
            class: "soon".to_owned(),
            deadline_ms: None,
        };
        let routes = Routes(vec![route("a-longer-name", Some("large")), route("*", None)]);
        let carrier = Carrier::default();
        let abilities = Abilities {
            index: Some(Arc::new(fakes.jobs.clone())),
            walk: Some(Arc::new(fakes.jobs.clone())),
            relay,
            share: sharing.then(|| Arc::new(fakes.objects.clone()) as Arc<dyn Share>),
            deliver: Some(Arc::new(carrier.clone())),
            work: None,
        };
        let auth = (auth, Arc::new(fakes.keys.clone()) as Arc<_>);
        let app = router(Arc::new(Gateway::new(ports.clone(), waiters, auth, routes, rules, abilities)));
        Self { fakes, ports, app, calls, carrier }
    }

    /// What was called since the last time, by its name, as often as it was.
    pub(crate) fn called(&self) -> Vec<(&'static str, usize)> {
        std::mem::take(&mut *self.calls.0.lock()).into_iter().collect()
    }

    pub(crate) async fn send(&self, request: Request) -> Got {
        let (head, body) = self.app.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Got { status: head.status, headers: head.headers, body }
    }

    /// The same keyed chat completion each time, with these fields more.
    pub(crate) async fn chat(&self, more: &Value) -> Got {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "why?"}]});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let request = http::Request::post("/v1/chat/completions").header("idempotency-key", "k");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// A call of `/v1/responses` with these fields and headers beside the model.
    pub(crate) async fn respond(&self, fields: &Value, headers: &[(&str, &str)]) -> Got {
        let mut body = json!({"model": "m", "input": "why?"});
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        let mut request = http::Request::post("/v1/responses");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// Posts JSON.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Got {
        self.send(http::Request::post(path).body(Body::from(body.to_string())).unwrap()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Got {
        self.send(http::Request::delete(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Got {
        self.call(Method::GET, path).await
    }

    pub(crate) async fn call(&self, method: Method, path: &str) -> Got {
        let request = http::Request::builder().method(method).uri(path);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// The body of a message that waits, which is taken.
    pub(crate) async fn line(&self) -> Value {
        let received = self.fakes.intake.receive("soon", 1, 60_000, 0).await.unwrap().pop().unwrap();
        self.fakes.intake.delete("soon", vec![received.receipt]).await.unwrap();
        match received.message.body {
            MessageBody::Inline(body) => serde_json::from_slice(&body).unwrap(),
            MessageBody::At(at) => panic!("a body at {at:?}"),
        }
    }

    /// Gives the job an answer, as a collector does.
    pub(crate) async fn answer(&self, job: JobId, status: u16, body: &[u8]) {
        let object = ObjectName::from("results/one.jsonl");
        let mut writer = self.fakes.objects.create(&object).await.unwrap();
        writer.write(Bytes::from([BEFORE, body, b"}\n"].concat())).await.unwrap();
        writer.finish().await.unwrap();
        let (offset, length) = (BEFORE.len() as u64, body.len() as u64);
        let answer = Answer { status, object, offset, length, usage: Usage::default() };
        self.happens(job, Event::Claim(SUBMISSION)).await;
        self.happens(job, Event::Answer(answer)).await;
    }

    /// Takes an event to the job as it stands.
    pub(crate) async fn happens(&self, job: JobId, event: Event) {
        let when = self.fakes.jobs.row(job).unwrap().as_is();
        let step = Transition::new(job, when, event, 1).unwrap();
        assert_eq!(self.fakes.jobs.apply(vec![step]).await.unwrap(), [Written::Yes]);
    }
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn job(&self) -> JobId {
        self.header("x-offpeak-job").parse().unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The data of each event of a stream.
    pub(crate) fn events(&self) -> Vec<Value> {
        let data = self.text().lines().filter_map(|line| line.strip_prefix("data: "));
        data.map(|data| serde_json::from_str(data).unwrap()).collect()
    }

    /// The id of the response that it is, with this status; it names its job.
    pub(crate) fn response(&self, status: &str) -> String {
        let response = self.json();
        assert_eq!((self.status, &response["status"]), (StatusCode::OK, &json!(status)), "{response}");
        assert_eq!(response["id"], format!("resp_{}", self.job()));
        format!("resp_{}", self.job())
    }

    /// The JSON of a success.
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The parts of an error in OpenAI's envelope, which has all four keys: message, param and code.
    pub(crate) fn error(&self, status: u16) -> (String, Value, Value) {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        let error: Value = serde_json::from_slice(&self.body).unwrap();
        let keys: Vec<&String> = error["error"].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["code", "message", "param", "type"], "{error}");
        let error = &error["error"];
        (error["message"].as_str().unwrap().to_owned(), error["param"].clone(), error["code"].clone())
    }

    /// The code of an error in OpenAI's envelope.
    pub(crate) fn code(&self) -> String {
        let error: Value = serde_json::from_slice(&self.body).unwrap();
        error["error"]["code"].as_str().unwrap().to_owned()
    }
}
