//! The promises of [`FileSweep`].

use offpeak_core::file::File;
use offpeak_core::ports::{FileSweep, Files};

use crate::samples::{CREATED_MS, Namespace};

/// Makes each promise of sweeping files a test. The factory gives `(Arc<dyn Files>, Arc<dyn FileSweep>, guard)`.
#[macro_export]
macro_rules! file_sweep_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            file_sweep(files, sweep),
            $factory,
            [only_what_has_expired_is_given, the_earliest_come_first, what_is_given_stays_until_it_is_deleted]
        );
    };
}

async fn expiring(files: &dyn Files, names: &Namespace, expires_ms: Option<u64>) -> File {
    let file = File { expires_ms, ..names.file() };
    files.create(&file).await.unwrap();
    file
}

/// A file has expired when its time has come, and not before; one without a time never.
pub async fn only_what_has_expired_is_given(files: &dyn Files, sweep: &dyn FileSweep) {
    let names = Namespace::fresh();
    let due = expiring(files, &names, Some(CREATED_MS + 10)).await;
    expiring(files, &names, Some(CREATED_MS + 11)).await;
    expiring(files, &names, None).await;
    assert_eq!(sweep.expired(CREATED_MS + 9, 10).await.unwrap(), []);
    assert_eq!(sweep.expired(CREATED_MS + 10, 10).await.unwrap(), [due]);
}

/// A limit leaves the latest for another call.
pub async fn the_earliest_come_first(files: &dyn Files, sweep: &dyn FileSweep) {
    let names = Namespace::fresh();
    let mut rows = Vec::new();
    for n in [4, 1, 3, 0, 2] {
        rows.push(expiring(files, &names, Some(CREATED_MS + n)).await);
    }
    rows.sort_by_key(|file| file.expires_ms);
    assert_eq!(sweep.expired(CREATED_MS + 9, 3).await.unwrap(), rows[..3]);
}

/// A sweep that was cut off finds the same again.
pub async fn what_is_given_stays_until_it_is_deleted(files: &dyn Files, sweep: &dyn FileSweep) {
    let names = Namespace::fresh();
    let due = expiring(files, &names, Some(CREATED_MS)).await;
    for _ in 0..2 {
        assert_eq!(sweep.expired(CREATED_MS, 10).await.unwrap(), std::slice::from_ref(&due));
    }
    assert_eq!(files.get(due.id).await.unwrap(), Some(due.clone()));
    files.delete(due.id).await.unwrap();
    assert_eq!(sweep.expired(CREATED_MS, 10).await.unwrap(), []);
}
