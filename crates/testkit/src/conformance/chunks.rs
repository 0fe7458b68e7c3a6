//! The promises of [`Chunks`].

use futures_util::future::join_all;
use offpeak_core::fleet::{Chunk, ChunkId, ChunkState, Queue};
use offpeak_core::ports::Chunks;

use super::eventually;
use crate::samples::{CREATED_MS, Namespace};

/// How far what is open may lag behind the rows, milliseconds.
const LAG_MS: u64 = 2_000;

/// Makes each promise of the rows of chunks a test. The factory gives `(Arc<dyn Chunks>, guard)`.
#[macro_export]
macro_rules! chunks_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            chunks(port),
            $factory,
            [
                a_chunk_reads_as_it_was_written,
                a_missing_chunk_is_none,
                the_largest_row_is_kept,
                a_repeated_create_changes_nothing,
                a_create_adds_what_is_missing,
                a_submissions_chunks_come_by_index,
                what_is_open_comes_oldest_first,
                what_is_held_is_open_and_what_is_final_is_not,
                what_is_open_is_of_one_model,
                what_is_open_is_of_one_backend,
                a_model_with_open_chunks_is_listed_once,
                a_write_of_another_version_is_refused,
                a_write_of_a_missing_chunk_is_refused,
                one_of_64_writes_wins,
                a_delete_takes_all_of_one_submission,
                a_delete_may_be_repeated,
                what_was_deleted_is_not_open,
            ]
        );
    };
}

/// A chunk reads back in every field and every state, however it is read: as it was created and as it was written later.
pub async fn a_chunk_reads_as_it_was_written(chunks: &dyn Chunks) {
    for first in Namespace::fresh().various_chunks() {
        chunks.create(vec![first.clone()]).await.unwrap();
        reads(chunks, &first).await;
        for state in Namespace::fresh().various_chunks() {
            let now = chunks.get(first.id).await.unwrap().unwrap();
            let Chunk { attempt, stop, state, parts, suspects, tried, .. } = state;
            let next = Chunk { attempt, stop, state, parts, suspects, tried, ..now };
            assert!(chunks.replace(&next).await.unwrap(), "the version is the stored one");
            reads(chunks, &Chunk { version: next.version + 1, ..next }).await;
        }
        chunks.delete(first.id.submission).await.unwrap();
    }
}

async fn reads(chunks: &dyn Chunks, chunk: &Chunk) {
    let only = vec![chunk.clone()];
    assert_eq!(chunks.get(chunk.id).await.unwrap().as_ref(), Some(chunk));
    assert_eq!(chunks.of(chunk.id.submission).await.unwrap(), only);
    let open = if chunk.state.is_final() { Vec::new() } else { only };
    eventually("it is open as it is", LAG_MS, async || chunks.open(&chunk.queue(), 9).await.unwrap() == open).await;
}

/// There is nothing under an unused id, beside another chunk or alone.
pub async fn a_missing_chunk_is_none(chunks: &dyn Chunks) {
    let names = Namespace::fresh();
    let [first, missing] = [names.chunk(), names.chunk()];
    chunks.create(vec![first.clone()]).await.unwrap();
    assert_eq!(chunks.get(missing.id).await.unwrap(), None);
    assert_eq!(chunks.get(ChunkId { index: 1, ..first.id }).await.unwrap(), None);
    assert_eq!(chunks.of(missing.id.submission).await.unwrap(), []);
    assert_eq!(chunks.open(&names.queue("unknown"), 9).await.unwrap(), []);
}

/// A chunk of very many parts, every line of which is suspected.
pub async fn the_largest_row_is_kept(chunks: &dyn Chunks) {
    let names = Namespace::fresh();
    let parts = (0..1_000).map(|part| names.finished(&format!("{part}"))).collect();
    let suspects = (0..2_048).map(|_| names.job_id()).collect();
    let large = Chunk { parts, suspects, ..names.chunk() };
    chunks.create(vec![large.clone()]).await.unwrap();
    reads(chunks, &large).await;
    assert!(chunks.replace(&large).await.unwrap());
    reads(chunks, &Chunk { version: 2, ..large }).await;
}

