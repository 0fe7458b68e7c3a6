//! `offpeak serve`: front door, packers, poller and sweeper in one process, over one data directory.

mod compose;
mod drivers;
mod listener;
mod places;
mod poller;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use offpeak_api::{Waiters, router};
use offpeak_config::Config;
use tokio::net::TcpListener;
use tokio::sync::watch;

use compose::Composed;

/// How long connections may take to finish what they write after a stop.
const LINGER: Duration = Duration::from_secs(5);

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// What kept it from starting.
pub(crate) fn run(config: Config) -> anyhow::Result<()> {
    raise_descriptor_limit();
    runtime()?.block_on(listen(config))
}

async fn listen(config: Config) -> anyhow::Result<()> {
    let listener = TcpListener::bind(config.server.listen)
        .await
        .with_context(|| format!("listening on {}", config.server.listen))?;
    let stop = stop_signal()?;
    run_on(listener, config, stop).await
}

/// Serves on a listener until `stop` resolves, then winds down within 10 s; within 15 s where live calls run.
///
/// # Errors
/// What kept it from starting.
pub(crate) async fn run_on(
    listener: TcpListener,
    config: Config,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let address = listener.local_addr().context("reading the listener's address")?;
    let composed = compose::compose(&config).await?;
    announce(&config, address);
    let (stopping, stopped) = watch::channel(false);
    let mut drivers = drivers::start(&composed, &config, &stopped);
    let Composed { gateway, waiters, .. } = composed;
    let app = router(Arc::new(gateway));
    let accepting = listener::accept(listener, app, stopped.clone());
    tokio::pin!(accepting);
    let mut failed = false;
    tokio::select! {
        biased;
        () = stop => {}
        () = &mut accepting => {}
        () = drivers.ended() => failed = true,
    }
    tell("stopping");
    // Whoever sent the signal has gone where a receiver is gone too.
    let _ = stopping.send(true);
    wind_down(accepting, &waiters).await;
    drivers.stop().await;
    tell("stopped");
    anyhow::ensure!(!failed, "a packer, the poller or the sweeper ended abnormally");
    Ok(())
}

fn tell(what: &'static str) {
    tracing::info!("{what}");
}

/// Lets held calls go, and connections finish what they write.
async fn wind_down(accepting: Pin<&mut impl Future<Output = ()>>, waiters: &Waiters) {
    let dismiss = async {
        loop {
            // Calls that were being accepted may come to wait only now.
            waiters.dismiss();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        () = accepting => {}
        () = tokio::time::sleep(LINGER) => tracing::warn!("some connections did not finish"),
        () = dismiss => {}
    }
}

fn announce(config: &Config, address: SocketAddr) {
    tracing::info!(
        %address,
        data_dir = %config.server.data_dir.display(),
        auth = config.auth.mode.name(),
        "listening"
    );
}

/// Resolves at the first SIGINT or SIGTERM.
pub(crate) fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Lets this process hold as many connections as the system allows.
pub(crate) fn raise_descriptor_limit() {
    if let Err(error) = rlimit::increase_nofile_limit(rlimit::INFINITY) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}

/// The runtime that commands run on.
///
/// # Errors
/// The system gives no threads.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")
}
