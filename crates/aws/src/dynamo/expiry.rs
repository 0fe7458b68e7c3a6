//! Rows that delete themselves: DynamoDB does it within days of their time, so readers look at the time too.

use offpeak_core::ports::Clock;

use super::{Item, Row};
use crate::clock::SystemClock;
use crate::error::Fault;

/// The attribute by which tables delete rows: the last Unix second in which a row is there.
pub(crate) const EXPIRY: &str = "ttl";

/// The present Unix second.
pub(crate) fn now_s() -> u64 {
    SystemClock.now_ms() / 1_000
}

/// Unix milliseconds as seconds, rounded up.
pub(crate) const fn ceil_s(unix_ms: u64) -> u64 {
    unix_ms.div_ceil(1_000)
}

/// Whether an item is still there at that second; one without a time never goes.
pub(crate) fn is_live(what: &'static str, item: &Item, now_s: u64) -> Result<bool, Fault> {
    let Some(expiry) = item.get(EXPIRY) else { return Ok(true) };
    let mut row = Row::new(what, Item::from([(EXPIRY.to_owned(), expiry.clone())]));
    Ok(row.number::<u64>(EXPIRY)? >= now_s)
}
