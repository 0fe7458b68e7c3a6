//! What one look decides, rule by rule.

use offpeak_core::endpoint::Endpoint;
use offpeak_core::fleet::{
    Chunk, ChunkId, ChunkState, Demand, Instance, InstanceState, Part, Pool, Prices, Purchase, Scaling, Shortage, Why,
    ends_itself, outstanding, scale,
};
use offpeak_core::ids::{ObjectName, SubmissionId, TenantId};

use super::Lot;
use super::world::MINUTE_MS;

/// A pool of instances in these states, heard of and started now, with so many milliseconds of work for one of them.
fn pool(states: &[InstanceState], work_ms: u64) -> Pool {
    let instance = |(number, state): (usize, &InstanceState)| Instance {
        name: format!("i-{number}"),
        purchase: Purchase::Spot,
        state: *state,
        started_ms: 0,
        heard_ms: 0,
    };
    let demand = Demand { model: "m".to_owned(), tokens: work_ms, tokens_per_second: 1_000 };
    Pool { demand: vec![demand], instances: states.iter().enumerate().map(instance).collect(), shortage: None }
}

#[test]
fn desired_is_the_formula() {
    let mut lot = Lot(2);
    for _ in 0..10_000 {
        let (tokens, rate, drain_s) = (lot.below(1 << 40), lot.between(1, 20_000), lot.between(1, 90_000));
        let scaling = Scaling {
            drain_ms: drain_s * 1_000,
            ceiling: u32::try_from(lot.between(1, 50)).unwrap(),
            ..Scaling::default()
        };
        let demand = Demand { model: "m".to_owned(), tokens, tokens_per_second: u32::try_from(rate).unwrap() };
        let one = Pool { demand: vec![demand.clone()], ..Pool::default() };
        let formula = u32::try_from(tokens.div_ceil(rate * drain_s).min(scaling.ceiling.into())).unwrap();
        let decision = scale(&one, 0, &scaling);
        assert_eq!((decision.desired, decision.start), (formula, formula), "{demand:?} {scaling:?}");
    }
}

#[test]
fn models_that_are_served_side_by_side_add_up() {
    let of = |model: &str, tokens, tokens_per_second| Demand { model: model.to_owned(), tokens, tokens_per_second };
    let scaling = Scaling { drain_ms: 60_000, ceiling: 9, ..Scaling::default() };
    let demand = vec![of("large", 60_000, 500), of("small", 60_001, 1_000)];
    assert_eq!(scale(&Pool { demand, ..Pool::default() }, 0, &scaling).desired, 4, "two minutes, one, and a token");
    assert_eq!(scale(&Pool { demand: vec![of("m", 60, 0)], ..Pool::default() }, 0, &scaling).desired, 1);
}

#[test]
fn a_few_tokens_never_start_an_instance() {
    let mut lot = Lot(3);
    for _ in 0..10_000 {
        let scaling = Scaling {
            drain_ms: lot.below(90) * MINUTE_MS,
            boot_ms: lot.between(1, 6) * MINUTE_MS,
            ceiling: 100,
            ..Scaling::default()
        };
        let (up, starting) = (lot.between(1, 10), lot.below(10));
        let mut states = vec![InstanceState::Starting; usize::try_from(starting).unwrap()];
        states.extend((0..up).map(|number| if number % 2 == 0 { InstanceState::Working } else { InstanceState::Idle }));
        let few = lot.below(up * scaling.boot_ms + 1);
        let decision = scale(&pool(&states, few), 0, &scaling);
        assert_eq!(decision.start, 0, "{few} ms of work, {states:?}, {scaling:?}");
    }
}

#[test]
fn who_starts_counts_and_who_leaves_only_takes_room() {
    use InstanceState::{Leaving, Starting, Working};
    let scaling = Scaling { ceiling: 4, ..Scaling::default() };
    let hour = scaling.drain_ms;
    let decide = |states: &[InstanceState], work_ms| {
        let decision = scale(&pool(states, work_ms), 0, &scaling);
        (decision.desired, decision.start, decision.why)
    };
    assert_eq!(decide(&[], 0), (0, 0, Why::Nothing));
    assert_eq!(decide(&[], 1), (1, 1, Why::More), "from nothing, a token is enough");
    assert_eq!(decide(&[Starting, Starting], 2 * hour), (2, 0, Why::Enough));
    assert_eq!(decide(&[Starting, Starting], 2 * hour + 1), (3, 1, Why::More), "they come later");
    assert_eq!(decide(&[Working, Working], 2 * hour + 1), (3, 0, Why::Nearly));
    assert_eq!(decide(&[Leaving, Leaving, Working], 4 * hour), (4, 1, Why::More));
    assert_eq!(decide(&[Leaving; 4], hour), (1, 0, Why::Full));
    assert_eq!(decide(&[Working; 4], 9 * hour), (4, 0, Why::Full));
    assert_eq!(decide(&[Working; 6], 9 * hour), (4, 0, Why::Full), "more than the ceiling: none is ended");
    let floor = Scaling { floor: 2, ..scaling };
    assert_eq!(scale(&pool(&[Working], 0), 0, &floor).start, 1);
    let odd = scale(&pool(&[Working], 0), 0, &Scaling { floor: 9, ceiling: 1, ..scaling });
    assert_eq!((odd.desired, odd.start), (1, 0), "the ceiling is the stronger");
}

