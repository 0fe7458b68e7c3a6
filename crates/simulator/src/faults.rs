//! The ways in which the simulator can be told to fail.

use serde::{Deserialize, Serialize};

/// Faults in force. A rate is a probability from 0 to 1; a count is how many of the next occasions fail, and goes down by
/// one with each, so that reading the faults back shows what is left.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Rate of batch lines answered with [`Self::line_fail_status`] in the error file.
    pub line_fail_rate: f64,
    /// HTTP status of the lines that `line_fail_rate` picks. Default 400.
    pub line_fail_status: u16,
    /// Rate of request bodies answered 429 the first time each is seen in a batch, and properly from then on.
    pub line_429_rate: f64,
    /// Rate of batch lines that are not run, stand in neither file and count as neither completed nor failed.
    pub line_vanish_rate: f64,
    /// Rate of batch lines whose answer (of one execution) stands twice in its file.
    pub line_repeat_rate: f64,
    /// Whether lines are answered out of order. Default true.
    pub shuffle: bool,
    /// Count of batches that end `failed` although their input is sound.
    pub fail_batches: u32,
    /// Count of batches that end `expired` with half of their lines done.
    pub expire_batches: u32,
    /// Count of batches that stay `in_progress` until they are cancelled.
    pub stuck_batches: u32,
    /// Count of batches that end `failed` with the code `token_limit_exceeded`.
    pub token_limit_batches: u32,
    /// Milliseconds that every call under `/v1` waits before it is handled.
    pub slow_ms: u64,
    /// Count of batch creations answered 429 with `Retry-After: 1`, without effect.
    pub rate_limit_creates: u32,
    /// Count of batch creations answered 500 without effect.
    pub create_500_before: u32,
    /// Count of batch creations that take effect and are answered 500.
    pub create_500_after: u32,
    /// Count of batch creations that take effect, whereupon the connection is cut without an answer.
    pub create_cut_after: u32,
    /// Milliseconds from the arrival of a creation to its effect, which comes even if the caller has gone by then.
    pub create_delay_ms: u64,
    /// Milliseconds from the effect of a creation to its answer.
    pub create_reply_delay_ms: u64,
    /// Count of uploads read to the end and answered 500, nothing stored.
    pub upload_fail: u32,
    /// Count of uploads whose connection is cut while they are sent, nothing stored.
    pub upload_cut: u32,
    /// Rate of batch polls answered 429 or 500, by halves.
    pub poll_fail_rate: f64,
    /// Milliseconds during which a new batch is missing from the list.
    pub list_lag_ms: u64,
    /// Count of content downloads cut halfway: `Content-Length` promises all of it, the connection closes early.
    pub download_truncate: u32,
    /// Count of content downloads that end early at a line's end, chunked, so that only counting shows it.
    pub download_short: u32,
    /// Rate of live calls answered 500.
    pub live_fail_rate: f64,
    /// Rate of live calls answered 429 with `Retry-After: 1`.
    pub live_429_rate: f64,
    /// Rate of live calls that are never answered.
    pub live_hang_rate: f64,
    /// Rate of live calls whose connection is cut without an answer.
    pub live_cut_rate: f64,
    /// Rate of live calls answered 200 with what is not JSON.
    pub live_garbage_rate: f64,
    /// Milliseconds that every live call takes.
    pub live_slow_ms: u64,
    /// Live calls that are worked at side by side; more are answered 429 with `Retry-After: 1`. 0: as many as come.
    pub live_capacity: u32,
    /// Text that kills the model server when a live call brings it: every call on its way, and all that come for
    /// [`Self::live_down_ms`], are cut without an answer.
    pub live_deadly: Option<String>,
    /// Milliseconds until a model server that died is back. Default 500.
    pub live_down_ms: u64,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            line_fail_rate: 0.0,
            line_fail_status: 400,
            line_429_rate: 0.0,
            line_vanish_rate: 0.0,
            line_repeat_rate: 0.0,
            shuffle: true,
            fail_batches: 0,
            expire_batches: 0,
            stuck_batches: 0,
            token_limit_batches: 0,
            slow_ms: 0,
            rate_limit_creates: 0,
            create_500_before: 0,
            create_500_after: 0,
            create_cut_after: 0,
            create_delay_ms: 0,
            create_reply_delay_ms: 0,
            upload_fail: 0,
            upload_cut: 0,
            poll_fail_rate: 0.0,
            list_lag_ms: 0,
            download_truncate: 0,
            download_short: 0,
            live_fail_rate: 0.0,
            live_429_rate: 0.0,
            live_hang_rate: 0.0,
            live_cut_rate: 0.0,
            live_garbage_rate: 0.0,
            live_slow_ms: 0,
            live_capacity: 0,
            live_deadly: None,
            live_down_ms: 500,
        }
    }
}
