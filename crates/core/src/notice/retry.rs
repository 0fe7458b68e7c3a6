//! What becomes of a notice after an attempt: one pure decision.

use super::{Notice, State};

/// Between one attempt and the next, seconds: three days in all, as OpenAI's webhooks (guide, read 2026-11-20), at the
/// intervals that Standard Webhooks recommends (specification 1.0.0, read 2026-11-28).
const PAUSES_S: [u64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// How often a notice is sent before it is dead.
pub const ATTEMPTS: usize = PAUSES_S.len() + 1;

/// An attempt that has not ended after this is taken for lost, milliseconds: longer than any attempt lasts.
pub const LEASE_MS: u64 = 60_000;

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Taken,
    /// The receiver wants no more of them.
    Gone,
    /// Not now, for a reason that may pass.
    Missed(String),
    /// It must not be sent.
    Refused(String),
}

/// The notice after an attempt. `jitter` spreads the next ones: up to a fifth of the pause is added, by its share of 255.
pub fn after(notice: &Notice, outcome: Outcome, now_ms: u64, jitter: u8) -> Notice {
    let mut after = notice.clone();
    let (state, last) = match outcome {
        Outcome::Taken => (State::Delivered { at_ms: now_ms }, None),
        Outcome::Gone => (State::Dead { at_ms: now_ms }, Some("the receiver answered 410".to_owned())),
        Outcome::Refused(why) => (State::Dead { at_ms: now_ms }, Some(why)),
        Outcome::Missed(why) => match pause_ms(notice.attempts, jitter) {
            Some(pause_ms) => {
                after.due_ms = now_ms.saturating_add(pause_ms);
                (State::Owed, Some(why))
            }
            None => (State::Dead { at_ms: now_ms }, Some(why)),
        },
    };
    (after.state, after.last) = (state, last);
    after
}

/// Until a notice is looked at again whose object has not ended: short at first, since the two writes follow each other.
pub fn wait_ms(notice: &Notice, now_ms: u64) -> u64 {
    now_ms.saturating_sub(notice.created_ms).clamp(1_000, 300_000)
}

/// The pause after so many attempts; nothing after the last.
fn pause_ms(attempts: u32, jitter: u8) -> Option<u64> {
    let pause_ms = PAUSES_S.get(usize::try_from(attempts.checked_sub(1)?).ok()?)? * 1_000;
    Some(pause_ms + pause_ms / 5 * u64::from(jitter) / 255)
}