#[test]
fn an_instance_ends_itself_once_it_is_idle_for_long_and_finds_nothing() {
    let scaling = Scaling::default();
    assert!(ends_itself(scaling.idle_ms, false, &scaling));
    assert!(!ends_itself(scaling.idle_ms - 1, false, &scaling));
    assert!(!ends_itself(u64::MAX, true, &scaling));
}

#[test]
fn the_silent_are_terminated_and_replaced_once_they_are_gone() {
    let scaling = Scaling { ceiling: 2, ..Scaling::default() };
    let mut two = pool(&[InstanceState::Working, InstanceState::Leaving], scaling.drain_ms);
    two.instances[0].heard_ms = 1;
    let look = |pool: &Pool, now_ms| {
        let decision = scale(pool, now_ms, &scaling);
        (decision.terminate.join(" "), decision.start)
    };
    assert_eq!(look(&two, scaling.silent_ms - 1), (String::new(), 0));
    assert_eq!(look(&two, scaling.silent_ms), ("i-1".to_owned(), 0), "also one that never finishes leaving");
    assert_eq!(look(&two, scaling.silent_ms + 1), ("i-0 i-1".to_owned(), 0), "no room before they are gone");
    two.instances.pop();
    assert_eq!(look(&two, scaling.silent_ms + 1), ("i-0".to_owned(), 1));
    two.instances[0].heard_ms = u64::MAX;
    assert_eq!(look(&two, scaling.silent_ms + 1), (String::new(), 0), "clocks differ");
}

fn chunk(tokens: u64, lines: u32, finished: u32, state: ChunkState) -> Chunk {
    let part = Part { object: ObjectName::from("p"), lines: finished, failed: 0, bytes: 1 };
    Chunk {
        id: ChunkId { submission: SubmissionId([1; 16]), index: 0 },
        of: 1,
        version: 1,
        backend: offpeak_core::fleet::NAME.to_owned(),
        model: "m".to_owned(),
        endpoint: Endpoint::ChatCompletions,
        tenant: TenantId::from("t"),
        first: 0,
        lines,
        tokens,
        created_ms: 0,
        attempt: 0,
        stop: false,
        state,
        parts: if finished > 0 { vec![part] } else { Vec::new() },
        suspects: Vec::new(),
        tried: Vec::new(),
    }
}

#[test]
fn outstanding_is_what_has_no_answer() {
    let held = ChunkState::Held { worker: "w".to_owned(), until_ms: 9 };
    let waiting = ChunkState::Waiting { not_before_ms: 0 };
    let stopped = Chunk { stop: true, ..chunk(900, 9, 0, held.clone()) };
    let chunks = [
        chunk(1_000, 10, 0, waiting.clone()),
        chunk(1_000, 3, 2, held),
        chunk(50, 5, 5, ChunkState::Done),
        chunk(50, 5, 1, ChunkState::Stopped),
        stopped,
    ];
    assert_eq!(outstanding(&chunks), 1_000 + 334);
    assert_eq!(outstanding(&[chunk(u64::MAX, 1, 0, waiting.clone()), chunk(1, 1, 0, waiting)]), u64::MAX);
}

#[test]
fn a_shortage_goes_on_while_it_is_asked_again() {
    let mut shortage = None;
    for minute in 5..=20 {
        shortage = Shortage::after(shortage, true, minute * MINUTE_MS);
        let expected = Shortage { since_ms: 5 * MINUTE_MS, tried_ms: minute * MINUTE_MS };
        assert_eq!(shortage, Some(expected));
    }
    let falls_back =
        |minute| scale(&Pool { shortage, ..Pool::default() }, minute * MINUTE_MS, &Scaling::default()).fall_back;
    assert!(falls_back(20) && falls_back(30), "who was bought on demand is not asked for again");
    assert!(!falls_back(31), "nobody knows how it is by now");
    assert_eq!(Shortage::after(shortage, true, 31 * MINUTE_MS).unwrap().since_ms, 31 * MINUTE_MS);
    assert_eq!(Shortage::after(shortage, false, 21 * MINUTE_MS), None);
}

#[test]
fn seconds_are_paid_and_a_minute_at_least() {
    let prices = Prices::default();
    assert_eq!(prices.cost_micros(Purchase::Spot, 60 * MINUTE_MS), 930_000);
    assert_eq!(prices.cost_micros(Purchase::OnDemand, 1), prices.cost_micros(Purchase::OnDemand, MINUTE_MS));
    assert_eq!(prices.cost_micros(Purchase::OnDemand, 90_000), 46_525);
}
