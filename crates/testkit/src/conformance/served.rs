//! The promises of [`Chunks`] about what tenants were served.

use futures_util::future::join_all;
use offpeak_core::fleet::{Queue, Served};
use offpeak_core::ids::TenantId;
use offpeak_core::ports::Chunks;

use crate::samples::Namespace;

/// Makes each promise about what tenants were served a test. The factory gives `(Arc<dyn Chunks>, guard)`.
#[macro_export]
macro_rules! served_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            served(port),
            $factory,
            [
                nothing_was_served_at_first,
                what_was_served_reads_as_it_was_written,
                each_queue_has_its_own,
                a_write_of_another_version_is_refused,
                one_of_64_first_writes_wins,
                each_of_64_is_counted_once,
                it_is_kept_beside_the_chunks,
            ]
        );
    };
}

fn served(version: u64, tokens: &[(&TenantId, u64)]) -> Served {
    Served { version, tokens: tokens.iter().map(|(tenant, tokens)| ((*tenant).clone(), *tokens)).collect() }
}

/// A queue that nobody heard of is no error.
pub async fn nothing_was_served_at_first(chunks: &dyn Chunks) {
    assert_eq!(chunks.served(&Namespace::fresh().queue("new")).await.unwrap(), Served::default());
}

/// Every tenant's tokens read back, at the first write and at the next, and that somebody has left.
pub async fn what_was_served_reads_as_it_was_written(chunks: &dyn Chunks) {
    let names = Namespace::fresh();
    let (queue, odd) = (names.queue("m"), TenantId::from("a \"tenant\" / ünïcode \u{1f642}"));
    let rows = [
        served(0, &[(&names.tenant(), 0), (&odd, u64::MAX >> 1)]),
        served(1, &[(&odd, 7)]),
        served(2, &[]),
        served(3, &[(&names.stranger(), 5_000_000_000)]),
    ];
    for row in rows {
        assert!(chunks.serve(&queue, &row).await.unwrap(), "the version is the stored one");
        assert_eq!(chunks.served(&queue).await.unwrap(), Served { version: row.version + 1, ..row });
    }
}

/// What is served of one queue counts for no other.
pub async fn each_queue_has_its_own(chunks: &dyn Chunks) {
    let names = Namespace::fresh();
    let [one, other, live] = [names.queue("m"), names.queue("m-2"), Queue::of(&names.live(), "m")];
    assert!(chunks.serve(&one, &served(0, &[(&names.tenant(), 1)])).await.unwrap());
    assert_eq!(chunks.served(&other).await.unwrap(), Served::default());
    assert!(chunks.serve(&other, &served(0, &[(&names.tenant(), 2)])).await.unwrap());
    assert_eq!(chunks.served(&one).await.unwrap(), served(1, &[(&names.tenant(), 1)]));
    assert_eq!(chunks.served(&live).await.unwrap(), Served::default());
    assert!(chunks.serve(&live, &served(0, &[(&names.tenant(), 3)])).await.unwrap());
    assert_eq!(chunks.served(&one).await.unwrap(), served(1, &[(&names.tenant(), 1)]));
}

/// Neither an earlier version nor a later one is written, with a row and without.
pub async fn a_write_of_another_version_is_refused(chunks: &dyn Chunks) {
    let names = Namespace::fresh();
    let (queue, tenant) = (names.queue("m"), names.tenant());
    for version in [1, u64::MAX >> 1] {
        assert!(!chunks.serve(&queue, &served(version, &[(&tenant, 1)])).await.unwrap(), "version {version}");
    }
    assert_eq!(chunks.served(&queue).await.unwrap(), Served::default(), "none is made");
    assert!(chunks.serve(&queue, &served(0, &[(&tenant, 3)])).await.unwrap());
    for version in [0, 2, u64::MAX >> 1] {
        assert!(!chunks.serve(&queue, &served(version, &[(&tenant, 9)])).await.unwrap(), "version {version}");
    }
    assert_eq!(chunks.served(&queue).await.unwrap(), served(1, &[(&tenant, 3)]), "unchanged");
}

/// The first write has one that makes it, as every later one.
pub async fn one_of_64_first_writes_wins(chunks: &dyn Chunks) {
    let names = Namespace::fresh();
    let (queue, tenant) = (names.queue("m"), names.tenant());
    for version in [0, 1] {
        let rows: Vec<Served> = (1..=64).map(|tokens| served(version, &[(&tenant, tokens)])).collect();
        let written = join_all(rows.iter().map(|row| chunks.serve(&queue, row))).await;
        assert_eq!(written.iter().filter(|written| *written.as_ref().unwrap()).count(), 1, "version {version}");
        assert_eq!(chunks.served(&queue).await.unwrap().version, version + 1);
    }
}

/// Chunks that are handed out side by side are all counted in the end.
pub async fn each_of_64_is_counted_once(chunks: &dyn Chunks) {
    let names = Namespace::fresh();
    let (queue, tenant) = (names.queue("m"), names.tenant());
    join_all((0..64).map(|_| count(chunks, &queue, &tenant))).await;
    assert_eq!(chunks.served(&queue).await.unwrap(), served(64, &[(&tenant, 64)]));
}

async fn count(chunks: &dyn Chunks, queue: &Queue, tenant: &TenantId) {
    loop {
        let mut now = chunks.served(queue).await.unwrap();
        *now.tokens.entry(tenant.clone()).or_insert(0) += 1;
        if chunks.serve(queue, &now).await.unwrap() {
            return;
        }
    }
}

/// It is no chunk, nor does it go with the chunks.
pub async fn it_is_kept_beside_the_chunks(chunks: &dyn Chunks) {
    let names = Namespace::fresh();
    let (queue, chunk) = (names.queue("small"), names.chunk());
    assert!(chunks.serve(&queue, &served(0, &[(&names.tenant(), 4)])).await.unwrap());
    assert_eq!(chunks.open(&queue, 9).await.unwrap(), []);
    assert!(!chunks.models().await.unwrap().contains(&names.model("small")));
    chunks.create(vec![chunk.clone()]).await.unwrap();
    assert_eq!(chunks.of(chunk.id.submission).await.unwrap(), std::slice::from_ref(&chunk));
    chunks.delete(chunk.id.submission).await.unwrap();
    assert_eq!(chunks.served(&queue).await.unwrap(), served(1, &[(&names.tenant(), 4)]));
}
