//! One day, minute by minute, as `day.txt` has it.

use std::fmt::Write as _;

use offpeak_core::fleet::{Decision, Purchase, Scaling};

use super::checks::check;
use super::world::{Minute, Script, World};
use super::{Lot, RATE};
use crate::repository::compare;

/// Where the day is written down.
const DAY: &str = "crates/core/tests/core/scale/day.txt";

/// A minute of the day.
const fn at(hour: u64, minute: u64) -> u64 {
    hour * 60 + minute
}

/// A night's bulk with interruptions, a day's trickle, a burst without any spot instance, a late straggler.
fn day() -> Script {
    let mut script = Script { minutes: at(24, 0), ..Script::default() };
    script.chunks.insert(at(1, 0), vec![500_000; 300]);
    script.spot.extend((at(1, 0)..at(1, 10)).map(|minute| (minute, 4)));
    script.notices.extend([(at(1, 20), 2), (at(1, 41), 1), (at(11, 0), 1)]);
    let (mut lot, mut minute) = (Lot(1), at(8, 0));
    while minute < at(14, 30) {
        script.chunks.insert(minute, vec![lot.between(40_000, 260_000)]);
        minute += lot.between(2, 12);
    }
    script.chunks.insert(at(15, 0), vec![500_000; 500]);
    script.spot.extend((at(14, 40)..at(16, 30)).map(|minute| (minute, 0)));
    script.on_demand.extend((at(15, 0)..at(15, 13)).map(|minute| (minute, 0)));
    script.on_demand.extend((at(15, 13)..at(16, 30)).map(|minute| (minute, 6)));
    script.hangs.insert(at(15, 40), 1);
    script.chunks.insert(at(22, 0), vec![100_000]);
    script
}

fn clock(number: u64) -> String {
    format!("{:02}:{:02}", number / 60, number % 60)
}

/// A minute without what changes all the time: how late it is, and how much is left to do.
fn news(minute: &Minute) -> Minute {
    let decision = Decision { desired: 0, ..minute.decision.clone() };
    Minute { number: 0, outstanding: 0, decision, ..minute.clone() }
}

fn line(minute: &Minute) -> String {
    let decision = &minute.decision;
    let mut line = format!(
        "{}  {:>9}  {:>4} {:>6} {:>8} {:>4} {:>7}  {:>7}  {:<7}",
        clock(minute.number),
        minute.outstanding,
        minute.spot,
        minute.on_demand,
        minute.starting,
        minute.idle,
        minute.leaving,
        decision.desired,
        format!("{:?}", decision.why),
    );
    let mut say = |count: u64, what: &str| {
        if count > 0 {
            write!(line, "  {what} {count}").unwrap();
        }
    };
    say(minute.arrived, "arrived");
    say(u64::from(decision.start), "start");
    say(u64::from(minute.refused), if decision.fall_back { "refused, also on demand" } else { "refused" });
    say(minute.started.get(&Purchase::OnDemand).copied().unwrap_or(0).into(), "on demand");
    say(minute.lost as u64, "lost");
    say(minute.ended_idle as u64, "ended");
    for name in &decision.terminate {
        write!(line, "  terminate {name}").unwrap();
    }
    line
}

/// Minutes from an arrival until nothing is outstanding.
fn drained_after(minutes: &[Minute], arrival: u64) -> u64 {
    minutes.iter().find(|minute| minute.number > arrival && minute.outstanding == 0).unwrap().number - arrival
}

fn dollars(micros: u64) -> String {
    format!("${}.{:02}", micros / 1_000_000, micros % 1_000_000 / 10_000)
}

fn figures(world: &World, minutes: &[Minute]) -> String {
    let starts = |purchase| minutes.iter().filter_map(|minute| minute.started.get(&purchase)).sum::<u32>();
    let ran_ms: u64 = world.ran_ms.values().sum();
    let hours = |purchase| world.ran_ms.get(&purchase).copied().unwrap_or(0) / 360_000;
    let (spot, on_demand) = (hours(Purchase::Spot), hours(Purchase::OnDemand));
    let micros_per_million = world.cost_micros * 1_000_000 / world.arrived;
    let used = world.arrived * 100_000 / (ran_ms * u64::from(world.tokens_per_second));
    format!(
        "started: {} spot, {} on demand; ended idle: {}; at most: {} at once\n\
         instance hours: {}.{} spot, {}.{} on demand; at work: {used} %\n\
         cost: {} for {} tokens, ${}.{:04} a million\n\
         drained: the night's bulk in {} min, the burst in {} min\n",
        starts(Purchase::Spot),
        starts(Purchase::OnDemand),
        minutes.iter().map(|minute| minute.ended_idle).sum::<usize>(),
        minutes.iter().map(Minute::instances).max().unwrap(),
        spot / 10,
        spot % 10,
        on_demand / 10,
        on_demand % 10,
        dollars(world.cost_micros),
        world.arrived,
        micros_per_million / 1_000_000,
        micros_per_million % 1_000_000 / 100,
        drained_after(minutes, at(1, 0)),
        drained_after(minutes, at(15, 0)),
    )
}

#[test]
fn a_day_goes_as_it_is_written_down() {
    let scaling = Scaling { ceiling: 16, ..Scaling::default() };
    let mut world = World::new(scaling, RATE);
    let script = day();
    let minutes = world.run(&script);
    check("the day", &scaling, RATE, &script, &minutes);

    let mut text = String::from(
        "# A simulated day of one pool, written by the test beside it: UPDATE_DOCS=1 cargo test -p offpeak-core --test core scale\n\
         # Minutes that only bring a little less to do are left out.\n\
         # time outstanding  spot demand starting idle leaving  desired  why\n",
    );
    let mut before = None;
    for minute in &minutes {
        if before.as_ref() != Some(&news(minute)) {
            writeln!(text, "{}", line(minute).trim_end()).unwrap();
        }
        before = Some(news(minute));
    }
    let figures = figures(&world, &minutes);
    println!("{figures}");
    text.push_str(&figures);
    compare(DAY, &text);
}
