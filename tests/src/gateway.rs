//! `offpeak serve` as a process that can be killed and started again.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::{Home, Http, Output, PATIENCE, Process, Upstream, free_port, offpeak, run, until};

/// For one look at whether it is ready: on a starved machine a connection made just as it starts may never be answered.
const LOOK: Duration = Duration::from_secs(5);

/// A gateway that is being set up: quick windows, a hold longer than any test, and an upstream.
#[derive(Debug)]
pub struct Setup {
    upstream: String,
    own_key: Option<String>,
    arguments: Vec<String>,
    log: Vec<String>,
    provider: String,
    sections: String,
}

/// A running gateway. Dropped, it is killed, and its directory goes.
#[derive(Debug)]
pub struct Gateway {
    process: Option<Process>,
    setup: Setup,
    port: u16,
    /// Its callers.
    pub http: Http,
    /// `data/`, `offpeak.toml` and `log`.
    pub home: Home,
}

impl Setup {
    fn before(upstream: &str) -> Self {
        let arguments = ["--window", "100ms", "--poll-interval", "50ms"].map(str::to_owned).to_vec();
        Self {
            upstream: upstream.to_owned(),
            own_key: Some("sk-own".to_owned()),
            arguments,
            log: Vec::new(),
            provider: "create_timeout = \"2s\"\ncreate_grace = \"1s\"\n".to_owned(),
            sections: String::new(),
        }
    }

    /// With one more flag of `serve`; the last one of a name holds.
    #[must_use]
    pub fn flag(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    fn set(&mut self, name: &str, value: &str) {
        if let Some(at) = self.arguments.iter().position(|argument| argument == name) {
            self.arguments.drain(at..at + 2);
        }
        self.arguments.extend([name.to_owned(), value.to_owned()]);
    }

    /// For callers with a key of the gateway (`keys`), of the provider (`passthrough`), or none (`open`).
    #[must_use]
    pub fn auth(self, mode: &str) -> Self {
        self.flag("--auth", mode)
    }

    /// Holding each call so long.
    #[must_use]
    pub fn hold(self, hold: &str) -> Self {
        self.flag("--hold", hold)
    }

    /// Gathering jobs so long.
    #[must_use]
    pub fn window(self, window: &str) -> Self {
        self.flag("--window", window)
    }

    /// With these tables in its `offpeak.toml`.
    #[must_use]
    pub fn config(mut self, sections: &str) -> Self {
        self.sections.push_str(sections);
        self.sections.push('\n');
        self
    }

    /// With these keys of its provider in its `offpeak.toml`.
    #[must_use]
    pub fn provider(mut self, keys: &str) -> Self {
        keys.clone_into(&mut self.provider);
        self
    }

    /// With this key towards the provider.
    #[must_use]
    pub fn own_key(mut self, key: &str) -> Self {
        self.own_key = Some(key.to_owned());
        self
    }

    /// Logging everything there is, in this format.
    #[must_use]
    pub fn verbose(mut self, format: &str) -> Self {
        self.log = ["--log", "trace", "--log-format", format].map(str::to_owned).to_vec();
        self
    }

    /// Starts it and waits until it is ready.
    pub async fn start(self) -> Gateway {
        let mut gateway = self.installed();
        gateway.start().await;
        gateway
    }

    /// Has everything in place, but does not start it.
    pub fn installed(self) -> Gateway {
        let home = Home::new();
        let Self { upstream, provider, sections, .. } = &self;
        let provider = format!("[[provider]]\nname = \"simulated\"\nbase_url = \"{upstream}\"\n{provider}\n");
        home.write("offpeak.toml", &format!("{provider}{sections}"));
        let port = free_port();
        Gateway { process: None, setup: self, port, http: Http::to(format!("http://127.0.0.1:{port}")), home }
    }
}

impl Gateway {
    /// Before a simulator.
    pub fn before(upstream: &Upstream) -> Setup {
        Setup::before(upstream.url())
    }

    /// Before any upstream, by its base URL.
    pub fn before_url(url: &str) -> Setup {
        Setup::before(url)
    }

    /// Its address as an SDK's base URL.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address())
    }

