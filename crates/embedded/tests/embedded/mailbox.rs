//! Inbox and outbox as people at the machine know them: folders.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use offpeak_core::ports::{Dropped, Mailbox as _, StoreError};
use offpeak_embedded::{Mailbox, Options, Store};
use offpeak_testkit::conformance::mailbox::Stand;

use super::samples::Dir;

/// Somebody at the folders of a data directory.
pub(crate) struct Folders(PathBuf);

impl Folders {
    pub(crate) fn of(dir: &Dir) -> Self {
        Self(dir.path().to_owned())
    }

    /// Written aside on the same disk, and moved.
    fn put(&self, folder: &str, path: &str, content: &[u8]) {
        let (aside, path) = (self.0.join("aside"), self.0.join(folder).join(path));
        fs::write(&aside, content).unwrap();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::rename(aside, path).unwrap();
    }
}

#[async_trait]
impl Stand for Folders {
    async fn drop_into(&self, path: &str, content: &[u8]) {
        self.put("inbox", path, content);
    }

    async fn put_input(&self, path: &str, content: &[u8]) {
        self.put("schedules", path, content);
    }

    async fn outbox(&self, path: &str) -> Option<Vec<u8>> {
        fs::read(self.0.join("outbox").join(path)).ok()
    }
}

/// A data directory with its mailbox.
struct Desk {
    dir: Dir,
    mailbox: Arc<Mailbox>,
    _store: Store,
}

impl Desk {
    fn new() -> Self {
        let dir = Dir::new();
        let store = dir.open();
        let mailbox = store.mailbox();
        mailbox.prepare().unwrap();
        Self { dir, mailbox, _store: store }
    }

    fn inbox(&self, path: &str) -> PathBuf {
        self.dir.path().join("inbox").join(path)
    }

    async fn paths(&self) -> Vec<String> {
        self.mailbox.dropped(None, 100).await.unwrap().into_iter().map(|one| one.path).collect()
    }

    /// What lies there and has come whole.
    async fn one(&self) -> Dropped {
        self.paths().await;
        self.mailbox.dropped(None, 100).await.unwrap().remove(0)
    }
}

fn modes(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_file_that_is_still_written_to_is_not_listed() {
    let desk = Desk::new();
    let mut file = fs::File::create(desk.inbox("slow.jsonl")).unwrap();
    for _ in 0..3 {
        file.write_all(b"{}\n").unwrap();
        assert_eq!(desk.paths().await, [""; 0]);
    }
    assert_eq!(desk.paths().await, ["slow.jsonl"], "the same at two looks");
    file.write_all(b"{}\n").unwrap();
    assert_eq!(desk.paths().await, [""; 0]);
}

#[tokio::test]
async fn what_changes_while_it_is_read_breaks_off() {
    let desk = Desk::new();
    fs::write(desk.inbox("one.jsonl"), vec![b'x'; 600_000]).unwrap();
    let mut pieces = desk.mailbox.read(&desk.one().await).await.unwrap();
    assert!(pieces.next().await.unwrap().is_ok());
    fs::write(desk.inbox("one.jsonl"), vec![b'y'; 600_001]).unwrap();
    let rest: Vec<Result<Bytes, StoreError>> = pieces.collect().await;
    assert!(matches!(rest.last(), Some(Err(StoreError::Unavailable(_)))));
}

#[tokio::test]
async fn what_is_no_plain_file_of_a_tenant_is_left_out() {
    let desk = Desk::new();
    fs::write(desk.dir.path().join("secret"), "x").unwrap();
    symlink(desk.dir.path().join("secret"), desk.inbox("link.jsonl")).unwrap();
    symlink(desk.dir.path(), desk.inbox("linked")).unwrap();
    fs::create_dir_all(desk.inbox("a/deeper")).unwrap();
    fs::create_dir_all(desk.inbox("folder.jsonl")).unwrap();
    for path in [".hidden.jsonl", "a/.hidden.jsonl", "a/deeper/b.jsonl", "a/b.jsonl"] {
        fs::write(desk.inbox(path), "x").unwrap();
    }
    desk.paths().await;
    assert_eq!(desk.paths().await, ["a/b.jsonl"]);
}

#[tokio::test]
async fn nothing_leads_out_of_the_folders() {
    let desk = Desk::new();
    for path in ["../x", "a/../../x", "/x", "a//b", "a/.", "", "a\0b"] {
        assert!(desk.mailbox.give(path).await.is_err(), "{path:?}");
        assert!(desk.mailbox.retract(path).await.is_err(), "{path:?}");
        let dropped = Dropped { path: path.to_owned(), version: String::new() };
        assert!(desk.mailbox.read(&dropped).await.is_err(), "{path:?}");
        assert!(desk.mailbox.remove(&dropped).await.is_err(), "{path:?}");
    }
}

/// Moved away for an instant, it is looked at again: what was not to go goes back.
#[tokio::test]
async fn what_a_killed_process_had_moved_away_is_deleted_or_goes_back() {
    let desk = Desk::new();
    fs::write(desk.inbox("one.jsonl"), "one").unwrap();
    let dropped = desk.one().await;
    let content = dropped.version.rsplit_once('-').unwrap().0;
    let aside = desk.inbox(&format!(".taken/{content}/team"));
    fs::create_dir_all(&aside).unwrap();
    fs::rename(desk.inbox("one.jsonl"), aside.join("one.jsonl")).unwrap();
    fs::write(aside.join("other.jsonl"), "other").unwrap();
    fs::create_dir_all(desk.inbox("team")).unwrap();
    desk.mailbox.prepare().unwrap();
    desk.paths().await;
    assert_eq!(desk.paths().await, ["team/other.jsonl"]);
    assert_eq!(fs::read(desk.inbox("team/other.jsonl")).unwrap(), b"other");
    assert_eq!(fs::read_dir(desk.inbox(".taken")).unwrap().count(), 0);
}

#[tokio::test]
async fn unfinished_files_of_the_outbox_go_at_the_next_start() {
    let desk = Desk::new();
    let outbox = desk.dir.path().join("outbox");
    fs::write(outbox.join(".incoming-x"), "x").unwrap();
    desk.mailbox.prepare().unwrap();
    assert_eq!(fs::read_dir(outbox).unwrap().count(), 0);
}

#[tokio::test]
async fn the_folders_may_be_elsewhere_and_are_their_owners_only() {
    let (dir, other) = (Dir::new(), Dir::new());
    let options = Options { inbox: Some(other.path().join("in")), ..Options::default() };
    let store = Store::open(dir.path(), &options).unwrap();
    store.mailbox().prepare().unwrap();
    fs::write(other.path().join("in/one.jsonl"), "x").unwrap();
    store.mailbox().dropped(None, 9).await.unwrap();
    assert_eq!(store.mailbox().dropped(None, 9).await.unwrap().len(), 1);
    assert!(!dir.path().join("inbox").exists());
    assert_eq!([modes(&other.path().join("in")), modes(&dir.path().join("outbox"))], [0o700; 2]);
}

#[tokio::test]
async fn a_schedules_input_may_lie_anywhere() {
    let desk = Desk::new();
    let path = desk.dir.path().join("elsewhere.jsonl");
    fs::write(&path, "x").unwrap();
    assert!(desk.mailbox.input(path.to_str().unwrap()).await.is_ok());
    let folder = desk.mailbox.input(desk.dir.path().to_str().unwrap()).await;
    assert!(matches!(folder.err(), Some(StoreError::NotFound)), "a folder is none");
}
