//! What the hot path costs: CPU and wall time per job of the seven steps from accepting to handing out.
//!
//! `cargo run --release -p offpeak-embedded --example throughput -- DIR [JOBS] [TASKS] [PAGE_BYTES] [GATHER_US] [CACHE_KIB]`

use std::error::Error;
use std::io::{Write, stdout};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use offpeak_core::endpoint::Endpoint;
use offpeak_core::ids::{CredentialId, JobId, ObjectName, RequestId, SubmissionId, TenantId};
use offpeak_core::job::identity::{body_sha256, unkeyed};
use offpeak_core::job::{Answer, Event, Handed, Job, Joins, Mark, Request, State, Transition, Usage, When};
use offpeak_core::lane::{Lane, Terms};
use offpeak_core::ports::{Depth, Intake, Jobs, Message, MessageBody, Received};
use offpeak_core::submission::Size;
use offpeak_embedded::{Options, Store};

type Failure = Box<dyn Error + Send + Sync>;

const CALL: usize = 1_000;
const CLASS: &str = "soon";
/// Calls a second of the paced row: accepting only.
const PACE: u64 = 4_000;

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().ok_or("a directory is needed")?;
    let mut number = |default: u64| args.next().map_or(Ok(default), |text| text.parse::<u64>());
    let (jobs, tasks) = (number(100_000)?, number(256)?);
    let page_bytes = u32::try_from(number(4_096)?)?;
    let gather = Duration::from_micros(number(2_000)?);
    let cache_bytes = u32::try_from(number(8 << 10)? << 10)?;
    let store = Store::open(Path::new(&dir), &Options { page_bytes, gather, cache_bytes, ..Options::default() })?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build()?;
    runtime.block_on(measure(Arc::new(Run {
        store,
        dir,
        jobs,
        tasks,
        next: AtomicU64::new(0),
        slowest_us: AtomicU64::new(0),
    })))
}

struct Run {
    store: Store,
    dir: String,
    jobs: u64,
    tasks: u64,
    next: AtomicU64,
    slowest_us: AtomicU64,
}

async fn measure(run: Arc<Run>) -> Result<(), Failure> {
    let mut table = Table::new();
    run.each(|run, n| async move { run.create(n).await }).await?;
    table.row("create", &run)?;
    run.each(|run, n| async move { run.send(n).await }).await?;
    table.row("send", &run)?;
    let mut received = Vec::new();
    loop {
        let more = run.store.intake().receive(CLASS, CALL, 120_000, 0).await?;
        if more.is_empty() {
            break;
        }
        received.push(more.into_iter().map(|one| (one.receipt.clone(), brief(&one))).collect::<Vec<_>>());
    }
    table.row("receive", &run)?;
    let submission = SubmissionId([7; 16]);
    for group in &received {
        let claims = group.iter().map(|(_, job)| step(*job, None, Event::Claim(submission)));
        run.store.jobs().apply(claims.collect::<Result<_, _>>()?).await?;
    }
    table.row("apply (claim)", &run)?;
    for group in &received {
        run.store.intake().delete(CLASS, group.iter().map(|(receipt, _)| receipt.clone()).collect()).await?;
    }
    if run.store.intake().depth(CLASS).await? != Depth::default() {
        return Err("messages are left".into());
    }
    table.row("delete", &run)?;
    for group in &received {
        let answers = group.iter().map(|(_, job)| step(*job, Some(submission), Event::Answer(answer())));
        run.store.jobs().apply(answers.collect::<Result<_, _>>()?).await?;
    }
    table.row("apply (done)", &run)?;
    run.each(|run, n| async move { run.hand_out(n).await }).await?;
    table.row("mark", &run)?;
    run.each(|run, n| async move { run.get(n).await }).await?;
    table.row("(get)", &run)?;
    table.sum(&run)?;
    paced(&run).await?;
    table.row("(paced)", &run)
}

/// Accepts as many again, each by a call of its own, at an even rate: here nobody waits for an earlier answer.
async fn paced(run: &Arc<Run>) -> Result<(), Failure> {
    let mut tick = tokio::time::interval(Duration::from_millis(1));
    let mut calls = Vec::new();
    for n in run.jobs..run.jobs * 2 {
        if n % (PACE / 1_000) == 0 {
            tick.tick().await;
        }
        let run = Arc::clone(run);
        calls.push(tokio::spawn(async move {
            run.create(n).await?;
            run.send(n).await
        }));
    }
    for call in calls {
        call.await??;
    }
    Ok(())
}

impl Run {
    /// Does one thing for each job, by as many tasks at once.
    async fn each<F, R>(self: &Arc<Self>, one: F) -> Result<(), Failure>
    where
        F: Fn(Arc<Self>, u64) -> R + Send + Copy + 'static,
        R: Future<Output = Result<(), Failure>> + Send,
    {
        self.next.store(0, Ordering::Relaxed);
        let mut tasks = Vec::new();
        for _ in 0..self.tasks {
            let run = Arc::clone(self);
            tasks.push(tokio::spawn(async move {
                loop {
                    let n = run.next.fetch_add(1, Ordering::Relaxed);
                    if n >= run.jobs {
                        return Ok::<(), Failure>(());
                    }
                    one(Arc::clone(&run), n).await?;
                }
            }));
        }
        for task in tasks {
            task.await??;
        }
        Ok(())
    }

