//! What an engine is given: so many calls at once, and of a provider so many within a minute, in all and of one model.

use std::collections::BTreeMap;

use crate::faults::{Fault, planted};
use crate::fleet::{Meter, Pace, Rates, Reserved};
use crate::route::ByModel;

/// The longest that a provider is left alone because it says so, milliseconds.
const LONGEST_HOLD_MS: u64 = 600_000;

/// Bytes that the answers which are awaited at once may have in all, if each is as large as those that came: they are held in
/// memory.
const MOST_BYTES: usize = 128 << 20;

/// What an engine is given.
pub(super) struct Load {
    pub(super) pace: Pace,
    meter: Meter,
    /// Of models that have rates of their own.
    rates: ByModel<Rates>,
    meters: BTreeMap<String, Meter>,
    /// When it began, Unix milliseconds.
    since_ms: u64,
    /// Bytes of a large answer, as of late.
    large: usize,
}

/// A call that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Begun {
    /// Its number.
    call: u64,
    reserved: Reserved,
    /// The same, of its model.
    of_model: Option<Reserved>,
}

/// A call that may not begin yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Later {
    /// Not before that time, Unix milliseconds.
    pub(super) first_ms: u64,
    /// It is its model that waits: calls of others may begin.
    pub(super) of_model: bool,
}

impl Load {
    pub(super) fn new(pace: Pace, rates: Rates, by_model: ByModel<Rates>, now_ms: u64) -> Self {
        Self {
            pace,
            meter: Meter::new(rates, now_ms),
            rates: by_model,
            meters: BTreeMap::new(),
            since_ms: now_ms,
            large: 0,
        }
    }

    /// Calls at once at most.
    pub(super) fn limit(&self) -> usize {
        self.pace.limit().min((MOST_BYTES / self.large.max(1)).max(1))
    }

    /// An answer of so many bytes came.
    pub(super) fn answered(&mut self, bytes: usize) {
        self.large = bytes.max(self.large - self.large / 8);
    }

    /// A call to that model, of so many estimated tokens, begins.
    ///
    /// # Errors
    /// [`Later`].
    pub(super) fn begin(&mut self, model: &str, tokens: u64, now_ms: u64) -> Result<Begun, Later> {
        let later = |of_model| move |first_ms| Later { first_ms, of_model };
        // First of all its model: a line that waits for that leaves what all share to others.
        self.meter_of(model, now_ms).map_or(Ok(()), |own| own.may_begin(tokens, now_ms)).map_err(later(true))?;
        let reserved = self.meter.begin(tokens, now_ms).map_err(later(false))?;
        let of_model = self.meter_of(model, now_ms).map(|own| own.begin(tokens, now_ms)).transpose();
        let of_model = of_model.map_err(later(true))?;
        Ok(Begun { call: self.pace.begin(), reserved, of_model })
    }

    /// Whether it wants to know what calls took.
    pub(super) fn counts_tokens(&self) -> bool {
        self.meter.counts_tokens() || self.meters.values().any(Meter::counts_tokens)
    }

    /// A call took so many tokens.
    pub(super) fn took(&mut self, model: &str, begun: Begun, tokens: u64) {
        self.meter.took(begun.reserved, tokens);
        if let Some((own, reserved)) = self.meters.get_mut(model).zip(begun.of_model) {
            own.took(reserved, tokens);
        }
    }

    /// A call took too long.
    pub(super) fn was_too_long(&mut self, begun: Begun) {
        self.pace.was_too_much(begun.call);
    }

    /// A call was too much, and no other begins for a while, if the engine said how long: no other of its model, where that
    /// has rates of its own.
    pub(super) fn was_too_much(&mut self, model: &str, begun: Begun, hold_ms: Option<u64>, now_ms: u64) {
        self.pace.was_too_much(begun.call);
        let Some(hold_ms) = hold_ms else { return };
        let until_ms = now_ms + hold_ms.min(LONGEST_HOLD_MS);
        match self.meter_of(model, now_ms) {
            Some(own) => own.hold(until_ms),
            None => self.meter.hold(until_ms),
        }
    }

