//! The ports in memory, as far away as AWS: every call takes its time, and only so many are under way at once.
//!
//! What one port's method costs is counted in rounds of calls that are under way together, as many as `crates/aws` has.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use offpeak_core::class::Departures;
use offpeak_core::ids::{JobId, ObjectName, SubmissionId};
use offpeak_core::job::{Job, Mark, Transition};
use offpeak_core::ports::{
    ByteStream, Classes, Created, Depth, Intake, Jobs, Message, ObjectWriter, Objects, Ports, Receipt, Received,
    StoreError, Submissions, Written,
};
use offpeak_core::submission::Submission;
use parking_lot::Mutex;

/// Messages in one call to SQS.
const MESSAGES: usize = 10;
/// Receives under way at once: wave by wave, while they come back full.
const WAVES: [usize; 4] = [1, 4, 16, 64];
/// Deletes under way at once, and sends.
const DELETES: usize = 32;
/// `UpdateItem` calls under way at once.
const UPDATES: usize = 256;
/// Rows in one `BatchGetItem`.
const ROWS: usize = 100;

/// One call's time.
#[derive(Clone, Copy)]
pub(crate) struct Distance(pub(crate) Duration);

impl Distance {
    /// Waits as long as `items` take in calls of `each`, `at_once` of them under way.
    async fn rounds(self, items: usize, each: usize, at_once: usize) {
        let rounds = items.div_ceil(each).div_ceil(at_once);
        if !self.0.is_zero() && rounds > 0 {
            tokio::time::sleep(self.0 * u32::try_from(rounds).unwrap_or(u32::MAX)).await;
        }
    }

    /// Waits as long as it takes to receive `came` messages where up to `max` were asked for.
    async fn waves(self, came: usize, max: usize) {
        let mut received = 0;
        for wave in WAVES.into_iter().chain(std::iter::repeat(WAVES[3])) {
            self.call().await;
            received += wave * MESSAGES;
            if received >= max || received > came {
                return;
            }
        }
    }

    async fn call(self) {
        self.rounds(1, 1, 1).await;
    }

    /// The same ports, so far away; keys, usage and the provider are not asked in a drain.
    pub(crate) fn before(self, ports: Ports, queue: Queue) -> Ports {
        Ports {
            jobs: Arc::new(Far(self, ports.jobs)),
            submissions: Arc::new(Far(self, ports.submissions)),
            classes: Arc::new(Far(self, ports.classes)),
            objects: Arc::new(Far(self, ports.objects)),
            intake: Arc::new(Far(self, Arc::new(queue))),
            ..ports
        }
    }
}

struct Far<T: ?Sized>(Distance, Arc<T>);

#[async_trait]
impl Jobs for Far<dyn Jobs> {
    async fn create(&self, jobs: Vec<Job>) -> Result<Vec<Created>, StoreError> {
        self.0.rounds(jobs.len(), 1, UPDATES).await;
        self.1.create(jobs).await
    }

    async fn get(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, StoreError> {
        self.0.rounds(ids.len(), ROWS, UPDATES).await;
        self.1.get(ids).await
    }

    async fn apply(&self, transitions: Vec<Transition>) -> Result<Vec<Written>, StoreError> {
        self.0.rounds(transitions.len(), 1, UPDATES).await;
        self.1.apply(transitions).await
    }

    async fn mark(&self, id: JobId, mark: Mark) -> Result<Written, StoreError> {
        self.0.call().await;
        self.1.mark(id, mark).await
    }
}

#[async_trait]
impl Submissions for Far<dyn Submissions> {
    async fn create(&self, submission: &Submission) -> Result<(), StoreError> {
        self.0.call().await;
        self.1.create(submission).await
    }

    async fn get(&self, id: SubmissionId) -> Result<Option<Submission>, StoreError> {
        self.0.call().await;
        self.1.get(id).await
    }

    async fn replace(&self, submission: &Submission) -> Result<bool, StoreError> {
        self.0.call().await;
        self.1.replace(submission).await
    }

    async fn open(&self) -> Result<Vec<SubmissionId>, StoreError> {
        self.0.call().await;
        self.1.open().await
    }
}

#[async_trait]
impl Classes for Far<dyn Classes> {
    async fn get(&self, class: &str) -> Result<Departures, StoreError> {
        self.0.call().await;
        self.1.get(class).await
    }

