//! The most memory that a function needs for the largest submission: packed and uploaded, then collected.
//!
//! ```text
//! this program ──► itself, as the function ──► bucket (the emulator)
//!             └──► itself, as the provider ◄── upload, download
//! ```

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use aws_sdk_s3::config::Credentials;
use offpeak_aws::{Clients, Connection, Options, Resources, Store, SystemClock, SystemRandom, Tables};
use offpeak_core::class::Rule;
use offpeak_core::flows::advance_all::advance_all;
use offpeak_core::flows::pack;
use offpeak_core::ids::{CredentialId, ObjectName};
use offpeak_core::ports::{Backend, Ports, Settings};
use offpeak_core::timing::Timing;
use offpeak_providers::openai;
use offpeak_simulator::Simulator;
use offpeak_testkit::emulator::Emulator;
use offpeak_testkit::fakes::{Fakes, TokioClock};
use offpeak_testkit::samples::Namespace;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::flood::{Agreeable, Flood};
use crate::process::{peak, reset_peak, resident};
use crate::report::Table;

/// The only class.
pub(crate) const CLASS: &str = "soon";
/// The only provider.
pub(crate) const PROVIDER: &str = "openai";

/// Lines, and bytes of the file: as much as a batch may hold.
const LINES: usize = 50_000;
const FILE: usize = 200_000_000;
/// Bytes of a body, so that the file is just below its limit.
const BODY: usize = FILE / LINES - 120;

const MIB: f64 = 1_048_576.0;

/// Runs the function as a process of its own, and the provider as another.
pub(crate) async fn memory(table: &mut Table) -> anyhow::Result<()> {
    let emulator = Emulator::start(&[]);
    let (_provider, url) = child(&["as-provider"]).await?;
    let output = Command::new(std::env::current_exe()?)
        .args(["as-function", emulator.url(), &url])
        .stderr(Stdio::inherit())
        .output()
        .await?;
    ensure!(output.status.success(), "the function did not finish");
    let told: Vec<f64> =
        String::from_utf8(output.stdout)?.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [idle, file, packed, uploaded, collected] = told[..] else { anyhow::bail!("odd figures: {told:?}") };
    let above = |peak: f64| format!("{:.0} ({:.0} above idle)", peak / MIB, (peak - idle) / MIB);
    table.row(&format!("{:.0} MB, {LINES} lines: sealed, peak RSS in MiB", file / 1e6), above(packed), "<= 256");
    table.row("the same uploaded, peak RSS in MiB", above(uploaded), "<= 256");
    table.row("the same collected, peak RSS in MiB", above(collected), "<= 256");
    Ok(())
}

/// This program once more, until it has said one line.
async fn child(words: &[&str]) -> anyhow::Result<(Child, String)> {
    let mut child =
        Command::new(std::env::current_exe()?).args(words).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
    let stdout = child.stdout.take().context("no output")?;
    let line = BufReader::new(stdout).lines().next_line().await?.context("not a word")?;
    Ok((child, line))
}

/// The provider: tells its address and serves until it is ended.
pub(crate) async fn as_provider() -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/v1", listener.local_addr()?);
    // Longer than the upload's end and the first poll are apart: each phase is measured by itself.
    let options = offpeak_simulator::Options { batch_delay_ms: 2_000, ..offpeak_simulator::Options::default() };
    let simulator = Arc::new(Simulator::new(options));
    offpeak_simulator::serve(listener, simulator, std::future::pending()).await.context("serving")
}

/// The function: packs and uploads, then collects; tells its memory at rest, the file's bytes, and the peaks.
pub(crate) async fn as_function(emulator: &str, provider: &str) -> anyhow::Result<()> {
    let store = store(emulator).await?;
    let ports = ports(&store, provider)?;
    // One small object each way, so that connections are there.
    let name = ObjectName::from("warm");
    ports.objects.create(&name).await?.finish().await?;
    drop(ports.objects.stream(&name).await?);
    let idle = resident()?;
    reset_peak()?;
    let sealed = pack::tick(&ports, CLASS, u64::MAX).await?;
    ensure!(sealed.len() == 1, "{} submissions instead of one", sealed.len());
    let packed = peak()?;
    reset_peak()?;
    advance_all(&ports, sealed.clone(), u64::MAX).await;
    let uploaded = peak()?;
    reset_peak()?;
    while !ports.submissions.open().await?.is_empty() {
        advance_all(&ports, sealed.clone(), u64::MAX).await;
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    let collected = peak()?;
    let (file, _) = ports.objects.stream(&ObjectName(format!("sealed/{}.jsonl", sealed[0]))).await?;
    println!("{idle} {file} {packed} {uploaded} {collected}");
    Ok(())
}

/// A bucket of its own; nothing else of AWS is used.
async fn store(emulator: &str) -> anyhow::Result<Store> {
    let connection = Connection { endpoint: Some(emulator.to_owned()), s3_path_style: true, ..Connection::default() };
    let credentials = Credentials::new("test", "test", None, None, "bench");
    let clients = Clients::connect_as(&connection, "us-east-1", credentials).await;
    let bucket = Namespace::fresh().name("bench");
    clients.s3.create_bucket().bucket(&bucket).send().await.context("making a bucket")?;
    let resources = Resources {
        tables: Tables::default(),
        bucket,
        queues: BTreeMap::new(),
        parameters: String::new(),
        sealing_key: None,
        job_index: false,
        fleet: false,
        live: false,
        chunks: None,
        event_bus: None,
    };
    Ok(Store::new(clients, resources, Options::default()))
}

fn ports(store: &Store, provider: &str) -> anyhow::Result<Ports> {
    let clock = TokioClock::default();
    let fakes = Fakes::new(&clock, 1);
    let fakes =
        Fakes { credentials: fakes.credentials.clone().with(&CredentialId::own(PROVIDER), "sk-bench"), ..fakes };
    let backend: Arc<dyn Backend> = Arc::new(openai::Backend::new(&openai::Config::new(provider))?);
    let settings = Settings {
        timing: Timing { poll_interval_ms: 200, ..Timing::default() },
        classes: BTreeMap::from([(CLASS.to_owned(), Rule::Window { window_ms: 1, max_jobs: None })]),
        ..Settings::default()
    };
    Ok(Ports {
        jobs: Arc::new(Agreeable),
        intake: Arc::new(Flood::of(LINES, BODY)),
        objects: store.objects(),
        // Nobody is held in a poller; the fake would keep every answer.
        wake: Arc::new(()),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        ..fakes.ports(BTreeMap::from([(PROVIDER.to_owned(), backend)]), settings)
    })
}
