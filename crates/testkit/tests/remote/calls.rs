//! What a job costs from its acceptance to its answer, in calls of each port.

use bytes::Bytes;
use offpeak_core::endpoint::Endpoint;
use offpeak_core::flows::accept::{Asked, Call, accept};
use offpeak_core::flows::advance::{Advanced, advance};
use offpeak_core::flows::pack;
use offpeak_core::ids::{CredentialId, RequestId, TenantId};
use offpeak_core::job::State;
use offpeak_core::job::identity::body_sha256;
use offpeak_core::lane::{Lane, Terms};
use offpeak_core::ports::Clock;
use offpeak_core::submission::Size;
use offpeak_testkit::fakes::TokioClock;

use crate::meter::{Count, distant};

const JOBS: usize = 1_000;

pub(crate) fn asked(n: usize, now_ms: u64) -> Asked {
    let body = format!("{{\"q\":\"{n}\"}}");
    let bytes = body.len() as u64 + 200;
    Asked {
        tenant: TenantId::from("acme"),
        lane: Lane {
            credential: CredentialId::from("gateway"),
            provider: "openai".to_owned(),
            endpoint: Endpoint::ChatCompletions,
            model: "m".to_owned(),
            class: "soon".to_owned(),
            terms: Terms::default(),
        },
        model: "m".to_owned(),
        body_sha256: body_sha256(body.as_bytes()),
        body: Bytes::from(body),
        size: Size { requests: 1, bytes, tokens: 10, inputs: 0 },
        deadline_ms: now_ms + 72 * 3_600_000,
        key: Some(format!("key {n}")),
        tag: None,
        webhook: None,
        handed: None,
    }
}

/// Three writes of its row (create, claim, done), no read, and one message.
#[tokio::test(start_paused = true)]
async fn calls_per_job() {
    let clock = TokioClock::default();
    let (fakes, ports, meter) = distant(&clock);
    let call = Call { request: RequestId([1; 16]), retry_count: 0, polls: false };
    for n in 0..JOBS {
        accept(&ports, &asked(n, clock.now_ms()), &call, &|| false).await.unwrap();
    }
    let sealed = pack::tick(&ports, "soon", clock.now_ms() + 600_000).await.unwrap();
    assert_eq!(sealed.len(), 1);
    while let Advanced::Until(until_ms) = advance(&ports, sealed[0]).await.unwrap() {
        clock.sleep_ms(until_ms.saturating_sub(clock.now_ms()).max(1)).await;
    }
    println!("{JOBS} jobs\n{}", meter.table());
    assert!(fakes.jobs.snapshot().iter().all(|job| matches!(job.state, State::Done(_))));
    let items = |what| meter.of(what).items;
    assert_eq!((items("jobs.create"), items("jobs.apply")), (JOBS, 2 * JOBS));
    assert_eq!((items("jobs.get"), items("jobs.mark")), (0, 0));
    assert_eq!((items("intake.send"), items("intake.receive"), items("intake.delete")), (JOBS, JOBS, JOBS));
    assert_eq!(meter.of("jobs.apply").calls, 2, "one claims, one settles");
    // Sealed; then uploading, creating, submitted; collecting, its results, done, and nothing left over.
    assert_eq!(meter.of("submissions.replace").calls, 8, "who is busy says so in a write that is made anyhow");
    let objects = ["objects.create", "objects.stream", "objects.read"].map(|what| meter.of(what).calls);
    assert_eq!(objects, [3, 3, 0], "the lines, their manifest and the results, each written and read once");
    let others = ["classes.get", "classes.replace", "submissions.get", "submissions.replace", "objects.create"];
    let others: usize = others.into_iter().map(|what| meter.of(what).calls).sum();
    assert!(others < 40, "{}", meter.table());
}

#[tokio::test(start_paused = true)]
async fn an_idle_tick_reads_one_row_and_one_depth() {
    let clock = TokioClock::default();
    let (_, ports, meter) = distant(&clock);
    for _ in 0..3 {
        meter.reset();
        assert_eq!(pack::tick(&ports, "soon", clock.now_ms() + 600_000).await.unwrap(), []);
        assert_eq!(meter.of("classes.get").calls, 1);
        assert_eq!(meter.of("intake.depth").calls, 1);
        assert_eq!(meter.table().lines().count(), 2, "{}", meter.table());
        clock.sleep_ms(60_000).await;
    }
}

/// The row of the class is read when a drain begins, and then only written.
#[tokio::test(start_paused = true)]
async fn a_drain_reads_its_class_once() {
    let clock = TokioClock::default();
    let (_, ports, meter) = distant(&clock);
    let call = Call { request: RequestId([1; 16]), retry_count: 0, polls: false };
    for n in 0..3 {
        accept(&ports, &asked(n, clock.now_ms()), &call, &|| false).await.unwrap();
    }
    meter.reset();
    pack::tick(&ports, "soon", clock.now_ms() + 600_000).await.unwrap();
    assert_eq!(meter.of("classes.get").calls, 1);
    assert_eq!(meter.of("classes.replace").calls, 4, "three notes and a departure");
    assert_eq!(meter.of("intake.receive"), Count { calls: 3, items: 3 });
    assert_eq!(meter.of("intake.delete"), Count { calls: 1, items: 3 });
}
