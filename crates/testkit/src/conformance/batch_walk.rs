//! The promises of [`BatchWalk`]. It walks whole stores, so each case wants a store of its own.

use offpeak_core::batch::{Batch, State};
use offpeak_core::ports::{BatchWalk, Batches};

use super::batches::put;
use crate::samples::Namespace;

/// Makes each promise of walking batches a test. The factory gives `(Arc<dyn Batches>, Arc<dyn BatchWalk>, guard)`,
/// each time over an empty store.
#[macro_export]
macro_rules! batch_walk_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            batch_walk(batches, walk),
            $factory,
            [a_scan_visits_every_row_once, a_scan_keeps_its_order, an_empty_store_has_nothing_to_scan]
        );
    };
}

/// Whoever goes on after the last row gets every row once, whatever its state.
pub async fn a_scan_visits_every_row_once(batches: &dyn Batches, walk: &dyn BatchWalk) {
    let names = Namespace::fresh();
    let mut rows: Vec<Batch> = Vec::new();
    for state in names.final_batch_states().into_iter().chain([State::InProgress, State::Validating]) {
        rows.push(put(batches, &names.batch_in(state)).await);
    }
    for limit in [1, 4, 100] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = walk.scan(after, limit).await.unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            found.extend(page);
        }
        found.sort_by_key(|row: &Batch| row.id);
        assert_eq!(found, rows, "limit {limit}");
    }
}

/// The order is the same each time, also after rows have changed.
pub async fn a_scan_keeps_its_order(batches: &dyn Batches, walk: &dyn BatchWalk) {
    let names = Namespace::fresh();
    let rows: Vec<Batch> = (0..6).map(|_| names.batch()).collect();
    for row in &rows {
        batches.create(row).await.unwrap();
    }
    let order = async || -> Vec<_> { walk.scan(None, 100).await.unwrap().iter().map(|row| row.id).collect() };
    let before = order().await;
    for row in rows.iter().rev().take(3) {
        assert!(batches.replace(&Batch { state: State::InProgress, ..row.clone() }).await.unwrap());
    }
    assert_eq!(order().await, before);
}

/// A walk of nothing ends at once.
pub async fn an_empty_store_has_nothing_to_scan(batches: &dyn Batches, walk: &dyn BatchWalk) {
    assert_eq!(batches.open().await.unwrap(), []);
    assert_eq!(walk.scan(None, 10).await.unwrap(), []);
}