/// A create never takes a chunk back, however far it got.
pub async fn a_repeated_create_changes_nothing(chunks: &dyn Chunks) {
    let names = Namespace::fresh();
    let first = names.chunk();
    let other = Chunk { lines: 7, ..first.clone() };
    chunks.create(vec![first.clone(), other.clone()]).await.unwrap();
    chunks.create(vec![other]).await.unwrap();
    assert_eq!(chunks.get(first.id).await.unwrap(), Some(first.clone()));
    let next = Chunk { state: ChunkState::Done, parts: vec![names.finished("p")], ..first.clone() };
    assert!(chunks.replace(&next).await.unwrap());
    chunks.create(vec![first.clone()]).await.unwrap();
    assert_eq!(chunks.of(first.id.submission).await.unwrap(), [Chunk { version: 2, ..next }]);
}

/// A create that was cut short is made whole by its repeat, which leaves alone what went on meanwhile.
pub async fn a_create_adds_what_is_missing(chunks: &dyn Chunks) {
    let all = Namespace::fresh().chunks(5);
    chunks.create(vec![all[1].clone(), all[3].clone()]).await.unwrap();
    let next = Chunk { attempt: 1, ..all[3].clone() };
    assert!(chunks.replace(&next).await.unwrap());
    chunks.create(all.clone()).await.unwrap();
    let mut want = all;
    want[3] = Chunk { version: 2, ..next };
    assert_eq!(chunks.of(want[0].id.submission).await.unwrap(), want);
}

/// All of a submission, more than a store takes at once, in the order of numbers; and nothing of another's.
pub async fn a_submissions_chunks_come_by_index(chunks: &dyn Chunks) {
    let names = Namespace::fresh();
    let (before, ours, after) = (names.chunk(), names.chunks(300), names.chunk());
    let mut shuffled: Vec<Chunk> = [before.clone(), after.clone()].into_iter().chain(ours.clone()).collect();
    shuffled.sort_by_key(|chunk| chunk.id.index % 7);
    chunks.create(shuffled).await.unwrap();
    assert_eq!(chunks.of(ours[0].id.submission).await.unwrap(), ours);
    for other in [before, after] {
        assert_eq!(chunks.of(other.id.submission).await.unwrap(), [other]);
    }
}

/// By when they were created, then by submission, then by index; no more than asked for.
pub async fn what_is_open_comes_oldest_first(chunks: &dyn Chunks) {
    let names = Namespace::fresh();
    let [first, second, third] = [names.chunks(12), names.chunks(2), names.chunks(2)];
    let old = third.into_iter().map(|chunk| Chunk { created_ms: 999, ..chunk });
    let want: Vec<Chunk> = old.chain(first).chain(second).collect();
    for chunk in want.iter().rev() {
        chunks.create(vec![chunk.clone()]).await.unwrap();
    }
    let queue = names.queue("small");
    eventually("all are open, in order", LAG_MS, async || chunks.open(&queue, 100).await.unwrap() == want).await;
    for limit in [1, 2, 5, 16] {
        assert_eq!(chunks.open(&queue, limit).await.unwrap(), want[..limit], "limit {limit}");
    }
}

/// Who is held may be taken over, so it stays; who is final makes room.
pub async fn what_is_held_is_open_and_what_is_final_is_not(chunks: &dyn Chunks) {
    let names = Namespace::fresh();
    let all = names.chunks(4);
    chunks.create(all.clone()).await.unwrap();
    let held = ChunkState::Held { worker: "w".to_owned(), until_ms: CREATED_MS + 1 };
    let become_of = |index: usize, state| Chunk { state, ..all[index].clone() };
    let held = become_of(0, held);
    for next in [&held, &become_of(1, ChunkState::Done), &become_of(2, ChunkState::Stopped)] {
        assert!(chunks.replace(next).await.unwrap());
    }
    let want = [Chunk { version: 2, ..held }, all[3].clone()];
    let queue = names.queue("small");
    eventually("two are open", LAG_MS, async || chunks.open(&queue, 9).await.unwrap() == want).await;
    assert_eq!(chunks.open(&queue, 1).await.unwrap(), want[..1], "what is final takes no place");
    let again = Chunk { state: ChunkState::Waiting { not_before_ms: 0 }, ..want[0].clone() };
    assert!(chunks.replace(&again).await.unwrap());
    let want = [Chunk { version: 3, ..again }, all[3].clone()];
    eventually("it waits again", LAG_MS, async || chunks.open(&queue, 9).await.unwrap() == want).await;
}

