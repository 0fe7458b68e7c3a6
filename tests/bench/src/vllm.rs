//! A worker beside a real vLLM, against a direct load of the same server: `make test-vllm`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;

use crate::batches::{create, look};
use crate::client::{Load, Request, connect};
use crate::meter::Meter;
use crate::process::{Gateway, Simulator, Vllm};
use crate::report::{Table, median};

/// Pairs of runs, one after the other, of which the medians are shown.
const PAIRS: usize = 5;
const REQUESTS: usize = 2_000;
/// Calls at once: what the server runs at once (`--max-num-seqs`).
const AT_ONCE: usize = 64;
/// Between two looks at a batch: the engine needs the whole machine, and what it is asked for ends by the wire.
const LOOK: Duration = Duration::from_millis(500);

const CONFIG: &str = "[[route]]\nmodel = \"tiny\"\nbackend = \"fleet\"\n";

/// The same requests directly and through gateway and worker, in turn, on one server.
pub(crate) async fn pairs(table: &mut Table) -> anyhow::Result<()> {
    let (vllm, simulator) = (Vllm::start().await?, Simulator::start()?);
    let meter = Meter::before(vllm.address).await?;
    let gateway = Gateway::start_with(&simulator, &["--poll-interval", "1s"], CONFIG)?;
    let _worker = gateway.worker(meter.address, AT_ONCE)?;
    directly(&meter).await?;
    let (mut direct, mut worked, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let pair = (directly(&meter).await?, through(&gateway, &meter).await?);
        eprintln!("directly {:.1}/s, by the worker {:.1}/s", pair.0, pair.1);
        direct.push(pair.0);
        worked.push(pair.1);
        ratios.push(pair.1 / pair.0 * 100.0);
    }
    table.row("vLLM, directly, 64 at once: requests/s", format!("{:.1}", median(&mut direct)), "");
    table.row("the same by a worker: requests/s", format!("{:.1}", median(&mut worked)), "");
    table.row("worker to direct, median of 5 pairs", format!("{:.1} %", median(&mut ratios)), ">= 95 %");
    Ok(())
}

fn body(number: usize) -> String {
    let question = format!("Describe product {number} in one sentence.");
    format!(
        r#"{{"model":"tiny","max_tokens":16,"ignore_eos":true,"temperature":0,"messages":[{{"role":"user","content":"{question}"}}]}}"#
    )
}

/// Requests a second from the first to the last byte of calls.
async fn directly(meter: &Meter) -> anyhow::Result<f64> {
    meter.reset();
    let request = |number| Request::of(&body(number), "", r#""completion_tokens":16"#.to_owned());
    let load = Load { address: meter.address, callers: AT_ONCE, requests: REQUESTS, request: Arc::new(request) };
    let outcome = load.run().await?;
    if outcome.right != REQUESTS {
        bail!("{} of {REQUESTS} were answered rightly", outcome.right);
    }
    Ok(REQUESTS as f64 / meter.span()?.as_secs_f64())
}

/// The same of a batch.
async fn through(gateway: &Gateway, meter: &Meter) -> anyhow::Result<f64> {
    let line = |number| {
        let body = body(number);
        format!(r#"{{"custom_id":"{number}","method":"POST","url":"/v1/chat/completions","body":{body}}}"#)
    };
    let lines: Vec<String> = (0..REQUESTS).map(line).collect();
    let mut stream = connect(gateway.address).await?;
    meter.reset();
    let batch = create(&mut stream, &format!(r#""requests":[{}]"#, lines.join(","))).await?;
    look(gateway, &batch, &["completed"], LOOK).await?;
    let counts = gateway.get(&format!("/v1/batches/{batch}")).await?["request_counts"].clone();
    if counts["completed"] != REQUESTS {
        bail!("the batch ended with {counts}");
    }
    Ok(REQUESTS as f64 / meter.span()?.as_secs_f64())
}
