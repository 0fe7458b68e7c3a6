//! What a scripted provider does, and how often. Odds are per mille; times are milliseconds.

use offpeak_core::submission::Limits;

/// A range of milliseconds, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// At least.
    pub least_ms: u64,
    /// At most.
    pub most_ms: u64,
}

impl Span {
    /// From `least_ms` to `most_ms`.
    pub const fn new(least_ms: u64, most_ms: u64) -> Self {
        Self { least_ms, most_ms }
    }
}

/// What a scripted provider does, and how often.
#[derive(Debug, Clone)]
pub struct Script {
    /// What one batch may hold; more fails its validation.
    pub limits: Limits,
    /// Its clock is off by up to so much, either way.
    pub skew_ms: u64,
    /// A new batch shows in the list after up to so long.
    pub list_lag_ms: u64,
    /// From create to the end of validation.
    pub validation: Span,
    /// From validation to the last line.
    pub run: Span,
    /// From a cancel to its end; lines that run anyway may still do so.
    pub cancellation: Span,
    /// After so long a batch expires, its lines done in part.
    pub window_ms: u64,
    /// What becomes of batches.
    pub batches: BatchOdds,
    /// What becomes of lines.
    pub lines: LineOdds,
    /// What becomes of downloads of results.
    pub downloads: DownloadOdds,
}

/// What becomes of batches, per mille. At most one of these happens to a batch.
#[derive(Debug, Clone, Copy, Default)]
pub struct BatchOdds {
    /// The create is answered 429, and nothing is made.
    pub throttled: u32,
    /// The create is refused for good, and nothing is made.
    pub refused: u32,
    /// The batch fails: too many tokens wait. The same lines may pass later.
    pub token_limit: u32,
    /// The batch fails as a whole.
    pub invalid: u32,
    /// The batch fails, and some lines are named as the reason.
    pub invalid_lines: u32,
    /// The batch needs longer than its window.
    pub overlong: u32,
    /// The batch stays running, its lines done in part, until it is cancelled.
    pub stuck: u32,
    /// The same, and no cancel is heard: the rest of its lines runs long after its window.
    pub deaf: u32,
}

/// What becomes of lines, per mille. At most one of these happens to a line, but for `repeated`.
#[derive(Debug, Clone, Copy, Default)]
pub struct LineOdds {
    /// 400 in the error file.
    pub bad_request: u32,
    /// 429 in the error file.
    pub rate_limited: u32,
    /// 500 in the error file.
    pub server_error: u32,
    /// `request_timeout` in the error file, without a response.
    pub timed_out: u32,
    /// In no file and in no count.
    pub vanished: u32,
    /// Twice in its file.
    pub repeated: u32,
}

/// What becomes of downloads of results, per mille. At most one of these happens to a download.
#[derive(Debug, Clone, Copy, Default)]
pub struct DownloadOdds {
    /// The length is told, and the bytes end before it, with or without an error.
    pub cut_visibly: u32,
    /// No length is told, and the bytes end early: only the batch's counts tell.
    pub cut_silently: u32,
}

impl Script {
    /// Everything succeeds, within a quarter of a second.
    pub const fn calm() -> Self {
        Self {
            limits: Limits::OPENAI,
            skew_ms: 0,
            list_lag_ms: 0,
            validation: Span::new(5, 20),
            run: Span::new(20, 200),
            cancellation: Span::new(5, 20),
            window_ms: 86_400_000,
            batches: BatchOdds {
                throttled: 0,
                refused: 0,
                token_limit: 0,
                invalid: 0,
                invalid_lines: 0,
                overlong: 0,
                stuck: 0,
                deaf: 0,
            },
            lines: LineOdds {
                bad_request: 0,
                rate_limited: 0,
                server_error: 0,
                timed_out: 0,
                vanished: 0,
                repeated: 0,
            },
            downloads: DownloadOdds { cut_visibly: 0, cut_silently: 0 },
        }
    }

    /// Everything that a provider has been seen to do wrong, often; within minutes where OpenAI takes hours.
    pub const fn harsh() -> Self {
        Self {
            skew_ms: 2_000,
            list_lag_ms: 10_000,
            validation: Span::new(100, 5_000),
            run: Span::new(1_000, 60_000),
            cancellation: Span::new(0, 10_000),
            window_ms: 120_000,
            batches: BatchOdds {
                throttled: 60,
                refused: 10,
                token_limit: 40,
                invalid: 20,
                invalid_lines: 20,
                overlong: 100,
                stuck: 30,
                deaf: 10,
            },
            lines: LineOdds {
                bad_request: 40,
                rate_limited: 40,
                server_error: 40,
                timed_out: 20,
                vanished: 20,
                repeated: 20,
            },
            downloads: DownloadOdds { cut_visibly: 80, cut_silently: 80 },
            ..Self::calm()
        }
    }
}

impl Default for Script {
    fn default() -> Self {
        Self::calm()
    }
}
