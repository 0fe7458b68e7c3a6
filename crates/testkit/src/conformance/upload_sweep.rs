//! The promises of [`UploadSweep`].

use offpeak_core::file::Upload;
use offpeak_core::ports::{UploadSweep, Uploads};

use crate::samples::{CREATED_MS, Namespace};

/// Makes each promise of sweeping uploads a test. The factory gives `(Arc<dyn Uploads>, Arc<dyn UploadSweep>, guard)`.
#[macro_export]
macro_rules! upload_sweep_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            upload_sweep(uploads, sweep),
            $factory,
            [only_what_has_expired_goes, no_more_go_than_asked]
        );
    };
}

/// A limit leaves the others for another call.
pub async fn no_more_go_than_asked(uploads: &dyn Uploads, sweep: &dyn UploadSweep) {
    let names = Namespace::fresh();
    for _ in 0..3 {
        uploads.create(&names.upload()).await.unwrap();
    }
    assert_eq!(sweep.retire(u64::MAX >> 12, 2).await.unwrap(), 2);
    assert_eq!(sweep.retire(u64::MAX >> 12, 2).await.unwrap(), 1);
}

/// An upload goes once its time has passed.
pub async fn only_what_has_expired_goes(uploads: &dyn Uploads, sweep: &dyn UploadSweep) {
    let names = Namespace::fresh();
    let rows: Vec<Upload> = (0..4).map(|n| Upload { expires_ms: CREATED_MS + n, ..names.upload() }).collect();
    for row in &rows {
        uploads.create(row).await.unwrap();
    }
    assert_eq!(sweep.retire(CREATED_MS, 10).await.unwrap(), 0);
    assert_eq!(sweep.retire(CREATED_MS + 3, 10).await.unwrap(), 3);
    assert_eq!(uploads.get(rows[3].id).await.unwrap(), Some(rows[3].clone()), "its time has not passed");
    for row in &rows[..3] {
        assert_eq!(uploads.get(row.id).await.unwrap(), None);
    }
}
