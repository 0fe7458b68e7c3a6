//! What a million jobs cost, and what a month without one does.

use offpeak_tests_aws::{Calls, Fact, Function, Line, Meter, Money, Statement, Usage, World, item_bytes, price};

use super::bill_run::{FEW, JOBS, Run, run};

const MILLION: u128 = 1_000_000;
/// Days of a month.
const MONTH: u128 = 30;
/// Jobs over which what a departure costs by itself is shared out; a batch holds 50,000.
const DEPARTURE: u128 = 1_000;

/// For how long AWS would bill an environment; the emulator cannot tell. All are assumed, for these reasons.
struct Billed {
    what: &'static str,
    function: Function,
    us: u128,
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
    let calls = async |title: &str, calls: &Calls| {
        let lines = door(world, calls, &PICK_UP, &[]).await;
        Statement { title: format!("A million {title}"), lines }
    };
    let bills = [
        jobs(world, &run).await,
        Statement {
            title: "A million results read by their jobs' ids, but for their marks".to_owned(),
            lines: door(world, &run.again, &PICK_UP, &[Meter::WriteUnit]).await,
        },
        calls("results asked for too early, by their jobs' ids", &run.early).await,
        calls("answers to repeated calls", &run.retries).await,
        calls("calls repeated too early for the first time", &run.early_retries[0]).await,
        calls("calls repeated too early again", &run.early_retries[1]).await,
        others(world, &run).await,
        month(world, &run).await,
    ];
    for statement in &bills {
        println!("{statement}");
    }
    meets_the_aims(&bills);
    let marks = |calls| Usage::of_function(calls, Function::FrontDoor).units(Meter::WriteUnit);
    assert_eq!((marks(&run.first), marks(&run.retries)), (u128::from(JOBS), 0), "an answer is marked once");
    rows_are_small(world).await;
}

fn meets_the_aims(bills: &[Statement; 8]) {
    let [jobs, result, early, retried, resent, early_retried, others, idle] = bills;
    within(jobs, 38_000, 28_000);
    within(result, 17_500, 7_500);
    within(early, 17_500, 7_500);
    // These read the row of the first of equal requests, the place after its last twin, and the job's own; the first
    // repetition of a job that waits sends its message again.
    within(retried, 20_000, 10_000);
    within(resent, 28_000, 18_000);
    within(early_retried, 17_500, 7_500);
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
async fn compute(world: &World, billed: &Billed) -> Line {
    let memory_mb = u128::from(world.stack.memory_mb(&world.aws, billed.function).await);
    let money = price(Meter::LambdaMbMillisecond, memory_mb * billed.us * MILLION / 1_000);
    Line::alike(format!("{:?}: {memory_mb} MB for {}", billed.function, billed.what), money)
}

/// A million calls of the door but for what some meters count: the request, the invocation, its time, and what it calls.
async fn door(world: &World, calls: &Calls, billed: &Billed, but: &[Meter]) -> Vec<Line> {
    let http_api = price(Meter::HttpApiRequest, MILLION);
    let mut lines = vec![
        Line { what: "HTTP API: a request".to_owned(), http_api, function_url: Money::default() },
        Line::alike("FrontDoor: an invocation", price(Meter::LambdaRequest, MILLION)),
        compute(world, billed).await,
    ];
    // A key is looked up every two seconds by each environment that is asked, and not by each call.
    let calls = calls.without(world.stack.physical("KeysTable"));
    let used = million(&Usage::of_function(&calls, Function::FrontDoor));
    lines.extend(services(Function::FrontDoor, &used.clone().less(&used.only(but))));
    lines
}

/// A line for each kind of thing that a million jobs or calls used.
fn services(function: Function, used: &Usage) -> Vec<Line> {
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
        lines.push(compute(world, &billed).await);
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
        compute(world, &second).await,
        Line::alike("a key looked up, at most every 2 s by each environment", price(Meter::HalfReadUnit, 2 * MILLION)),
        Line::alike(format!("egress of answers of {bytes} bytes"), price(Meter::EgressByte, bytes * MILLION)),
    ];
    Statement { title: "A million of each, where they occur".to_owned(), lines }
}

async fn month(world: &World, run: &Run) -> Statement {
    let mut lines = Vec::new();
    for (name, function, a_day) in world.stack.schedules(&world.aws).await {
        let runs = MONTH * u128::from(a_day);
        let memory_mb = u128::from(world.stack.memory_mb(&world.aws, function).await);
        let idle = Usage::of_function(&run.idle, function);
        let money = [
            price(Meter::ScheduleRun, runs),
            price(Meter::LambdaRequest, runs),
            price(Meter::LambdaMbMillisecond, runs * memory_mb * TICK_US / 1_000),
            idle.times(runs, u128::from(run.idle.invocations_of(function))).price(),
        ];
        let what = format!("{name}: {runs} ticks of 64 ms at {memory_mb} MB, and their calls");
        lines.push(Line::alike(what, money.into_iter().sum()));
    }
    let alarms = world.stack.alarms(&world.aws).await;
    lines.push(Line::alike(format!("{alarms} alarms"), price(Meter::AlarmMonth, u128::from(alarms))));
    Statement { title: "A month in which nobody calls".to_owned(), lines }
}
