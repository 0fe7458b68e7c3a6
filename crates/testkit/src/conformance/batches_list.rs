//! The promises of listing [`Batches`].

use offpeak_core::batch::{Batch, State};
use offpeak_core::ids::TenantId;
use offpeak_core::ports::{BatchPage, Batches, StoreError};

use super::batches::LAG_MS;
use super::eventually;
use crate::samples::{CREATED_MS, Namespace};

async fn newest(batches: &dyn Batches, tenant: &TenantId) -> BatchPage {
    batches.list(tenant, None, 100).await.unwrap()
}

/// Stores the batches, and waits until the listing of the first one's tenant has them all.
async fn stored(batches: &dyn Batches, rows: &[Batch]) {
    for row in rows {
        batches.create(row).await.unwrap();
    }
    let tenant = &rows[0].tenant;
    let ours = rows.iter().filter(|row| row.tenant == *tenant).count();
    eventually("the listing has every batch", LAG_MS, async || newest(batches, tenant).await.batches.len() == ours)
        .await;
}

/// The order is by the time of creation, then by id, whatever the order of storing.
pub async fn the_newest_come_first(batches: &dyn Batches) {
    let names = Namespace::fresh();
    let rows: Vec<Batch> = (0..6).map(|n| Batch { created_ms: CREATED_MS + n / 2, ..names.batch() }).collect();
    stored(batches, &[3, 0, 5, 1, 4, 2].map(|n: usize| rows[n].clone())).await;
    let want = BatchPage { batches: rows.into_iter().rev().collect(), has_more: false };
    assert_eq!(newest(batches, &names.tenant()).await, want);
}

/// A row is listed as it stands, where it stood.
pub async fn a_batch_that_moves_on_keeps_its_place(batches: &dyn Batches) {
    let names = Namespace::fresh();
    let rows: Vec<Batch> = (0..3).map(|n| Batch { created_ms: CREATED_MS + n, ..names.batch() }).collect();
    stored(batches, &rows).await;
    let state = names.final_batch_states().remove(1);
    let moved = Batch { id: rows[1].id, created_ms: rows[1].created_ms, ..names.batch_in(state) };
    assert!(batches.replace(&moved).await.unwrap());
    let want = vec![rows[2].clone(), Batch { version: 2, ..moved }, rows[0].clone()];
    let tenant = names.tenant();
    eventually("the row is listed as it stands", LAG_MS, async || newest(batches, &tenant).await.batches == want).await;
}

/// Whoever goes on after the last of each page gets everything once.
pub async fn pages_meet_without_gap_or_repeat(batches: &dyn Batches) {
    let names = Namespace::fresh();
    let mut rows: Vec<Batch> = (0..7).map(|n| Batch { created_ms: CREATED_MS + n / 2, ..names.batch() }).collect();
    stored(batches, &rows).await;
    rows.reverse();
    for limit in [1, 2, 3, 7] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = batches.list(&names.tenant(), after, limit).await.unwrap();
            after = page.batches.last().map(|batch| batch.id);
            found.extend(page.batches);
            assert_eq!(page.has_more, found.len() < rows.len(), "limit {limit}, after {} batches", found.len());
            if !page.has_more {
                break;
            }
        }
        assert_eq!(found, rows, "limit {limit}");
    }
}

/// A listing has the tenant's own batches only.
pub async fn nobody_lists_a_strangers_batches(batches: &dyn Batches) {
    let names = Namespace::fresh();
    let ours = Batch { state: State::Validating, ..names.batch() };
    stored(batches, &[ours.clone(), Batch { tenant: names.stranger(), ..names.batch() }]).await;
    assert_eq!(newest(batches, &names.tenant()).await, BatchPage { batches: vec![ours], has_more: false });
}

/// Another's batch, or none, is not found as a cursor.
pub async fn a_strangers_batch_is_no_cursor(batches: &dyn Batches) {
    let names = Namespace::fresh();
    let theirs = Batch { tenant: names.stranger(), ..names.batch() };
    stored(batches, std::slice::from_ref(&theirs)).await;
    for after in [theirs.id, names.batch_id()] {
        let refused = batches.list(&names.tenant(), Some(after), 1).await;
        assert!(matches!(refused, Err(StoreError::NotFound)), "{refused:?}");
    }
}
