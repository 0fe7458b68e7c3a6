//! How much may begin within a minute: a provider's limits, kept.
//!
//! Two rules at once, of requests and of tokens each: what began within the last minute is at most the limit, to the
//! millisecond; and it begins evenly, no more than a twentieth of a minute's worth ahead, since providers measure
//! shorter spans than a minute too.

use std::collections::VecDeque;

use crate::faults::{Fault, planted};

/// The span that limits are given for, milliseconds.
const MINUTE_MS: u64 = 60_000;

/// How far ahead of an even pace calls may be, milliseconds.
const AHEAD_MS: u64 = MINUTE_MS / 20;

/// Entries that stand for the minute before the first call.
const ENTRIES: u64 = 60;

/// What a provider lets begin within a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    /// Requests; `None` is as many as come.
    pub requests_per_minute: Option<u64>,
    /// Tokens, of questions and answers; `None` is as many as come.
    pub tokens_per_minute: Option<u64>,
}

/// What has begun. It starts as if the minute before had been used up evenly: whoever it follows may have done so.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    requests: Option<Minute>,
    tokens: Option<Minute>,
    held_until_ms: u64,
    since_ms: u64,
}

/// A call that has begun: what was reserved for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserved {
    /// Of the meter that began then, and no other.
    since_ms: u64,
    entry: u64,
    tokens: u64,
}

impl Meter {
    /// Begins now, Unix milliseconds.
    pub fn new(rates: Rates, now_ms: u64) -> Self {
        Self::beside(rates, now_ms, now_ms)
    }

    /// Begins now, where nobody else has begun a call since then, Unix milliseconds.
    pub fn beside(rates: Rates, then_ms: u64, now_ms: u64) -> Self {
        let minute = |limit: u64| Minute::new(limit.max(1), then_ms);
        Self {
            requests: rates.requests_per_minute.map(minute),
            tokens: rates.tokens_per_minute.map(minute),
            held_until_ms: 0,
            since_ms: now_ms,
        }
    }

    /// Whether it wants to know what calls took.
    pub const fn counts_tokens(&self) -> bool {
        self.tokens.is_some()
    }

    /// Counts a call of so many estimated tokens as begun.
    ///
    /// # Errors
    /// It may not begin before that time, Unix milliseconds; what it waits for may come earlier.
    pub fn begin(&mut self, tokens: u64, now_ms: u64) -> Result<Reserved, u64> {
        self.may_begin(tokens, now_ms)?;
        if let Some(requests) = &mut self.requests {
            requests.begin(1, now_ms);
        }
        let entry = self.tokens.as_mut().map_or(0, |minute| minute.begin(tokens, now_ms));
        Ok(Reserved { since_ms: self.since_ms, entry, tokens })
    }

    /// Whether such a call may begin.
    ///
    /// # Errors
    /// As [`Meter::begin`].
    pub fn may_begin(&mut self, tokens: u64, now_ms: u64) -> Result<(), u64> {
        let mut first_ms = self.held_until_ms;
        for (minute, amount) in [(&mut self.requests, 1), (&mut self.tokens, tokens)] {
            first_ms = first_ms.max(minute.as_mut().map_or(0, |minute| minute.first_ms(amount, now_ms)));
        }
        if now_ms < first_ms && !planted(Fault::RatesUnkept) { Err(first_ms) } else { Ok(()) }
    }

    /// Whether nothing has begun for a minute, and it owes and holds nothing: one that begins anew lets no more begin, but for
    /// what a call that runs for minutes takes beyond its estimate.
    pub fn is_forgettable(&self, now_ms: u64) -> bool {
        let is_empty = |minute: &Minute| {
            let is_past = minute.begun.back().is_none_or(|(at_ms, _)| at_ms + MINUTE_MS <= now_ms);
            is_past && minute.even_us <= now_ms * 1_000
        };
        self.held_until_ms <= now_ms && [&self.requests, &self.tokens].into_iter().flatten().all(is_empty)
    }

    /// A call took so many tokens: what was reserved too much is there again, what was too little is missing.
    pub fn took(&mut self, reserved: Reserved, tokens: u64) {
        if let Some(minute) = self.tokens.as_mut().filter(|_| reserved.since_ms == self.since_ms) {
            minute.correct(reserved, tokens);
        }
    }

    /// Nothing begins before that time, Unix milliseconds: the provider said so.
    pub fn hold(&mut self, until_ms: u64) {
        self.held_until_ms = self.held_until_ms.max(until_ms);
    }
}

/// What began within the last minute.
#[derive(Debug, Clone)]
struct Minute {
    limit: u64,
    /// When and how much, oldest first.
    begun: VecDeque<(u64, u64)>,
    /// How many are no longer there.
    past: u64,
    /// Of all that are there.
    sum: u64,
    /// When it would all have begun at an even pace, Unix microseconds.
    even_us: u64,
}

