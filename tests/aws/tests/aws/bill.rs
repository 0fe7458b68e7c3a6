//! What a million jobs cost, and what a month without one does.

use offpeak_tests_aws::{Calls, Fact, Function, Line, Meter, Money, Statement, Usage, World, price};

use super::bill_run::{JOBS, Run, run};

const MILLION: u128 = 1_000_000;
/// Minutes of a month of 30 days.
const MONTH: u128 = 43_200;

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
    let idle = month(world, &run).await;
    drop(alone);
    let (jobs, pick_up, not_ready) =
        (jobs(world, &run).await, pick_up(world, &run).await, not_ready(world, &run).await);
    let (retried, others) = (retried(world, &run).await, others(world, &run).await);
    for statement in [&jobs, &pick_up, &not_ready, &retried, &others, &idle] {
        println!("{statement}");
    }
    let dollars = Money::of_hundredths;
    let within = |statement: &Statement, http_api, function_url| {
        let sums = statement.sums();
        assert!(sums.0 <= dollars(http_api) && sums.1 <= dollars(function_url), "{statement}");
    };
    within(&jobs, 38_000, 28_000);
    within(&pick_up, 17_500, 7_500);
    within(&not_ready, 17_500, 7_500);
    within(&idle, 30_000, 30_000);
    let [mark, held, ..] = others.lines.as_slice() else { panic!("{others}") };
    assert_eq!((mark.http_api, held.http_api.to_string().as_str()), (dollars(6_250), "$3.3334"));
    let marks = per_million(&usage(&run.retries, Function::FrontDoor, &[Meter::WriteUnit]));
    assert_eq!(marks, dollars(6_250), "a repeated call writes more than one mark");
}

/// A million times what one of the run's jobs used.
fn per_million(usage: &Usage) -> Money {
    usage.price().times(MILLION, u128::from(JOBS))
}

/// What a function's calls count, by some meters.
fn usage(calls: &Calls, function: Function, meters: &[Meter]) -> Usage {
    Usage::of_calls(calls.of(function)).only(meters)
}

/// A function's memory for so long, a million times.
async fn compute(world: &World, billed: &Billed) -> Line {
    let memory_mb = u128::from(world.stack.memory_mb(&world.aws, billed.function).await);
    let money = price(Meter::LambdaMbMillisecond, memory_mb * billed.us * MILLION / 1_000);
    Line::alike(format!("{:?}: {memory_mb} MB for {}", billed.function, billed.what), money)
}

/// A call of the door: the request, the invocation, its time, and what it calls.
async fn call(world: &World, calls: &Calls, billed: &Billed) -> Vec<Line> {
    let http_api = price(Meter::HttpApiRequest, MILLION);
    let mut lines = vec![
        Line { what: "HTTP API: a request".to_owned(), http_api, function_url: Money::default() },
        Line::alike("FrontDoor: an invocation", price(Meter::LambdaRequest, MILLION)),
        compute(world, billed).await,
    ];
    let log_bytes = u128::from(calls.log_bytes);
    lines.push(Line::alike("FrontDoor: logs", per_million(&Usage::of(Meter::LogByte, log_bytes))));
    lines.extend(services(calls, Function::FrontDoor, &Usage::default()));
    lines
}

/// A line for each kind of call that a function made, less what its ticks would have called without a job.
fn services(calls: &Calls, function: Function, ticks: &Usage) -> Vec<Line> {
    let used = Usage::of_calls(calls.of(function)).less(ticks);
    let kinds = [
        (Meter::QueueRequest, "SQS requests"),
        (Meter::WriteUnit, "DynamoDB write units"),
        (Meter::HalfReadUnit, "DynamoDB read units"),
        (Meter::ObjectWrite, "S3 PUT and LIST"),
        (Meter::ObjectRead, "S3 GET"),
        (Meter::KeyRequest, "KMS requests"),
    ];
    let shown = kinds.into_iter().filter(|(meter, _)| used.units(*meter) > 0);
    let line = |(meter, name)| {
        let halves = if meter == Meter::HalfReadUnit { 2 } else { 1 };
        let hundredths = used.units(meter) * 100 / (u128::from(JOBS) * halves);
        let what = format!("{function:?}: {}.{:02} {name}", hundredths / 100, hundredths % 100);
        Line::alike(what, per_million(&used.only(&[meter])))
    };
    shown.map(line).collect()
}

async fn jobs(world: &World, run: &Run) -> Statement {
    let mut lines = call(world, &run.accept, &ACCEPT).await;
    for billed in [PACK, COLLECT] {
        let function = billed.function;
        // The tick itself costs the same with a job as without one, and is in the month's bill.
        let tick = Usage::of_calls(run.idle.of(function))
            .times_per(run.work.invocations_of(function), run.idle.invocations_of(function));
        lines.extend(services(&run.work, function, &tick));
        lines.push(compute(world, &billed).await);
    }
    Statement { title: "A million jobs accepted, packed and collected".to_owned(), lines }
}

async fn pick_up(world: &World, run: &Run) -> Statement {
    let lines = call(world, &run.results, &PICK_UP).await;
    Statement { title: "A million results read by their jobs' ids".to_owned(), lines }
}

async fn not_ready(world: &World, run: &Run) -> Statement {
    let lines = call(world, &run.not_ready, &PICK_UP).await;
    Statement { title: "A million calls whose answer is not ready".to_owned(), lines }
}

async fn retried(world: &World, run: &Run) -> Statement {
    let lines = call(world, &run.retries, &PICK_UP).await;
    Statement { title: "A million answers handed to repeated calls, marks included".to_owned(), lines }
}

async fn others(world: &World, run: &Run) -> Statement {
    let second = Billed { what: "a second", function: Function::FrontDoor, us: 1_000_000 };
    let bytes = u128::from(run.answer_bytes) * MILLION / u128::from(JOBS);
    let lines = vec![
        Line::alike("a mark that an answer was handed out", price(Meter::WriteUnit, MILLION)),
        compute(world, &second).await,
        Line::alike(format!("egress of answers of {} bytes", bytes / MILLION), price(Meter::EgressByte, bytes)),
    ];
    Statement { title: "By the million, where they occur".to_owned(), lines }
}

async fn month(world: &World, run: &Run) -> Statement {
    let mut lines = Vec::new();
    for (name, function, every_minutes) in world.stack.schedules(&world.aws).await {
        let runs = MONTH / u128::from(every_minutes);
        let memory_mb = u128::from(world.stack.memory_mb(&world.aws, function).await);
        let invocations = run.idle.invocations_of(function);
        let calls = Usage::of_calls(run.idle.of(function)).price().times(runs, u128::from(invocations));
        let money = [
            price(Meter::ScheduleRun, runs),
            price(Meter::LambdaRequest, runs),
            price(Meter::LambdaMbMillisecond, runs * memory_mb * TICK_US / 1_000),
            calls,
        ];
        let what = format!("{name}: {runs} ticks of 64 ms at {memory_mb} MB, and their calls");
        lines.push(Line::alike(what, money.into_iter().sum()));
    }
    let alarms = world.stack.alarms(&world.aws).await;
    lines.push(Line::alike(format!("{alarms} alarms"), price(Meter::AlarmMonth, u128::from(alarms))));
    Statement { title: "A month in which nobody calls".to_owned(), lines }
}
