//! The promises of [`Notices`].

use futures_util::future::join_all;
use offpeak_core::ids::NoticeId;
use offpeak_core::notice::{Notice, State};
use offpeak_core::ports::{NoticePage, Notices, StoreError};

use super::eventually;
use crate::samples::{CREATED_MS, Namespace};

/// How far what is due, and what is dead, may lag behind the rows, milliseconds.
const LAG_MS: u64 = 2_000;

/// Makes each promise of the outbox a test. The factory gives `(Arc<dyn Notices>, guard)`.
#[macro_export]
macro_rules! notices_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            notices(port),
            $factory,
            [
                a_notice_reads_as_it_was_written,
                a_missing_notice_is_none,
                a_repeated_create_changes_nothing,
                two_hundred_are_created_in_one_call,
                a_write_of_another_version_is_refused,
                a_write_of_a_missing_notice_is_refused,
                of_concurrent_writes_one_holds,
                what_is_owed_is_due_in_its_order,
                what_is_put_off_or_decided_is_not_due,
                the_dead_are_listed_newest_first,
                a_strangers_notice_is_no_cursor,
            ]
        );
    };
}

/// A notice reads back in every field, as it was created and as it was written later.
pub async fn a_notice_reads_as_it_was_written(notices: &dyn Notices) {
    for notice in Namespace::fresh().various_notices() {
        notices.create(vec![notice.clone()]).await.unwrap();
        assert_eq!(notices.get(notice.id).await.unwrap(), Some(notice.clone()));
        let next = Notice { attempts: 7, due_ms: CREATED_MS + 77, last: None, ..notice };
        assert!(notices.replace(&next).await.unwrap(), "the version is the stored one");
        assert_eq!(notices.get(next.id).await.unwrap(), Some(Notice { version: 2, ..next }));
    }
}

/// There is nothing under an unused id.
pub async fn a_missing_notice_is_none(notices: &dyn Notices) {
    assert_eq!(notices.get(Namespace::fresh().notice().id).await.unwrap(), None);
}

/// A create never takes a notice back.
pub async fn a_repeated_create_changes_nothing(notices: &dyn Notices) {
    let first = Namespace::fresh().notice();
    notices.create(vec![first.clone(), first.clone()]).await.unwrap();
    let next = Notice { state: State::Delivered { at_ms: CREATED_MS }, ..first.clone() };
    assert!(notices.replace(&next).await.unwrap());
    notices.create(vec![first.clone()]).await.unwrap();
    assert_eq!(notices.get(first.id).await.unwrap(), Some(Notice { version: 2, ..next }));
}

/// More than a store takes at once are stored all the same.
pub async fn two_hundred_are_created_in_one_call(notices: &dyn Notices) {
    let names = Namespace::fresh();
    let many: Vec<Notice> = (0..200).map(|_| names.notice()).collect();
    notices.create(many.clone()).await.unwrap();
    for notice in many {
        assert_eq!(notices.get(notice.id).await.unwrap(), Some(notice));
    }
}

/// Neither an earlier version nor a later one is written.
pub async fn a_write_of_another_version_is_refused(notices: &dyn Notices) {
    let first = Namespace::fresh().notice();
    notices.create(vec![first.clone()]).await.unwrap();
    for version in [0, 2, u64::MAX >> 1] {
        let other = Notice { version, attempts: 1, ..first.clone() };
        assert!(!notices.replace(&other).await.unwrap(), "version {version}");
    }
    assert_eq!(notices.get(first.id).await.unwrap(), Some(first), "unchanged");
}

/// A write never makes a row.
pub async fn a_write_of_a_missing_notice_is_refused(notices: &dyn Notices) {
    let missing = Namespace::fresh().notice();
    assert!(!notices.replace(&missing).await.unwrap());
    assert_eq!(notices.get(missing.id).await.unwrap(), None, "still missing");
}

/// An attempt has one that makes it.
pub async fn of_concurrent_writes_one_holds(notices: &dyn Notices) {
    let first = Namespace::fresh().notice();
    notices.create(vec![first.clone()]).await.unwrap();
    let claims: Vec<Notice> = (1..9).map(|n| Notice { due_ms: CREATED_MS + n, ..first.clone() }).collect();
    let written = join_all(claims.iter().map(|claim| notices.replace(claim))).await;
    assert_eq!(written.into_iter().filter(|written| *written.as_ref().unwrap()).count(), 1);
}

