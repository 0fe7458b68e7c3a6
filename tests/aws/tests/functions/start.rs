//! How a function starts, or refuses to, and how it streams: seen at its Runtime API.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use offpeak_simulator::Options;
use offpeak_testkit::emulator::Emulator;
use offpeak_testkit::samples::Namespace;
use offpeak_tests::{Home, Upstream, workspace};
use offpeak_tests_aws::{Aws, Function, LocalFunction, Reply, Tables};
use serde_json::{Value, json};

/// The provider's key, which no log may hold.
const KEY: &str = "sk-never-to-be-logged";
/// What is left to an invocation when it begins.
const INVOCATION: Duration = Duration::from_mins(1);

/// What a function is started with.
struct Start {
    aws: Aws,
    path: String,
    variables: BTreeMap<&'static str, String>,
    home: Home,
}

impl Start {
    /// As a stack of its own would start it, before this upstream.
    async fn complete(upstream: &str) -> Self {
        let aws = Aws::at(Emulator::shared().url());
        let name = Namespace::fresh().name("start");
        let tables = Tables::create(&aws, &name).await;
        let path = format!("/offpeak/{name}/");
        let mut variables: BTreeMap<_, _> = tables.variables().into_iter().collect();
        variables.extend([
            ("AWS_ENDPOINT_URL", aws.url().to_owned()),
            ("OFFPEAK_PARAMETERS", path.clone()),
            ("OFFPEAK_JOB_INDEX", "false".to_owned()),
            ("OFFPEAK_OBJECT_DAYS", "60".to_owned()),
            ("OFFPEAK_S3_PATH_STYLE", "true".to_owned()),
            ("OFFPEAK_UPSTREAM", upstream.to_owned()),
            ("OFFPEAK_AUTH", "keys".to_owned()),
            ("OFFPEAK_WINDOW", "1s".to_owned()),
            ("OFFPEAK_POLL_INTERVAL", "200ms".to_owned()),
            ("OFFPEAK_FRONT_DOOR", "http-api".to_owned()),
        ]);
        let start = Self { aws, path, variables, home: Home::new() };
        start.put("keys/OPENAI_API_KEY", "SecureString", KEY).await;
        start
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.insert(name, value.to_owned());
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    async fn put(&self, name: &str, kind: &str, value: &str) {
        let input = json!({"Name": format!("{}{name}", self.path), "Type": kind, "Value": value, "Overwrite": true});
        self.aws.json("AmazonSSM.PutParameter", &input).await;
    }

    async fn delete(&self, name: &str) {
        let input = json!({"Name": format!("{}{name}", self.path)});
        self.aws.json("AmazonSSM.DeleteParameter", &input).await;
    }

    async fn function(&self, function: Function) -> LocalFunction {
        let variables: Vec<(&str, &str)> = self.variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        LocalFunction::start(&binary(function), &variables, &self.home.join(function.logical())).await
    }

    /// Every function that reads `what` must end with an error, and its log must name all of `named`.
    async fn is_refused(&self, functions: &[Function], named: &[&str]) {
        for function in functions {
            let mut local = self.function(*function).await;
            let ended = local.refuses().await;
            let log = local.log();
            assert!(!ended.success(), "{function:?} ended as if all were well: {log}");
            for name in named {
                assert!(log.contains(name), "{function:?} does not name {name}: {log}");
            }
            assert!(!log.contains(KEY), "{function:?} logs a secret: {log}");
        }
    }
}

/// What `make build-aws` made of a function.
fn binary(function: Function) -> PathBuf {
    let path = workspace().join(format!(".aws-sam/tests/{}/bootstrap", function.logical()));
    assert!(path.is_file(), "{} is not built: run `make build-aws` first", path.display());
    path
}

/// A simulator that takes half a second for a batch.
async fn upstream() -> Upstream {
    Upstream::start(Options { batch_delay_ms: 500, ..Options::default() }).await
}

const NOBODY: &str = "http://127.0.0.1:9/v1";

#[tokio::test]
async fn a_complete_environment_is_accepted_by_every_function() {
    let start = Start::complete(NOBODY).await;
    for function in Function::CONFIGURED {
        let mut local = start.function(function).await;
        local.ready().await;
        assert!(!local.log().contains(KEY), "{function:?} logs a secret");
    }
}

#[tokio::test]
async fn a_missing_variable_is_named() {
    for name in ["OFFPEAK_JOBS_TABLE", "OFFPEAK_BUCKET", "OFFPEAK_QUEUES", "OFFPEAK_PARAMETERS"] {
        Start::complete(NOBODY).await.without(name).is_refused(&Function::CONFIGURED, &[name]).await;
    }
}

#[tokio::test]
async fn a_missing_secret_is_named() {
    let start = Start::complete(NOBODY).await;
    start.delete("keys/OPENAI_API_KEY").await;
    let parameter = format!("{}keys/OPENAI_API_KEY", start.path);
    start.is_refused(&Function::CONFIGURED, &[&parameter]).await;
}

#[tokio::test]
async fn a_missing_secret_of_another_provider_is_named() {
    let start = Start::complete(NOBODY).await;
    let other = "[[provider]]\nname = \"openai\"\n[[provider]]\nname = \"other\"\nkey_env = \"OTHER_KEY\"\n";
    start.put("config", "String", other).await;
    let parameter = format!("{}keys/OTHER_KEY", start.path);
    start.is_refused(&Function::CONFIGURED, &[&parameter, "other"]).await;
}

#[tokio::test]
async fn keys_that_nothing_would_seal_are_refused() {
    let start = Start::complete(NOBODY).await.with("OFFPEAK_AUTH", "passthrough");
    start.is_refused(&Function::CONFIGURED, &["Auth=passthrough"]).await;
}

#[tokio::test]
async fn webhooks_whose_secrets_nothing_would_seal_are_refused() {
    let start = Start::complete(NOBODY).await.with("OFFPEAK_WEBHOOKS", "true");
    start.is_refused(&Function::CONFIGURED, &["Webhooks=true"]).await;
}

#[tokio::test]
async fn routes_to_where_nothing_runs_are_refused() {
    for (backend, parameter) in [("live", "Live=true"), ("fleet", "Fleet=workers")] {
        let start = Start::complete(NOBODY).await;
        start.put("config", "String", &format!("[[route]]\nmodel = \"own-*\"\nbackend = \"{backend}\"\n")).await;
        start.put("keys/OFFPEAK_WORKER_KEY", "SecureString", "wk-of-nobody").await;
        start.is_refused(&Function::CONFIGURED, &[parameter]).await;
    }
}

#[tokio::test]
async fn an_odd_parameter_is_named() {
    let all = Function::CONFIGURED;
    Start::complete(NOBODY).await.with("OFFPEAK_HOLD", "30s").is_refused(&all, &["Hold", "25s"]).await;
    Start::complete(NOBODY).await.with("OFFPEAK_AUTH", "open").is_refused(&all, &["Auth", "open"]).await;
    Start::complete(NOBODY).await.with("OFFPEAK_WINDOW", "soonish").is_refused(&all, &["Window"]).await;
    Start::complete(NOBODY).await.with("OFFPEAK_JOB_INDEX", "maybe").is_refused(&all, &["JobIndex"]).await;
    Start::complete(NOBODY).await.with("OFFPEAK_WEBHOOKS", "maybe").is_refused(&all, &["Webhooks"]).await;
    Start::complete(NOBODY).await.with("OFFPEAK_LIVE", "maybe").is_refused(&all, &["Live"]).await;
    Start::complete(NOBODY).await.with("OFFPEAK_LOG", "loud").is_refused(&all, &["LogLevel"]).await;
}

#[tokio::test]
async fn objects_that_would_go_before_their_results_are_refused() {
    let start = Start::complete(NOBODY).await.with("OFFPEAK_OBJECT_DAYS", "20");
    start.is_refused(&Function::CONFIGURED, &["ObjectDays"]).await;
}

#[tokio::test]
async fn a_configuration_that_cannot_be_read_is_named_with_its_line() {
    let start = Start::complete(NOBODY).await;
    start.put("config", "String", "[waiting]\nretry_after = \"1s\"\nhodl = \"5s\"\n").await;
    let parameter = format!("{}config:3", start.path);
    start.is_refused(&Function::CONFIGURED, &[&parameter, "hodl"]).await;
}

/// An event of a Function URL, payload format 2.0.
fn event(method: &str, path: &str, key: &str, body: Option<&Value>) -> Value {
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "", "isBase64Encoded": false,
        "headers": {"content-type": "application/json", "authorization": format!("Bearer {key}"), "host": "local"},
        "requestContext": {
            "accountId": "anonymous", "apiId": "local", "domainName": "local", "domainPrefix": "local",
            "requestId": "r", "routeKey": "$default", "stage": "$default", "time": "21/Nov/2026:00:00:00 +0000",
            "timeEpoch": 1_795_219_200_000_u64,
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "t"},
        },
        "body": body.map(Value::to_string),
    })
}

