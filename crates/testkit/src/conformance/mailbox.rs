//! The promises of [`Mailbox`]. Whoever drops things into it from outside, and looks into its outbox, is a [`Stand`].

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use offpeak_core::ports::{ByteStream, Dropped, Mailbox, StoreError};

use super::eventually;
use crate::samples::Namespace;

/// How soon something that was dropped is listed, milliseconds.
const SOON_MS: u64 = 5_000;

/// People at the mailbox: they know it from outside.
#[async_trait]
pub trait Stand: Send + Sync {
    /// Drops something into the inbox, whole, over what lies there.
    async fn drop_into(&self, path: &str, content: &[u8]);
    /// Puts an input of a schedule there.
    async fn put_input(&self, path: &str, content: &[u8]);
    /// What lies at that path in the outbox.
    async fn outbox(&self, path: &str) -> Option<Vec<u8>>;
}

/// Makes each promise of a mailbox a test. The factory gives `(Arc<dyn Mailbox>, Arc<dyn Stand>, guard)`.
#[macro_export]
macro_rules! mailbox_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            mailbox(port, stand),
            $factory,
            [
                what_is_dropped_is_listed_and_read,
                pages_meet_without_gap_or_repeat,
                what_was_replaced_is_neither_read_nor_removed,
                the_same_dropped_again_is_another,
                what_is_removed_is_gone,
                inputs_of_schedules_are_read_and_stay,
                what_is_given_lies_there_whole_or_not_at_all,
                what_is_given_again_is_replaced,
                what_is_retracted_is_gone,
            ]
        );
    };
}

/// What of this folder is listed.
async fn listed(mailbox: &dyn Mailbox, folder: &str) -> Vec<Dropped> {
    let mut dropped = mailbox.dropped(None, 1_000).await.unwrap();
    dropped.retain(|one| one.path.starts_with(folder));
    dropped
}

/// Waits until so many of this folder are listed.
async fn come(mailbox: &dyn Mailbox, folder: &str, count: usize) -> Vec<Dropped> {
    eventually("what was dropped is listed", SOON_MS, async || listed(mailbox, folder).await.len() == count).await;
    listed(mailbox, folder).await
}

async fn whole(pieces: ByteStream) -> Vec<u8> {
    let pieces: Vec<Bytes> = pieces.map(Result::unwrap).collect().await;
    pieces.concat()
}

fn is_gone(read: Result<ByteStream, StoreError>) -> bool {
    matches!(read.err(), Some(StoreError::NotFound))
}

async fn give(mailbox: &dyn Mailbox, path: &str, content: &[u8]) {
    let mut writer = mailbox.give(path).await.unwrap();
    for piece in content.chunks(1_000) {
        writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    assert_eq!(writer.finish().await.unwrap(), content.len() as u64);
}

/// Names are people's: with spaces, and in any script. An empty one counts too.
pub async fn what_is_dropped_is_listed_and_read(mailbox: &dyn Mailbox, stand: &dyn Stand) {
    let folder = Namespace::fresh().name("folder");
    let content = vec![b'x'; 300_000];
    stand.drop_into(&format!("{folder}/a b+ä(1).jsonl"), &content).await;
    stand.drop_into(&format!("{folder}/empty"), b"").await;
    let found = come(mailbox, &folder, 2).await;
    let paths: Vec<&str> = found.iter().map(|one| one.path.as_str()).collect();
    assert_eq!(paths, [format!("{folder}/a b+ä(1).jsonl"), format!("{folder}/empty")]);
    assert_eq!(whole(mailbox.read(&found[0]).await.unwrap()).await, content);
    assert_eq!(whole(mailbox.read(&found[1]).await.unwrap()).await, b"");
    assert_eq!(listed(mailbox, &folder).await, found, "reading takes nothing");
}

/// Whoever goes on after the last of each page gets everything once.
pub async fn pages_meet_without_gap_or_repeat(mailbox: &dyn Mailbox, stand: &dyn Stand) {
    let folder = Namespace::fresh().name("folder");
    for name in ["c", "a", "b", "d", "e"] {
        stand.drop_into(&format!("{folder}/{name}"), b"x").await;
    }
    let wanted = come(mailbox, &folder, 5).await;
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = mailbox.dropped(after.as_deref(), 2).await.unwrap();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = Some(last.path.clone());
        found.extend(page);
    }
    found.retain(|one| one.path.starts_with(&folder));
    assert_eq!(found, wanted);
}

