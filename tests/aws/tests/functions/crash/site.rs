//! A stack of its own for each run: fresh tables and a fresh queue on the shared emulator, and a scripted provider.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_sqs::config::Credentials;
use offpeak_aws::{self as aws, Clients, Connection, Options, Resources, Store, SystemClock, SystemRandom};
use offpeak_core::class::Rule;
use offpeak_core::fleet;
use offpeak_core::flows::audit::{Report, audit};
use offpeak_core::health::Health;
use offpeak_core::ids::{CredentialId, TenantId};
use offpeak_core::job::Job;
use offpeak_core::ports::{
    Backend, Chunks as _, Clock as _, Intake as _, JobWalk as _, KeyRecord, Keys as _, Ports, Settings,
    SubmissionWalk as _, Submissions as _, Usage as _,
};
use offpeak_core::timing::Timing;
use offpeak_testkit::chaos::Gate;
use offpeak_testkit::emulator::Emulator;
use offpeak_testkit::fakes::TokioClock;
use offpeak_testkit::provider::{Script, ScriptedProvider, Span};
use offpeak_testkit::samples::Namespace;
use offpeak_tests_aws::{Aws, Process, Stop, Tables};
use secrecy::SecretString;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;

use super::callers::KEY;
use super::live::{self, Endpoints};
use super::tap::Tap;

/// The only class.
pub(crate) const CLASS: &str = "soon";
/// The only provider.
pub(crate) const PROVIDER: &str = "scripted";

/// A stack of its own.
#[derive(Clone)]
pub(crate) struct Site {
    resources: Resources,
    /// Where AWS is.
    endpoint: String,
    /// Its provider, which outlives every process.
    pub(crate) provider: ScriptedProvider,
    /// What is uploaded to it.
    pub(crate) tap: Tap,
    /// Its ordinary endpoints, where calls are live.
    pub(crate) live: Option<Endpoints>,
}

/// What a process reaches.
pub(crate) struct Reach {
    pub(crate) ports: Ports,
    pub(crate) store: Store,
}

/// What the stores say when nothing runs.
pub(crate) struct Findings {
    pub(crate) jobs: Vec<Job>,
    pub(crate) open: usize,
    pub(crate) messages: u64,
    pub(crate) audit: Report,
    /// Lines in the usage rows of all submissions.
    pub(crate) used: u64,
    /// Chunks that have a row.
    pub(crate) chunks: usize,
}

impl Site {
    /// Makes its tables and its queue.
    pub(crate) async fn new() -> Self {
        Self::with(None).await
    }

    /// The same, with live calls. These are made with the gateway's own key, and so callers show one of the gateway's.
    pub(crate) async fn live(endpoints: Endpoints) -> Self {
        let site = Self::with(Some(endpoints)).await;
        let (hash, tenant) = (Sha256::digest(KEY).into(), TenantId::from("callers"));
        let key = KeyRecord { hash, tenant, hint: KEY.to_owned(), created_ms: 1, revoked_ms: None };
        let reach = site.reach(&Stop::never().process()).await;
        reach.store.keys().create(key).await.unwrap();
        site
    }

    async fn with(live: Option<Endpoints>) -> Self {
        let aws = Aws::at(url());
        let name = Namespace::fresh().name("crash");
        let tables = Tables::create(&aws, &name).await;
        let chunks = if live.is_some() { Some(tables.chunks(&aws).await) } else { None };
        let provider = provider();
        Self {
            resources: Resources {
                tables: aws::Tables {
                    jobs: tables.table("jobs"),
                    submissions: tables.table("submissions"),
                    files: tables.table("files"),
                    uploads: tables.table("uploads"),
                    batches: tables.table("batches"),
                    receivers: tables.table("receivers"),
                    notices: tables.table("notices"),
                    classes: tables.table("classes"),
                    keys: tables.table("keys"),
                    usage: tables.table("usage"),
                    credentials: tables.table("credentials"),
                },
                bucket: tables.bucket().to_owned(),
                queues: tables.queues(),
                parameters: "/offpeak/crash/".to_owned(),
                sealing_key: Some(sealing_key(&aws).await),
                job_index: false,
                fleet: false,
                live: live.is_some(),
                chunks,
                event_bus: None,
            },
            endpoint: url().to_owned(),
            tap: Tap::before(&provider),
            provider,
            live,
        }
    }

    /// The same, with this in front of AWS.
    pub(crate) fn behind(self, endpoint: String) -> Self {
        Self { endpoint, ..self }
    }

    /// How many objects of its bucket have names that begin so.
    pub(crate) async fn stored(&self, prefix: &str) -> usize {
        Aws::at(&self.endpoint).objects_under(&self.resources.bucket, prefix).await.len()
    }

    /// The address of its queue.
    pub(crate) fn queue(&self) -> &str {
        &self.resources.queues[CLASS]
    }

