//! `[fleet]`: own model servers, and the workers beside them.

use std::time::Duration;

use offpeak_core::fleet::Timing;
use secrecy::SecretString;

use crate::auth::Mode;
use crate::class::millis;
use crate::document::Document;
use crate::keys::{KeySource, Lookup};
use crate::place::Place;
use crate::problem::{Origin, Problems};
use crate::value::{self, HOUR};

/// The environment variable that holds the workers' key; on AWS the parameter `keys/OFFPEAK_WORKER_KEY` of the stack.
pub(crate) const WORKER_KEY: &str = "OFFPEAK_WORKER_KEY";

/// Bytes of answers in one report to a function: it has 6 MB, in which they are text within JSON, at most twice as long, and
/// then base64 (Lambda quotas, "Invocation payload", read 2026-11-20).
const REPORT_BYTES: usize = 2 << 20;

/// Own model servers. There is a fleet if a route goes there.
#[derive(Debug, Clone, Default)]
pub struct Fleet {
    /// `chunk_tokens`, `chunk_lines`, `lease`, `checkpoint`: how work is cut, held and kept.
    pub timing: Timing,
    /// What workers show, from `OFFPEAK_WORKER_KEY`. Without one, in `open` mode only, they show nothing.
    pub worker_key: Option<SecretString>,
}

impl Fleet {
    pub(crate) fn read(document: &mut Document<'_>, place: Place, problems: &mut Problems) -> Self {
        let mut section = document.table("fleet", problems);
        let report_bytes = (place == Place::Lambda).then_some(REPORT_BYTES);
        let mut timing = Timing { report_bytes, ..Timing::default() };
        let tokens = section.number("chunk_tokens", problems);
        if let Some(tokens) = problems.read(tokens, |number| value::number(*number, &(1_000..=100_000_000))) {
            timing.chunk_tokens = tokens.value;
        }
        let lines = section.number("chunk_lines", problems);
        if let Some(lines) = problems.read(lines, |number| value::number(*number, &(1..=50_000))) {
            timing.chunk_lines = u32::try_from(lines.value).unwrap_or(u32::MAX);
        }
        for (key, shortest, target) in [
            ("lease", Duration::from_secs(1), &mut timing.lease_ms),
            ("checkpoint", Duration::from_millis(100), &mut timing.checkpoint_ms),
        ] {
            let given = section.text(key, problems);
            if let Some(duration) = problems.read(given, |text| value::duration(text, shortest..=HOUR)) {
                *target = millis(duration.value);
            }
        }
        section.finish(problems);
        Self { timing, worker_key: None }
    }

    /// Looks for the workers' key, which only `open` mode does without.
    pub(crate) fn give(&mut self, keys: KeySource<'_>, mode: Mode, is_used: bool, problems: &mut Problems) {
        match keys.look_up(WORKER_KEY) {
            Some(Lookup::Found(key)) => self.worker_key = Some(key),
            Some(Lookup::Odd) => {
                let name = keys.name(WORKER_KEY);
                let what = format!("{name} is not a key: allowed are ASCII characters without spaces");
                problems.add(Origin::Nowhere, what);
            }
            Some(Lookup::Missing) if is_used && mode != Mode::Open => {
                let name = keys.name(WORKER_KEY);
                let what = format!("{name} is missing: workers show it, since they see what callers sent");
                problems.add(Origin::Nowhere, what);
            }
            Some(Lookup::Missing) | None => {}
        }
    }
}
