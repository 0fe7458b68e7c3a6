//! The promises of [`Batches`].

use futures_util::future::join_all;
use offpeak_core::batch::{Batch, State};
use offpeak_core::ids::NativeBatchId;
use offpeak_core::ports::Batches;

use super::eventually;
use crate::samples::{CREATED_MS, Namespace};

/// How long a listing may lag, milliseconds: the port's second, and some for a slow machine.
pub(super) const LAG_MS: u64 = 5_000;

/// Makes each promise of the rows of batches a test. The factory gives `(Arc<dyn Batches>, guard)`.
#[macro_export]
macro_rules! batches_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            batches(port),
            $factory,
            [
                a_batch_reads_as_it_was_created,
                a_missing_batch_is_none,
                every_state_reads_as_it_was_written,
                a_repeated_create_changes_nothing,
                one_of_64_creates_stands,
                a_write_of_another_version_is_refused,
                a_write_of_a_missing_batch_is_refused,
                a_repeated_write_is_refused,
                one_of_64_writes_wins,
                the_largest_row_is_kept,
                everything_owed_is_open,
                what_has_ended_is_not_open,
                open_is_oldest_first,
            ]
        );
        $crate::conformance_cases!(
            batches_list(port),
            $factory,
            [
                the_newest_come_first,
                a_batch_that_moves_on_keeps_its_place,
                pages_meet_without_gap_or_repeat,
                nobody_lists_a_strangers_batches,
                a_strangers_batch_is_no_cursor,
            ]
        );
    };
}

/// The row, which must be there.
async fn row(batches: &dyn Batches, id: NativeBatchId) -> Batch {
    batches.get(id).await.unwrap().unwrap()
}

/// Creates a row and takes it to the state of `like`; returns it as it must now read.
pub(super) async fn put(batches: &dyn Batches, like: &Batch) -> Batch {
    let first = Batch { state: State::Validating, parts: Vec::new(), ..like.clone() };
    batches.create(&first).await.unwrap();
    assert!(batches.replace(like).await.unwrap(), "the version is the stored one");
    Batch { version: like.version + 1, ..like.clone() }
}

/// A created batch reads back in every field, as version 1.
pub async fn a_batch_reads_as_it_was_created(batches: &dyn Batches) {
    let names = Namespace::fresh();
    let full = names.batch();
    let mut bare = names.batch();
    bare.asked.metadata = None;
    bare.asked.output_expires_after_ms = None;
    bare.asked.credential = Some(names.lane().credential);
    for batch in [full, bare] {
        batches.create(&Batch { version: 7, ..batch.clone() }).await.unwrap();
        assert_eq!(row(batches, batch.id).await, batch);
    }
}

/// There is nothing under an unused id.
pub async fn a_missing_batch_is_none(batches: &dyn Batches) {
    assert_eq!(batches.get(Namespace::fresh().batch_id()).await.unwrap(), None);
}

/// Every state, with its particulars and its parts.
pub async fn every_state_reads_as_it_was_written(batches: &dyn Batches) {
    let names = Namespace::fresh();
    for state in names.open_batch_states().into_iter().chain(names.final_batch_states()) {
        let stands = put(batches, &names.batch_in(state)).await;
        assert_eq!(row(batches, stands.id).await, stands);
    }
}

/// A create never takes a batch back.
pub async fn a_repeated_create_changes_nothing(batches: &dyn Batches) {
    let names = Namespace::fresh();
    let like = names.batch_in(State::InProgress);
    let stands = put(batches, &like).await;
    batches.create(&Batch { state: State::Validating, created_ms: 5, ..like }).await.unwrap();
    assert_eq!(row(batches, stands.id).await, stands);
}

/// Of concurrent creates of one id exactly one stands, whole.
pub async fn one_of_64_creates_stands(batches: &dyn Batches) {
    let names = Namespace::fresh();
    let first = names.batch();
    let rivals: Vec<Batch> = (0..64).map(|n| Batch { deadline_ms: CREATED_MS + n, ..first.clone() }).collect();
    for reply in join_all(rivals.iter().map(|rival| batches.create(rival))).await {
        reply.unwrap();
    }
    assert!(rivals.contains(&row(batches, first.id).await), "one of them, and no mixture");
}

