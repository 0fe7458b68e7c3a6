//! What a million webhooks cost, and what a month does in which there is nothing to tell.
//!
//! On a stack of its own, beside the one that the other tests use: jobs that end, each told to one receiver, which takes it.

use std::ops::Range;

use futures_util::{StreamExt as _, stream};
use offpeak_tests::{Http, PATIENCE, Recorded, Recorder, chat, until_ok};
use offpeak_tests_aws::{
    Call, Calls, Fact, Function, LONG, Line, Meter, Stack, Statement, Usage, World, item_bytes, now_ms, price,
};
use serde_json::{Value, json};

use super::bill::{Billed, MILLION, compute, month, services};

/// Jobs, and so notices: few enough for one departure, and many beside what a departure and a tick cost.
const JOBS: u32 = 120;
const CALLERS: usize = 8;
/// Ticks over which one is averaged.
const TICKS: u32 = 4;
/// What the index of the outbox counts of a notice: its entry is made, moved to when the attempt is given up, and
/// taken away. Moving one is two writes.
const INDEX_UNITS: u128 = 1 + 2 + 1;
/// Who owes notices of jobs that are done: whoever advances their submission.
const OWING: [Function; 2] = [Function::Packer, Function::Poller];
/// What has a schedule here.
const TICKING: [(Function, &str); 3] =
    [(Function::Packer, "packer-soon"), (Function::Poller, "poller"), (Function::Notifier, "notifier")];

const OWE: Billed = Billed { what: "0.2 ms: a write for each, as for a job", function: Function::Poller, us: 200 };
const SEND: Billed =
    Billed { what: "5 ms: 64 at once, each taken within 300 ms, as assumed", function: Function::Notifier, us: 5_000 };

pub(crate) static BILL: Fact = Fact::new(|| Box::pin(bill()));

#[test]
fn a_million_webhooks_and_an_idle_month_with_them_are_priced() {
    BILL.holds();
}

/// What there is to look at.
struct Run {
    /// From the first end until every receiver has heard.
    told: Range<u64>,
    /// Ticks without anything to do.
    idle: Range<u64>,
    heard: Vec<Recorded>,
}

async fn bill() {
    let world = World::get().await;
    let _turn = world.busy().await;
    let stack = world.beside("hooks", &[("Webhooks", "true")], &["NotifierTicks"]).await;
    let began_ms = now_ms();
    let run = run(world, &stack).await;
    let log = whole_log(world, &stack, &run, began_ms).await;
    let (told, idle) = (log.within(&run.told), log.within(&run.idle));
    let mut idle_month = month(world, &stack, &idle, "A month with webhooks in which nobody calls").await;
    idle_month.lines.push(Line::alike("the key that seals", price(Meter::KeyMonth, 1)));
    for statement in [webhooks(world, &stack, &run, &told, &idle).await, idle_month] {
        println!("{statement}");
    }
    rows_are_small(world, &stack).await;
    world.aws.delete_stack(&stack.name).await;
}

/// A million times what one of the run's notices used.
async fn webhooks(world: &World, stack: &Stack, run: &Run, told: &Calls, idle: &Calls) -> Statement {
    let million = |usage: Usage| usage.times(MILLION, u128::from(JOBS));
    let tables = ["NoticesTable", "ReceiversTable"].map(|table| stack.physical(table));
    let ours = |call: &&Call| OWING.contains(&call.function) && tables.contains(&call.resource.as_str());
    let owed = told.calls.iter().filter(ours).fold(Usage::default(), |sum, call| sum.and(&Usage::of_call(call)));
    let ticks = u128::from(told.invocations_of(Function::Notifier));
    let tick = Usage::of_function(idle, Function::Notifier);
    let tick = tick.times(ticks, u128::from(idle.invocations_of(Function::Notifier)));
    let sent = Usage::of_function(told, Function::Notifier).less(&tick);
    let mut lines = services(Function::Poller, &million(owed));
    lines.push(compute(world, stack, &OWE).await);
    lines.extend(services(Function::Notifier, &million(sent)));
    lines.push(Line::alike(
        format!("{INDEX_UNITS} DynamoDB write units of the index of what is owed"),
        price(Meter::WriteUnit, INDEX_UNITS * MILLION),
    ));
    lines.push(compute(world, stack, &SEND).await);
    let bytes = run.heard.iter().map(bytes).sum::<u128>() / u128::from(JOBS);
    let what = format!("egress of messages of {bytes} bytes, their connections not counted");
    lines.push(Line::alike(what, price(Meter::EgressByte, bytes * MILLION)));
    Statement { title: "A million ends of jobs told to a receiver that takes them at once".to_owned(), lines }
}

