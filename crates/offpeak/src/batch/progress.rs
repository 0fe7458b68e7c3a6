//! What people see of what goes on: a bar on a terminal, else lines at a modest rate. All of it on standard error.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::failure::plain;
use super::wire::Batch;
use crate::output;

/// Between two lines where there is no terminal, unless the status changes.
const MODEST: Duration = Duration::from_secs(15);

/// Between two moves of the bar while nothing happens.
const TICK: Duration = Duration::from_millis(200);

/// Where a command tells how far it is.
#[derive(Debug)]
pub(super) struct Progress {
    /// Of what goes on now, on a terminal.
    bar: RefCell<Option<ProgressBar>>,
    is_terminal: bool,
    /// The last line where there is no terminal: its status, its text, and when it was told.
    told: RefCell<Option<(String, String, Instant)>>,
    /// Since when a batch is looked at, and how many of its lines were done then.
    began: Cell<Option<(Instant, u64)>>,
}

/// Counts what is sent.
#[derive(Debug, Clone)]
pub(super) struct Sent(Option<ProgressBar>);

impl Sent {
    /// So many bytes more.
    pub(super) fn add(&self, bytes: u64) {
        if let Some(bar) = &self.0 {
            bar.inc(bytes);
        }
    }
}

impl Progress {
    /// Nothing is shown yet.
    pub(super) fn new() -> Self {
        Self {
            bar: RefCell::default(),
            is_terminal: std::io::stderr().is_terminal(),
            told: RefCell::default(),
            began: Cell::new(None),
        }
    }

    /// Tells something beside the bar.
    pub(super) fn say(&self, text: impl Display) {
        match &*self.bar.borrow() {
            Some(bar) => bar.suspend(|| output::remark(text)),
            None => output::remark(text),
        }
    }

    /// An upload begins, or begins anew after its first `done` bytes.
    pub(super) fn sending(&self, name: &str, done: u64, bytes: u64) -> Sent {
        let bar = self.show("{bar:32} {bytes}/{total_bytes} of {msg}, {bytes_per_sec}, {eta} left");
        if let Some(bar) = &bar {
            bar.set_length(bytes);
            bar.set_position(done);
            bar.set_message(name.to_owned());
        } else if done == 0 {
            self.say(format_args!("sending {name}, {bytes} bytes"));
        }
        Sent(bar)
    }

    /// How a batch stands.
    pub(super) fn running(&self, batch: &Batch) {
        let counts = batch.counts();
        let (since, done_then) = self.began.get().unwrap_or_else(|| (Instant::now(), counts.done()));
        self.began.set(Some((since, done_then)));
        let text = line(batch, counts.done().saturating_sub(done_then), since.elapsed());
        let bar = self.show("{bar:32} {msg}");
        let Some(bar) = bar else { return self.tell_modestly(&batch.status, text) };
        bar.set_length(counts.total.max(1));
        bar.set_position(counts.done());
        bar.set_message(text);
    }

    /// How a batch has ended.
    pub(super) fn ended(&self, batch: &Batch) {
        self.clear();
        let text = line(batch, 0, Duration::ZERO);
        if self.is_terminal { self.say(text) } else { self.tell_modestly(&batch.status, text) }
    }

    fn tell_modestly(&self, status: &str, text: String) {
        let mut told = self.told.borrow_mut();
        let is_due = told.as_ref().is_none_or(|(last_status, last_text, at)| {
            last_status != status || (*last_text != text && at.elapsed() >= MODEST)
        });
        if is_due {
            output::remark(&text);
            *told = Some((status.to_owned(), text, Instant::now()));
        }
    }

    /// The bar, as the template has it; none where there is no terminal.
    fn show(&self, template: &str) -> Option<ProgressBar> {
        if !self.is_terminal {
            return None;
        }
        let mut shown = self.bar.borrow_mut();
        let bar = shown.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.enable_steady_tick(TICK);
            bar
        });
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Some(bar.clone())
    }

    /// The bar goes.
    pub(super) fn clear(&self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// A batch in a line: `gained` lines were done within `within`.
fn line(batch: &Batch, gained: u64, within: Duration) -> String {
    let counts = batch.counts();
    let (id, status) = (plain(&batch.id), plain(&batch.status));
    if counts.total == 0 {
        return format!("{id}: {status}");
    }
    let (done, total, failed) = (counts.done(), counts.total, counts.failed);
    let text = format!("{id}: {status}, {done} of {total} done, {failed} failed");
    if gained == 0 || within.is_zero() || batch.has_ended() {
        return text;
    }
    let seconds = u32::try_from(within.as_millis()).map_or(f64::MAX, f64::from) / 1_000.0;
    let rate = f64::from(u32::try_from(gained).unwrap_or(u32::MAX)) / seconds;
    let left = f64::from(u32::try_from(total.saturating_sub(done)).unwrap_or(u32::MAX)) / rate;
    let left = Duration::try_from_secs_f64(left.ceil()).unwrap_or_default();
    format!("{text}, {rate:.1}/s, about {} left", humantime::format_duration(left))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::wire::Counts;

    fn told(status: &str, counts: Option<Counts>, gained: u64) -> String {
        let batch = Batch { id: "b".to_owned(), status: status.to_owned(), request_counts: counts, ..Batch::default() };
        line(&batch, gained, Duration::from_secs(4))
    }

    #[test]
    fn a_batch_is_told_as_far_as_it_is_known() {
        let counts = Some(Counts { total: 100, completed: 38, failed: 2 });
        assert_eq!(told("validating", None, 0), "b: validating");
        assert_eq!(told("in_progress", counts, 0), "b: in_progress, 40 of 100 done, 2 failed");
        assert_eq!(told("in_progress", counts, 10), "b: in_progress, 40 of 100 done, 2 failed, 2.5/s, about 24s left");
        assert_eq!(told("cancelled", counts, 10), "b: cancelled, 40 of 100 done, 2 failed");
    }
}
