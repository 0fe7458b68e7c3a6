//! What a worker waits for: of all chunks that it holds, what comes first.

use std::pin::pin;
use std::task::Poll;

use futures_util::future::{self, Either};

use super::Worker;
use super::held::{Ended, Held};
use super::load::Load;

/// What comes first of all that is waited for, of the chunk at that place.
pub(super) enum Event {
    /// A call has ended.
    Called(usize, Box<Ended>),
    /// Something is due.
    Due(usize),
}

/// Waits until then for calls that run, but for none longer than its chunk is surely held; begins none.
pub(super) async fn last_calls(worker: &Worker, held: &mut [Held], until_ms: u64, load: &mut Load) {
    let ends_ms = |chunk: &Held| chunk.sure_ms().min(until_ms);
    while let Some(first_ms) = held.iter().filter(|chunk| chunk.is_calling()).map(ends_ms).min() {
        let time = worker.clock.sleep_ms(first_ms.saturating_sub(worker.clock.now_ms()));
        // What has ended is taken first, also once the time is over.
        let first = match future::select(pin!(ended(held)), time).await {
            Either::Left((first, _)) => Some(first),
            Either::Right(_) => None,
        };
        match first {
            Some((index, ended)) => drop(held[index].called(*ended, load)),
            None => held.iter_mut().filter(|chunk| ends_ms(chunk) <= first_ms).for_each(Held::cut),
        }
    }
}

/// A call that has ended, of the chunk at that place.
fn ended(held: &mut [Held]) -> impl Future<Output = (usize, Box<Ended>)> {
    future::poll_fn(move |context| {
        for (index, chunk) in held.iter_mut().enumerate() {
            if let Poll::Ready(Some(ended)) = chunk.poll_ended(context) {
                return Poll::Ready((index, Box::new(ended)));
            }
        }
        Poll::Pending
    })
}

/// What comes first of all that is held: a call that ends, or something that is due; or nothing of it before that time, Unix
/// milliseconds.
pub(super) async fn next(worker: &Worker, held: &mut [Held], before_ms: u64) -> Option<Event> {
    let now_ms = worker.clock.now_ms();
    let due = held.iter().enumerate().map(|(index, chunk)| (chunk.due_ms(), index)).min();
    let (due_ms, index) = due.unwrap_or((now_ms, 0));
    let sleep = worker.clock.sleep_ms(due_ms.min(before_ms).saturating_sub(now_ms));
    match future::select(pin!(ended(held)), sleep).await {
        Either::Left(((index, ended), _)) => Some(Event::Called(index, ended)),
        Either::Right(_) => (due_ms <= before_ms).then_some(Event::Due(index)),
    }
}
