//! The promises of [`BatchWalk`].

use offpeak_core::batch::{Batch, State};
use offpeak_core::ports::{BatchWalk, Batches};

use super::batches::put;
use crate::samples::Namespace;

/// Makes each promise of walking batches a test. The factory gives `(Arc<dyn Batches>, Arc<dyn BatchWalk>, guard)`.
#[macro_export]
macro_rules! batch_walk_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            batch_walk(batches, walk),
            $factory,
            [a_scan_visits_every_row_once_by_ascending_id, an_empty_store_has_nothing_to_scan]
        );
    };
}

/// Whoever goes on after the last row gets every row once, whatever its state.
pub async fn a_scan_visits_every_row_once_by_ascending_id(batches: &dyn Batches, walk: &dyn BatchWalk) {
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
        assert_eq!(found, rows, "limit {limit}");
    }
}

/// A walk of nothing ends at once.
pub async fn an_empty_store_has_nothing_to_scan(batches: &dyn Batches, walk: &dyn BatchWalk) {
    assert_eq!(batches.open().await.unwrap(), []);
    assert_eq!(walk.scan(None, 10).await.unwrap(), []);
}