    /// What a new process composes.
    pub(crate) async fn reach(&self, process: &Process) -> Reach {
        let connection = Connection {
            endpoint: Some(self.endpoint.clone()),
            s3_path_style: true,
            interceptors: vec![process.interceptor()],
        };
        let own = [PROVIDER.to_owned(), fleet::live(PROVIDER)];
        let own = own.map(|name| (CredentialId::own(&name), SecretString::from("sk-own"))).into();
        let options = Options { own, retention_ms: 86_400_000 };
        let credentials = Credentials::new("test", "test", None, None, "tests");
        let clients = Clients::connect_as(&connection, "us-east-1", credentials).await;
        let store = Store::new(clients, self.resources.clone(), options);
        let gate: Arc<dyn Gate> = Arc::new(process.clone());
        let provider: Arc<dyn Backend> = Arc::new(self.tap.clone());
        let provider = offpeak_testkit::chaos::Backend::new(provider, gate);
        let mut backends: BTreeMap<String, Arc<dyn Backend>> = BTreeMap::new();
        backends.insert(PROVIDER.to_owned(), Arc::new(provider));
        if let Some(calls) = live::calls(&store) {
            backends.insert(fleet::live(PROVIDER), Arc::new(calls));
        }
        let ports = Ports {
            jobs: store.jobs(),
            submissions: store.submissions(),
            files: store.files(),
            uploads: store.uploads(),
            batches: store.batches(),
            receivers: store.receivers(),
            notices: store.notices(),
            classes: store.classes(),
            intake: store.intake(),
            objects: store.objects(),
            mailbox: store.mailbox(),
            backends,
            credentials: store.credentials(),
            usage: store.usage(),
            wake: Arc::new(()),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            health: Health::default(),
            settings: Arc::new(settings()),
        };
        Reach { ports, store }
    }

    /// Whether nothing is owed any more: to a caller, to the provider, to the queue.
    pub(crate) async fn is_at_rest(&self, reach: &Reach) -> bool {
        let jobs = reach.store.jobs().scan(None, 1_000).await.unwrap();
        let open = reach.store.submissions().open().await.unwrap();
        let depth = reach.store.intake().depth(CLASS).await.unwrap();
        jobs.iter().all(|job| job.state.is_final()) && open.is_empty() && depth.visible + depth.hidden == 0
    }

    /// Looks into the stores. Messages that wait are received, so nobody else must want them.
    pub(crate) async fn findings(&self, reach: &Reach) -> Findings {
        let jobs = reach.store.jobs().scan(None, 1_000).await.unwrap();
        let depth = reach.store.intake().depth(CLASS).await.unwrap();
        let waiting = reach.store.intake().waiting(CLASS).await.unwrap();
        let audit = audit(&reach.ports, reach.store.jobs().as_ref(), &waiting.into_iter().collect()).await.unwrap();
        let (mut used, mut chunks) = (0, 0);
        for submission in reach.store.submissions().scan(None, 1_000).await.unwrap() {
            let rows = reach.store.usage().of(submission.id).await.unwrap();
            used += rows.iter().map(|row| row.lines).sum::<u64>();
            if let Some(rows) = reach.store.chunks() {
                chunks += rows.of(submission.id).await.unwrap().len();
            }
        }
        let open = reach.store.submissions().open().await.unwrap().len();
        Findings { jobs, open, messages: depth.visible + depth.hidden, audit, used, chunks }
    }
}

/// Seals the data key of every site.
async fn sealing_key(aws: &Aws) -> String {
    static KEY: OnceCell<String> = OnceCell::const_new();
    let key = KEY.get_or_init(|| async {
        let made = aws.json("TrentService.CreateKey", &json!({})).await;
        made["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
    });
    key.await.clone()
}

/// Everything short, so that what waits for a dead process waits a second or two.
fn settings() -> Settings {
    let timing = Timing {
        tick_ms: 100,
        visibility_ms: 1_000,
        lease_ms: 1_000,
        create_timeout_ms: 300,
        create_grace_ms: 300,
        absent_gap_ms: 100,
        poll_interval_ms: 50,
        transfer_ms: 1_000,
        ..Timing::default()
    };
    let rule = Rule::Window { window_ms: 1, max_jobs: None };
    Settings { timing, classes: BTreeMap::from([(CLASS.to_owned(), rule)]), ..Settings::default() }
}

/// Batches that are running when they are first polled, and done soon after.
fn provider() -> ScriptedProvider {
    let script = Script { validation: Span::new(5, 5), run: Span::new(30, 30), ..Script::calm() };
    ScriptedProvider::new(&TokioClock::new(SystemClock.now_ms()), 1, script)
}

pub(crate) fn url() -> &'static str {
    Emulator::shared().url()
}
