//! The processes that are measured, and what the kernel knows of them.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

/// The release binary beside this benchmark.
fn binary() -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("offpeak");
    if path.is_file() { Ok(path) } else { bail!("{} is missing: build it first", path.display()) }
}

/// A running simulator; ended when dropped.
pub(crate) struct Simulator {
    child: Child,
    pub(crate) url: String,
}

impl Simulator {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let mut child = Command::new(binary()?)
            .args(["simulate", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = child.stdout.take().context("no output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let url = line.trim().rsplit(' ').next().context("no address")?.to_owned();
        Ok(Self { child, url })
    }

    /// The largest batch it saw, lines.
    pub(crate) async fn counts(&self) -> anyhow::Result<u64> {
        let counts = get(&self.url, "/sim/counts").await?;
        counts["largest_batch_lines"].as_u64().context("no count")
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A running gateway on a data directory of its own; both go when dropped.
pub(crate) struct Gateway {
    child: Child,
    data: PathBuf,
    pub(crate) address: SocketAddr,
}

impl Gateway {
    pub(crate) fn start(simulator: &Simulator, flags: &[&str]) -> anyhow::Result<Self> {
        Self::start_with(simulator, flags, "")
    }

    pub(crate) fn start_with(simulator: &Simulator, flags: &[&str], config: &str) -> anyhow::Result<Self> {
        Self::start_at(&format!("{}/v1", simulator.url), flags, config)
    }

    pub(crate) fn start_at(upstream: &str, flags: &[&str], config: &str) -> anyhow::Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let data = std::env::temp_dir().join(format!("offpeak-bench-{}-{}", std::process::id(), address.port()));
        std::fs::create_dir_all(&data)?;
        let file = data.join("offpeak.toml");
        std::fs::File::create(&file)?.write_all(config.as_bytes())?;
        let child = Command::new(binary()?)
            .args(["--log", "warn", "serve", "--upstream", upstream, "--listen", &address.to_string()])
            .arg("--data-dir")
            .arg(data.join("data"))
            .arg("--config")
            .arg(&file)
            .args(flags)
            .env("OPENAI_API_KEY", "sk-bench")
            .stdout(Stdio::null())
            .spawn()?;
        let gateway = Self { child, data, address };
        for _ in 0..200 {
            if std::net::TcpStream::connect(address).is_ok() {
                return Ok(gateway);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("the gateway did not start")
    }

    /// A worker between it and a model server, with so many calls at once.
    pub(crate) fn worker(&self, engine: SocketAddr, at_once: usize) -> anyhow::Result<Worker> {
        let at_once = at_once.to_string();
        let child = Command::new(binary()?)
            .args(["--log", "warn", "worker", "--engine", &format!("http://{engine}")])
            .args(["--gateway", &format!("http://{}", self.address)])
            .args(["--concurrency", &at_once, "--max-concurrency", &at_once])
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Worker(child))
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id()))?)
    }

    /// User and system time so far.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = self.proc("stat")?;
        let fields: Vec<&str> = stat.rsplit(')').next().context("odd stat")?.split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        // USER_HZ is 100 on every Linux that this runs on.
        Ok(Duration::from_millis(ticks * 10))
    }

    fn status(&self, field: &str) -> anyhow::Result<u64> {
        let status = self.proc("status")?;
        let line = status.lines().find(|line| line.starts_with(field)).context("odd status")?;
        let kib: u64 = line.split_whitespace().nth(1).context("odd status")?.parse()?;
        Ok(kib * 1_024)
    }

    /// Resident memory, bytes.
    pub(crate) fn resident(&self) -> anyhow::Result<u64> {
        self.status("VmRSS:")
    }

    /// The most that was resident since the last reset, bytes.
    pub(crate) fn peak(&self) -> anyhow::Result<u64> {
        self.status("VmHWM:")
    }

    pub(crate) fn reset_peak(&self) -> anyhow::Result<()> {
        Ok(std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5")?)
    }

    /// Open descriptors.
    pub(crate) fn descriptors(&self) -> anyhow::Result<u64> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count() as u64)
    }

    /// What is at a path, as JSON.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<serde_json::Value> {
        get(&format!("http://{}", self.address), path).await
    }

    async fn stats(&self) -> anyhow::Result<serde_json::Value> {
        self.get("/stats").await
    }

    pub(crate) async fn wait_held(&self, held: usize) -> anyhow::Result<()> {
        self.wait(|stats| stats["held"].as_u64() >= Some(held as u64)).await
    }

    pub(crate) async fn wait_done(&self, done: usize) -> anyhow::Result<()> {
        self.wait(|stats| stats["jobs"]["done"].as_u64() >= Some(done as u64)).await
    }

    async fn wait(&self, enough: impl Fn(&serde_json::Value) -> bool) -> anyhow::Result<()> {
        for _ in 0..600 {
            if enough(&self.stats().await?) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        bail!("waited too long: {}", self.stats().await?)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

/// A running worker; ended when dropped.
pub(crate) struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A real vLLM, by `tools/vllm.sh`; ended when dropped, with the processes that it made.
pub(crate) struct Vllm {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Vllm {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tools/vllm.sh");
        let mut command = Command::new(script);
        command.args(["serve", &address.port().to_string()]).process_group(0);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let vllm = Self { child, address };
        for _ in 0..600 {
            if get(&format!("http://{address}"), "/v1/models").await.is_ok() {
                return Ok(vllm);
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        bail!("vLLM did not start: tools/vllm.sh serve {}", address.port())
    }
}

impl Drop for Vllm {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).output();
        let _ = self.child.wait();
    }
}

async fn get(base: &str, path: &str) -> anyhow::Result<serde_json::Value> {
    use http_body_util::{BodyExt, Empty};
    use hyper_util::client::legacy::Client;
    use hyper_util::rt::TokioExecutor;
    let client: Client<_, Empty<bytes::Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let body = client.get(format!("{base}{path}").parse()?).await?.into_body().collect().await?.to_bytes();
    Ok(serde_json::from_slice(&body)?)
}