/// Which of these are due at that time, in their order. Others may be due in the same store.
async fn due_of(notices: &dyn Notices, ours: &[NoticeId], now_ms: u64) -> Vec<NoticeId> {
    let due = notices.due(now_ms, 100_000).await.unwrap();
    due.into_iter().filter(|id| ours.contains(id)).collect()
}

/// The longest due comes first; what is not due yet does not come.
pub async fn what_is_owed_is_due_in_its_order(notices: &dyn Notices) {
    let names = Namespace::fresh();
    // Due times before those of any other case, so that a limit meets these first.
    let rows: Vec<Notice> = [3, 1, 2, 9].map(|n| Notice { due_ms: n, ..names.notice() }).to_vec();
    notices.create(rows.clone()).await.unwrap();
    let ids: Vec<NoticeId> = rows.iter().map(|row| row.id).collect();
    let want = [ids[1], ids[2], ids[0]];
    eventually("three are due", LAG_MS, async || due_of(notices, &ids, 8).await == want).await;
    assert_eq!(due_of(notices, &ids, 0).await, []);
    assert_eq!(notices.due(8, 1).await.unwrap().len(), 1);
    for row in rows {
        notices.replace(&Notice { state: State::Void { at_ms: 1 }, ..row }).await.unwrap();
    }
}

/// What was put off is due later, and what was decided never.
pub async fn what_is_put_off_or_decided_is_not_due(notices: &dyn Notices) {
    let names = Namespace::fresh();
    let [later, done] = [names.notice(), names.notice()];
    let ids = [later.id, done.id];
    notices.create(vec![later.clone(), done.clone()]).await.unwrap();
    eventually("both are due", LAG_MS, async || due_of(notices, &ids, CREATED_MS).await.len() == 2).await;
    let due_ms = CREATED_MS + 1_000;
    assert!(notices.replace(&Notice { due_ms, ..later }).await.unwrap());
    assert!(notices.replace(&Notice { state: State::Dead { at_ms: CREATED_MS }, ..done }).await.unwrap());
    eventually("none is due", LAG_MS, async || due_of(notices, &ids, due_ms - 1).await.is_empty()).await;
    eventually("one is due later", LAG_MS, async || due_of(notices, &ids, due_ms).await == ids[..1]).await;
}

/// Only the tenant's own, only the dead, in pages that meet without gap or repeat; and not those that are owed again.
pub async fn the_dead_are_listed_newest_first(notices: &dyn Notices) {
    let names = Namespace::fresh();
    let dead = |n: u64| {
        let notice = names.notice();
        Notice { state: State::Dead { at_ms: CREATED_MS + n }, created_ms: CREATED_MS + n, ..notice }
    };
    let mut rows: Vec<Notice> = (0..5).map(dead).collect();
    notices.create(rows.clone()).await.unwrap();
    notices.create(vec![names.notice(), Notice { tenant: names.stranger(), ..dead(9) }]).await.unwrap();
    let again = rows.remove(2);
    assert!(notices.replace(&Notice { state: State::Owed, ..again }).await.unwrap());
    rows.reverse();
    let tenant = names.tenant();
    let all = NoticePage { notices: rows.clone(), has_more: false };
    eventually("four are dead", LAG_MS, async || notices.dead(&tenant, None, 10).await.unwrap() == all).await;
    let first = notices.dead(&tenant, None, 3).await.unwrap();
    assert_eq!(first, NoticePage { notices: rows[..3].to_vec(), has_more: true });
    let rest = notices.dead(&tenant, Some(rows[2].id), 3).await.unwrap();
    assert_eq!(rest, NoticePage { notices: rows[3..].to_vec(), has_more: false });
}

/// Another's notice, or none, is not found as a cursor.
pub async fn a_strangers_notice_is_no_cursor(notices: &dyn Notices) {
    let names = Namespace::fresh();
    let theirs = Notice { tenant: names.stranger(), state: State::Dead { at_ms: CREATED_MS }, ..names.notice() };
    notices.create(vec![theirs.clone()]).await.unwrap();
    for after in [theirs.id, names.notice().id] {
        let refused = notices.dead(&names.tenant(), Some(after), 1).await;
        assert!(matches!(refused, Err(StoreError::NotFound)), "{refused:?}");
    }
}
