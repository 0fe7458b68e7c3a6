//! `make bench`: what a gateway on this machine answers, costs and holds, as tables.
//!
//! The release binary runs as its own process, the simulator as another, the client here; all three share the
//! machine's cores, and only the gateway's own CPU time and memory are reported.

#![expect(clippy::cast_precision_loss, reason = "figures for people: three digits matter")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark talks to a terminal")]

mod batches;
mod client;
mod input;
mod meter;
mod process;
mod report;
mod vllm;

use std::sync::Arc;
use std::time::{Duration, Instant};

use client::{Load, Outcome, Request};
use process::{Gateway, Simulator};
use report::{Table, median};

/// Requests of the end-to-end run.
const N: usize = 100_000;
/// Callers held at once in it.
const C: usize = 5_000;
/// Runs of which the median is shown.
const RUNS: usize = 5;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    raise_descriptor_limit();
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let asked = |name: &str| wanted.is_empty() || wanted.iter().any(|word| word == name);
    let mut table = Table::new(&["what", "measured", "aim"]);
    if asked("answers") {
        answers(&mut table).await?;
    }
    if asked("held") {
        held(&mut table).await?;
    }
    if asked("accepts") {
        accepts(&mut table).await?;
    }
    if asked("large") {
        large(&mut table).await?;
    }
    if asked("relay") {
        relay(&mut table).await?;
    }
    if asked("files") {
        batches::files(&mut table).await?;
    }
    if asked("lines") {
        batches::lines(&mut table).await?;
    }
    // Only where it is asked for: it needs a vLLM.
    if wanted.iter().any(|word| word == "vllm") {
        vllm::pairs(&mut table).await?;
    }
    table.print();
    Ok(())
}

/// One process with ten thousand connections needs as many descriptors.
fn raise_descriptor_limit() {
    let _ = rlimit::increase_nofile_limit(rlimit::INFINITY);
}

async fn answers(table: &mut Table) -> anyhow::Result<()> {
    let (mut rates, mut costs, mut wrong) = (Vec::new(), Vec::new(), 0);
    for _ in 0..RUNS {
        let simulator = Simulator::start()?;
        let gateway = Gateway::start(&simulator, &["--window", "100ms", "--poll-interval", "50ms"])?;
        let before = gateway.cpu()?;
        let began = Instant::now();
        let outcome =
            Load { address: gateway.address, callers: C, requests: N, request: Arc::new(Request::chat) }.run().await?;
        let took = began.elapsed();
        costs.push(gateway.cpu()?.saturating_sub(before).as_secs_f64() * 1_000.0 / N as f64);
        rates.push(outcome.right as f64 / took.as_secs_f64());
        wrong += outcome.wrong;
        eprintln!(
            "answers: {} right, {} wrong, {:.1} s, p50 {:?}",
            outcome.right,
            outcome.wrong,
            took.as_secs_f64(),
            outcome.p50()
        );
    }
    table.row("correct answers/s, end to end", format!("{:.0} ({wrong} wrong)", median(&mut rates)), ">= 5,000");
    table.row("CPU-seconds per 1,000 requests", format!("{:.3}", median(&mut costs)), "<= 0.12");
    Ok(())
}

async fn held(table: &mut Table) -> anyhow::Result<()> {
    const HELD: usize = 10_000;
    let simulator = Simulator::start()?;
    let gateway = Gateway::start(&simulator, &["--window", "1h"])?;
    // One departure, so that the next one is an hour away; and a small load, so that the process is warm.
    Load { address: gateway.address, callers: 1, requests: 1, request: Arc::new(Request::other) }.run().await?;
    gateway.wait_done(1).await?;
    Load { address: gateway.address, callers: 64, requests: 2_000, request: Arc::new(Request::later) }.run().await?;
    let (memory, files) = (gateway.resident()?, gateway.descriptors()?);
    let connections = client::hold(gateway.address, HELD).await?;
    gateway.wait_held(HELD).await?;
    let growth = gateway.resident()?.saturating_sub(memory);
    table.row("memory per held request, KiB", format!("{:.1}", growth as f64 / HELD as f64 / 1_024.0), "<= 12");
    let files = gateway.descriptors()?.saturating_sub(files);
    table.row("descriptors per held request", format!("{:.3}", files as f64 / HELD as f64), "1");
    drop(connections);
    Ok(())
}