    /// Its address and port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The files of the objects whose names begin so.
    pub fn objects(&self, prefix: &str) -> Vec<PathBuf> {
        let folder = self.data().join("objects").join(prefix);
        let mut files = self.home.files("data/objects");
        files.retain(|file| file.to_string_lossy().starts_with(&*folder.to_string_lossy()));
        files
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// Everything that it has logged, over all starts.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home.join("log")).unwrap_or_default()
    }

    /// The command line of `serve` on an address.
    pub fn serve_on(&self, address: &str) -> Command {
        let mut serve = self.command(&["serve", "--listen", address]);
        serve.arg("--config").arg(self.home.join("offpeak.toml"));
        serve.arg("--data-dir").arg(self.data());
        serve.args(&self.setup.arguments).args(&self.setup.log);
        serve
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(offpeak());
        command.env_clear().args(arguments);
        if let Some(key) = &self.setup.own_key {
            command.env("OPENAI_API_KEY", key);
        }
        command
    }

    /// Runs another command of the binary on this gateway's data directory.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        command.arg("--data-dir").arg(self.data());
        run(command).await
    }

    /// Makes an API key for a tenant.
    pub async fn key_of(&self, tenant: &str) -> String {
        let made = self.run(&["keys", "create", "--tenant", tenant]).await;
        assert_eq!(made.code, Some(0), "{made:?}");
        made.out.trim().to_owned()
    }

    /// Starts it, again on the same address and directory, and waits until it is ready.
    pub async fn start(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        let mut process = Process::start(self.serve_on(&self.address()), &self.home.join("log"));
        until("a gateway that is ready", PATIENCE, async || {
            assert_eq!(process.ended(), None, "the gateway did not start: {}", process.log());
            let ready = self.http.get("/readyz").within(LOOK).try_send().await.ok()?;
            (ready.status == 200).then_some(())
        })
        .await;
        self.process = Some(process);
    }

    /// Gives a flag another value from the next start on.
    pub fn change(&mut self, flag: &str, value: &str) {
        self.setup.set(flag, value);
    }

    /// The variables that it began with, each ended by a zero byte.
    pub fn environment(&self) -> String {
        let process = self.process.as_ref().expect("a running gateway");
        std::fs::read_to_string(format!("/proc/{}/environ", process.id())).expect("its environment")
    }

    /// Memory that it holds now, in KiB.
    pub fn resident_kib(&self) -> u64 {
        let process = self.process.as_ref().expect("a running gateway");
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its resident memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number of KiB")
    }

    /// SIGKILL, as from a power cut, and wait until it is gone.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// SIGTERM; it must end by itself with code 0 within 10 s. Says how long it took.
    pub async fn stop(&mut self) -> Duration {
        let mut process = self.process.take().expect("a running gateway");
        let began = std::time::Instant::now();
        process.terminate();
        let ended = process.end_within(Duration::from_secs(20)).await;
        let took = began.elapsed();
        assert_eq!(ended.code(), Some(0), "{}", process.log());
        assert!(took < Duration::from_secs(10), "it took {took:?} to stop");
        took
    }

    /// `offpeak audit`, which must find nothing.
    pub async fn passes_audit(&self) {
        let audit = self.run(&["audit"]).await;
        assert_eq!(audit.code, Some(0), "{}{}", audit.out, audit.err);
    }

    /// `offpeak status --json`.
    pub async fn status(&self) -> Value {
        let status = self.run(&["status", "--json"]).await;
        assert_eq!(status.code, Some(0), "{status:?}");
        serde_json::from_str(&status.out).unwrap_or_else(|error| panic!("{error}: {status:?}"))
    }

    /// Waits until the job's status is this.
    pub async fn job_is(&self, http: &Http, job: &str, status: &str) -> Value {
        until(&format!("{job} {status}"), PATIENCE, async || {
            let shown = http.json(&format!("/v1/jobs/{job}")).await;
            (shown["status"] == status).then_some(shown)
        })
        .await
    }

    /// Waits until so many jobs stand so.
    pub async fn jobs_are(&self, count: u64, status: &str) {
        until(&format!("{count} jobs {status}"), PATIENCE, async || {
            let told = self.http.json("/stats").await;
            (told["jobs"][status].as_u64().unwrap_or(0) == count).then_some(())
        })
        .await;
    }
}
