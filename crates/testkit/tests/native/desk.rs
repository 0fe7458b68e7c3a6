//! A desk at which files are stored and batches are driven to their end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use offpeak_core::batch::{Asked, Batch, InputRule};
use offpeak_core::endpoint::Endpoint;
use offpeak_core::file::{File, Purpose};
use offpeak_core::flows::advance::advance;
use offpeak_core::flows::batches::{self, NewBatch, drive_all};
use offpeak_core::flows::files::{self, NewFile, ReceiveError};
use offpeak_core::ids::{CredentialId, NativeBatchId, NativeFileId, TenantId};
use offpeak_core::ports::{Backend, Ports, Settings, Telling};
use offpeak_core::route::{Pattern, Route, Routes, Target};
use offpeak_core::submission::Limits;
use offpeak_core::timing::Timing;
use offpeak_testkit::fakes::{Fakes, TokioClock};
use offpeak_testkit::provider::{Script, ScriptedProvider};
use serde_json::Value;

/// A day in milliseconds.
pub(crate) const DAY_MS: u64 = 86_400_000;

pub(crate) struct Desk {
    pub(crate) fakes: Fakes,
    pub(crate) provider: ScriptedProvider,
    pub(crate) ports: Ports,
}

impl Desk {
    /// A provider that follows `script`, but holds no more than `limits`.
    pub(crate) fn new(script: Script, limits: Limits) -> Self {
        Self::with(script, limits, (routes(), Telling::default()))
    }

    /// In fair weather, with tenants that are told.
    pub(crate) fn telling() -> Self {
        Self::with(Script::calm(), Limits::OPENAI, (routes(), Telling { webhooks: true, bus: false }))
    }

    /// With other routes.
    pub(crate) fn routed(script: Script, limits: Limits, routes: Routes) -> Self {
        Self::with(script, limits, (routes, Telling::default()))
    }

    fn with(mut script: Script, limits: Limits, (routes, telling): (Routes, Telling)) -> Self {
        script.limits = limits;
        let clock = TokioClock::default();
        let fakes = Fakes::new(&clock, 1);
        let own = CredentialId::own;
        let credentials = fakes.credentials.with(&own("provider"), "secret").with(&own("second"), "secret");
        let fakes = Fakes { credentials, ..fakes };
        let provider = ScriptedProvider::new(&clock, 1, script);
        let backend: Arc<dyn Backend> = Arc::new(provider.clone());
        let timing = Timing { poll_interval_ms: 1_000, create_grace_ms: 5_000, ..Timing::default() };
        let settings = Settings { timing, routes, telling, ..Settings::default() };
        let ports = fakes.ports(BTreeMap::from([("provider".to_owned(), backend)]), settings);
        Self { fakes, provider, ports }
    }

    pub(crate) fn calm() -> Self {
        Self::new(Script::calm(), Limits::OPENAI)
    }

    /// Stores a file.
    pub(crate) async fn store(&self, text: &str, new: NewFile) -> Result<File, ReceiveError> {
        let mut receiving = files::receive(&self.ports, 1 << 26).await.unwrap();
        for piece in text.as_bytes().chunks(if text.len() < 1 << 20 { 7 } else { 65_537 }) {
            receiving.write(Bytes::copy_from_slice(piece)).await?;
        }
        receiving.finish(new).await
    }

    /// Stores a batch's input.
    pub(crate) async fn input(&self, text: &str) -> NativeFileId {
        self.store(text, new_file("one", Purpose::Batch)).await.unwrap().id
    }

    pub(crate) async fn create(&self, new: NewBatch) -> Batch {
        batches::create(&self.ports, new).await.unwrap()
    }

    /// Creates a batch of this input.
    pub(crate) async fn batch(&self, text: &str) -> Batch {
        let input = self.input(text).await;
        self.create(new_batch("one", input)).await
    }

