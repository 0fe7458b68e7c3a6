//! The calls that the functions made, as their logs tell them.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{Aws, Function, Stack, now_ms};

/// What an answer holds at most.
const PAGE: usize = 10_000;

/// An attempt at a call.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who made it.
    pub function: Function,
    /// When, Unix milliseconds.
    pub at_ms: u64,
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
    /// When each invocation ended, with or without calls, by whose it was and by its log stream.
    ended_ms: BTreeMap<(Function, String), u64>,
    /// Lines that a deployment writes which does not log its calls: whose, when, and how many bytes.
    lines: Vec<(Function, u64, u64)>,
}

impl Calls {
    /// Reads what was logged from `from_ms` on (Unix milliseconds). The emulator keeps back lines that it has not read
    /// when an invocation ends, and shows them with the next one in that environment, or never.
    pub async fn logged(aws: &Aws, stack: &Stack, from_ms: u64) -> Self {
        let mut found = Self::default();
        let to_ms = now_ms() + 1;
        for function in stack.functions() {
            let group = log_group(aws, stack.function(function)).await;
            for event in events(aws, &group, from_ms, to_ms).await {
                found.add(function, &event);
            }
        }
        found
    }

    fn add(&mut self, function: Function, event: &Value) {
        let stream = event["logStreamName"].as_str().expect("a stream").to_owned();
        let shown_ms = event["timestamp"].as_u64().expect("a time");
        self.ended_ms.entry((function, stream)).or_insert(shown_ms);
        let line = event["message"].as_str().expect("a message");
        let Ok(told) = serde_json::from_str::<Value>(line) else { return };
        let written = told["timestamp"].as_str().and_then(|time| time.parse::<Timestamp>().ok());
        let written_ms = written.and_then(|time| u64::try_from(time.as_millisecond()).ok());
        let at_ms = written_ms.unwrap_or_else(|| panic!("no time: {line}"));
        if told["target"] != "offpeak_aws::calls" {
            // CloudWatch counts 26 bytes for each event besides its text.
            if !matches!(told["level"].as_str(), Some("DEBUG" | "TRACE")) {
                self.lines.push((function, at_ms, line.len() as u64 + 26));
            }
            return;
        }
        let text = |field: &str| told[field].as_str().unwrap_or_else(|| panic!("no {field}: {line}")).to_owned();
        self.calls.push(Call {
            function,
            at_ms,
            service: text("service"),
            operation: text("operation"),
            resource: text("resource"),
            request_bytes: told["request_bytes"].as_u64().unwrap_or_default(),
            entries: told["entries"].as_u64().unwrap_or(1),
        });
    }

    /// What was logged within a span of time, Unix milliseconds.
    #[must_use]
    pub fn within(&self, span: &Range<u64>) -> Self {
        let mut part = self.clone();
        part.calls.retain(|call| span.contains(&call.at_ms));
        part.ended_ms.retain(|_, ended_ms| span.contains(ended_ms));
        part.lines.retain(|(_, at_ms, _)| span.contains(at_ms));
        part
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
        self.ended_ms.keys().filter(|(invoked, _)| *invoked == function).count() as u64
    }

    /// Bytes of a function's log as a deployment writes it which does not log its calls.
    pub fn log_bytes_of(&self, function: Function) -> u64 {
        self.lines.iter().filter(|(writer, ..)| *writer == function).map(|(.., bytes)| bytes).sum()
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
