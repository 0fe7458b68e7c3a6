//! What a million jobs cost, and what a month without one does.

use offpeak_tests_aws::{Calls, Fact, Function, Line, Meter, Money, Stack, Statement, Usage, World, item_bytes, price};

use super::bill_run::{FEW, JOBS, Run, run};

pub(super) const MILLION: u128 = 1_000_000;
/// Days of a month.
const MONTH: u128 = 30;
/// Jobs over which what a departure costs by itself is shared out; a batch holds 50,000.
const DEPARTURE: u128 = 1_000;

/// For how long AWS would bill an environment; the emulator cannot tell. All are assumed, for these reasons.
pub(super) struct Billed {
    pub(super) what: &'static str,
    pub(super) function: Function,
    pub(super) us: u128,
}

const ACCEPT: Billed =
    Billed { what: "30 ms: a write and a send, and TLS now and then", function: Function::FrontDoor, us: 30_000 };
const PICK_UP: Billed =
    Billed { what: "6 ms: a read of a row, then of a range", function: Function::FrontDoor, us: 6_000 };
const PACK: Billed =
    Billed { what: "0.2 ms: 5,000 jobs a second (make bench-aws)", function: Function::Packer, us: 200 };
const COLLECT: Billed =
    Billed { what: "0.2 ms: a write per job, as in the packer", function: Function::Poller, us: 200 };
const TICK_US: u128 = 64_000;

pub(crate) static BILL: Fact = Fact::new(|| Box::pin(bill()));

#[test]
fn a_million_jobs_and_an_idle_month_cost_what_was_aimed_at() {
    BILL.holds();
}

async fn bill() {
    let world = World::get().await;
    let alone = world.quiet().await;
    let run = run(world).await;
    drop(alone);
    let marks = [Meter::WriteUnit];
    let bills = [
        jobs(world, &run).await,
        picked_up(world, "results read by their jobs' ids, but for their marks", &run.first, &marks).await,
        picked_up(world, "results asked for too early, by their jobs' ids", &run.early, &[]).await,
        picked_up(world, "answers to repeated calls, but for their marks", &run.retries, &marks).await,
        picked_up(world, "answers given again to repeated calls", &run.lost, &[]).await,
        picked_up(world, "calls repeated too early for the first time", &run.early_retries[0], &[]).await,
        picked_up(world, "calls repeated too early again", &run.early_retries[1], &[]).await,
        others(world, &run).await,
        month(world, &world.stack, &run.idle, "A month in which nobody calls").await,
    ];
    for statement in &bills {
        println!("{statement}");
    }
    meets_the_aims(&bills);
    answers_are_marked_once(&run);
    rows_are_small(world).await;
}

fn answers_are_marked_once(run: &Run) {
    let marks = |calls| Usage::of_function(calls, Function::FrontDoor).units(Meter::WriteUnit);
    let marks = [&run.first, &run.again, &run.lost, &run.retries].map(marks);
    assert_eq!(marks, [u128::from(JOBS), 0, 0, u128::from(JOBS)]);
}

fn meets_the_aims(bills: &[Statement; 9]) {
    let [jobs, result, early, retried, lost, resent, early_retried, others, idle] = bills;
    within(jobs, 38_000, 28_000);
    within(result, 17_500, 7_500);
    within(retried, 17_500, 7_500);
    // One row read and nothing more.
    within(early, 13_500, 3_500);
    within(early_retried, 13_500, 3_500);
    // Beside the job's own row the place after the last of the equal requests is read: another may have begun.
    within(lost, 18_800, 8_800);
    // The first repetition of a job that waits sends its message again: it may never have been sent.
    within(resent, 24_000, 14_000);
    within(idle, 30_000, 30_000);
    assert_eq!(others.lines[0].http_api, Money::of_hundredths(6_250));
    assert_eq!(others.lines[1].http_api.to_string(), "$3.3334");
}

/// Checks both sums, in hundredths of a cent.
fn within(statement: &Statement, http_api: u128, function_url: u128) {
    let sums = statement.sums();
    let aims = (Money::of_hundredths(http_api), Money::of_hundredths(function_url));
    assert!(sums.0 <= aims.0 && sums.1 <= aims.1, "more than {} or {}:\n{statement}", aims.0, aims.1);
}

/// The bill takes every write of a job's row for one unit.
async fn rows_are_small(world: &World) {
    let rows = world.aws.items(world.stack.physical("JobsTable")).await;
    let largest = rows.iter().map(item_bytes).max().expect("rows");
    println!("the largest of {} rows has {largest} bytes", rows.len());
    assert!(largest <= 1_024, "a row of {largest} bytes");
}

/// A million times what one of the run's jobs used.
fn million(usage: &Usage) -> Usage {
    usage.clone().times(MILLION, u128::from(JOBS))
}

/// A function's memory for so long, a million times.
pub(super) async fn compute(world: &World, stack: &Stack, billed: &Billed) -> Line {
    let memory_mb = u128::from(stack.memory_mb(&world.aws, billed.function).await);
    let money = price(Meter::LambdaMbMillisecond, memory_mb * billed.us * MILLION / 1_000);
    Line::alike(format!("{:?}: {memory_mb} MB for {}", billed.function, billed.what), money)
}