/// Neither an earlier version nor a later one is written.
pub async fn a_write_of_another_version_is_refused(batches: &dyn Batches) {
    let names = Namespace::fresh();
    let stands = put(batches, &names.batch_in(State::InProgress)).await;
    for version in [0, 1, 3, u64::MAX >> 1] {
        let other = Batch { version, state: State::Finalizing, ..stands.clone() };
        assert!(!batches.replace(&other).await.unwrap(), "version {version}");
    }
    assert_eq!(row(batches, stands.id).await, stands, "unchanged");
}

/// A write never makes a row.
pub async fn a_write_of_a_missing_batch_is_refused(batches: &dyn Batches) {
    let missing = Namespace::fresh().batch();
    for version in [0, 1] {
        assert!(!batches.replace(&Batch { version, ..missing.clone() }).await.unwrap());
    }
    assert_eq!(batches.get(missing.id).await.unwrap(), None, "still missing");
}

/// A write repeated after a lost reply finds its own version taken.
pub async fn a_repeated_write_is_refused(batches: &dyn Batches) {
    let names = Namespace::fresh();
    let like = names.batch_in(State::Finalizing);
    let stands = put(batches, &like).await;
    assert!(!batches.replace(&like).await.unwrap());
    assert_eq!(row(batches, stands.id).await, stands, "written once");
}

/// Of concurrent writes of one version exactly one holds.
pub async fn one_of_64_writes_wins(batches: &dyn Batches) {
    let names = Namespace::fresh();
    let first = names.batch();
    batches.create(&first).await.unwrap();
    let rivals: Vec<Batch> =
        (0..64).map(|lines| Batch { id: first.id, lines, ..names.batch_in(State::InProgress) }).collect();
    let replies = join_all(rivals.iter().map(|rival| batches.replace(rival))).await;
    let mut winners = Vec::new();
    for (rival, reply) in rivals.into_iter().zip(replies) {
        if reply.unwrap() {
            winners.push(Batch { version: 2, ..rival });
        }
    }
    assert_eq!(winners, [row(batches, first.id).await], "exactly one holds, and it stands");
}

/// A row of nearly 400,000 bytes is stored and read.
pub async fn the_largest_row_is_kept(batches: &dyn Batches) {
    let names = Namespace::fresh();
    let mut batch = names.batch_in(State::InProgress);
    let part = batch.parts[2].clone();
    let bytes = |batch: &Batch| serde_json::to_vec(batch).map_or(0, |text| text.len());
    while bytes(&batch) < 398_000 {
        batch.parts.push(part.clone());
    }
    assert!(bytes(&batch) < 400_000);
    let stands = put(batches, &batch).await;
    assert_eq!(row(batches, batch.id).await, stands);
}

/// Each state that is not final is open, and a final one until its results lie in the outbox.
pub async fn everything_owed_is_open(batches: &dyn Batches) {
    let names = Namespace::fresh();
    let fresh = names.batch();
    batches.create(&fresh).await.unwrap();
    let mut owed = vec![fresh.id];
    for state in names.open_batch_states() {
        owed.push(put(batches, &names.batch_in(state)).await.id);
    }
    for state in names.final_batch_states() {
        owed.push(put(batches, &names.batch_to_give(state, None)).await.id);
    }
    eventually("every batch that is owed something is open", LAG_MS, async || {
        let open = batches.open().await.unwrap();
        owed.iter().all(|id| open.contains(id))
    })
    .await;
}

/// Final ones are not open, soon after they are so.
pub async fn what_has_ended_is_not_open(batches: &dyn Batches) {
    let names = Namespace::fresh();
    let mut ended = Vec::new();
    for state in names.final_batch_states() {
        ended.push(put(batches, &names.batch_in(state.clone())).await.id);
        ended.push(put(batches, &names.batch_to_give(state, Some(CREATED_MS + 9))).await.id);
    }
    eventually("no batch that has ended is open", LAG_MS, async || {
        let open = batches.open().await.unwrap();
        !ended.iter().any(|id| open.contains(id))
    })
    .await;
}

/// The oldest comes first, in whatever order they were stored.
pub async fn open_is_oldest_first(batches: &dyn Batches) {
    let names = Namespace::fresh();
    let rows: Vec<Batch> = (0..6).map(|n| Batch { created_ms: CREATED_MS + n, ..names.batch() }).collect();
    for row in rows.iter().rev() {
        batches.create(row).await.unwrap();
    }
    let ours: Vec<NativeBatchId> = rows.iter().map(|row| row.id).collect();
    eventually("the oldest comes first", LAG_MS, async || {
        let mut open = batches.open().await.unwrap();
        open.retain(|id| ours.contains(id));
        open == ours
    })
    .await;
}
