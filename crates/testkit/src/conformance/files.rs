//! The promises of [`Files`].

use futures_util::future::join_all;
use offpeak_core::file::{File, Purpose};
use offpeak_core::ports::Files;

use crate::samples::{CREATED_MS, Namespace};

/// Makes each promise of the rows of files a test. The factory gives `(Arc<dyn Files>, guard)`.
#[macro_export]
macro_rules! files_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            files(port),
            $factory,
            [
                a_file_reads_as_it_was_created,
                a_missing_file_is_none,
                a_repeated_create_changes_nothing,
                one_of_64_creates_stands,
                a_deleted_file_is_gone,
                deleting_nothing_is_no_error,
                a_deleted_file_may_be_created_anew,
                a_file_is_given_until_its_time_has_come,
            ]
        );
        $crate::conformance_cases!(
            files_list(port),
            $factory,
            [
                newest_or_oldest_come_first,
                equal_times_follow_by_id,
                a_purpose_leaves_others_out,
                pages_meet_without_gap_or_repeat,
                nobody_lists_a_strangers_files,
                a_place_needs_no_file,
                a_deleted_file_is_not_listed,
                a_limit_of_nothing_lists_nothing,
            ]
        );
    };
}

/// A created file reads back in every field.
pub async fn a_file_reads_as_it_was_created(files: &dyn Files) {
    let names = Namespace::fresh();
    for purpose in Purpose::ALL {
        for expires_ms in [None, Some(u64::MAX >> 12)] {
            let file = File { purpose, expires_ms, ..names.file() };
            files.create(&file).await.unwrap();
            assert_eq!(files.get(file.id).await.unwrap(), Some(file));
        }
    }
}

/// There is nothing under an unused id.
pub async fn a_missing_file_is_none(files: &dyn Files) {
    assert_eq!(files.get(Namespace::fresh().file_id()).await.unwrap(), None);
}

/// What stands under an id stays, whatever is created over it.
pub async fn a_repeated_create_changes_nothing(files: &dyn Files) {
    let names = Namespace::fresh();
    let first = names.file();
    files.create(&first).await.unwrap();
    let other = File { id: first.id, tenant: names.stranger(), bytes: 1, ..names.file() };
    files.create(&other).await.unwrap();
    assert_eq!(files.get(first.id).await.unwrap(), Some(first));
    let page = crate::conformance::files_list::newest(files, &names.stranger(), 9).await;
    assert_eq!(page.files, [], "nothing of the other create is left");
}

/// Of concurrent creates of one id exactly one stands, whole.
pub async fn one_of_64_creates_stands(files: &dyn Files) {
    let names = Namespace::fresh();
    let first = names.file();
    let rivals: Vec<File> = (0..64).map(|bytes| File { id: first.id, bytes, ..names.file() }).collect();
    for reply in join_all(rivals.iter().map(|rival| files.create(rival))).await {
        reply.unwrap();
    }
    let stands = files.get(first.id).await.unwrap().unwrap();
    assert!(rivals.contains(&stands), "one of them, and no mixture");
}

/// A delete is seen at once.
pub async fn a_deleted_file_is_gone(files: &dyn Files) {
    let names = Namespace::fresh();
    let (gone, stays) = (names.file(), names.file());
    files.create(&gone).await.unwrap();
    files.create(&stays).await.unwrap();
    files.delete(gone.id).await.unwrap();
    assert_eq!(files.get(gone.id).await.unwrap(), None);
    assert_eq!(files.get(stays.id).await.unwrap(), Some(stays));
}

/// A delete may be repeated.
pub async fn deleting_nothing_is_no_error(files: &dyn Files) {
    let id = Namespace::fresh().file_id();
    files.delete(id).await.unwrap();
    files.delete(id).await.unwrap();
}

/// A create that comes after a delete stores the row anew.
pub async fn a_deleted_file_may_be_created_anew(files: &dyn Files) {
    let names = Namespace::fresh();
    let file = names.file();
    files.create(&file).await.unwrap();
    files.delete(file.id).await.unwrap();
    let again = File { bytes: 3, ..file };
    files.create(&again).await.unwrap();
    assert_eq!(files.get(again.id).await.unwrap(), Some(again));
}

/// A store deletes nothing before its time, which lies far ahead here.
pub async fn a_file_is_given_until_its_time_has_come(files: &dyn Files) {
    let names = Namespace::fresh();
    let file = File { expires_ms: Some(CREATED_MS * 2), ..names.file() };
    files.create(&file).await.unwrap();
    assert_eq!(files.get(file.id).await.unwrap(), Some(file));
}