    async fn replace(&self, class: &str, row: &Departures) -> Result<bool, StoreError> {
        self.0.call().await;
        self.1.replace(class, row).await
    }
}

#[async_trait]
impl Objects for Far<dyn Objects> {
    async fn create(&self, name: &ObjectName) -> Result<Box<dyn ObjectWriter>, StoreError> {
        Ok(Box::new(FarWriter { distance: self.0, inner: self.1.create(name).await? }))
    }

    async fn read(&self, name: &ObjectName, offset: u64, length: u64) -> Result<Bytes, StoreError> {
        self.0.call().await;
        self.1.read(name, offset, length).await
    }

    async fn stream(&self, name: &ObjectName) -> Result<(u64, ByteStream), StoreError> {
        self.0.call().await;
        self.1.stream(name).await
    }

    async fn tail(&self, name: &ObjectName, offset: u64) -> Result<ByteStream, StoreError> {
        self.0.call().await;
        self.1.tail(name, offset).await
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        self.0.call().await;
        self.1.delete(name).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&ObjectName>,
        limit: usize,
    ) -> Result<Vec<(ObjectName, u64)>, StoreError> {
        self.0.call().await;
        self.1.list(prefix, after, limit).await
    }
}

/// An object on its way: full parts are sent in the background while lines are claimed, which takes longer; only the
/// last part and the completion are waited for.
struct FarWriter {
    distance: Distance,
    inner: Box<dyn ObjectWriter>,
}

#[async_trait]
impl ObjectWriter for FarWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.inner.write(bytes).await
    }

    async fn finish(self: Box<Self>) -> Result<u64, StoreError> {
        self.distance.call().await;
        self.distance.call().await;
        self.inner.finish().await
    }
}

/// A queue that never delivers twice, and so need not sort: the drain is measured, not the fake.
#[derive(Clone, Default)]
pub(crate) struct Queue(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    messages: VecDeque<Message>,
    held: u64,
    received: u64,
}

impl Queue {
    /// Messages that were not deleted.
    pub(crate) fn left(&self) -> u64 {
        let waiting = self.0.lock();
        waiting.messages.len() as u64 + waiting.held
    }
}

#[async_trait]
impl Intake for Queue {
    async fn send(&self, messages: Vec<Message>) -> Result<(), StoreError> {
        self.0.lock().messages.extend(messages);
        Ok(())
    }

    async fn receive(&self, _: &str, max: usize, _: u64, _: u64) -> Result<Vec<Received>, StoreError> {
        let mut waiting = self.0.lock();
        let count = max.min(waiting.messages.len());
        let messages: Vec<Message> = waiting.messages.drain(..count).collect();
        waiting.held += count as u64;
        let received = messages.into_iter().map(|message| {
            waiting.received += 1;
            Received { receipt: Receipt(waiting.received.to_string()), receives: 1, message }
        });
        Ok(received.collect())
    }

    async fn delete(&self, _: &str, receipts: Vec<Receipt>) -> Result<(), StoreError> {
        self.0.lock().held -= receipts.len() as u64;
        Ok(())
    }

    async fn depth(&self, _: &str) -> Result<Depth, StoreError> {
        let waiting = self.0.lock();
        Ok(Depth { visible: waiting.messages.len() as u64, hidden: waiting.held })
    }
}

#[async_trait]
impl Intake for Far<Queue> {
    async fn send(&self, messages: Vec<Message>) -> Result<(), StoreError> {
        self.0.rounds(messages.len(), MESSAGES, DELETES).await;
        self.1.send(messages).await
    }

    async fn receive(
        &self,
        class: &str,
        max: usize,
        visibility_ms: u64,
        wait_ms: u64,
    ) -> Result<Vec<Received>, StoreError> {
        let received = self.1.receive(class, max, visibility_ms, wait_ms).await?;
        self.0.waves(received.len(), max).await;
        Ok(received)
    }

    async fn delete(&self, class: &str, receipts: Vec<Receipt>) -> Result<(), StoreError> {
        self.0.rounds(receipts.len(), MESSAGES, DELETES).await;
        self.1.delete(class, receipts).await
    }

    async fn depth(&self, class: &str) -> Result<Depth, StoreError> {
        self.0.call().await;
        self.1.depth(class).await
    }
}
