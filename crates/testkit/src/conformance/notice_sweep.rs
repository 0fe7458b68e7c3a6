//! The promises of [`NoticeSweep`].

use offpeak_core::notice::{Notice, State};
use offpeak_core::ports::{NoticeSweep, Notices};

use crate::samples::{CREATED_MS, Namespace};

/// Makes each promise of sweeping notices a test. The factory gives `(Arc<dyn Notices>, Arc<dyn NoticeSweep>, guard)`.
#[macro_export]
macro_rules! notice_sweep_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            notice_sweep(notices, sweep),
            $factory,
            [only_what_was_decided_goes, no_more_notices_go_than_asked]
        );
    };
}

/// A notice goes once it was decided long enough ago; one that is owed never does.
pub async fn only_what_was_decided_goes(notices: &dyn Notices, sweep: &dyn NoticeSweep) {
    let names = Namespace::fresh();
    let decided = [
        State::Delivered { at_ms: CREATED_MS },
        State::Dead { at_ms: CREATED_MS + 1 },
        State::Void { at_ms: CREATED_MS + 2 },
        State::Owed,
    ];
    let rows = decided.map(|state| Notice { state, ..names.notice() });
    notices.create(rows.to_vec()).await.unwrap();
    assert_eq!(sweep.retire(CREATED_MS, 10).await.unwrap(), 0);
    assert_eq!(sweep.retire(CREATED_MS + 2, 10).await.unwrap(), 2);
    assert_eq!(notices.get(rows[0].id).await.unwrap(), None);
    assert_eq!(notices.get(rows[2].id).await.unwrap(), Some(rows[2].clone()));
    assert_eq!(sweep.retire(u64::MAX >> 12, 10).await.unwrap(), 1);
    assert_eq!(notices.get(rows[3].id).await.unwrap(), Some(rows[3].clone()), "it is owed");
}

/// A limit leaves the others for another call.
pub async fn no_more_notices_go_than_asked(notices: &dyn Notices, sweep: &dyn NoticeSweep) {
    let names = Namespace::fresh();
    let void = || Notice { state: State::Void { at_ms: CREATED_MS }, ..names.notice() };
    notices.create((0..3).map(|_| void()).collect()).await.unwrap();
    assert_eq!(sweep.retire(u64::MAX >> 12, 2).await.unwrap(), 2);
    assert_eq!(sweep.retire(u64::MAX >> 12, 2).await.unwrap(), 1);
}