    async fn create(&self, n: u64) -> Result<(), Failure> {
        let begun = Instant::now();
        self.store.jobs().create(vec![job(n)]).await?;
        let took_us = u64::try_from(begun.elapsed().as_micros())?;
        self.slowest_us.fetch_max(took_us, Ordering::Relaxed);
        Ok(())
    }

    async fn send(&self, n: u64) -> Result<(), Failure> {
        let size = Size { requests: 1, bytes: 1_024, tokens: 250, inputs: 0 };
        let message = Message {
            job: id(n),
            attempt: 0,
            tenant: TenantId::from("default"),
            lane: lane(),
            size,
            created_ms: 1_790_000_000_000 + n,
            deadline_ms: 1_790_086_400_000 + n,
            body: MessageBody::Inline(Bytes::from(vec![b'x'; 1_024])),
        };
        self.store.intake().send(vec![message]).await?;
        Ok(())
    }

    async fn hand_out(&self, n: u64) -> Result<(), Failure> {
        let handed = Handed { request: RequestId([1; 16]), retry_count: 0, at_ms: 1_790_000_900_000 };
        self.store.jobs().mark(id(n), Mark::HandOut(handed)).await?;
        Ok(())
    }

    async fn get(&self, n: u64) -> Result<(), Failure> {
        let found = self.store.jobs().get(&[id(n)]).await?;
        if found[0].as_ref().is_some_and(|job| job.joins.handed.is_some()) { Ok(()) } else { Err("lost".into()) }
    }
}

fn id(n: u64) -> JobId {
    unkeyed(&TenantId::from("default"), Endpoint::ChatCompletions, "", u32::try_from(n).unwrap_or(u32::MAX))
}

fn lane() -> Lane {
    Lane {
        credential: CredentialId::from("openai"),
        provider: "openai".to_owned(),
        endpoint: Endpoint::ChatCompletions,
        model: "gpt-5-mini".to_owned(),
        class: CLASS.to_owned(),
        terms: Terms::default(),
    }
}

fn job(n: u64) -> Job {
    let request = Request {
        model: "gpt-5-mini".to_owned(),
        body_sha256: body_sha256(&n.to_be_bytes()),
        keyed: false,
        tag: None,
        webhook: None,
    };
    Job {
        id: id(n),
        tenant: TenantId::from("default"),
        request,
        lane: lane(),
        state: State::Queued,
        attempt: 0,
        created_ms: 1_790_000_000_000 + n,
        deadline_ms: 1_790_086_400_000 + n,
        finished_ms: 0,
        joins: Joins::default(),
        cancel_wished: false,
        body: None,
    }
}

fn brief(received: &Received) -> JobId {
    received.message.job
}

fn step(
    job: JobId,
    submission: Option<SubmissionId>,
    event: Event,
) -> Result<Transition, offpeak_core::job::IllegalTransition> {
    Transition::new(job, When { submission, attempt: 0 }, event, 1_790_000_800_000)
}

fn answer() -> Answer {
    let object = ObjectName::from("results/sub_07070707070707070707070707070707/0123456789abcdef");
    Answer {
        status: 200,
        object,
        offset: 1_234_567,
        length: 1_100,
        usage: Usage { input_tokens: 250, output_tokens: 180 },
    }
}

struct Table {
    wall: Instant,
    cpu_us: u64,
    total_us: f64,
}

impl Table {
    fn new() -> Self {
        Self { wall: Instant::now(), cpu_us: cpu_us(), total_us: 0.0 }
    }

    #[expect(clippy::cast_precision_loss, reason = "a table for people")]
    fn row(&mut self, step: &str, run: &Run) -> Result<(), Failure> {
        let (cpu_us, wall) = (cpu_us(), Instant::now());
        let each_us = (cpu_us - self.cpu_us) as f64 / run.jobs as f64;
        let seconds = (wall - self.wall).as_secs_f64();
        let log_bytes = std::fs::metadata(Path::new(&run.dir).join("offpeak.db-wal")).map_or(0, |log| log.len());
        writeln!(
            stdout(),
            "{step:<14} {each_us:>7.2} µs CPU a job {:>9.0} jobs/s   log {:>4} MiB   slowest create {:>4} ms",
            run.jobs as f64 / seconds,
            log_bytes >> 20,
            run.slowest_us.swap(0, Ordering::Relaxed) / 1_000
        )?;
        if !step.starts_with('(') {
            self.total_us += each_us;
        }
        (self.cpu_us, self.wall) = (cpu_us, wall);
        Ok(())
    }

    fn sum(&self, run: &Run) -> Result<(), Failure> {
        writeln!(
            stdout(),
            "all seven      {:>7.2} µs CPU a job; {} jobs, {} tasks",
            self.total_us,
            run.jobs,
            run.tasks
        )?;
        Ok(())
    }
}

/// User and system time of this process in microseconds; 0 where there is no `/proc`.
fn cpu_us() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    // utime and stime, fields 14 and 15, in ticks of 10 ms.
    after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10_000
}