/// A million calls of the door but for what some meters count: the request, the invocation, its time, and what it calls.
async fn door(world: &World, calls: &Calls, billed: &Billed, but: &[Meter]) -> Vec<Line> {
    let http_api = price(Meter::HttpApiRequest, MILLION);
    let mut lines = vec![
        Line { what: "HTTP API: a request".to_owned(), http_api, function_url: Money::default() },
        Line::alike("FrontDoor: an invocation", price(Meter::LambdaRequest, MILLION)),
        compute(world, &world.stack, billed).await,
    ];
    // A key is looked up every two seconds by each environment that is asked, and not by each call.
    let calls = calls.without(world.stack.physical("KeysTable"));
    let used = million(&Usage::of_function(&calls, Function::FrontDoor));
    lines.extend(services(Function::FrontDoor, &used.clone().less(&used.only(but))));
    lines
}

/// A million short calls of the door, but for what some meters count.
async fn picked_up(world: &World, what: &str, calls: &Calls, but: &[Meter]) -> Statement {
    Statement { title: format!("A million {what}"), lines: door(world, calls, &PICK_UP, but).await }
}

/// A line for each kind of thing that a million jobs or calls used.
pub(super) fn services(function: Function, used: &Usage) -> Vec<Line> {
    let kinds = [
        (Meter::QueueRequest, "SQS requests", 1),
        (Meter::WriteUnit, "DynamoDB write units", 1),
        (Meter::HalfReadUnit, "DynamoDB read units", 2),
        (Meter::ObjectWrite, "S3 PUT and LIST", 1),
        (Meter::ObjectRead, "S3 GET", 1),
        (Meter::KeyRequest, "KMS requests", 1),
        (Meter::LogByte, "bytes of logs", 1),
    ];
    let shown = kinds.into_iter().filter(|(meter, ..)| used.units(*meter) > 0);
    let line = |(meter, name, part)| {
        let thousandths = used.units(meter) * 1_000 / (MILLION * part);
        let what = format!("{function:?}: {}.{:03} {name}", thousandths / 1_000, thousandths % 1_000);
        Line::alike(what, used.only(&[meter]).price())
    };
    shown.map(line).collect()
}

/// What a function used in a part of the run, less what as many ticks without a job use: those are in the month's bill.
fn work(run: &Run, part: &Calls, function: Function) -> Usage {
    let ticks = u128::from(part.invocations_of(function));
    let idle = Usage::of_function(&run.idle, function);
    let idle = idle.times(ticks, u128::from(run.idle.invocations_of(function)));
    Usage::of_function(part, function).less(&idle)
}

async fn jobs(world: &World, run: &Run) -> Statement {
    let mut lines = door(world, &run.accept, &ACCEPT, &[]).await;
    let mut departures = Money::default();
    for billed in [PACK, COLLECT] {
        let function = billed.function;
        let (few, many) = (work(run, &run.few, function), work(run, &run.many, function));
        let more = u128::from(JOBS - FEW);
        let each = many.less(&few);
        departures = departures + few.less(&each.clone().times(u128::from(FEW), more)).price();
        lines.extend(services(function, &each.times(MILLION, more)));
        lines.push(compute(world, &world.stack, &billed).await);
    }
    let what = format!("departures of {DEPARTURE} jobs, by themselves");
    lines.push(Line::alike(what, departures.times(MILLION, DEPARTURE)));
    Statement { title: "A million jobs accepted, packed and collected".to_owned(), lines }
}

async fn others(world: &World, run: &Run) -> Statement {
    let second = Billed { what: "a second", function: Function::FrontDoor, us: 1_000_000 };
    let bytes = u128::from(run.answer_bytes) / u128::from(JOBS);
    let lines = vec![
        Line::alike("a mark that an answer was handed out", price(Meter::WriteUnit, MILLION)),
        compute(world, &world.stack, &second).await,
        Line::alike("a key looked up, at most every 2 s by each environment", price(Meter::HalfReadUnit, 2 * MILLION)),
        Line::alike(format!("egress of answers of {bytes} bytes"), price(Meter::EgressByte, bytes * MILLION)),
    ];
    Statement { title: "A million of each, where they occur".to_owned(), lines }
}

/// A month of ticks, each of which uses what those of `idle` did, and of alarms.
pub(super) async fn month(world: &World, stack: &Stack, idle: &Calls, title: &str) -> Statement {
    let mut lines = Vec::new();
    for (name, function, a_day) in stack.schedules(&world.aws).await {
        let runs = MONTH * u128::from(a_day);
        let memory_mb = u128::from(stack.memory_mb(&world.aws, function).await);
        let used = Usage::of_function(idle, function);
        let money = [
            price(Meter::ScheduleRun, runs),
            price(Meter::LambdaRequest, runs),
            price(Meter::LambdaMbMillisecond, runs * memory_mb * TICK_US / 1_000),
            used.times(runs, u128::from(idle.invocations_of(function))).price(),
        ];
        let what = format!("{name}: {runs} ticks of 64 ms at {memory_mb} MB, and their calls");
        lines.push(Line::alike(what, money.into_iter().sum()));
    }
    let alarms = stack.alarms(&world.aws).await;
    lines.push(Line::alike(format!("{alarms} alarms"), price(Meter::AlarmMonth, u128::from(alarms))));
    Statement { title: title.to_owned(), lines }
}