/// No model is a beginning of another, nor alike without its case.
pub async fn what_is_open_is_of_one_model(chunks: &dyn Chunks) {
    let names = Namespace::fresh();
    let model = names.model("small");
    let models = [model.clone(), format!("{model}-2"), model.to_uppercase()];
    let all: Vec<Chunk> = models.iter().map(|model| Chunk { model: model.clone(), ..names.chunk() }).collect();
    chunks.create(all.clone()).await.unwrap();
    for (model, chunk) in models.iter().zip(&all) {
        let open = async || chunks.open(&Queue::of_fleet(model), 9).await.unwrap() == std::slice::from_ref(chunk);
        eventually("its own is open", LAG_MS, open).await;
    }
}

/// Models are the fleet's; whatever a live backend's are called, its chunks wait in one queue, and no other's.
pub async fn what_is_open_is_of_one_backend(chunks: &dyn Chunks) {
    let names = Namespace::fresh();
    let (live, own) = (names.live(), names.chunk());
    let other = Chunk { backend: format!("{live}-2"), ..names.chunk() };
    let of_live = |model: &str| Chunk { backend: live.clone(), model: model.to_owned(), ..names.chunk() };
    let lives = [of_live(&own.model), of_live("another"), of_live(&names.model("third"))];
    // The fleet's model may have any name, also that of a live backend.
    let odd = Chunk { model: live.clone(), ..names.chunk() };
    let all = lives.iter().chain([&own, &other, &odd]).cloned().collect();
    chunks.create(all).await.unwrap();
    for (queue, mut want) in [
        (Queue::of(&live, "whichever"), lives.to_vec()),
        (own.queue(), vec![own.clone()]),
        (other.queue(), vec![other.clone()]),
        (odd.queue(), vec![odd.clone()]),
    ] {
        want.sort_unstable_by_key(|chunk| chunk.id);
        let open = async || chunks.open(&queue, 9).await.unwrap() == want;
        eventually("its own are open", LAG_MS, open).await;
    }
    let models = chunks.models().await.unwrap();
    let is_listed = |model: &String| models.contains(model);
    assert!(is_listed(&own.model) && is_listed(&odd.model), "{models:?}");
    assert!(!is_listed(&names.model("third")) && !models.iter().any(|model| model.ends_with("-2")), "{models:?}");
}

/// As long as one of its chunks is not final, and not longer. Others may have models in the same store.
pub async fn a_model_with_open_chunks_is_listed_once(chunks: &dyn Chunks) {
    let names = Namespace::fresh();
    let [small, large] = [names.model("small"), names.model("large")];
    let of_small = names.chunks(3);
    let of_large = Chunk { model: large.clone(), ..names.chunk() };
    chunks.create(of_small.iter().cloned().chain([of_large.clone()]).collect()).await.unwrap();
    let listed = async |want: &[&String]| {
        let mut ours = chunks.models().await.unwrap();
        ours.retain(|model| *model == small || *model == large);
        ours.sort_unstable();
        ours.iter().eq(want.iter().copied())
    };
    eventually("both are listed", LAG_MS, async || listed(&[&large, &small]).await).await;
    assert!(chunks.replace(&Chunk { state: ChunkState::Stopped, ..of_large }).await.unwrap());
    assert!(chunks.replace(&Chunk { state: ChunkState::Done, ..of_small[0].clone() }).await.unwrap());
    eventually("one is listed", LAG_MS, async || listed(&[&small]).await).await;
    for chunk in &of_small[1..] {
        assert!(chunks.replace(&Chunk { state: ChunkState::Done, ..chunk.clone() }).await.unwrap());
    }
    eventually("none is listed", LAG_MS, async || listed(&[]).await).await;
}

/// Neither an earlier version nor a later one is written.
pub async fn a_write_of_another_version_is_refused(chunks: &dyn Chunks) {
    let first = Namespace::fresh().chunk();
    chunks.create(vec![first.clone()]).await.unwrap();
    for version in [0, 2, u64::MAX >> 1] {
        let other = Chunk { version, state: ChunkState::Done, ..first.clone() };
        assert!(!chunks.replace(&other).await.unwrap(), "version {version}");
    }
    reads(chunks, &first).await;
    assert!(chunks.replace(&first).await.unwrap());
    assert!(!chunks.replace(&first).await.unwrap(), "a repeat finds its version gone");
    reads(chunks, &Chunk { version: 2, ..first }).await;
}

