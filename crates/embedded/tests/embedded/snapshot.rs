//! One moment, whatever is written meanwhile.

use offpeak_core::ids::{SubmissionId, TenantId};
use offpeak_core::job::StateKind;
use offpeak_core::ports::{
    BatchWalk, Batches, Depth, Intake, JobIndex, JobWalk, Jobs, StoreError, SubmissionWalk, Submissions, Usage,
    UsageRow,
};

use offpeak_testkit::samples::Namespace;

use super::samples::{Dir, id, job, message, submission};

#[tokio::test]
async fn a_snapshot_does_not_see_what_comes_after_it() {
    let dir = Dir::new();
    let store = dir.open();
    let used = UsageRow {
        submission: SubmissionId([1; 16]),
        tenant: TenantId::from("acme"),
        model: "m".to_owned(),
        lines: 1,
        input_tokens: 2,
        output_tokens: 3,
    };
    store.jobs().create(vec![job(1)]).await.unwrap();
    store.submissions().create(&submission(1)).await.unwrap();
    store.intake().send(vec![message(1, "{}")]).await.unwrap();
    store.usage().record(vec![used.clone()]).await.unwrap();
    let batch = Namespace::fresh().batch();
    store.batches().create(&batch).await.unwrap();
    let then = store.snapshot().unwrap();

    let received = store.intake().receive("soon", 1, 60_000, 0).await.unwrap().remove(0);
    store.intake().delete("soon", vec![received.receipt]).await.unwrap();
    store.intake().send(vec![message(2, "{}")]).await.unwrap();
    store.jobs().create(vec![job(2)]).await.unwrap();
    store.submissions().create(&submission(2)).await.unwrap();

    assert!(store.batches().replace(&batch).await.unwrap());

    assert_eq!(then.scan_jobs().await, [job(1)]);
    assert_eq!(BatchWalk::scan(&then, None, 9).await.unwrap(), [batch]);
    assert_eq!(Jobs::get(&then, &[id(1), id(2)]).await.unwrap(), [Some(job(1)), None]);
    assert_eq!(then.list(&TenantId::from("acme"), None, None, 9).await.unwrap().jobs, [job(1)]);
    assert_eq!(then.counts().await.unwrap(), [(StateKind::Queued, 1)]);
    assert_eq!(Submissions::open(&then).await.unwrap(), [submission(1).id]);
    assert_eq!(SubmissionWalk::scan(&then, None, 9).await.unwrap(), [submission(1)]);
    assert_eq!(Submissions::get(&then, submission(2).id).await.unwrap(), None);
    assert_eq!(then.depth("soon").await.unwrap(), Depth { visible: 1, hidden: 0 });
    assert_eq!(then.of(used.submission).await.unwrap(), [used]);
    assert!(then.has_message(id(1)).await.unwrap() && !then.has_message(id(2)).await.unwrap());

    let now = store.snapshot().unwrap();
    assert!(!now.has_message(id(1)).await.unwrap() && now.has_message(id(2)).await.unwrap());
}

trait Scan {
    async fn scan_jobs(&self) -> Vec<offpeak_core::job::Job>;
}

impl Scan for offpeak_embedded::Snapshot {
    async fn scan_jobs(&self) -> Vec<offpeak_core::job::Job> {
        JobWalk::scan(self, None, 100).await.unwrap()
    }
}

#[tokio::test]
async fn waiting_messages_are_walked_in_pages() {
    let dir = Dir::new();
    let store = dir.open();
    store.intake().send((0..10).map(|n| message(n, "{}")).collect()).await.unwrap();
    store.intake().receive("soon", 4, 60_000, 0).await.unwrap();
    let snapshot = store.snapshot().unwrap();
    let mut walked = Vec::new();
    loop {
        let page = snapshot.messages(walked.last().map(|(place, _)| *place), 3).await.unwrap();
        if page.is_empty() {
            break;
        }
        walked.extend(page.into_iter().map(|one| (one.place, one.job)));
    }
    assert!(walked.into_iter().map(|(_, job)| job).eq((0..10).map(id)), "hidden ones, too");
}

#[tokio::test]
async fn a_snapshot_refuses_to_write() {
    let dir = Dir::new();
    let store = dir.open();
    let snapshot = store.snapshot().unwrap();
    let unavailable = |error| matches!(error, StoreError::Unavailable(_));
    assert!(Jobs::create(&snapshot, vec![job(1)]).await.is_err_and(unavailable));
    assert!(Submissions::create(&snapshot, &submission(1)).await.is_err_and(unavailable));
    assert!(snapshot.send(vec![message(1, "{}")]).await.is_err_and(unavailable));
    assert!(Jobs::apply(&snapshot, Vec::new()).await.is_err_and(unavailable));
}
