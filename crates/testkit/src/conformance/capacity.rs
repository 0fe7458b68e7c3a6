//! The promises of [`Capacity`], for groups that the market gives all they ask for.

use offpeak_core::fleet::Purchase;
use offpeak_core::ports::{Capacity, Group};

use super::eventually;

/// How long a market may take, milliseconds.
const PATIENCE_MS: u64 = 5_000;

/// Makes each promise of `Capacity` a test. The factory gives `(Arc<dyn Capacity>, guard)`, with two groups of its own in which
/// nothing is.
#[macro_export]
macro_rules! capacity_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            capacity(port),
            $factory,
            [
                what_is_asked_for_comes,
                a_repeat_starts_no_more,
                fewer_end_nobody,
                who_is_not_there_ends_without_an_error
            ]
        );
    };
}

async fn group(capacity: &dyn Capacity, purchase: Purchase) -> Group {
    let groups = capacity.groups().await.unwrap();
    groups.into_iter().find(|group| group.purchase == purchase).unwrap()
}

/// Each group has what was asked of it, and of no other.
pub async fn what_is_asked_for_comes(capacity: &dyn Capacity) {
    capacity.ask(Purchase::Spot, 2).await.unwrap();
    eventually("two instances", PATIENCE_MS, async || group(capacity, Purchase::Spot).await.staying() == 2).await;
    let spot = group(capacity, Purchase::Spot).await;
    assert_eq!((spot.desired, spot.missing(), spot.refusal), (2, 0, None));
    assert_eq!(group(capacity, Purchase::OnDemand).await.desired, 0);
}

/// A number is one in all.
pub async fn a_repeat_starts_no_more(capacity: &dyn Capacity) {
    for _ in 0..3 {
        capacity.ask(Purchase::OnDemand, 1).await.unwrap();
    }
    eventually("an instance", PATIENCE_MS, async || group(capacity, Purchase::OnDemand).await.staying() == 1).await;
    assert_eq!(group(capacity, Purchase::OnDemand).await.desired, 1);
}

/// Whoever works is never ended by a number.
pub async fn fewer_end_nobody(capacity: &dyn Capacity) {
    capacity.ask(Purchase::Spot, 2).await.unwrap();
    eventually("two instances", PATIENCE_MS, async || group(capacity, Purchase::Spot).await.staying() == 2).await;
    capacity.ask(Purchase::Spot, 0).await.unwrap();
    assert_eq!(group(capacity, Purchase::Spot).await.staying(), 2);
}

/// One that nobody knows.
pub async fn who_is_not_there_ends_without_an_error(capacity: &dyn Capacity) {
    capacity.end("i-00000000000000000").await.unwrap();
}
