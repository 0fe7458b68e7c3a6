//! The promises of [`BatchSweep`].

use offpeak_core::batch::{Batch, Times};
use offpeak_core::ports::{BatchSweep, Batches};

use super::batches::put;
use crate::samples::{CREATED_MS, Namespace};

/// Makes each promise of sweeping batches a test. The factory gives `(Arc<dyn Batches>, Arc<dyn BatchSweep>, guard)`.
#[macro_export]
macro_rules! batch_sweep_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            batch_sweep(batches, sweep),
            $factory,
            [only_what_ended_long_ago_goes, open_rows_stay]
        );
    };
}

/// A row goes by when it ended, not more at once than asked for.
pub async fn only_what_ended_long_ago_goes(batches: &dyn Batches, sweep: &dyn BatchSweep) {
    let names = Namespace::fresh();
    let mut rows = Vec::new();
    for (n, state) in (0..).zip(names.final_batch_states()) {
        let times = Times { ended_ms: Some(CREATED_MS + n), ..Times::default() };
        rows.push(put(batches, &Batch { times, ..names.batch_in(state) }).await);
    }
    assert_eq!(sweep.retire(CREATED_MS, 10).await.unwrap(), 0);
    assert_eq!(sweep.retire(CREATED_MS + 3, 2).await.unwrap(), 2);
    assert_eq!(sweep.retire(CREATED_MS + 3, 2).await.unwrap(), 1);
    assert_eq!(batches.get(rows[3].id).await.unwrap(), Some(rows[3].clone()), "it ended just then");
    for row in &rows[..3] {
        assert_eq!(batches.get(row.id).await.unwrap(), None);
    }
}

/// What something is still owed to stays, however old it is.
pub async fn open_rows_stay(batches: &dyn Batches, sweep: &dyn BatchSweep) {
    let names = Namespace::fresh();
    let mut rows = Vec::new();
    for state in names.open_batch_states() {
        rows.push(put(batches, &names.batch_in(state)).await);
    }
    assert_eq!(sweep.retire(u64::MAX >> 12, 100).await.unwrap(), 0);
    for row in rows {
        assert_eq!(batches.get(row.id).await.unwrap(), Some(row));
    }
}
