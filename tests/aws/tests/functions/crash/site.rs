//! A stack of its own for each run: fresh tables and a fresh queue on the shared emulator, and a scripted provider.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_sdk_sqs::config::Credentials;
use offpeak_aws::{self as aws, Clients, Connection, Options, Resources, Store, SystemClock, SystemRandom};
use offpeak_core::class::Rule;
use offpeak_core::flows::audit::{Report, audit};
use offpeak_core::health::Health;
use offpeak_core::ids::CredentialId;
use offpeak_core::job::Job;
use offpeak_core::ports::{
    Backend, Clock as _, Intake as _, JobWalk as _, Ports, Settings, Submissions as _, Usage as _,
};
use offpeak_core::timing::Timing;
use offpeak_testkit::chaos::Gate;
use offpeak_testkit::emulator::Emulator;
use offpeak_testkit::fakes::TokioClock;
use offpeak_testkit::provider::{Script, ScriptedProvider, Span};
use offpeak_testkit::samples::Namespace;
use offpeak_tests_aws::{Aws, Process, Tables};
use secrecy::SecretString;
use serde_json::json;
use tokio::sync::OnceCell;

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
    /// Lines in the usage rows of these submissions.
    pub(crate) used: u64,
}

impl Site {
    /// Makes its tables and its queue.
    pub(crate) async fn new() -> Self {
        let aws = Aws::at(url());
        let name = Namespace::fresh().name("crash");
        let tables = Tables::create(&aws, &name).await;
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
                live: false,
                chunks: None,
                event_bus: None,
            },
            endpoint: url().to_owned(),
            tap: Tap::before(&provider),
            provider,
        }
    }

    /// The same, with this in front of AWS.
    pub(crate) fn behind(self, endpoint: String) -> Self {
        Self { endpoint, ..self }
    }

    /// How many bodies went into its bucket, and not with their messages.
    pub(crate) async fn stored_bodies(&self) -> usize {
        let objects = Aws::at(&self.endpoint).objects(&self.resources.bucket).await;
        objects.iter().filter(|name| name.starts_with("bodies/")).count()
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
        let own = BTreeMap::from([(CredentialId::own(PROVIDER), SecretString::from("sk-own"))]);
        let options = Options { own, retention_ms: 86_400_000 };
        let credentials = Credentials::new("test", "test", None, None, "tests");
        let clients = Clients::connect_as(&connection, "us-east-1", credentials).await;
        let store = Store::new(clients, self.resources.clone(), options);
        let gate: Arc<dyn Gate> = Arc::new(process.clone());
        let provider: Arc<dyn Backend> = Arc::new(self.tap.clone());
        let provider = offpeak_testkit::chaos::Backend::new(provider, gate);
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
            backends: BTreeMap::from([(PROVIDER.to_owned(), Arc::new(provider) as _)]),
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
        let mut used = 0;
        let submissions: BTreeSet<_> = self.provider.batches().into_iter().map(|batch| batch.submission).collect();
        for submission in submissions {
            let rows = reach.store.usage().of(submission).await.unwrap();
            used += rows.iter().map(|row| row.lines).sum::<u64>();
        }
        let open = reach.store.submissions().open().await.unwrap().len();
        Findings { jobs, open, messages: depth.visible + depth.hidden, audit, used }
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