/// Who saw the former content gets nothing of the new one, and does not take it away.
pub async fn what_was_replaced_is_neither_read_nor_removed(mailbox: &dyn Mailbox, stand: &dyn Stand) {
    let folder = Namespace::fresh().name("folder");
    let path = format!("{folder}/one.jsonl");
    stand.drop_into(&path, b"first").await;
    let first = come(mailbox, &folder, 1).await.remove(0);
    stand.drop_into(&path, b"other").await;
    assert!(is_gone(mailbox.read(&first).await));
    mailbox.remove(&first).await.unwrap();
    let second = come(mailbox, &folder, 1).await.remove(0);
    assert_ne!(second.version, first.version);
    assert_eq!(whole(mailbox.read(&second).await.unwrap()).await, b"other");
}

/// What was taken and is dropped again, with the same content, is not what was taken.
pub async fn the_same_dropped_again_is_another(mailbox: &dyn Mailbox, stand: &dyn Stand) {
    let folder = Namespace::fresh().name("folder");
    let path = format!("{folder}/one.jsonl");
    stand.drop_into(&path, b"same").await;
    let first = come(mailbox, &folder, 1).await.remove(0);
    mailbox.remove(&first).await.unwrap();
    // Times of drops may be kept by the second.
    super::pause(1_100).await;
    stand.drop_into(&path, b"same").await;
    assert_ne!(come(mailbox, &folder, 1).await.remove(0).version, first.version);
}

/// And a repeat is no error.
pub async fn what_is_removed_is_gone(mailbox: &dyn Mailbox, stand: &dyn Stand) {
    let folder = Namespace::fresh().name("folder");
    stand.drop_into(&format!("{folder}/one.jsonl"), b"x").await;
    let found = come(mailbox, &folder, 1).await.remove(0);
    mailbox.remove(&found).await.unwrap();
    assert_eq!(listed(mailbox, &folder).await, []);
    assert!(is_gone(mailbox.read(&found).await));
    mailbox.remove(&found).await.unwrap();
}

/// Reading takes nothing.
pub async fn inputs_of_schedules_are_read_and_stay(mailbox: &dyn Mailbox, stand: &dyn Stand) {
    let folder = Namespace::fresh().name("folder");
    let path = format!("{folder}/every night.jsonl");
    assert!(is_gone(mailbox.input(&path).await));
    for content in [b"one", b"two"] {
        stand.put_input(&path, content).await;
        for _ in 0..2 {
            assert_eq!(whole(mailbox.input(&path).await.unwrap()).await, content);
        }
    }
    assert_eq!(listed(mailbox, &folder).await, [], "an input is not dropped");
}

/// What is not finished never lies there.
pub async fn what_is_given_lies_there_whole_or_not_at_all(mailbox: &dyn Mailbox, stand: &dyn Stand) {
    let path = format!("{}/a b+ä/output.jsonl", Namespace::fresh().name("folder"));
    let mut cut = mailbox.give(&path).await.unwrap();
    cut.write(Bytes::from_static(b"half")).await.unwrap();
    drop(cut);
    assert_eq!(stand.outbox(&path).await, None);
    let content = vec![b'y'; 1_500_000];
    give(mailbox, &path, &content).await;
    assert!(stand.outbox(&path).await.as_ref() == Some(&content));
    give(mailbox, &format!("{path}.empty"), b"").await;
    assert_eq!(stand.outbox(&format!("{path}.empty")).await.as_deref(), Some(&b""[..]));
}

/// By the new content, also by a shorter one.
pub async fn what_is_given_again_is_replaced(mailbox: &dyn Mailbox, stand: &dyn Stand) {
    let path = format!("{}/summary.json", Namespace::fresh().name("folder"));
    for content in [&b"longer than the next"[..], b"next"] {
        give(mailbox, &path, content).await;
        assert_eq!(stand.outbox(&path).await.as_deref(), Some(content));
    }
}

/// And what is not there is no error.
pub async fn what_is_retracted_is_gone(mailbox: &dyn Mailbox, stand: &dyn Stand) {
    let path = format!("{}/summary.json", Namespace::fresh().name("folder"));
    mailbox.retract(&path).await.unwrap();
    give(mailbox, &path, b"x").await;
    mailbox.retract(&path).await.unwrap();
    assert_eq!(stand.outbox(&path).await, None);
    give(mailbox, &path, b"again").await;
    assert_eq!(stand.outbox(&path).await.as_deref(), Some(&b"again"[..]));
}
