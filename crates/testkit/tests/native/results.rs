//! Results while a batch runs, and a retry of what failed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use offpeak_core::batch::{Batch, StateKind};
use offpeak_core::flows::batches::{Cursor, results, retry};
use offpeak_core::ids::{ObjectName, TenantId};
use offpeak_core::ports::{ByteStream, ObjectWriter, Objects, Ports, StoreError};
use offpeak_core::submission::Limits;
use offpeak_testkit::provider::{LineOdds, Script, Span};
use serde_json::Value;

use crate::desk::{DAY_MS, Desk, line, lines, names};

#[test]
fn a_cursor_has_one_spelling() {
    let cursor = Cursor { parts: 3, offset: 1_234 };
    assert_eq!(cursor.to_string().parse(), Ok(cursor));
    for wrong in ["", "3", "3-", "-4", "3-04", "+3-4", "3-4-5", "a-1"] {
        assert!(wrong.parse::<Cursor>().is_err(), "{wrong}");
    }
}

#[tokio::test(start_paused = true)]
async fn pages_bring_every_answer_once_while_the_batch_runs() {
    let script = Script {
        run: Span::new(1_000, 60_000),
        lines: LineOdds { rate_limited: 200, bad_request: 100, ..LineOdds::default() },
        ..Script::calm()
    };
    let desk = Desk::new(script, Limits { requests: 7, ..Limits::OPENAI });
    let batch = desk.batch(&lines(60, "m")).await;
    let (mut found, mut after, mut early) = (Vec::new(), Cursor::default(), 0);
    loop {
        let page = results(&desk.ports, &TenantId::from("one"), batch.id, after, 4).await.unwrap().unwrap();
        assert!(page.lines.len() <= 4 && (page.has_more || page.lines.len() < 4 || page.next > after));
        after = page.next;
        found.extend(page.lines.iter().map(|line| serde_json::from_slice::<Value>(line).unwrap()));
        if page.batch.state.kind().is_final() && !page.has_more {
            break;
        }
        if !page.has_more {
            early = found.len();
            desk.tick().await;
        }
    }
    assert!(early > 0, "some came while it ran");
    let ended = desk.run(batch.id).await;
    let files = ended.state.results().unwrap();
    let mut want = [desk.lines(files.output), desk.lines(files.errors)].concat();
    let name = |line: &Value| line["custom_id"].as_str().unwrap().to_owned();
    want.sort_by_key(name);
    found.sort_by_key(name);
    assert_eq!(found, want, "the same lines as in its files");
    assert_eq!(found.len(), 60);
}

/// The object store, and how many bytes of results it gave.
struct Metered(Arc<dyn Objects>, Arc<AtomicU64>);

impl Metered {
    fn meter(&self, name: &ObjectName, pieces: ByteStream) -> ByteStream {
        let (given, counts) = (Arc::clone(&self.1), name.as_str().starts_with("results/"));
        let count = move |piece: &Result<Bytes, StoreError>| {
            let bytes = piece.as_ref().map_or(0, Bytes::len) as u64;
            given.fetch_add(if counts { bytes } else { 0 }, Ordering::Relaxed);
        };
        pieces.inspect(count).boxed()
    }
}

#[async_trait]
impl Objects for Metered {
    async fn create(&self, name: &ObjectName) -> Result<Box<dyn ObjectWriter>, StoreError> {
        self.0.create(name).await
    }

    async fn read(&self, name: &ObjectName, offset: u64, length: u64) -> Result<Bytes, StoreError> {
        self.0.read(name, offset, length).await
    }

    async fn stream(&self, name: &ObjectName) -> Result<(u64, ByteStream), StoreError> {
        let (length, pieces) = self.0.stream(name).await?;
        Ok((length, self.meter(name, pieces)))
    }

