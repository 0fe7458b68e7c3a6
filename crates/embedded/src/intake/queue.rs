//! What is in memory of one queue: who has what, until when.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::ops::RangeInclusive;

use offpeak_core::ports::{Depth, Message, Receipt, Received};
use parking_lot::Mutex;
use tokio::sync::{MutexGuard, Notify};
use tokio::time::Instant;

/// One queue.
pub(super) struct Queue {
    state: Mutex<State>,
    arrival: Notify,
    /// One receive at a time reads rows; the others would read the same.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    /// The highest number delivered since the process began; `None` while the queue has never held anything.
    cursor: Option<i64>,
    /// Messages that are stored.
    stored: u64,
    /// Every message delivered since the process began and not deleted.
    deliveries: HashMap<i64, Delivery>,
    /// The hidden ones, the first to come back first.
    hidden: BTreeSet<(Instant, i64)>,
    /// The ones that are visible again.
    back: BTreeSet<i64>,
}

struct Delivery {
    receives: u32,
    until: Instant,
}

/// Which messages a receive wants to read.
#[derive(Clone)]
pub(super) struct Wanted {
    /// These, delivered before.
    pub(super) back: Vec<i64>,
    /// Then the first after this one.
    pub(super) after: i64,
    /// At most so many in all.
    pub(super) max: usize,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self { state: Mutex::default(), arrival: Notify::new(), turn: tokio::sync::Mutex::new(()) }
    }

    /// Says from which number on its messages lie.
    pub(super) fn open(&self, first: i64) {
        self.state.lock().cursor.get_or_insert(first);
    }

    /// More messages are stored.
    pub(super) fn sent(&self, messages: u64) {
        self.state.lock().stored += messages;
        self.arrival.notify_waiters();
    }

    /// Ends at the next arrival after this call.
    pub(super) fn arrival(&self) -> impl Future<Output = ()> + Send + '_ {
        let mut arrival = Box::pin(self.arrival.notified());
        arrival.as_mut().enable();
        arrival
    }

    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// What a receive should read; `None` if nothing is visible.
    pub(super) fn wanted(&self, now: Instant, max: usize) -> Option<Wanted> {
        let mut state = self.state.lock();
        state.come_back(now);
        let after = state.cursor?;
        let visible = state.stored.saturating_sub(state.hidden.len() as u64);
        let wanted = Wanted { back: state.back.iter().copied().take(max).collect(), after, max };
        (max > 0 && visible > 0).then_some(wanted)
    }

    /// Marks what was read as delivered. What was wanted back and is gone is forgotten.
    pub(super) fn delivered(&self, wanted: &Wanted, found: Found, until: Instant, epoch: u64) -> Vec<Received> {
        let mut state = self.state.lock();
        for seq in &found.missing {
            state.back.remove(seq);
            state.deliveries.remove(seq);
        }
        let mut list = Vec::with_capacity(found.messages.len());
        for (seq, message) in found.messages {
            // What was wanted back and is not there any more was deleted while its row was read.
            if seq <= wanted.after && !state.back.remove(&seq) {
                continue;
            }
            state.cursor = state.cursor.max(Some(seq));
            state.hidden.insert((until, seq));
            let delivery = state.deliveries.entry(seq).or_insert(Delivery { receives: 0, until });
            delivery.receives += 1;
            delivery.until = until;
            let receives = delivery.receives;
            list.push(Received { receipt: receipt(epoch, seq, receives), receives, message });
        }
        list
    }

    /// The numbers that these receipts may delete, as runs.
    pub(super) fn runs(&self, receipts: &[Receipt], epoch: u64) -> Vec<RangeInclusive<i64>> {
        let state = self.state.lock();
        let mut seqs: Vec<i64> = receipts.iter().filter_map(|receipt| state.holds(receipt, epoch)).collect();
        drop(state);
        seqs.sort_unstable();
        let mut runs: Vec<RangeInclusive<i64>> = Vec::new();
        for seq in seqs {
            match runs.last_mut() {
                Some(run) if seq <= *run.end() + 1 => *run = *run.start()..=seq,
                Some(_) | None => runs.push(seq..=seq),
            }
        }
        runs
    }

    /// Forgets what was deleted.
    pub(super) fn deleted(&self, runs: &[RangeInclusive<i64>], rows: u64) {
        let mut state = self.state.lock();
        state.stored = state.stored.saturating_sub(rows);
        for seq in runs.iter().cloned().flatten() {
            state.back.remove(&seq);
            if let Some(delivery) = state.deliveries.remove(&seq) {
                state.hidden.remove(&(delivery.until, seq));
            }
        }
    }

    /// When the first hidden message comes back.
    pub(super) fn next_back(&self) -> Option<Instant> {
        self.state.lock().hidden.first().map(|(until, _)| *until)
    }

    pub(super) fn depth(&self, now: Instant) -> Depth {
        let mut state = self.state.lock();
        state.come_back(now);
        let hidden = state.hidden.len() as u64;
        Depth { visible: state.stored.saturating_sub(hidden), hidden }
    }
}

impl State {
    /// Messages whose time is over are visible again.
    fn come_back(&mut self, now: Instant) {
        while let Some((until, seq)) = self.hidden.first().copied()
            && until <= now
        {
            self.hidden.pop_first();
            self.back.insert(seq);
        }
    }

    /// The number of the message that the receipt may delete.
    fn holds(&self, receipt: &Receipt, epoch: u64) -> Option<i64> {
        let mut parts = receipt.0.split('.');
        let mut part = || u64::from_str_radix(parts.next()?, 16).ok();
        let (theirs, seq, receives) = (part()?, i64::try_from(part()?).ok()?, part()?);
        let delivery = self.deliveries.get(&seq)?;
        (theirs == epoch && u64::from(delivery.receives) == receives).then_some(seq)
    }
}

/// The process, the message, the how manieth delivery of it.
fn receipt(epoch: u64, seq: i64, receives: u32) -> Receipt {
    Receipt(format!("{epoch:x}.{seq:x}.{receives:x}"))
}

/// What a receive read.
pub(super) struct Found {
    /// In order of arrival: those wanted back, then new ones.
    pub(super) messages: Vec<(i64, Message)>,
    /// Wanted back, and not there.
    pub(super) missing: Vec<i64>,
}
