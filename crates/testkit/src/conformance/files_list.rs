//! The promises of listing [`Files`].

use offpeak_core::file::{File, Purpose};
use offpeak_core::ids::TenantId;
use offpeak_core::ports::{FilePage, FilePlace, FileQuery, Files};

use super::eventually;
use crate::samples::{CREATED_MS, Namespace};

/// How long a listing may lag, milliseconds: the port's second, and some for a slow machine.
const LAG_MS: u64 = 5_000;

/// Everything, newest first.
pub(super) async fn newest(files: &dyn Files, tenant: &TenantId, limit: usize) -> FilePage {
    let query = FileQuery { purpose: None, ascending: false, after: None, limit };
    files.list(tenant, query).await.unwrap()
}

/// Stores the files, and waits until the listing has them all.
async fn stored(files: &dyn Files, rows: &[File]) {
    for row in rows {
        files.create(row).await.unwrap();
    }
    let tenant = &rows[0].tenant;
    let ours = rows.iter().filter(|row| row.tenant == *tenant).count();
    eventually("the listing has every file", LAG_MS, async || newest(files, tenant, 1_000).await.files.len() == ours)
        .await;
}

/// Either order is by the time of creation, whatever the order of storing.
pub async fn newest_or_oldest_come_first(files: &dyn Files) {
    let names = Namespace::fresh();
    let rows: Vec<File> = (0..6).map(|n| File { created_ms: CREATED_MS + n, ..names.file() }).collect();
    let shuffled: Vec<File> = [3, 0, 5, 1, 4, 2].map(|n: usize| rows[n].clone()).to_vec();
    stored(files, &shuffled).await;
    let query = FileQuery { purpose: None, ascending: true, after: None, limit: 10 };
    assert_eq!(files.list(&names.tenant(), query).await.unwrap(), FilePage { files: rows.clone(), has_more: false });
    let mut reversed = rows;
    reversed.reverse();
    assert_eq!(newest(files, &names.tenant(), 10).await, FilePage { files: reversed, has_more: false });
}

/// Files of one millisecond are in the order of their ids.
pub async fn equal_times_follow_by_id(files: &dyn Files) {
    let names = Namespace::fresh();
    let rows: Vec<File> = (0..5).map(|_| names.file()).collect();
    stored(files, &[4, 1, 3, 0, 2].map(|n: usize| rows[n].clone())).await;
    let ids: Vec<_> = newest(files, &names.tenant(), 10).await.files.into_iter().map(|file| file.id).collect();
    let want: Vec<_> = rows.iter().rev().map(|file| file.id).collect();
    assert_eq!(ids, want);
}

/// A listing of one purpose has no other.
pub async fn a_purpose_leaves_others_out(files: &dyn Files) {
    let names = Namespace::fresh();
    let purposes = [Purpose::Batch, Purpose::Vision, Purpose::Batch, Purpose::FineTune, Purpose::Batch];
    let row = |(n, purpose)| File { created_ms: CREATED_MS + n, purpose, ..names.file() };
    let rows: Vec<File> = (0..).zip(purposes).map(row).collect();
    stored(files, &rows).await;
    let query = |after, limit| FileQuery { purpose: Some(Purpose::Batch), ascending: true, after, limit };
    let first = files.list(&names.tenant(), query(None, 2)).await.unwrap();
    assert_eq!(first, FilePage { files: vec![rows[0].clone(), rows[2].clone()], has_more: true });
    let second = files.list(&names.tenant(), query(Some(FilePlace::of(&rows[2])), 2)).await.unwrap();
    assert_eq!(second, FilePage { files: vec![rows[4].clone()], has_more: false });
    let after_another = files.list(&names.tenant(), query(Some(FilePlace::of(&rows[1])), 9)).await.unwrap();
    assert_eq!(after_another.files, [rows[2].clone(), rows[4].clone()], "a file of another purpose is a cursor too");
}

/// Whoever goes on after the last of each page gets everything once, in either order.
pub async fn pages_meet_without_gap_or_repeat(files: &dyn Files) {
    let names = Namespace::fresh();
    let rows: Vec<File> = (0..7).map(|n| File { created_ms: CREATED_MS + n / 2, ..names.file() }).collect();
    stored(files, &rows).await;
    for ascending in [true, false] {
        for limit in [1, 2, 3, 7] {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let query = FileQuery { purpose: None, ascending, after, limit };
                let page = files.list(&names.tenant(), query).await.unwrap();
                after = page.files.last().map(FilePlace::of);
                found.extend(page.files);
                assert_eq!(page.has_more, found.len() < rows.len(), "limit {limit}, after {} files", found.len());
                if !page.has_more {
                    break;
                }
            }
            if !ascending {
                found.reverse();
            }
            assert_eq!(found, rows, "limit {limit}");
        }
    }
}

/// A listing has the tenant's own files only.
pub async fn nobody_lists_a_strangers_files(files: &dyn Files) {
    let names = Namespace::fresh();
    let ours = names.file();
    stored(files, &[ours.clone(), File { tenant: names.stranger(), ..names.file() }]).await;
    assert_eq!(newest(files, &names.tenant(), 10).await, FilePage { files: vec![ours], has_more: false });
}

/// A listing goes on after a place where no file is any more, or never was, in either order.
pub async fn a_place_needs_no_file(files: &dyn Files) {
    let names = Namespace::fresh();
    let row = |n| File { created_ms: CREATED_MS + n, ..names.file() };
    let rows: Vec<File> = (0..5).map(row).collect();
    stored(files, &rows).await;
    files.delete(rows[2].id).await.unwrap();
    let never = FilePlace { created_ms: CREATED_MS + 2, id: names.file_id() };
    for after in [FilePlace::of(&rows[2]), never] {
        for (ascending, want) in [(true, [&rows[3], &rows[4]]), (false, [&rows[1], &rows[0]])] {
            let query = FileQuery { purpose: None, ascending, after: Some(after), limit: 10 };
            let listed = async || files.list(&names.tenant(), query).await.unwrap().files;
            eventually("the listing has lost it", LAG_MS, async || listed().await.iter().eq(want)).await;
        }
    }
}

/// What was deleted is soon in no listing.
pub async fn a_deleted_file_is_not_listed(files: &dyn Files) {
    let names = Namespace::fresh();
    let rows = [names.file(), names.file()];
    stored(files, &rows).await;
    files.delete(rows[1].id).await.unwrap();
    let only = [rows[0].clone()];
    eventually("the listing has lost it", LAG_MS, async || newest(files, &names.tenant(), 9).await.files == only).await;
}

/// A limit of nothing is no error, and says whether there is something.
pub async fn a_limit_of_nothing_lists_nothing(files: &dyn Files) {
    let names = Namespace::fresh();
    stored(files, &[names.file()]).await;
    assert_eq!(newest(files, &names.tenant(), 0).await.files, []);
}
