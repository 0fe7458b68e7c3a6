//! What a million lines of callers' batches cost in counted calls.
//!
//! A run of a few lines and one of many, in the same ticks, tell what grows with lines; one of many bytes, which come as
//! an upload, what grows with them; a batch that does not end, what a poll costs.

use futures_util::future::join_all;
use offpeak_tests::{PATIENCE, until_ok};
use offpeak_tests_aws::{Calls, Fact, Function, Line, Meter, Money, Statement, Usage, World, item_bytes, now_ms};

use super::batches::poll;
use super::bill_batches_run::{FEW, MANY, Part, Run, TENANT, TICKS, run};

const MILLION: u128 = 1_000_000;
/// Lines of a full submission.
const FULL: u128 = 50_000;
/// Bytes of a line whose million is asked for.
const LINE_BYTES: u128 = 300;
/// A batch is looked at once a minute, and has a day.
const POLLS: u128 = 24 * 60;

/// Indexes that hold a row of each table: a write is counted once more for each, though few change them.
const INDEXES: [(&str, u128); 3] = [("FilesTable", 1), ("BatchesTable", 2), ("SubmissionsTable", 1)];
/// What a batch puts: input, sealed lines, their manifest, results and output.
const OBJECTS: u128 = 5;
/// What is aimed at.
const AIM: Money = Money::of_hundredths(500);
/// Bytes of a row that a read is taken to be.
const READ_BYTES: usize = 4 << 10;

pub(crate) static BILL: Fact = Fact::new(|| Box::pin(bill()));

#[test]
fn a_million_lines_of_batches_cost_what_was_aimed_at() {
    BILL.holds();
}

/// What the door and the poller used in a part of the run.
fn used(world: &World, log: &Calls, part: &Part) -> Usage {
    let log = log.within(&part.span).without(world.stack.physical("KeysTable"));
    let mut sum = Usage::of(Meter::HttpApiRequest, part.asked).and(&Usage::of(Meter::LambdaRequest, part.asked));
    // Results are read from the bucket itself.
    sum = sum.and(&Usage::of(Meter::ObjectRead, u128::from(part.asked > 0)));
    for function in [Function::FrontDoor, Function::Poller] {
        sum = sum.and(&Usage::of(Meter::LogByte, u128::from(log.log_bytes_of(function))));
        for call in log.of(function) {
            let index = |(table, indexes)| (call.resource == world.stack.physical(table)).then_some(indexes);
            let indexes = INDEXES.into_iter().find_map(index).unwrap_or(0);
            let is_write = matches!(call.operation.as_str(), "PutItem" | "UpdateItem" | "DeleteItem");
            // A row is less than the request that writes it.
            let units = u128::from(call.request_bytes.div_ceil(1_024)) + indexes;
            let usage = if is_write { Usage::of(Meter::WriteUnit, units) } else { Usage::of_call(call) };
            sum = sum.and(&usage);
        }
    }
    sum
}

/// What is counted, what it is called, and how many of its units are one.
const COUNTED: [(Meter, &str, u128); 7] = [
    (Meter::HttpApiRequest, "HTTP API requests", 1),
    (Meter::LambdaRequest, "invocations", 1),
    (Meter::WriteUnit, "DynamoDB write units", 1),
    (Meter::HalfReadUnit, "DynamoDB read units", 2),
    (Meter::ObjectWrite, "S3 PUT and LIST", 1),
    (Meter::ObjectRead, "S3 GET", 1),
    (Meter::LogByte, "bytes of logs", 1),
];

/// Lines for what a cause used.
fn lines(what: &str, used: &Usage) -> Vec<Line> {
    let shown = COUNTED.into_iter().filter(|(meter, ..)| used.units(*meter) > 0);
    let line = |(meter, name, part): (Meter, &str, u128)| {
        let money = used.only(&[meter]).price();
        let function_url = if meter == Meter::HttpApiRequest { Money::default() } else { money };
        Line { what: format!("{what}: {} {name}", used.units(meter).div_ceil(part)), http_api: money, function_url }
    };
    shown.map(line).collect()
}