/// A streamed answer: its prelude, and then the body as it comes.
async fn prelude(reply: &mut Reply) -> (Value, Vec<u8>) {
    let mut head = Vec::new();
    loop {
        if let Some(at) = head.windows(8).position(|bytes| bytes == [0; 8]) {
            let body = head.split_off(at + 8);
            head.truncate(at);
            return (serde_json::from_slice(&head).unwrap(), body);
        }
        head.extend_from_slice(&reply.piece().await.unwrap());
    }
}

/// What the events of a stream say together, the last of which ends it.
fn said(stream: &str) -> String {
    assert!(stream.trim_end().ends_with("data: [DONE]"), "{stream}");
    let chunks = stream.lines().filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
    chunks.filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned)).collect()
}

/// A front door, the packer and the poller, and a key.
async fn trio(start: &Start) -> (LocalFunction, LocalFunction, LocalFunction, String) {
    let ready = async |function| {
        let mut local = start.function(function).await;
        local.ready().await;
        local
    };
    let operator = ready(Function::Operator).await;
    let made = operator.api.invoke(&json!({"command": "keys create", "tenant": "one"}), INVOCATION).await.json().await;
    let key = made["key"].as_str().unwrap_or_else(|| panic!("no key: {made}")).to_owned();
    (ready(Function::FrontDoor).await, ready(Function::Packer).await, ready(Function::Poller).await, key)
}