impl Minute {
    fn new(limit: u64, now_ms: u64) -> Self {
        let entries = limit.min(ENTRIES);
        let start_ms = now_ms.saturating_sub(MINUTE_MS);
        let entry =
            |n: u64| (start_ms + (n + 1) * MINUTE_MS / entries, limit * (n + 1) / entries - limit * n / entries);
        Self {
            limit,
            begun: (0..entries).map(entry).collect(),
            past: 0,
            sum: limit,
            even_us: (now_ms + AHEAD_MS) * 1_000,
        }
    }

    /// When so much may begin. What is more than the limit counts as the limit, and begins in an empty minute: whether it
    /// is too much is the provider's to say.
    fn first_ms(&mut self, amount: u64, now_ms: u64) -> u64 {
        let amount = amount.min(self.limit);
        while let Some((_, old)) = self.begun.pop_front_if(|(at_ms, _)| *at_ms + MINUTE_MS <= now_ms) {
            self.past += 1;
            self.sum -= old;
        }
        let even_ms = self.even_us.div_ceil(1_000).saturating_sub(AHEAD_MS);
        let (mut left, mut first_ms) = (self.sum, now_ms.max(even_ms));
        for (at_ms, old) in &self.begun {
            if left + amount <= self.limit {
                break;
            }
            left -= old;
            first_ms = first_ms.max(at_ms + MINUTE_MS);
        }
        first_ms
    }

    /// Counts so much as begun; the number of its entry.
    fn begin(&mut self, amount: u64, now_ms: u64) -> u64 {
        let amount = amount.min(self.limit);
        self.begun.push_back((now_ms, amount));
        self.sum += amount;
        self.even_us = self.even_us.max(now_ms * 1_000) + self.span_us(amount);
        self.past + self.begun.len() as u64 - 1
    }

    fn correct(&mut self, reserved: Reserved, amount: u64) {
        let (amount, before) = (amount.min(self.limit), reserved.tokens.min(self.limit));
        self.even_us = (self.even_us + self.span_us(amount)).saturating_sub(self.span_us(before));
        let at = reserved.entry.checked_sub(self.past).and_then(|at| usize::try_from(at).ok());
        if let Some((_, counted)) = at.and_then(|at| self.begun.get_mut(at)) {
            self.sum = self.sum - *counted + amount;
            *counted = amount;
        }
    }

