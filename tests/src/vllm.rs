//! A real vLLM as a process that can be killed. `make test-vllm` installs it.

use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Duration;

use crate::{Home, Http, Process, free_port, until, workspace};

/// It loads for about 40 s on two quiet cores.
const START: Duration = Duration::from_mins(5);

/// A running server of the model `tiny`. Dropped, it is killed, with the processes that it made.
#[derive(Debug)]
pub struct Vllm {
    process: Process,
    port: u16,
    home: Home,
}

impl Vllm {
    /// Starts one and waits until it is well.
    pub async fn start() -> Self {
        let (port, home) = (free_port(), Home::new());
        let server = Self { process: launch(port, &home), port, home };
        server.is_well().await;
        server
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many requests it has answered since it started.
    pub async fn answered(&self) -> u64 {
        let metrics = Http::to(self.url()).get("/metrics").try_send().await;
        let text = metrics.map(|metrics| metrics.text()).unwrap_or_default();
        let counts = text.lines().filter(|line| line.starts_with("vllm:request_success_total{"));
        counts.filter_map(|line| line.rsplit_once(' ')?.1.strip_suffix(".0")?.parse::<u64>().ok()).sum()
    }

    /// Sends it and all that it made this signal, and waits until they are gone.
    pub async fn end(&mut self, signal: &str) {
        self.signal(signal);
        self.process.end_within(Duration::from_mins(1)).await;
        // What the server made may outlive it, and keep its memory.
        self.signal("KILL");
    }

    /// Starts it again on the same port.
    pub async fn start_again(&mut self) {
        self.process = launch(self.port, &self.home);
        self.is_well().await;
    }

    async fn is_well(&self) {
        until("a vLLM that is well", START, async || {
            let answer = Http::to(self.url()).get("/health").within(Duration::from_secs(5)).try_send().await.ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
    }

    fn signal(&self, signal: &str) {
        let group = format!("-{}", self.process.id());
        // Whoever is gone gets none.
        let _ = Command::new("kill").args([&format!("-{signal}"), "--", &group]).output();
    }
}

impl Drop for Vllm {
    fn drop(&mut self) {
        self.signal("KILL");
    }
}

fn launch(port: u16, home: &Home) -> Process {
    let mut command = Command::new(workspace().join("tools/vllm.sh"));
    command.args(["serve", &port.to_string()]).process_group(0);
    Process::start(command, &home.join("log"))
}