    /// Nobody reached the engine: no call begins for so long, milliseconds.
    pub(super) fn was_away(&mut self, begun: Begun, hold_ms: u64, now_ms: u64) {
        self.pace.was_too_much(begun.call);
        self.meter.hold(now_ms + hold_ms);
    }

    fn meter_of(&mut self, model: &str, now_ms: u64) -> Option<&mut Meter> {
        let rates = *self.rates.of(model).filter(|_| !planted(Fault::ModelRatesUnkept))?;
        if !self.meters.contains_key(model) {
            self.meters.retain(|_, meter| !meter.is_forgettable(now_ms));
            self.meters.insert(model.to_owned(), Meter::beside(rates, self.since_ms, now_ms));
        }
        self.meters.get_mut(model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::Pattern;

    const START_MS: u64 = 1_700_000_000_000;

    fn load() -> Load {
        let rates = |requests| Rates { requests_per_minute: Some(requests), tokens_per_minute: Some(6_000) };
        let of_small = [(Pattern::new("small*"), rates(60))].into_iter().collect();
        Load::new(Pace::new(1_000, 1_000), rates(600), of_small, START_MS)
    }

    /// Begins what may begin now; how many, and what the next one waits for.
    fn begins(load: &mut Load, model: &str, now_ms: u64) -> (u64, Later) {
        let mut begun = 0;
        loop {
            match load.begin(model, 1, now_ms) {
                Ok(_) => begun += 1,
                Err(later) => return (begun, later),
            }
        }
    }

    #[test]
    fn a_model_has_its_rates_within_those_of_all() {
        let (mut load, now_ms) = (load(), START_MS + 60_000);
        let (small, later) = begins(&mut load, "small-1", now_ms);
        assert!((1..=4).contains(&small) && later.of_model && later.first_ms > now_ms, "{small} {later:?}");
        let (other, _) = begins(&mut load, "small-2", now_ms);
        let (big, later) = begins(&mut load, "big", now_ms);
        assert_eq!(other, small, "each model has its own");
        assert!(!later.of_model && (20..=32).contains(&(big + small + other)), "{big} {later:?}");
        assert!(begins(&mut load, "small-1", now_ms).1.of_model, "what it waits for first is its own");
    }

    #[test]
    fn a_model_that_is_to_wait_holds_up_no_other() {
        let (mut load, now_ms) = (load(), START_MS + 60_000);
        let begun = load.begin("small", 1, now_ms).unwrap();
        load.was_too_much("small", begun, Some(30_000), now_ms);
        assert_eq!(load.begin("small", 1, now_ms), Err(Later { first_ms: now_ms + 30_000, of_model: true }));
        let begun = load.begin("big", 1, now_ms).unwrap();
        load.was_too_much("big", begun, Some(20_000), now_ms);
        assert_eq!(load.begin("other", 1, now_ms), Err(Later { first_ms: now_ms + 20_000, of_model: false }));
    }

    #[test]
    fn a_line_that_waits_for_its_model_leaves_what_all_share_to_others() {
        let (mut load, now_ms) = (load(), START_MS + 60_000);
        let begun = load.begin("small", 1, now_ms).unwrap();
        load.was_too_much("small", begun, Some(30_000), now_ms);
        assert!(
            load.begin("small", 6_000, now_ms).is_err_and(|later| later.of_model),
            "as many tokens as a minute has"
        );
        assert!(load.begin("big", 100, now_ms).is_ok());
    }

    #[test]
    fn large_answers_are_awaited_few_at_a_time() {
        let mut load = load();
        load.answered(4 << 10);
        assert_eq!(load.limit(), 1_000);
        load.answered(32 << 20);
        assert_eq!(load.limit(), 4);
        load.answered(64 << 20);
        assert_eq!(load.limit(), 2);
        (0..100).for_each(|_| load.answered(4 << 10));
        assert_eq!(load.limit(), 1_000, "what is a hundred answers ago is forgotten");
    }

    #[test]
    fn models_that_nobody_calls_any_more_take_no_memory() {
        let mut load = load();
        for number in 0..100 {
            let now_ms = START_MS + (number + 2) * 30_000;
            load.begin(&format!("small-{number}"), 1, now_ms).unwrap();
        }
        assert!(load.meters.len() <= 3, "{}", load.meters.len());
    }
}