/// A message as it is sent, about.
fn bytes(call: &Recorded) -> u128 {
    let headers = call.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>();
    (headers + call.path.len() + call.body.len()) as u128
}

async fn run(world: &World, stack: &Stack) -> Run {
    let made = operator(world, stack, &json!({"command": "keys create", "tenant": "told"})).await;
    let http = stack.http().with_key(made["key"].as_str().expect("a key"));
    let receiver = Recorder::answering("{}").await;
    let url = receiver.url().replace("/v1", "/hook");
    let about = json!({"name": "bill", "url": url, "event_types": ["job.completed"]});
    let made = http.post("/v1/webhook_endpoints", &about).send().await;
    assert_eq!(made.status, 200, "{made:?}");
    // What a start costs is no notice's.
    accept(&http, 0..1).await;
    until_heard(world, stack, &receiver, 1).await;
    // What a batch leaves at its provider is deleted at the next looks.
    for _ in 0..TICKS {
        tick(world, stack).await;
    }
    let idle_from_ms = now_ms();
    for _ in 0..TICKS {
        tick(world, stack).await;
    }
    let idle = idle_from_ms..now_ms() + 1;
    accept(&http, 1..=JOBS).await;
    let told_from_ms = now_ms();
    let heard = until_heard(world, stack, &receiver, JOBS as usize + 1).await.split_off(1);
    Run { told: told_from_ms..now_ms() + 1, idle, heard }
}

/// Has a job accepted for each number.
async fn accept(http: &Http, numbers: impl IntoIterator<Item = u32>) {
    let ask = |number: u32| async move {
        let body = chat(&format!("to be told of {number}"));
        let answer = http.post("/v1/chat/completions", &body).header("prefer", "respond-async").send().await;
        assert_eq!(answer.status, 202, "{answer:?}");
    };
    stream::iter(numbers).map(ask).buffer_unordered(CALLERS).collect::<()>().await;
}

async fn until_heard(world: &World, stack: &Stack, receiver: &Recorder, count: usize) -> Vec<Recorded> {
    until_ok("every end at the receiver", LONG, async || {
        tick(world, stack).await;
        let calls = receiver.calls("/hook");
        if calls.len() >= count { Ok(calls) } else { Err(format!("{} of {count}", calls.len())) }
    })
    .await
}

async fn tick(world: &World, stack: &Stack) {
    for (function, event) in TICKING {
        let end = world.aws.invoke(stack.function(function), &stack.event(event)).await;
        assert!(!end.failed, "{function:?}: {}", end.payload);
    }
}

async fn operator(world: &World, stack: &Stack, event: &Value) -> Value {
    let end = world.aws.invoke(stack.function(Function::Operator), event).await;
    assert!(!end.failed, "{event}: {}", end.payload);
    end.payload
}

/// The log, once it tells of every write of a notice: one when it is owed, one before its attempt and one after it. Lines
/// are shown late, with the next call in the environment that wrote them.
async fn whole_log(world: &World, stack: &Stack, run: &Run, began_ms: u64) -> Calls {
    let puts = |log: &Calls, who: &[Function]| {
        let put = |call: &&Call| call.operation == "PutItem" && call.resource == stack.physical("NoticesTable");
        let log = log.within(&run.told);
        log.calls.iter().filter(put).filter(|call| who.contains(&call.function)).count()
    };
    until_ok("the log of every notice", PATIENCE, async || {
        tick(world, stack).await;
        let log = Calls::logged(&world.aws, stack, began_ms).await;
        let (jobs, owed, sent) = (JOBS as usize, puts(&log, &OWING), puts(&log, &[Function::Notifier]));
        if owed == jobs && sent == 2 * jobs { Ok(log) } else { Err(format!("{owed} and {sent} writes of {jobs}")) }
    })
    .await
}

/// The bill takes every write of a row for one unit.
async fn rows_are_small(world: &World, stack: &Stack) {
    for table in ["NoticesTable", "ReceiversTable"] {
        let rows = world.aws.items(stack.physical(table)).await;
        let largest = rows.iter().map(item_bytes).max().expect("rows");
        println!("the largest of {} rows of {table} has {largest} bytes", rows.len());
        assert!(largest <= 1_024, "a row of {largest} bytes");
    }
}
