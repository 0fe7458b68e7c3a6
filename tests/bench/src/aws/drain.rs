//! How fast a packer drains its queue when every call takes as long as one to AWS.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use offpeak_core::class::Rule;
use offpeak_core::flows::pack;
use offpeak_core::job::StateKind;
use offpeak_core::ports::{Intake, JobWalk, Jobs, Ports, Settings};
use offpeak_core::timing::Timing;
use offpeak_testkit::fakes::{Fakes, TokioClock};
use offpeak_testkit::provider::{Script, ScriptedProvider};
use offpeak_testkit::samples::Namespace;

use crate::distance::{Distance, Queue};
use crate::report::Table;

/// Messages: as many as one batch may hold.
const MESSAGES: usize = 50_000;
/// Bytes of a request's body.
const BODY: usize = 2_000;
/// What a call to AWS takes from a function of the same region.
const CALL: Duration = Duration::from_millis(20);

pub(crate) async fn drain(table: &mut Table) -> anyhow::Result<()> {
    let far = once(CALL).await?;
    let near = once(Duration::ZERO).await?;
    let rate = |took: Duration| format!("{:.0}", MESSAGES as f64 / took.as_secs_f64());
    table.row("packer drain at 20 ms per call, messages/s", rate(far), ">= 5,000");
    table.row("the same without any latency (what the CPU allows)", rate(near), "");
    Ok(())
}

/// Drains everything in one tick; says how long it took.
async fn once(call: Duration) -> anyhow::Result<Duration> {
    let clock = TokioClock::default();
    let fakes = Fakes::new(&clock, 1);
    let queue = Queue::default();
    let class = fill(&fakes, &queue).await?;
    let ports = ports(&fakes, &clock, &class);
    let ports = Distance(call).before(ports, queue.clone());
    let began = Instant::now();
    let sealed = pack::tick(&ports, &class, u64::MAX).await?;
    let took = began.elapsed();
    let packed = fakes.jobs.counts().await?.into_iter().find(|(kind, _)| *kind == StateKind::Packed);
    ensure!(packed.is_some_and(|(_, count)| count == MESSAGES as u64), "not every job was packed: {packed:?}");
    ensure!(queue.left() == 0 && sealed.len() == 1, "{} messages left, {} submissions", queue.left(), sealed.len());
    Ok(took)
}

/// Accepts the jobs of one lane; says their class.
async fn fill(fakes: &Fakes, queue: &Queue) -> anyhow::Result<String> {
    let namespace = Namespace::fresh();
    let body = vec![b'x'; BODY];
    for _ in 0..MESSAGES {
        let message = namespace.message(body.clone());
        let job = offpeak_core::job::Job { id: message.job, ..namespace.job() };
        fakes.jobs.create(vec![job]).await?;
        queue.send(vec![message]).await?;
    }
    Ok(namespace.lane().class)
}

fn ports(fakes: &Fakes, clock: &TokioClock, class: &str) -> Ports {
    let backend = Arc::new(ScriptedProvider::new(clock, 1, Script::calm()));
    let rule = Rule::Window { window_ms: 60_000, max_jobs: None };
    let settings = Settings {
        timing: Timing::default(),
        classes: BTreeMap::from([(class.to_owned(), rule)]),
        ..Settings::default()
    };
    fakes.ports(BTreeMap::from([("openai".to_owned(), backend as _)]), settings)
}
