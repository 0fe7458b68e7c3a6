//! Group commit and what it must not do.

use std::time::Duration;

use futures_util::future::join_all;
use offpeak_core::job::{Event, Job, StateKind, Transition, When};
use offpeak_core::ports::{Created, JobSweep, JobWalk, Jobs, StoreError, Written};
use offpeak_embedded::{Options, Store};

use super::samples::{Dir, id, job};

#[tokio::test]
async fn a_command_that_fails_does_not_spoil_its_neighbours() {
    let dir = Dir::new();
    let options = Options { gather: Duration::from_millis(20), ..Options::default() };
    let store = Store::open(dir.path(), &options).unwrap();
    let jobs = store.jobs();
    // SQLite has no integer that large.
    let unstorable = |n| Job { deadline_ms: u64::MAX, ..job(n) };
    let creates = (0..40).map(|n| if n % 4 == 0 { unstorable(n) } else { job(n) });
    let replies = join_all(creates.map(|one| jobs.create(vec![one]))).await;
    for (n, reply) in (0..).zip(replies) {
        if n % 4 == 0 {
            assert!(matches!(reply, Err(StoreError::Unavailable(_))), "{n}: {reply:?}");
        } else {
            assert_eq!(reply.unwrap(), [Created::New], "{n}");
        }
    }
    drop((jobs, store));
    let counts = dir.open().jobs().counts().await.unwrap();
    assert_eq!(counts, [(StateKind::Queued, 30)]);
}

#[tokio::test]
async fn a_write_outlives_its_caller() {
    let dir = Dir::new();
    let store = dir.open();
    let jobs = store.jobs();
    let mut abandoned = Box::pin(async { jobs.create(vec![job(1)]).await });
    tokio::select! {
        biased;
        _ = &mut abandoned => panic!("queued, not yet answered"),
        () = std::future::ready(()) => {}
    }
    drop(abandoned);
    // Whatever comes later is committed later.
    jobs.create(vec![job(2)]).await.unwrap();
    assert!(jobs.get(&[id(1)]).await.unwrap()[0].is_some());
}

#[tokio::test]
async fn a_sweep_of_many_rows_retires_them_in_pages() {
    let dir = Dir::new();
    let store = dir.open();
    let jobs = store.jobs();
    jobs.create((0..2_500).map(job).collect()).await.unwrap();
    let expire = |n| Transition::new(id(n), When { submission: None, attempt: 0 }, Event::Expire, 5_000).unwrap();
    let written = jobs.apply((0..2_400).map(expire).collect()).await.unwrap();
    assert!(written.iter().all(|one| *one == Written::Yes));
    for gone in [1_000, 1_000, 400, 0] {
        assert_eq!(jobs.retire(5_001, 1_000).await.unwrap(), gone);
    }
    assert_eq!(jobs.counts().await.unwrap(), [(StateKind::Queued, 100)]);
    assert_eq!(jobs.scan(None, 1_000).await.unwrap().len(), 100);
}

#[tokio::test]
async fn the_log_does_not_grow_without_end() {
    let dir = Dir::new();
    let store = dir.open();
    let jobs = store.jobs();
    let wide = |n| Job { tenant: "t".into(), ..job(n) };
    for group in 0..120_u32 {
        let rows = (0..500).map(|n| wide(group * 500 + n)).collect();
        jobs.create(rows).await.unwrap();
    }
    let log = std::fs::metadata(dir.path().join("offpeak.db-wal")).unwrap().len();
    assert!(log < 40 << 20, "{} MiB", log >> 20);
}