    /// How long so much takes at an even pace, microseconds.
    fn span_us(&self, amount: u64) -> u64 {
        // At most a minute: no amount here is above the limit.
        u64::try_from(u128::from(amount) * u128::from(MINUTE_MS) * 1_000 / u128::from(self.limit)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When this began, and with how much.
    type Log = Vec<(u64, u64)>;

    const START_MS: u64 = 1_700_000_000_000;

    /// Begins as many calls as may for so many minutes, of those tokens in turn, each of which takes what it takes.
    fn run(rates: Rates, minutes: u64, calls: &[(u64, u64)]) -> Log {
        let mut meter = Meter::new(rates, START_MS);
        let (mut log, mut now_ms, mut open) = (Log::new(), START_MS, VecDeque::new());
        let mut calls = calls.iter().cycle();
        let (mut reserved, mut takes) = calls.next().copied().unwrap();
        while now_ms < START_MS + minutes * MINUTE_MS {
            while let Some((_, call, tokens)) = open.pop_front_if(|(end_ms, ..): &mut (u64, _, _)| *end_ms <= now_ms) {
                meter.took(call, tokens);
            }
            match meter.begin(reserved, now_ms) {
                Ok(call) => {
                    log.push((now_ms, takes));
                    open.push_back((now_ms + 1_500, call, takes));
                    (reserved, takes) = calls.next().copied().unwrap();
                }
                Err(first_ms) => {
                    assert!(first_ms > now_ms);
                    now_ms = first_ms.min(now_ms + 100);
                }
            }
        }
        log
    }

    /// The most that began within any minute, and what began in ten average ones.
    fn of(log: &Log, minutes: u64, amount: impl Fn(&(u64, u64)) -> u64) -> (u64, u64) {
        let (mut most, mut sum, mut from) = (0, 0, 0);
        for entry in log {
            sum += amount(entry);
            while log[from].0 + MINUTE_MS <= entry.0 {
                sum -= amount(&log[from]);
                from += 1;
            }
            most = most.max(sum);
        }
        (most, log.iter().map(amount).sum::<u64>() * 10 / minutes)
    }

    #[test]
    fn any_minute_has_at_most_the_limit_of_requests_and_nearly_all_of_it() {
        for limit in [1, 2, 3, 7, 19, 20, 60, 61, 500, 3_500, 90_000] {
            let rates = Rates { requests_per_minute: Some(limit), tokens_per_minute: None };
            let log = run(rates, 10, &[(100, 100)]);
            let (most, usual) = of(&log, 10, |_| 1);
            assert!(most <= limit, "{limit}: {most}");
            assert!(usual >= limit * 9, "{limit}: {usual}");
            let second = log.iter().filter(|(at_ms, _)| *at_ms < START_MS + 10 * 1_000).count() as u64;
            assert!(second <= limit / 6 + 1, "{limit}: {second} within ten seconds of the start");
        }
    }

    #[test]
    fn any_minute_has_at_most_the_limit_of_tokens_and_nearly_all_of_it() {
        for (limit, calls) in [
            (30_000, &[(1_000, 1_000)][..]),
            (30_000, &[(10, 10), (3_000, 3_000), (200, 200), (900, 900)]),
            (1_000_000, &[(500, 500), (16_000, 16_000)]),
            (200, &[(7, 7)]),
        ] {
            let rates = Rates { requests_per_minute: None, tokens_per_minute: Some(limit) };
            let (most, usual) = of(&run(rates, 10, calls), 10, |(_, tokens)| *tokens);
            assert!(most <= limit, "{limit}: {most}");
            assert!(usual >= limit * 9, "{limit}: {usual}");
        }
    }

    #[test]
    fn both_limits_are_kept_whichever_is_met_first() {
        let rates = Rates { requests_per_minute: Some(60), tokens_per_minute: Some(30_000) };
        for calls in [[(100, 100)], [(1_000, 1_000)]] {
            let log = run(rates, 10, &calls);
            let (requests, tokens) = (of(&log, 10, |_| 1), of(&log, 10, |(_, tokens)| *tokens));
            assert!(requests.0 <= 60 && tokens.0 <= 30_000, "{requests:?} {tokens:?}");
            assert!(requests.1 >= 540 || tokens.1 >= 270_000, "{requests:?} {tokens:?}");
        }
    }

    #[test]
    fn what_calls_take_corrects_what_was_reserved() {
        let rates = Rates { requests_per_minute: None, tokens_per_minute: Some(60_000) };
        let (most, usual) = of(&run(rates, 10, &[(2_000, 500)]), 10, |(_, tokens)| *tokens);
        assert!(most <= 60_000 && usual >= 540_000, "reserved too much: {most} {usual}");
        // Too little is known only when the calls have ended: those that ran until then are beyond.
        let (most, usual) = of(&run(rates, 10, &[(500, 1_000)]), 10, |(_, tokens)| *tokens);
        assert!(most <= 66_000 && usual <= 605_000, "reserved too little: {most} {usual}");
    }

    #[test]
    fn a_call_larger_than_the_limit_begins_in_an_empty_minute() {
        let rates = Rates { requests_per_minute: None, tokens_per_minute: Some(100) };
        let log = run(rates, 10, &[(150, 150), (10, 10)]);
        let large: Vec<_> = log.iter().filter(|(_, tokens)| *tokens == 150).collect();
        assert!(large.len() >= 2, "{log:?}");
    }

    #[test]
    fn calls_of_a_meter_before_correct_nothing() {
        let rates = Rates { requests_per_minute: None, tokens_per_minute: Some(6_000) };
        let before = Meter::beside(rates, START_MS, START_MS + 100_000).begin(1, START_MS + 100_000).unwrap();
        let now_ms = START_MS + 300_000;
        let mut meter = Meter::beside(rates, START_MS, now_ms);
        meter.begin(1, now_ms).unwrap();
        meter.took(before, 6_000);
        assert!(meter.begin(1, now_ms).is_ok());
    }

    #[test]
    fn who_owes_tokens_is_not_forgotten() {
        let rates = Rates { requests_per_minute: None, tokens_per_minute: Some(100) };
        let mut meter = Meter::beside(rates, START_MS, START_MS + 100_000);
        let calls: Vec<_> = (0..4).map(|_| meter.begin(1, START_MS + 100_000).unwrap()).collect();
        for call in calls {
            meter.took(call, 100);
        }
        assert!(!meter.is_forgettable(START_MS + 100_000 + MINUTE_MS + 10));
        assert!(meter.is_forgettable(START_MS + 100_000 + 5 * MINUTE_MS));
    }

    #[test]
    fn whoever_is_told_to_wait_waits_whatever_is_left() {
        let mut meter = Meter::new(Rates::default(), START_MS);
        assert!(meter.begin(1, START_MS).is_ok());
        meter.hold(START_MS + 500);
        meter.hold(START_MS + 100);
        assert_eq!(meter.begin(1, START_MS + 499), Err(START_MS + 500));
        assert!(meter.begin(1, START_MS + 500).is_ok());
    }

    #[test]
    fn a_minute_across_a_start_over_has_hardly_more_than_the_limit() {
        let rates = Rates { requests_per_minute: Some(600), tokens_per_minute: None };
        let (mut log, mut now_ms) = (Log::new(), START_MS);
        for round in 0..40 {
            let mut meter = Meter::new(rates, now_ms);
            for _ in 0..7 * 10 + round {
                while let Err(first_ms) = meter.begin(1, now_ms) {
                    now_ms = first_ms;
                }
                log.push((now_ms, 1));
            }
        }
        let (most, _) = of(&log, 1, |_| 1);
        assert!(most <= 630, "{most}");
    }
}
