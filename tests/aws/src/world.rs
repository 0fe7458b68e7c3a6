//! The one stack of this test binary, what surrounds it, and whose turn it is.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use offpeak_simulator::{Faults, Options};
use offpeak_testkit::emulator::Emulator;
use offpeak_tests::{Http, Upstream};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::{MutexGuard, OnceCell, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::crew::Crew;
use crate::grants::grants;
use crate::{Aws, Deployment, Function, Sam, Stack};

/// The stack's name.
const NAME: &str = "e2e";

/// Routes, so that there are models without one, and a pause that tests can wait for.
const CONFIG: &str = "[webhooks]\nallow_private = true\n\n[waiting]\nretry_after = \"1s\"\n\n[[provider]]\nname = \"simulated\"\ncreate_timeout = \"5s\"\n\
    create_grace = \"2s\"\n\n[[route]]\nmodel = \"gpt-*\"\n[[route]]\nmodel = \"text-embedding-*\"\n\
    [[route]]\nmodel = \"omni-*\"\n";

/// What a route to own model servers is: leases that a test can outwait, and chunks of which a batch has several.
const FLEET: &str = "\n[[route]]\nmodel = \"own-*\"\nbackend = \"fleet\"\n\n[fleet]\nchunk_lines = 50\nlease = \"10s\"\n\
    checkpoint = \"500ms\"\n";

/// What a live route is.
const LIVE: &str = "\n[[route]]\nmodel = \"live-*\"\nbackend = \"live\"\nprovider = \"simulated\"\n";

/// What workers show.
const WORKERS_KEY: &str = "wk-workers-only";

/// The schedules. They rest, but where a test has them tick: a tick in the middle of another test takes jobs apart that
/// it wants together, and the emulator ends a function that runs while it is deployed again, with the messages that it
/// holds, where AWS lets it end by itself.
const SCHEDULES: [&str; 3] = ["SoonTicks", "NightlyTicks", "PollerTicks"];

/// The stack, deployed once, and its surroundings.
#[derive(Debug)]
pub struct World {
    /// The services.
    pub aws: Aws,
    /// The command that deploys.
    pub sam: Sam,
    /// The provider.
    pub upstream: Upstream,
    /// The stack as it was deployed first.
    pub stack: Stack,
    deployments: Mutex<Vec<Deployment>>,
    crew: Crew,
    turns: RwLock<()>,
    _emulator: &'static Emulator,
}

/// While this is held the crew ticks, and other tests use the stack too.
#[derive(Debug)]
pub struct Busy<'a>(#[expect(dead_code, reason = "held, not read")] RwLockReadGuard<'a, ()>);

/// While this is held nobody else uses the stack, and nothing ticks.
#[derive(Debug)]
pub struct Quiet<'a>(#[expect(dead_code, reason = "held, not read")] (RwLockWriteGuard<'a, ()>, MutexGuard<'a, ()>));