    /// One tick of everybody.
    pub(crate) async fn tick(&self) {
        drive_all(&self.ports, u64::MAX).await.unwrap();
        for id in self.ports.submissions.open().await.unwrap() {
            advance(&self.ports, id).await.unwrap();
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    pub(crate) fn row(&self, id: NativeBatchId) -> Batch {
        self.fakes.batches.row(id).unwrap()
    }

    /// Ticks until the batch is as wanted.
    pub(crate) async fn until(&self, id: NativeBatchId, wanted: impl Fn(&Batch) -> bool) -> Batch {
        for _ in 0..200_000 {
            if wanted(&self.row(id)) {
                return self.row(id);
            }
            self.tick().await;
        }
        unreachable!("the batch stays {:?}", self.row(id).state)
    }

    /// Ticks until the batch has ended, and everything with it.
    pub(crate) async fn run(&self, id: NativeBatchId) -> Batch {
        let ended = self.until(id, |batch| batch.state.kind().is_final()).await;
        while !self.fakes.submissions.snapshot().iter().all(|row| row.state.is_settled()) {
            self.tick().await;
        }
        ended
    }

    /// The lines of a file.
    pub(crate) fn lines(&self, id: Option<NativeFileId>) -> Vec<Value> {
        let Some(id) = id else { return Vec::new() };
        let row = self.fakes.files.snapshot().into_iter().find(|file| file.id == id).unwrap();
        let bytes = self.fakes.objects.bytes(&row.object).unwrap();
        assert_eq!(row.bytes, bytes.len() as u64);
        bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(parsed).collect()
    }

    /// The `custom_id`s of the batch's output and of its errors; each stands once.
    pub(crate) fn ids(&self, batch: &Batch) -> (BTreeSet<String>, BTreeSet<String>) {
        let results = batch.state.results().unwrap();
        let ids = |file| {
            let lines = self.lines(file);
            let ids: BTreeSet<String> =
                lines.iter().map(|line| line["custom_id"].as_str().unwrap().to_owned()).collect();
            assert_eq!(ids.len(), lines.len());
            ids
        };
        (ids(results.output), ids(results.errors))
    }
}

fn parsed(line: &[u8]) -> Value {
    serde_json::from_slice(line).unwrap()
}

/// Every model but `unknown-…` goes to the provider; `old` has another name there.
fn routes() -> Routes {
    let route = |model: &str, provider: &str, upstream_model: Option<&str>| Route {
        model: Pattern::new(model),
        target: Target { upstream_model: upstream_model.map(str::to_owned), ..Target::to(provider) },
        then: Vec::new(),
        class: "soon".to_owned(),
        deadline_ms: None,
    };
    Routes(vec![route("old", "provider", Some("new")), route("gone-*", "nobody", None), route("m*", "provider", None)])
}

/// Every model has this name at the provider.
pub(crate) fn renamed(upstream_model: &str) -> Routes {
    Routes(vec![Route {
        model: Pattern::new("*"),
        target: Target { upstream_model: Some(upstream_model.to_owned()), ..Target::to("provider") },
        then: Vec::new(),
        class: "soon".to_owned(),
        deadline_ms: None,
    }])
}

pub(crate) fn new_file(tenant: &str, purpose: Purpose) -> NewFile {
    NewFile {
        tenant: TenantId::from(tenant),
        purpose,
        filename: "input.jsonl".to_owned(),
        expires_after_ms: None,
        id: None,
    }
}

pub(crate) fn new_batch(tenant: &str, input: NativeFileId) -> NewBatch {
    NewBatch {
        tenant: TenantId::from(tenant),
        asked: Asked {
            endpoint: Endpoint::ChatCompletions,
            input,
            misnamed: None,
            retry_of: None,
            window: "24h".to_owned(),
            metadata: None,
            output_expires_after_ms: None,
            credential: None,
            rule: InputRule::Split,
            private: false,
            webhook: None,
            outbox: None,
        },
        window_ms: DAY_MS,
        key: None,
    }
}

/// A line of an input.
pub(crate) fn line(custom_id: &str, model: &str) -> String {
    format!(
        r#"{{"custom_id":"{custom_id}","method":"POST","url":"/v1/chat/completions","body":{{"model":"{model}","messages":[],"q":"{custom_id}"}}}}"#
    ) + "\n"
}

/// So many lines of one model.
pub(crate) fn lines(count: usize, model: &str) -> String {
    (0..count).map(|n| line(&n.to_string(), model)).collect()
}

/// The names of so many lines.
pub(crate) fn names(count: usize) -> BTreeSet<String> {
    (0..count).map(|n| n.to_string()).collect()
}
