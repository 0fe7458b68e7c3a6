//! The calls that the functions made, as their logs tell them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{Aws, Function, Stack};

/// What an answer holds at most.
const PAGE: usize = 10_000;

/// An attempt at a call.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who made it.
    pub function: Function,
    /// The invocation in which it was made.
    pub invocation: String,
    /// The service, as its SDK names it.
    pub service: String,
    /// The operation.
    pub operation: String,
    /// The table, queue, bucket, path or key.
    pub resource: String,
    /// The bytes of the request's body.
    pub request_bytes: u64,
    /// The keys or items of a request for several; else 1.
    pub entries: u64,
}

/// What the functions logged in a span of time.
#[derive(Debug, Clone, Default)]
pub struct Calls {
    /// Every call.
    pub calls: Vec<Call>,
    /// Every invocation, with or without calls, and whose it was.
    pub invocations: BTreeSet<(Function, String)>,
    /// Bytes of log lines that a deployment writes which does not log its calls.
    pub log_bytes: BTreeMap<Function, u64>,
}

impl Calls {
    /// Reads what was logged from `from_ms` on and before `to_ms` (Unix milliseconds).
    pub async fn logged(aws: &Aws, stack: &Stack, from_ms: u64, to_ms: u64) -> Self {
        let mut found = Self::default();
        for function in Function::ALL {
            let group = log_group(aws, stack.function(function)).await;
            for event in events(aws, &group, from_ms, to_ms).await {
                found.add(function, &event);
            }
        }
        found
    }

    fn add(&mut self, function: Function, event: &Value) {
        let invocation = event["logStreamName"].as_str().expect("a stream").to_owned();
        self.invocations.insert((function, invocation.clone()));
        let line = event["message"].as_str().expect("a message");
        let Ok(told) = serde_json::from_str::<Value>(line) else { return };
        if told["target"] != "offpeak_aws::calls" {
            // CloudWatch counts 26 bytes for each event besides its text.
            let is_usual = !matches!(told["level"].as_str(), Some("DEBUG" | "TRACE"));
            *self.log_bytes.entry(function).or_default() += if is_usual { line.len() as u64 + 26 } else { 0 };
            return;
        }
        let text = |field: &str| told[field].as_str().unwrap_or_else(|| panic!("no {field}: {line}")).to_owned();
        self.calls.push(Call {
            function,
            invocation,
            service: text("service"),
            operation: text("operation"),
            resource: text("resource"),
            request_bytes: told["request_bytes"].as_u64().unwrap_or_default(),
            entries: told["entries"].as_u64().unwrap_or(1),
        });
    }

    /// The calls of one function.
    pub fn of(&self, function: Function) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(move |call| call.function == function)
    }

    /// The same but for the calls on one resource.
    #[must_use]
    pub fn without(&self, resource: &str) -> Self {
        let mut rest = self.clone();
        rest.calls.retain(|call| call.resource != resource);
        rest
    }

    /// How many invocations a function had.
    pub fn invocations_of(&self, function: Function) -> u64 {
        self.invocations.iter().filter(|invocation| invocation.0 == function).count() as u64
    }
}

/// Where a function logs.
async fn log_group(aws: &Aws, function: &str) -> String {
    let told = aws.get("lambda", &format!("/2015-03-31/functions/{function}/configuration")).await.json();
    told["LoggingConfig"]["LogGroup"].as_str().map_or_else(|| format!("/aws/lambda/{function}"), str::to_owned)
}

/// The events of a group; a span that holds more than a page is halved until none does.
async fn events(aws: &Aws, group: &str, from_ms: u64, to_ms: u64) -> Vec<Value> {
    let mut spans = vec![(from_ms, to_ms)];
    let mut events = Vec::new();
    while let Some((from_ms, to_ms)) = spans.pop() {
        let input = json!({"logGroupName": group, "startTime": from_ms, "endTime": to_ms - 1, "limit": PAGE});
        let mut page = aws.json("Logs_20140328.FilterLogEvents", &input).await;
        let found = page["events"].as_array_mut().expect("events");
        if found.len() < PAGE {
            events.append(found);
            continue;
        }
        assert!(to_ms - from_ms > 1, "more than {PAGE} events in a millisecond");
        let middle_ms = from_ms.midpoint(to_ms);
        spans.extend([(from_ms, middle_ms), (middle_ms, to_ms)]);
    }
    events
}
