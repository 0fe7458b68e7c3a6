//! The simulated provider, in the test's own process.

use std::sync::Arc;
use std::time::Duration;

use offpeak_simulator::{Counts, Faults, Options, Simulator, serve};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::{PATIENCE, until};

/// A running simulator; it stops when it is dropped.
#[derive(Debug)]
pub struct Upstream {
    sim: Arc<Simulator>,
    base: String,
    server: JoinHandle<std::io::Result<()>>,
}

impl Upstream {
    /// One that does as it is told, at once.
    pub async fn sound() -> Self {
        Self::start(Options::default()).await
    }

    /// One that fails in these ways.
    pub async fn with(faults: Faults) -> Self {
        Self::start(Options { faults, ..Options::default() }).await
    }

    /// One whose batches take so long.
    pub async fn slow(delay: Duration) -> Self {
        Self::slow_with(delay, Faults::default()).await
    }

    /// One whose batches take so long, and that fails in these ways.
    pub async fn slow_with(delay: Duration, faults: Faults) -> Self {
        let batch_delay_ms = u64::try_from(delay.as_millis()).expect("a delay of milliseconds");
        Self::start(Options { faults, batch_delay_ms, ..Options::default() }).await
    }

    /// One with these settings.
    pub async fn start(options: Options) -> Self {
        Self::start_on(0, options).await
    }

    /// The same on a port, where none was before.
    pub async fn start_on(port: u16, options: Options) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("a free port");
        let base = format!("http://{}/v1", listener.local_addr().expect("the port"));
        let sim = Arc::new(Simulator::new(options));
        let server = tokio::spawn(serve(listener, Arc::clone(&sim), std::future::pending()));
        Self { sim, base, server }
    }

    /// Its base URL, `/v1` included.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// What it has seen, and what a provider would have billed.
    pub fn counts(&self) -> Counts {
        self.sim.counts()
    }

    /// Puts other faults in force.
    pub fn fails_with(&self, faults: Faults) {
        self.sim.set_faults(faults);
    }

    /// Waits until so many batches have been created.
    pub async fn created(&self, batches: u64) {
        until("the creation of a batch", PATIENCE, async || (self.counts().batches_created >= batches).then_some(()))
            .await;
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A port that is free now, below those that the system gives to outgoing connections: a gateway comes back to it.
pub fn free_port() -> u16 {
    let free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let mut draws = std::iter::repeat_with(|| rand::random_range(12_000..32_000_u16)).take(1_000);
    draws.find(free).expect("a free port")
}
