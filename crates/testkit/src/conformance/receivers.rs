//! The promises of [`Receivers`].

use futures_util::future::join_all;
use offpeak_core::notice;
use offpeak_core::ports::Receivers;

use crate::samples::Namespace;

/// Makes each promise of the rows of receivers a test. The factory gives `(Arc<dyn Receivers>, guard)`.
#[macro_export]
macro_rules! receivers_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            receivers(port),
            $factory,
            [
                a_row_reads_as_it_was_written,
                a_tenant_without_receivers_has_no_row,
                a_write_of_another_version_is_refused,
                of_concurrent_first_writes_one_holds,
                each_of_16_receivers_is_added_once,
                the_largest_row_is_kept,
            ]
        );
    };
}

/// A row reads back in every field, at its first write and at the next.
pub async fn a_row_reads_as_it_was_written(receivers: &dyn Receivers) {
    let names = Namespace::fresh();
    let first = names.receivers();
    assert!(receivers.replace(&first).await.unwrap(), "there is none yet");
    let stored = notice::Receivers { version: 1, ..first };
    assert_eq!(receivers.get(&names.tenant()).await.unwrap(), Some(stored.clone()));
    let fewer = notice::Receivers { all: stored.all[1..].to_vec(), asked_until_ms: 0, ..stored };
    assert!(receivers.replace(&fewer).await.unwrap());
    assert_eq!(receivers.get(&names.tenant()).await.unwrap(), Some(notice::Receivers { version: 2, ..fewer }));
}

/// There is nothing of an unknown tenant, nor of another one.
pub async fn a_tenant_without_receivers_has_no_row(receivers: &dyn Receivers) {
    let names = Namespace::fresh();
    assert!(receivers.replace(&names.receivers()).await.unwrap());
    assert_eq!(receivers.get(&names.stranger()).await.unwrap(), None);
}

/// Neither an earlier version nor a later one is written, with a row and without.
pub async fn a_write_of_another_version_is_refused(receivers: &dyn Receivers) {
    let names = Namespace::fresh();
    let later = notice::Receivers { version: 1, ..names.receivers() };
    assert!(!receivers.replace(&later).await.unwrap(), "there is no row of that version");
    assert_eq!(receivers.get(&names.tenant()).await.unwrap(), None, "and none is made");
    assert!(receivers.replace(&names.receivers()).await.unwrap());
    let stored = receivers.get(&names.tenant()).await.unwrap();
    for version in [0, 2] {
        let other = notice::Receivers { version, ..names.receivers() };
        assert!(!receivers.replace(&other).await.unwrap(), "version {version}");
    }
    assert_eq!(receivers.get(&names.tenant()).await.unwrap(), stored, "unchanged");
}

/// A repeat of a first write finds its version taken.
pub async fn of_concurrent_first_writes_one_holds(receivers: &dyn Receivers) {
    let names = Namespace::fresh();
    let rows: Vec<_> = (0..8).map(|_| names.receivers()).collect();
    let written = join_all(rows.iter().map(|row| receivers.replace(row))).await;
    assert_eq!(written.into_iter().filter(|written| *written.as_ref().unwrap()).count(), 1);
    assert!(!receivers.replace(&rows[0]).await.unwrap());
}

/// Receivers that are added side by side are all there in the end.
pub async fn each_of_16_receivers_is_added_once(receivers: &dyn Receivers) {
    let names = Namespace::fresh();
    let added: Vec<_> = (0..16).map(|_| names.receiver()).collect();
    join_all(added.iter().map(|one| add(receivers, &names, one))).await;
    let mut stored = receivers.get(&names.tenant()).await.unwrap().unwrap().all;
    stored.sort_by_key(|receiver| receiver.id);
    assert_eq!(stored, added);
}

async fn add(receivers: &dyn Receivers, names: &Namespace, receiver: &notice::Receiver) {
    loop {
        let now = receivers.get(&names.tenant()).await.unwrap();
        let mut row = now.unwrap_or_else(|| notice::Receivers::none(names.tenant()));
        row.all.push(receiver.clone());
        if receivers.replace(&row).await.unwrap() {
            return;
        }
    }
}

/// As many receivers as a tenant may have, each as long as it may be.
pub async fn the_largest_row_is_kept(receivers: &dyn Receivers) {
    let names = Namespace::fresh();
    let long = notice::Receiver { name: "n".repeat(256), url: "u".repeat(2_048), ..names.receiver() };
    let all = vec![long; notice::MAX_RECEIVERS];
    let row = notice::Receivers { all, ..names.receivers() };
    assert!(receivers.replace(&row).await.unwrap());
    let stored = receivers.get(&names.tenant()).await.unwrap();
    assert_eq!(stored, Some(notice::Receivers { version: 1, ..row }));
}
