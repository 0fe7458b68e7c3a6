//! What must hold of any simulated day.

use offpeak_core::fleet::{Purchase, Scaling};

use super::world::{MINUTE_MS, Minute, Script};

/// Within how many minutes of an idle end a start has to have its reason.
const CALM: u64 = 15;

/// For how many minutes a refusal counts while nobody asks.
const NEWS: u64 = 10;

/// A day with what it is judged by.
struct Day<'a> {
    name: &'a str,
    scaling: &'a Scaling,
    rate: u64,
    script: &'a Script,
    minutes: &'a [Minute],
}

/// Fails if a promise is broken on this day, at whose end nothing may be left.
pub(crate) fn check(name: &str, scaling: &Scaling, rate: u32, script: &Script, minutes: &[Minute]) {
    let day = Day { name, scaling, rate: rate.into(), script, minutes };
    day.never_above_the_ceiling();
    day.no_flapping();
    day.starts_are_bounded();
    day.on_demand_only_after_a_wait();
    day.drained_in_time();
    day.empty_means_at_the_floor();
    assert_eq!(minutes.last().unwrap().outstanding, 0, "{name}: something is left");
}

impl Day<'_> {
    fn at(&self, minute: &Minute) -> String {
        format!("{}, {:02}:{:02}: {minute:?}", self.name, minute.number / 60, minute.number % 60)
    }

    fn never_above_the_ceiling(&self) {
        for minute in self.minutes {
            let (there, ceiling) = (minute.instances() + minute.starts() as usize, self.scaling.ceiling as usize);
            assert!(there <= ceiling, "{}", self.at(minute));
        }
    }

    /// Nobody starts soon after somebody ended idle, unless something arrived or somebody was lost since.
    fn no_flapping(&self) {
        for minute in self.minutes.iter().filter(|minute| minute.starts() > 0) {
            let back = self.minutes[..=index(minute.number)].iter().rev().take(index(CALM) + 1);
            let calm: Vec<_> = back.take_while(|before| before.arrived == 0 && before.lost == 0).collect();
            let ended = calm.iter().find(|before| before.ended_idle > 0 && before.number < minute.number);
            assert!(ended.is_none(), "{}\nafter an idle end at {}", self.at(minute), ended.unwrap().number);
        }
    }

    /// As many starts as arrivals ask for, each by itself, and as losses may cost: a loss also brings back a little work.
    fn starts_are_bounded(&self) {
        let starts: u64 = self.minutes.iter().map(|minute| u64::from(minute.starts())).sum();
        let ended: usize = self.minutes.iter().map(|minute| minute.ended_idle).sum();
        let lost: usize = self.minutes.iter().map(|minute| minute.lost).sum();
        let wanted: u64 = self.script.chunks.values().map(|chunks| self.desired(chunks.iter().sum())).sum();
        let most = wanted + 2 * lost as u64 + u64::from(self.scaling.floor);
        assert!(starts <= most && ended as u64 <= starts, "{}: {starts} started, at most {most}", self.name);
    }

    /// On demand is bought for what spot refuses, and exactly once it has refused for the time that is waited.
    fn on_demand_only_after_a_wait(&self) {
        let mut shortage: Option<(u64, u64)> = None;
        for minute in self.minutes.iter().filter(|minute| minute.decision.start > 0) {
            let bought = |purchase| minute.started.get(&purchase).copied().unwrap_or(0);
            shortage = shortage.filter(|(_, tried)| minute.number - tried <= NEWS);
            let waited = shortage.map_or(0, |(since, _)| minute.number - since);
            let may = waited * MINUTE_MS >= self.scaling.fall_back_ms;
            assert!(minute.decision.fall_back == may, "after {waited} min: {}", self.at(minute));
            assert!(may || bought(Purchase::OnDemand) == 0, "{}", self.at(minute));
            let refused = bought(Purchase::Spot) < minute.decision.start;
            let since = shortage.map_or(minute.number, |(since, _)| since);
            shortage = refused.then_some((since, minute.number));
        }
    }

    /// Instances for so much, if there were no ceiling.
    fn desired(&self, tokens: u64) -> u64 {
        tokens.div_ceil(self.rate * self.scaling.drain_ms / 1_000)
    }

    /// What is outstanding arrived within target and boot, a look and the last chunk, if capacity allowed all that time:
    /// nobody was refused or lost, nobody hung unnoticed, and the ceiling sufficed.
    fn drained_in_time(&self) {
        let chunk_ms = self.script.chunks.values().flatten().max().unwrap_or(&0) * 1_000 / self.rate;
        let window = index((self.scaling.drain_ms + self.scaling.boot_ms + chunk_ms).div_ceil(MINUTE_MS)) + 2;
        let mut allowed = 0;
        for (number, minute) in self.minutes.iter().enumerate() {
            let too_many = self.desired(minute.outstanding) > u64::from(self.scaling.ceiling);
            let hindered = minute.refused > 0 || minute.lost > 0 || minute.hung > 0 || too_many;
            allowed = if hindered { 0 } else { allowed + 1 };
            if allowed > window {
                let recent: u64 = self.minutes[number - window..=number].iter().map(|minute| minute.arrived).sum();
                assert!(minute.outstanding <= recent, "{}\nof which {recent} arrived lately", self.at(minute));
            }
        }
    }

    /// Once nothing has been outstanding for a boot and an idle time, only the floor is there, and who hangs or leaves.
    fn empty_means_at_the_floor(&self) {
        let patience = index((self.scaling.boot_ms + self.scaling.idle_ms).div_ceil(MINUTE_MS)) + 2;
        let watchdog = index(self.scaling.silent_ms.div_ceil(MINUTE_MS)) + patience;
        let mut empty = 0;
        for minute in self.minutes {
            empty = if minute.outstanding == 0 { empty + 1 } else { 0 };
            let excused = minute.leaving + if empty > watchdog { 0 } else { minute.hung };
            let most = self.scaling.floor as usize + excused;
            assert!(empty <= patience || minute.instances() <= most, "{}", self.at(minute));
            let started = self.scaling.floor == 0 && minute.outstanding == 0 && minute.starts() > 0;
            assert!(!started, "nothing is outstanding: {}", self.at(minute));
        }
    }
}

fn index(minutes: u64) -> usize {
    usize::try_from(minutes).unwrap()
}
