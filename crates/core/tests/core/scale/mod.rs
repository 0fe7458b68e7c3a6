//! The scaler, in a simulated pool: one day that is written down minute by minute, many that are drawn by lot, and its rules one
//! by one.

mod checks;
mod day;
mod rules;
mod world;

use std::collections::BTreeMap;

use offpeak_core::fleet::{Purchase, Scaling};

use self::checks::check;
use self::world::{MINUTE_MS, Minute, Script, World};

/// Tokens a second of an instance.
const RATE: u32 = 3_500;

/// Numbers that look drawn by lot, and are the same each time (splitmix64).
struct Lot(u64);

impl Lot {
    /// Below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }
}

/// A day drawn by lot, and how it is met: anything goes wrong but in the last hours, in which there is room to catch up.
fn drawn(seed: u64) -> (Scaling, Script) {
    let mut lot = Lot(seed);
    let scaling = Scaling {
        drain_ms: lot.between(5, 90) * MINUTE_MS,
        boot_ms: lot.between(1, 6) * MINUTE_MS,
        idle_ms: lot.between(2, 10) * MINUTE_MS,
        silent_ms: lot.between(10, 20) * MINUTE_MS,
        fall_back_ms: lot.between(0, 20) * MINUTE_MS,
        floor: u32::from(lot.one_in(4)),
        ceiling: u32::try_from(lot.between(1, 20)).unwrap(),
    };
    let (arrivals, notices, hangs) = (lot.between(2, 60), lot.between(10, 200), lot.between(60, 400));
    let most = u64::from(scaling.ceiling) * 30;
    let (mut script, mut tokens, mut spot_left, mut demand_left) = (Script::default(), 0, 0, 0);
    for minute in 0..480 {
        if lot.one_in(arrivals) {
            let chunks: Vec<u64> = (0..lot.between(1, most)).map(|_| lot.between(1_000, 500_000)).collect();
            tokens += chunks.iter().sum::<u64>();
            script.chunks.insert(minute, chunks);
        }
        if lot.one_in(notices) {
            script.notices.insert(minute, usize::try_from(lot.between(1, 3)).unwrap());
        }
        if lot.one_in(hangs) {
            script.hangs.insert(minute, 1);
        }
        for (left, room) in [(&mut spot_left, &mut script.spot), (&mut demand_left, &mut script.on_demand)] {
            if *left == 0 && lot.one_in(60) {
                *left = lot.between(1, 60);
            }
            if *left > 0 {
                *left -= 1;
                room.insert(minute, u32::try_from(lot.below(3)).unwrap());
            }
        }
    }
    let alone_ms = tokens * 1_000 / u64::from(RATE);
    let longest_ms = scaling.drain_ms + scaling.boot_ms + scaling.idle_ms + 2 * scaling.silent_ms;
    script.minutes = 480 + 30 + (alone_ms / u64::from(scaling.ceiling) + longest_ms).div_ceil(MINUTE_MS);
    (scaling, script)
}

#[test]
fn no_day_drawn_by_lot_breaks_a_promise() {
    let mut totals = BTreeMap::new();
    for seed in 0..500 {
        let (scaling, script) = drawn(seed);
        let minutes = World::new(scaling, RATE).run(&script);
        check(&format!("seed {seed}"), &scaling, RATE, &script, &minutes);
        for minute in &minutes {
            *totals.entry(format!("{:?}", minute.decision.why)).or_insert(0_usize) += 1;
            *totals.entry("starts".to_owned()).or_insert(0) += minute.starts() as usize;
            *totals.entry("lost".to_owned()).or_insert(0) += minute.lost;
        }
    }
    println!("{totals:?}");
    assert!(totals.len() == 7 && totals.values().all(|count| *count > 500), "every case is met often: {totals:?}");
}

#[test]
fn a_steady_stream_is_met_by_a_steady_pool() {
    let a_minute_alone = u64::from(RATE) * 60;
    for tenths in [1, 5, 9, 10, 11, 25, 39, 40] {
        let mut script = Script { minutes: 1_440, ..Script::default() };
        script.chunks.extend((0..1_440).map(|minute| (minute, vec![a_minute_alone / 10; tenths])));
        let minutes = World::new(Scaling { ceiling: 16, ..Scaling::default() }, RATE).run(&script);
        let (starts, ended): (u32, usize) = minutes
            .iter()
            .fold((0, 0), |(starts, ended), minute| (starts + minute.starts(), ended + minute.ended_idle));
        let needed = u32::try_from(tenths.div_ceil(10)).unwrap();
        assert!((needed..=needed + 1).contains(&starts) && ended == 0, "{tenths}/10: {starts} started, {ended} ended");
    }
}

#[test]
fn an_undisturbed_bulk_is_done_within_target_and_boot() {
    let mut slowest = 0;
    for chunks in (1..400).step_by(7) {
        for drain in [10, 30, 60] {
            let scaling = Scaling { drain_ms: drain * MINUTE_MS, ceiling: u32::MAX, ..Scaling::default() };
            let mut script = Script { minutes: 120, ..Script::default() };
            script.chunks.insert(0, vec![500_000; chunks]);
            let minutes = World::new(scaling, RATE).run(&script);
            let done = minutes.iter().find(|minute| minute.outstanding == 0).unwrap().number;
            let (starts, first): (u32, u32) = (minutes.iter().map(Minute::starts).sum(), minutes[0].starts());
            assert_eq!(starts, first, "{chunks} chunks, {drain} min: all that it takes start at once");
            assert!(done <= drain + 3 + 3, "{chunks} chunks: {done} min, of which a boot is 3 and the last chunk 3");
            slowest = slowest.max(done.saturating_sub(drain));
        }
    }
    println!("target and {slowest} min at most");
}

#[test]
fn on_demand_is_bought_after_a_wait_for_spot() {
    let mut script = Script { minutes: 60, ..Script::default() };
    script.chunks.insert(0, vec![500_000; 20]);
    script.spot.extend((0..40).map(|minute| (minute, 0)));
    let first = |fall_back_ms| {
        let minutes = World::new(Scaling { fall_back_ms, ..Scaling::default() }, RATE).run(&script);
        let first = minutes.iter().find(|minute| minute.starts() > 0).unwrap();
        (first.number, first.started.keys().copied().collect::<Vec<_>>())
    };
    assert_eq!(first(600_000), (10, vec![Purchase::OnDemand]));
    assert_eq!(first(0), (0, vec![Purchase::OnDemand]));
    assert_eq!(first(u64::MAX), (40, vec![Purchase::Spot]), "never, if so decided");
    script.spot.insert(10, 1);
    let both = Scaling { drain_ms: 30 * MINUTE_MS, ..Scaling::default() };
    let minutes = World::new(both, RATE).run(&script);
    assert_eq!(minutes[10].started, BTreeMap::from([(Purchase::Spot, 1), (Purchase::OnDemand, 1)]), "spot still first");
}