#[tokio::test]
async fn a_stream_behind_a_function_url_is_kept_alive_and_then_answered() {
    let upstream = upstream().await;
    let start = Start::complete(upstream.url()).await.with("OFFPEAK_FRONT_DOOR", "function-url");
    let (door, packer, poller, key) = trio(&start).await;
    let question =
        json!({"model": "gpt-4o-mini", "stream": true, "messages": [{"role": "user", "content": "hi there"}]});
    let mut reply = door.api.invoke(&event("POST", "/v1/chat/completions", &key, Some(&question)), INVOCATION).await;
    assert!(reply.streamed && !reply.failed);
    let (head, first) = prelude(&mut reply).await;
    assert_eq!(head["statusCode"], 200, "{head}");
    assert!(head["headers"]["content-type"].as_str().unwrap().starts_with("text/event-stream"), "{head}");
    // Its head is here and its job is not even packed: the rest can only come later.
    let mut seen = String::from_utf8(first).unwrap();
    while !seen.contains(':') {
        seen += std::str::from_utf8(&reply.piece().await.unwrap()).unwrap();
    }
    assert!(seen.starts_with(':') && !seen.contains("data:"), "an answer before the batch ran: {seen}");
    let ticks = async {
        packer.api.invoke(&json!({"class": "soon"}), 3 * INVOCATION).await.json().await;
        loop {
            poller.api.invoke(&json!({}), 3 * INVOCATION).await.json().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let rest = async {
        let mut pieces = Vec::new();
        while let Some(piece) = reply.piece().await {
            pieces.push(String::from_utf8(piece.to_vec()).unwrap());
        }
        pieces
    };
    let pieces = tokio::select! {
        pieces = rest => pieces,
        () = ticks => unreachable!("ticks never end"),
    };
    assert_eq!(said(&pieces.concat()), "echo: hi there");
}

#[tokio::test]
async fn behind_an_http_api_a_stream_is_refused_until_it_is_whole() {
    let upstream = upstream().await;
    let start = Start::complete(upstream.url()).await;
    let (door, packer, poller, key) = trio(&start).await;
    let question = json!({"model": "gpt-4o-mini", "stream": true, "messages": [{"role": "user", "content": "hello"}]});
    let ask = event("POST", "/v1/chat/completions", &key, Some(&question));
    let reply = door.api.invoke(&ask, INVOCATION).await;
    assert!(!reply.streamed, "an HTTP API takes whole answers");
    let answer = reply.json().await;
    assert_eq!(answer["statusCode"], 503, "{answer}");
    packer.api.invoke(&json!({"class": "soon"}), 3 * INVOCATION).await.json().await;
    let mut again = ask.clone();
    again["headers"]["x-stainless-retry-count"] = json!("1");
    let answer = offpeak_tests::until("the whole stream", offpeak_tests::PATIENCE, async || {
        poller.api.invoke(&json!({}), 3 * INVOCATION).await.json().await;
        let answer = door.api.invoke(&again, INVOCATION).await.json().await;
        (answer["statusCode"] == 200).then_some(answer)
    })
    .await;
    let body = answer["body"].as_str().unwrap();
    assert!(body.starts_with("data:"), "{answer}");
    assert_eq!(said(body), "echo: hello");
}

#[tokio::test]
async fn a_held_call_ends_within_its_hold() {
    let start = Start::complete(NOBODY).await.with("OFFPEAK_HOLD", "2s");
    let (door, _packer, _poller, key) = trio(&start).await;
    let question = json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]});
    let began = std::time::Instant::now();
    let answer = door.api.invoke(&event("POST", "/v1/chat/completions", &key, Some(&question)), INVOCATION).await;
    let answer = answer.json().await;
    let took = began.elapsed();
    assert_eq!(answer["statusCode"], 503, "{answer}");
    assert!((2..10).contains(&took.as_secs()), "held for {took:?}");
}