async fn accepts(table: &mut Table) -> anyhow::Result<()> {
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let simulator = Simulator::start()?;
        let gateway = Gateway::start(&simulator, &["--window", "1h"])?;
        let before = gateway.cpu()?;
        let began = Instant::now();
        let outcome =
            Load { address: gateway.address, callers: 256, requests: 50_000, request: Arc::new(Request::later) }
                .run()
                .await?;
        rates.push(outcome.right as f64 / began.elapsed().as_secs_f64());
        costs.push(gateway.cpu()?.saturating_sub(before).as_secs_f64() * 1_000.0 / 50_000.0);
    }
    table.row("durable accepts/s (respond-async, C = 256)", format!("{:.0}", median(&mut rates)), ">= 10,000");
    table.row("CPU-seconds per 1,000 accepts", format!("{:.3}", median(&mut costs)), "");
    Ok(())
}

async fn large(table: &mut Table) -> anyhow::Result<()> {
    const LINES: usize = 50_000;
    let simulator = Simulator::start()?;
    let config = "[[class]]\nname = \"soon\"\nwindow = \"1h\"\nmax_jobs = 50000\n";
    let gateway = Gateway::start_with(&simulator, &["--poll-interval", "100ms"], config)?;
    // The first departure of a class needs no window, so let one job make it.
    Load { address: gateway.address, callers: 1, requests: 1, request: Arc::new(Request::later) }.run().await?;
    gateway.wait_done(1).await?;
    let idle = gateway.resident()?;
    Load { address: gateway.address, callers: 256, requests: LINES, request: Arc::new(Request::other) }.run().await?;
    let accepted = gateway.resident()?;
    gateway.reset_peak()?;
    gateway.wait_done(LINES + 1).await?;
    let peak = gateway.peak()?;
    let counts = simulator.counts().await?;
    let mib = |bytes: u64| bytes as f64 / 1_048_576.0;
    table.row(
        "50,000-line submission: peak above idle, MiB",
        format!(
            "{:.1} ({:.1} after accepting; largest batch {})",
            mib(peak.saturating_sub(idle)),
            mib(accepted.saturating_sub(idle)),
            counts
        ),
        "<= 64",
    );
    Ok(())
}

async fn relay(table: &mut Table) -> anyhow::Result<()> {
    const CALLS: usize = 100_000;
    let upstream = client::answerer().await?;
    let gateway = Gateway::start_at(&format!("http://{upstream}/v1"), &[], "")?;
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let before = gateway.cpu()?;
        let began = Instant::now();
        let load = Load { address: gateway.address, callers: 50, requests: CALLS, request: Arc::new(Request::relayed) };
        let outcome: Outcome = load.run().await?;
        rates.push(outcome.right as f64 / began.elapsed().as_secs_f64());
        costs.push(gateway.cpu()?.saturating_sub(before).as_secs_f64() * 1_000.0 / CALLS as f64);
    }
    let latency = |address| async move {
        let load = Load { address, callers: 1, requests: 5_000, request: Arc::new(Request::relayed) };
        anyhow::Ok(load.run().await?.p50())
    };
    let direct: Duration = latency(upstream).await?;
    let through: Duration = latency(gateway.address).await?;
    table.row("relayed calls/s (C = 50)", format!("{:.0}", median(&mut rates)), "");
    table.row("CPU-seconds per 1,000 relayed calls", format!("{:.4}", median(&mut costs)), "<= 0.045");
    table.row(
        "latency added at p50, ms",
        format!("{:.3}", through.saturating_sub(direct).as_secs_f64() * 1_000.0),
        "<= 0.3",
    );
    Ok(())
}