async fn bill() {
    let world = World::get().await;
    let alone = world.quiet().await;
    let began_ms = now_ms();
    let run = run(world).await;
    let log = whole_log(world, &run, began_ms).await;
    drop(alone);
    rows_are_small(world).await;
    let statements = statements(world, &run, &log);
    let (mut http_api, mut function_url) = (Money::default(), Money::default());
    for statement in &statements {
        println!("{statement}");
        let sums = statement.sums();
        (http_api, function_url) = (http_api + sums.0, function_url + sums.1);
    }
    println!("A million lines of callers' batches in counted calls: {http_api}, {function_url} by a Function URL");
    assert!(http_api.max(function_url) <= AIM, "more than {AIM}: {http_api}, {function_url}");
}

/// The log, once it tells of every object: lines are shown late, with the next call in the environment that wrote them.
async fn whole_log(world: &World, run: &Run, began_ms: u64) -> Calls {
    let http = world.stack.http();
    until_ok("the log of every object", PATIENCE, async || {
        poll(world).await;
        join_all((0..16).map(|_| http.get("/healthz").send())).await;
        let log = Calls::logged(&world.aws, &world.stack, began_ms).await;
        let objects = [&run.few, &run.many].map(|part| used(world, &log, part).units(Meter::ObjectWrite));
        if objects == [OBJECTS; 2] { Ok(log) } else { Err(format!("{objects:?} of {OBJECTS} each")) }
    })
    .await
}

/// What does not grow with lines, but with the submissions that hold a million of them, and what does.
fn statements(world: &World, run: &Run, log: &Calls) -> [Statement; 2] {
    let [few, many, wide, idle, waiting] =
        [&run.few, &run.many, &run.wide, &run.idle, &run.waiting].map(|part| used(world, log, part));
    let (lines_more, batches) = ((MANY - FEW) as u128, MILLION / FULL);
    let each = many.clone().less(&few);
    assert!(each.units(Meter::ObjectWrite) + each.units(Meter::WriteUnit) <= 1, "a line costs a call: {each:?}");
    let alone = few.less(&each.clone().times(FEW as u128, lines_more)).times(batches, 1);
    let bytes_more = run.wide.bytes - run.many.bytes;
    let by_bytes = wide.less(&many).times(LINE_BYTES * MILLION, bytes_more);
    assert!(waiting.units(Meter::HalfReadUnit) > idle.units(Meter::HalfReadUnit), "a poll reads no row: {waiting:?}");
    let polled = waiting.less(&idle).times(batches * POLLS, u128::from(TICKS));
    let title = |rest: &str| format!("A million lines in {batches} batches of {FULL}: {rest}");
    let fixed = [lines("themselves", &alone), lines(&format!("{POLLS} polls of each"), &polled)].concat();
    let growing = [
        lines("for more lines", &each.times(MILLION, lines_more)),
        lines(&format!("{LINE_BYTES} bytes a line, and as many back"), &by_bytes),
    ]
    .concat();
    [
        Statement { title: title("what does not grow with lines"), lines: fixed },
        Statement { title: title("what does"), lines: growing },
    ]
}

/// The bill takes every read of a row for one unit.
async fn rows_are_small(world: &World) {
    for table in ["FilesTable", "UploadsTable", "BatchesTable"] {
        let rows = world.aws.items(world.stack.physical(table)).await;
        let ours = rows.iter().filter(|row| row["doc"]["S"].as_str().is_some_and(|doc| doc.contains(TENANT)));
        let largest = ours.map(item_bytes).max().expect("rows");
        println!("the largest of the bill's rows of {table} has {largest} bytes");
        assert!(largest <= READ_BYTES, "a row of {largest} bytes");
    }
}
