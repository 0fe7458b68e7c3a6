//! What callers' batches cost and hold: an input received and split, and many lines from their upload to their answers.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::client::{connect, content, response};
use crate::input::{Answered, Input};
use crate::process::{Gateway, Simulator};
use crate::report::{Table, median};

/// Runs of which the median is shown.
const RUNS: usize = 3;
const PATIENCE: Duration = Duration::from_mins(2);

/// `files`: one input of 200 MB, until the batch is `in_progress`.
pub(crate) async fn files(table: &mut Table) -> anyhow::Result<()> {
    const INPUT: Input = Input { lines: 50_000, line_bytes: 4_000 };
    let (mut rates, mut peaks) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let (_simulator, gateway) = warm().await?;
        let (idle, before) = (gateway.resident()?, gateway.cpu()?);
        gateway.reset_peak()?;
        let batch = begin(&gateway, INPUT).await?;
        wait(&gateway, &batch, &["in_progress", "finalizing", "completed"]).await?;
        let cpu = gateway.cpu()?.saturating_sub(before).as_secs_f64();
        peaks.push(mib(gateway.peak()?.saturating_sub(idle)));
        rates.push(INPUT.bytes() as f64 / 1_000_000.0 / cpu);
    }
    table.row("200 MB input: MB per CPU-second until split", format!("{:.0}", median(&mut rates)), ">= 150");
    table.row("the same: peak above idle, MiB", format!("{:.1}", median(&mut peaks)), "<= 64");
    Ok(())
}

/// `lines`: a million of them end to end, and a tenth of that to compare.
pub(crate) async fn lines(table: &mut Table) -> anyhow::Result<()> {
    const TENTH: Input = Input { lines: 100_000, line_bytes: 300 };
    const INPUT: Input = Input { lines: 1_000_000, line_bytes: 300 };
    let tenth = end_to_end(TENTH).await?;
    let all = end_to_end(INPUT).await?;
    let wrong = |run: &Run| format!("{} missing, {} odd", run.missing, run.odd);
    table.row(
        "1,000,000 lines of a batch: lines/s, end to end",
        format!("{:.0} ({})", all.rate, wrong(&all)),
        ">= 20,000",
    );
    table.row("the same: peak above idle, MiB", format!("{:.1}", all.peak), "<= 64");
    table.row("100,000 lines: lines/s, end to end", format!("{:.0} ({})", tenth.rate, wrong(&tenth)), "");
    table.row("the same: peak above idle, MiB", format!("{:.1}", tenth.peak), "");
    table.row("peak at ten times the lines", format!("{:+.0} %", (all.peak / tenth.peak - 1.0) * 100.0), "<= +10 %");
    Ok(())
}

/// What came of runs: medians of the figures, sums of what was wrong.
#[derive(Default)]
struct Run {
    rate: f64,
    peak: f64,
    missing: usize,
    odd: usize,
}

async fn end_to_end(input: Input) -> anyhow::Result<Run> {
    let (mut rates, mut peaks, mut sum) = (Vec::new(), Vec::new(), Run::default());
    for _ in 0..RUNS {
        let (_simulator, gateway) = warm().await?;
        let idle = gateway.resident()?;
        gateway.reset_peak()?;
        let began = Instant::now();
        let batch = begin(&gateway, input).await?;
        let output = wait(&gateway, &batch, &["completed"]).await?;
        let took = began.elapsed().as_secs_f64();
        let answered = answered(&gateway, &output, input).await?;
        rates.push(input.lines as f64 / took);
        peaks.push(mib(gateway.peak()?.saturating_sub(idle)));
        sum.missing += answered.missing();
        sum.odd += answered.odd;
        let (rate, peak) = (input.lines as f64 / took, peaks[peaks.len() - 1]);
        eprintln!("{} lines: {took:.1} s, {rate:.0} lines/s, {peak:.1} MiB", input.lines);
    }
    Ok(Run { rate: median(&mut rates), peak: median(&mut peaks), ..sum })
}

/// A gateway that has done everything once, for a few lines.
async fn warm() -> anyhow::Result<(Simulator, Gateway)> {
    let simulator = Simulator::start()?;
    let gateway = Gateway::start(&simulator, &["--poll-interval", "100ms"])?;
    let input = Input { lines: 100, line_bytes: 300 };
    let batch = begin(&gateway, input).await?;
    let output = wait(&gateway, &batch, &["completed"]).await?;
    let answered = answered(&gateway, &output, input).await?;
    if answered.missing() > 0 {
        bail!("{} of the first lines have no answer", answered.missing());
    }
    Ok((simulator, gateway))
}

/// Stores an input and makes a batch of it; returns the batch's id.
async fn begin(gateway: &Gateway, input: Input) -> anyhow::Result<String> {
    let mut stream = connect(gateway.address).await?;
    for piece in input.upload() {
        stream.write_all(&piece).await.context("sending an input")?;
    }
    let file = id(response(&mut stream, &mut Vec::new()).await?)?;
    create(&mut stream, &format!(r#""input_file_id":"{file}""#)).await
}

/// Makes a batch of a file, or of requests; returns its id.
pub(crate) async fn create(stream: &mut TcpStream, input: &str) -> anyhow::Result<String> {
    let wish = format!(r#"{{{input},"endpoint":"/v1/chat/completions","completion_window":"24h"}}"#);
    let head = "POST /v1/batches HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json";
    let request = format!("{head}\r\ncontent-length: {}\r\n\r\n{wish}", wish.len());
    stream.write_all(request.as_bytes()).await.context("creating a batch")?;
    id(response(stream, &mut Vec::new()).await?)
}

fn id((status, body): (u16, &[u8])) -> anyhow::Result<String> {
    let answer: serde_json::Value = serde_json::from_slice(body)?;
    match answer["id"].as_str() {
        Some(id) if status == 200 => Ok(id.to_owned()),
        Some(_) | None => bail!("answered {status}: {answer}"),
    }
}

/// Waits until the batch is in one of these states; returns the id of its output file, or nothing.
async fn wait(gateway: &Gateway, batch: &str, states: &[&str]) -> anyhow::Result<String> {
    look(gateway, batch, states, Duration::from_millis(10)).await
}

/// The same with so long between two looks, each of which costs the machine something.
pub(crate) async fn look(gateway: &Gateway, batch: &str, states: &[&str], pause: Duration) -> anyhow::Result<String> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let now = gateway.get(&format!("/v1/batches/{batch}")).await?;
        match now["status"].as_str() {
            Some(state) if states.contains(&state) => {
                return Ok(now["output_file_id"].as_str().unwrap_or_default().to_owned());
            }
            Some("validating" | "in_progress" | "finalizing") => {}
            Some(_) | None => bail!("the batch ended otherwise: {now}"),
        }
        tokio::time::sleep(pause).await;
    }
    bail!("waited too long for {batch}")
}

/// Reads a batch's output once.
async fn answered(gateway: &Gateway, file: &str, input: Input) -> anyhow::Result<Answered> {
    let mut answered = Answered::new(input);
    content(gateway.address, &format!("/v1/files/{file}/content"), |line| answered.line(line)).await?;
    Ok(answered)
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}
