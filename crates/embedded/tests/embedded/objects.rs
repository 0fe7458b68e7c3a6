//! Objects as files.

use std::fs;

use bytes::Bytes;
use futures_util::StreamExt;
use offpeak_core::ids::ObjectName;
use offpeak_core::ports::{Objects, StoreError};

use super::samples::Dir;

async fn put(objects: &dyn Objects, name: &str, bytes: &'static [u8]) {
    let mut writer = objects.create(&ObjectName::from(name)).await.unwrap();
    writer.write(Bytes::from_static(bytes)).await.unwrap();
    writer.finish().await.unwrap();
}

#[tokio::test]
async fn a_name_that_would_leave_the_directory_is_refused_everywhere() {
    let dir = Dir::new();
    let store = dir.open();
    let objects = store.objects();
    fs::write(dir.path().join("secret"), b"secret").unwrap();
    for bad in ["../secret", "..", "a/../../secret", "/etc/passwd", "a//b", "", "a b", "a\0b"] {
        let name = ObjectName::from(bad);
        assert!(objects.create(&name).await.is_err(), "create {bad:?}");
        assert!(objects.read(&name, 0, 1).await.is_err(), "read {bad:?}");
        assert!(objects.stream(&name).await.is_err(), "stream {bad:?}");
        assert!(objects.delete(&name).await.is_err(), "delete {bad:?}");
    }
    for prefix in ["../", "/", "//", "a/../", "."] {
        assert_eq!(objects.list(prefix, None, 10).await.unwrap(), [], "list {prefix:?}");
    }
    assert!(dir.path().join("secret").exists());
}

#[tokio::test]
async fn directories_go_with_their_last_object_and_writers_do_not_mind() {
    let dir = Dir::new();
    let store = dir.open();
    let objects = store.objects();
    let churn = |n: u32| {
        let objects = store.objects();
        async move {
            for _ in 0..50 {
                put(&*objects, &format!("a/b/{n}"), b"text").await;
                objects.delete(&ObjectName(format!("a/b/{n}"))).await.unwrap();
            }
        }
    };
    futures_util::future::join_all((0..8).map(churn)).await;
    assert_eq!(objects.list("", None, 10).await.unwrap(), []);
    assert_eq!(fs::read_dir(dir.path().join("objects")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_dropped_writer_leaves_no_file() {
    let dir = Dir::new();
    let store = dir.open();
    let before = dir.files().len();
    let mut writer = store.objects().create(&ObjectName::from("a/b")).await.unwrap();
    writer.write(Bytes::from(vec![1; 2 << 20])).await.unwrap();
    assert_eq!(dir.files().len(), before + 1);
    drop(writer);
    assert_eq!(dir.files().len(), before);
}

#[tokio::test]
async fn what_a_killed_process_was_writing_goes_at_the_next_opening() {
    let dir = Dir::new();
    drop(dir.open());
    let left = dir.path().join("incoming/0123");
    fs::write(&left, b"half").unwrap();
    let _store = dir.open();
    assert!(!left.exists());
}

#[tokio::test]
async fn a_cached_file_is_not_read_after_its_object_was_replaced_or_deleted() {
    let dir = Dir::new();
    let store = dir.open();
    let objects = store.objects();
    let name = ObjectName::from("results/1");
    put(&*objects, "results/1", b"before").await;
    assert_eq!(objects.read(&name, 0, 6).await.unwrap(), "before");
    put(&*objects, "results/1", b"after!").await;
    assert_eq!(objects.read(&name, 0, 6).await.unwrap(), "after!");
    objects.delete(&name).await.unwrap();
    assert!(matches!(objects.read(&name, 0, 6).await, Err(StoreError::NotFound)));
}

#[tokio::test]
async fn more_objects_are_read_than_files_are_kept_open() {
    let dir = Dir::new();
    let store = dir.open();
    let objects = store.objects();
    for n in 0..300 {
        put(&*objects, &format!("many/{n}"), b"text").await;
    }
    for n in (0..300).chain((0..300).rev()) {
        assert_eq!(objects.read(&ObjectName(format!("many/{n}")), 1, 2).await.unwrap(), "ex");
    }
    let (length, pieces) = objects.stream(&ObjectName::from("many/7")).await.unwrap();
    let pieces: Vec<Bytes> = pieces.map(|piece| piece.unwrap()).collect().await;
    assert_eq!((length, pieces), (4, vec![Bytes::from_static(b"text")]));
}
