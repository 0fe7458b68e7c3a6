//! The promises of [`Classes`].

use futures_util::future::join_all;
use offpeak_core::class::{Departures, Note};
use offpeak_core::ids::RequestId;
use offpeak_core::ports::Classes;

use crate::samples::{CREATED_MS, Namespace};

/// Makes each promise of the rows of classes a test. The factory gives `(Arc<dyn Classes>, guard)`.
#[macro_export]
macro_rules! classes_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            classes(port),
            $factory,
            [
                a_class_without_a_row_has_never_departed,
                the_first_write_makes_the_row,
                a_row_reads_as_it_was_written,
                a_write_of_another_version_is_refused,
                a_first_write_needs_version_zero,
                a_repeated_write_is_refused,
                classes_have_rows_of_their_own,
                one_of_64_writes_wins,
                one_of_64_first_writes_wins,
            ]
        );
    };
}

fn full(version: u64) -> Departures {
    let notes = [(RequestId([1; 16]), 1), (RequestId([2; 16]), 2)];
    let notes = notes.map(|(drain, at)| Note { drain, at_ms: CREATED_MS + at }).to_vec();
    Departures { version, departed_ms: CREATED_MS, notes, recalled_ms: Some(CREATED_MS + 3) }
}

/// Reading makes no row.
pub async fn a_class_without_a_row_has_never_departed(classes: &dyn Classes) {
    let class = Namespace::fresh().name("soon");
    for _ in 0..2 {
        assert_eq!(classes.get(&class).await.unwrap(), Departures::default());
    }
}

/// Version 0 says that there is no row yet.
pub async fn the_first_write_makes_the_row(classes: &dyn Classes) {
    let class = Namespace::fresh().name("soon");
    assert!(classes.replace(&class, &full(0)).await.unwrap());
    assert_eq!(classes.get(&class).await.unwrap(), full(1));
}

/// Every field reads back, set or unset, and every write raises the version by one.
pub async fn a_row_reads_as_it_was_written(classes: &dyn Classes) {
    let class = Namespace::fresh().name("soon");
    let rows = [
        full(0),
        Departures { notes: Vec::new(), ..full(1) },
        Departures { recalled_ms: None, ..full(2) },
        Departures { version: 3, ..Departures::default() },
        full(4),
    ];
    for row in rows {
        assert!(classes.replace(&class, &row).await.unwrap());
        assert_eq!(classes.get(&class).await.unwrap(), Departures { version: row.version + 1, ..row });
    }
}

/// Neither an earlier version nor a later one is written.
pub async fn a_write_of_another_version_is_refused(classes: &dyn Classes) {
    let class = Namespace::fresh().name("soon");
    assert!(classes.replace(&class, &full(0)).await.unwrap());
    assert!(classes.replace(&class, &full(1)).await.unwrap());
    for version in [0, 1, 3] {
        let other = Departures { version, ..Departures::default() };
        assert!(!classes.replace(&class, &other).await.unwrap(), "version {version}");
    }
    assert_eq!(classes.get(&class).await.unwrap(), full(2), "unchanged");
}

/// A row that is not there has no version to compare with.
pub async fn a_first_write_needs_version_zero(classes: &dyn Classes) {
    let class = Namespace::fresh().name("soon");
    assert!(!classes.replace(&class, &full(1)).await.unwrap());
    assert_eq!(classes.get(&class).await.unwrap(), Departures::default());
}

/// A write repeated after a lost reply finds its own version taken.
pub async fn a_repeated_write_is_refused(classes: &dyn Classes) {
    let class = Namespace::fresh().name("soon");
    assert!(classes.replace(&class, &full(0)).await.unwrap());
    assert!(!classes.replace(&class, &full(0)).await.unwrap());
    assert_eq!(classes.get(&class).await.unwrap(), full(1), "written once");
}

/// One class's departure is not another's.
pub async fn classes_have_rows_of_their_own(classes: &dyn Classes) {
    let names = Namespace::fresh();
    let (soon, nightly) = (names.name("soon"), names.name("nightly"));
    assert!(classes.replace(&soon, &full(0)).await.unwrap());
    assert_eq!(classes.get(&nightly).await.unwrap(), Departures::default());
    assert!(classes.replace(&nightly, &Departures::default()).await.unwrap());
    assert_eq!(classes.get(&soon).await.unwrap(), full(1));
}

/// Of concurrent writes of one version exactly one holds.
pub async fn one_of_64_writes_wins(classes: &dyn Classes) {
    let class = Namespace::fresh().name("soon");
    assert!(classes.replace(&class, &full(0)).await.unwrap());
    race(classes, &class, 1).await;
}

/// The same where no row is there yet.
pub async fn one_of_64_first_writes_wins(classes: &dyn Classes) {
    race(classes, &Namespace::fresh().name("soon"), 0).await;
}

async fn race(classes: &dyn Classes, class: &str, version: u64) {
    let rivals: Vec<Departures> = (0..64).map(|n| Departures { departed_ms: n, ..full(version) }).collect();
    let replies = join_all(rivals.iter().map(|rival| classes.replace(class, rival))).await;
    let mut winners = Vec::new();
    for (rival, reply) in rivals.into_iter().zip(replies) {
        if reply.unwrap() {
            winners.push(Departures { version: version + 1, ..rival });
        }
    }
    assert_eq!(winners, [classes.get(class).await.unwrap()], "exactly one holds, and it stands");
}