impl World {
    /// Deploys the stack at the first call.
    pub async fn get() -> &'static Self {
        static WORLD: OnceCell<World> = OnceCell::const_new();
        WORLD.get_or_init(Self::create).await
    }

    async fn create() -> Self {
        let emulator = tokio::task::spawn_blocking(Emulator::shared).await.expect("a blocking task");
        let (aws, sam) = (Aws::at(emulator.url()), Sam::at(emulator.url()));
        // Long enough that a first look comes before the answer.
        let upstream =
            Upstream::start(Options { batch_delay_ms: 1_000, max_file_bytes: 16 << 20, ..Options::default() }).await;
        configure(&aws, NAME).await;
        let from_ms = now_ms();
        sam.deploy(NAME, &Self::parameters(upstream.url(), &[])).await;
        let stack = Stack::look(&aws, NAME).await;
        rest(&aws, &stack, &SCHEDULES).await;
        let grants = grants(&aws, &stack).await;
        let deployment = Deployment { changed: "nothing".to_owned(), from_ms, to_ms: u64::MAX, grants };
        let deployments = Mutex::new(vec![deployment]);
        let crew = Crew::start(&aws, &stack);
        Self { aws, sam, upstream, stack, deployments, crew, turns: RwLock::default(), _emulator: emulator }
    }

    /// Everything that differs from the template's defaults, the last of a name holding.
    fn parameters(upstream: &str, more: &[(&str, &str)]) -> BTreeMap<String, String> {
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
        let night = far_hour();
        let nightly = format!("cron(0/5 {night} * * ? *)");
        let own = [
            ("Architecture", architecture),
            ("Upstream", upstream),
            ("Auth", "keys"),
            ("Window", "1s"),
            ("PollInterval", "200ms"),
            ("NightlySchedule", &nightly),
            ("S3PathStyle", "true"),
            ("LogLevel", "info,offpeak_aws::calls=debug"),
        ];
        own.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// Deploys the stack again, with these parameters changed. Nothing may tick meanwhile.
    pub async fn redeploy(&self, more: &[(&str, &str)]) -> Stack {
        let from_ms = now_ms();
        self.sam.deploy(NAME, &Self::parameters(self.upstream.url(), more)).await;
        let stack = Stack::look(&self.aws, NAME).await;
        let deployment = Deployment {
            changed: format!("{more:?}"),
            from_ms,
            to_ms: u64::MAX,
            grants: grants(&self.aws, &stack).await,
        };
        let mut deployments = self.deployments.lock();
        if let Some(last) = deployments.last_mut() {
            last.to_ms = now_ms();
        }
        deployments.push(deployment);
        stack
    }

    /// Gives a stack routes to own model servers, with the key of their workers, and to live calls. Its functions take
    /// them up when they start.
    pub async fn route_elsewhere(&self, stack: &str) {
        put(&self.aws, stack, ("config", "String"), &format!("{CONFIG}{}{LIVE}{FLEET}", nightly())).await;
        put(&self.aws, stack, ("keys/OFFPEAK_WORKER_KEY", "SecureString"), WORKERS_KEY).await;
    }

    /// Deploys another stack beside it, with these parameters changed. Its schedules rest, `more_schedules` among them.
    pub async fn beside(&self, name: &str, more: &[(&str, &str)], more_schedules: &[&str]) -> Stack {
        configure(&self.aws, name).await;
        self.sam.deploy(name, &Self::parameters(self.upstream.url(), more)).await;
        let stack = Stack::look(&self.aws, name).await;
        rest(&self.aws, &stack, &SCHEDULES).await;
        rest(&self.aws, &stack, more_schedules).await;
        stack
    }

    /// Every deployment so far.
    pub fn deployments(&self) -> Vec<Deployment> {
        self.deployments.lock().clone()
    }

    /// Has a schedule of the template tick, or rest.
    pub async fn set_ticking(&self, schedule: &str, ticking: bool) {
        self.stack.set_ticking(&self.aws, schedule, ticking).await;
    }

    /// Waits for a turn among others.
    pub async fn busy(&self) -> Busy<'_> {
        Busy(self.turns.read().await)
    }

    /// Waits until the stack is not used, and keeps it so.
    pub async fn quiet(&self) -> Quiet<'_> {
        Quiet((self.turns.write().await, self.crew.pause().await))
    }

    /// What the crew's ticks failed with.
    pub fn failed_ticks(&self) -> Vec<Value> {
        self.crew.failures()
    }

    /// Asks the operator, who must not fail.
    pub async fn operator(&self, event: &Value) -> Value {
        let end = self.aws.invoke(self.stack.function(Function::Operator), event).await;
        assert!(!end.failed, "{event}: {}", end.payload);
        end.payload
    }

    /// Makes a key for a tenant.
    pub async fn key_of(&self, tenant: &str) -> String {
        let made = self.operator(&json!({"command": "keys create", "tenant": tenant})).await;
        made["key"].as_str().unwrap_or_else(|| panic!("no key: {made}")).to_owned()
    }

    /// Callers of a tenant's own.
    pub async fn tenant(&self, tenant: &str) -> Http {
        self.stack.http().with_key(self.key_of(tenant).await)
    }

    /// Lets the provider fail in these ways from now on.
    pub fn provider_fails_with(&self, faults: Faults) {
        self.upstream.fails_with(faults);
    }
}

/// An hour of the day that no run of these tests sees: the class `nightly` departs then.
fn far_hour() -> u64 {
    static HOUR: OnceLock<u64> = OnceLock::new();
    *HOUR.get_or_init(|| (now_ms() / 3_600_000 + 12) % 24)
}

/// The class `nightly`, which departs at no hour of these tests.
fn nightly() -> String {
    format!("\n[[class]]\nname = \"nightly\"\nat = \"{:02}:00\"\n", far_hour())
}

/// Stores what a stack of that name reads.
async fn configure(aws: &Aws, stack: &str) {
    put(aws, stack, ("config", "String"), &format!("{CONFIG}{}", nightly())).await;
    put(aws, stack, ("keys/OPENAI_API_KEY", "SecureString"), "sk-own").await;
}

/// Has schedules rest.
async fn rest(aws: &Aws, stack: &Stack, schedules: &[&str]) {
    for schedule in schedules {
        assert!(stack.set_ticking(aws, schedule, false).await, "{schedule} does not tick");
    }
}

/// Stores a parameter of a stack.
async fn put(aws: &Aws, stack: &str, (name, kind): (&str, &str), value: &str) {
    let input = json!({"Name": format!("/offpeak/{stack}/{name}"), "Type": kind, "Value": value, "Overwrite": true});
    aws.json("AmazonSSM.PutParameter", &input).await;
}

/// The clock of this machine, which the emulator's logs go by.
#[expect(clippy::disallowed_methods, reason = "the logs of another process are asked for by its time")]
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    u64::try_from(since.as_millis()).expect("milliseconds")
}