/// A write never makes a row, nor makes one anew.
pub async fn a_write_of_a_missing_chunk_is_refused(chunks: &dyn Chunks) {
    let names = Namespace::fresh();
    let missing = names.chunk();
    assert!(!chunks.replace(&missing).await.unwrap());
    assert_eq!(chunks.get(missing.id).await.unwrap(), None, "still missing");
    let gone = names.chunk();
    chunks.create(vec![gone.clone()]).await.unwrap();
    chunks.delete(gone.id.submission).await.unwrap();
    assert!(!chunks.replace(&gone).await.unwrap());
    assert_eq!(chunks.of(gone.id.submission).await.unwrap(), [], "still gone");
    let none_is_open = async || chunks.open(&gone.queue(), 9).await.unwrap().is_empty();
    eventually("none is open", LAG_MS, none_is_open).await;
}

/// A chunk is one worker's.
pub async fn one_of_64_writes_wins(chunks: &dyn Chunks) {
    let first = Namespace::fresh().chunk();
    chunks.create(vec![first.clone()]).await.unwrap();
    let take = |n: u64| {
        let state = ChunkState::Held { worker: format!("worker {n}"), until_ms: CREATED_MS + n };
        Chunk { state, attempt: 1, ..first.clone() }
    };
    let takes: Vec<Chunk> = (0..64).map(take).collect();
    let written = join_all(takes.iter().map(|take| chunks.replace(take))).await;
    let winners: Vec<&Chunk> =
        takes.iter().zip(written).filter(|(_, written)| *written.as_ref().unwrap()).map(|(take, _)| take).collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(chunks.get(first.id).await.unwrap(), Some(Chunk { version: 2, ..winners[0].clone() }));
}

/// More than a store takes at once go, whatever their state, and nothing of another's.
pub async fn a_delete_takes_all_of_one_submission(chunks: &dyn Chunks) {
    let names = Namespace::fresh();
    let (before, ours, after) = (names.chunk(), names.chunks(120), names.chunk());
    let all = [before.clone(), after.clone()].into_iter().chain(ours.clone()).collect();
    chunks.create(all).await.unwrap();
    assert!(chunks.replace(&Chunk { state: ChunkState::Done, ..ours[3].clone() }).await.unwrap());
    chunks.delete(ours[0].id.submission).await.unwrap();
    assert_eq!(chunks.of(ours[0].id.submission).await.unwrap(), []);
    assert_eq!(chunks.get(ours[3].id).await.unwrap(), None);
    for other in [before, after] {
        assert_eq!(chunks.of(other.id.submission).await.unwrap(), [other]);
    }
}

/// There may be nothing to delete; and what was deleted may be created anew.
pub async fn a_delete_may_be_repeated(chunks: &dyn Chunks) {
    let all = Namespace::fresh().chunks(2);
    let submission = all[0].id.submission;
    chunks.delete(submission).await.unwrap();
    chunks.create(all.clone()).await.unwrap();
    assert!(chunks.replace(&all[0]).await.unwrap());
    for _ in 0..2 {
        chunks.delete(submission).await.unwrap();
        assert_eq!(chunks.of(submission).await.unwrap(), []);
    }
    chunks.create(all.clone()).await.unwrap();
    assert_eq!(chunks.of(submission).await.unwrap(), all, "an id is free again");
}

/// Nobody takes what has gone.
pub async fn what_was_deleted_is_not_open(chunks: &dyn Chunks) {
    let names = Namespace::fresh();
    let (gone, kept) = (names.chunks(3), names.chunk());
    chunks.create(gone.iter().cloned().chain([kept.clone()]).collect()).await.unwrap();
    let (model, queue) = (names.model("small"), names.queue("small"));
    eventually("all are open", LAG_MS, async || chunks.open(&queue, 9).await.unwrap().len() == 4).await;
    chunks.delete(gone[0].id.submission).await.unwrap();
    let open = async || chunks.open(&queue, 9).await.unwrap() == std::slice::from_ref(&kept);
    eventually("one is open", LAG_MS, open).await;
    chunks.delete(kept.id.submission).await.unwrap();
    let is_listed = async || chunks.models().await.unwrap().contains(&model);
    eventually("the model is not listed", LAG_MS, async || !is_listed().await).await;
}