    async fn tail(&self, name: &ObjectName, offset: u64) -> Result<ByteStream, StoreError> {
        Ok(self.meter(name, self.0.tail(name, offset).await?))
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        self.0.delete(name).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&ObjectName>,
        limit: usize,
    ) -> Result<Vec<(ObjectName, u64)>, StoreError> {
        self.0.list(prefix, after, limit).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_costs_itself_wherever_it_is() {
    let desk = Desk::calm();
    let batch = desk.batch(&lines(4_000, "m")).await;
    let ended = desk.run(batch.id).await;
    let results_of = ended.parts[0].collected().unwrap().results.clone().unwrap();
    let whole = desk.fakes.objects.bytes(&results_of).unwrap().len() as u64;
    // A page, and what the fake gives beyond it: one piece and the next.
    let most = 3 * 64 * 1024;
    assert!(whole > 4 * most, "{whole} bytes");
    let given = Arc::new(AtomicU64::new(0));
    let metered = Arc::new(Metered(Arc::clone(&desk.ports.objects), Arc::clone(&given)));
    let ports = Ports { objects: metered, ..desk.ports.clone() };
    let (mut after, mut found) = (Cursor::default(), 0);
    loop {
        given.store(0, Ordering::Relaxed);
        let page = results(&ports, &TenantId::from("one"), batch.id, after, 100).await.unwrap().unwrap();
        found += page.lines.len();
        let read = given.load(Ordering::Relaxed);
        assert!(read <= most, "{read} bytes at {after}");
        after = page.next;
        if !page.has_more {
            break;
        }
    }
    assert_eq!(found, 4_000);
}

#[tokio::test(start_paused = true)]
async fn a_cursor_within_a_line_means_the_line_that_follows() {
    let desk = Desk::calm();
    let batch = desk.batch(&lines(3, "m")).await;
    let ended = desk.run(batch.id).await;
    let page = async |parts: u32, offset: u64| {
        let tenant = TenantId::from("one");
        results(&desk.ports, &tenant, batch.id, Cursor { parts, offset }, 10).await.unwrap().unwrap()
    };
    let all = page(0, 0).await.lines;
    let bytes = desk.fakes.objects.bytes(ended.parts[0].collected().unwrap().results.as_ref().unwrap()).unwrap();
    for offset in 0..bytes.len() as u64 + 3 {
        let begun = bytes.iter().take(usize::try_from(offset).unwrap()).filter(|byte| **byte == b'\n').count();
        let within = offset > 0 && bytes.get(usize::try_from(offset).unwrap() - 1).is_some_and(|byte| *byte != b'\n');
        assert_eq!(page(0, offset).await.lines, all[(begun + usize::from(within)).min(3)..], "{offset}");
    }
    for (parts, offset) in [(0, u64::MAX), (1, 0), (7, 1), (u32::MAX, u64::MAX)] {
        let beyond = page(parts, offset).await;
        assert_eq!((beyond.lines.len(), beyond.has_more), (0, false), "{parts}-{offset}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_has_the_lines_that_failed_and_no_other() {
    let script = Script { lines: LineOdds { bad_request: 400, ..LineOdds::default() }, ..Script::calm() };
    let desk = Desk::new(script.clone(), Limits { requests: 7, ..Limits::OPENAI });
    let text: String = (0..40).map(|n| line(&n.to_string(), ["m", "old"][n % 2])).collect();
    let batch = desk.batch(&text).await;
    let first = desk.run(batch.id).await;
    let (answered, failed) = desk.ids(&first);
    assert!(failed.len() > 5 && answered.len() > 5);
    desk.provider.follow(Script { lines: LineOdds::default(), ..script });
    let key = Some("again".to_owned());
    let again = retry(&desk.ports, &first, DAY_MS, key.clone()).await.unwrap().unwrap();
    assert_eq!(retry(&desk.ports, &first, DAY_MS, key).await.unwrap().unwrap().id, again.id);
    let second = desk.run(again.id).await;
    assert_eq!(desk.ids(&second), (failed.clone(), BTreeSet::new()));
    assert_eq!(&answered | &failed, names(40));
    let models: BTreeSet<&str> = second.parts.iter().map(|part| part.model.as_str()).collect();
    assert_eq!(models, BTreeSet::from(["m", "old"]), "models have their callers' names");
    assert_eq!(retry(&desk.ports, &second, DAY_MS, None).await.unwrap(), None, "nothing failed");
}

/// A batch of which every line failed, at a provider that is well from then on.
async fn failed(desk: &Desk) -> Batch {
    desk.provider.follow(Script { lines: LineOdds { bad_request: 1_000, ..LineOdds::default() }, ..Script::calm() });
    let batch = desk.batch(&lines(6, "m")).await;
    let ended = desk.run(batch.id).await;
    desk.provider.follow(Script::calm());
    ended
}

#[tokio::test(start_paused = true)]
async fn a_batch_has_one_retry_but_for_those_that_keys_name() {
    let desk = Desk::calm();
    let first = failed(&desk).await;
    let retry = async |of: &Batch, key: Option<&str>| {
        retry(&desk.ports, of, DAY_MS, key.map(str::to_owned)).await.unwrap().unwrap().id
    };
    let again = retry(&first, None).await;
    desk.tick().await;
    assert_eq!(retry(&first, None).await, again);
    let ended = desk.run(again).await;
    assert_eq!(desk.ids(&ended).0, names(6));
    assert_eq!(retry(&first, None).await, again, "also once it has ended");
    let (one, two) = (retry(&first, Some("one")).await, retry(&first, Some("two")).await);
    assert!(one != two && one != again && two != again);
    assert_ne!(retry(&failed(&desk).await, None).await, again, "another batch has another");
}

#[tokio::test(start_paused = true)]
async fn a_retrys_input_is_written_by_who_splits_it() {
    let desk = Desk::calm();
    let first = failed(&desk).await;
    let files = || desk.fakes.files.snapshot().len();
    let before = files();
    let again = retry(&desk.ports, &first, DAY_MS, None).await.unwrap().unwrap();
    assert_eq!((files(), again.asked.retry_of), (before, Some(first.id)));
    let ended = desk.run(again.id).await;
    assert_eq!((ended.state.kind(), desk.ids(&ended).0), (StateKind::Completed, names(6)));
    assert_eq!(desk.lines(Some(again.asked.input)).len(), 6, "it is a file like any other");
}

#[tokio::test(start_paused = true)]
async fn a_retry_of_lines_that_are_gone_fails() {
    let desk = Desk::calm();
    let first = failed(&desk).await;
    let again = retry(&desk.ports, &first, DAY_MS, None).await.unwrap().unwrap();
    desk.fakes.objects.delete(&first.parts[0].sealed.object).await.unwrap();
    let ended = desk.run(again.id).await;
    assert_eq!(ended.state.kind(), StateKind::Failed);
}

#[tokio::test(start_paused = true)]
async fn what_runs_has_nothing_to_retry() {
    let desk = Desk::calm();
    let batch = desk.batch(&lines(2, "m")).await;
    assert_eq!(retry(&desk.ports, &batch, DAY_MS, None).await.unwrap(), None);
    assert_eq!(desk.run(batch.id).await.state.kind(), StateKind::Completed);
}
