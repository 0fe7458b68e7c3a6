//! The object store where S3 is unlike a disk: parts, breaks, conditional puts, URLs.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use offpeak_core::ids::ObjectName;
use offpeak_core::ports::{ByteStream, Objects, Share as _, StoreError};
use offpeak_testkit::samples::Namespace;
use rand::Rng as _;

use super::script::Script;
use super::world::World;

fn noise(length: usize) -> Bytes {
    let mut bytes = vec![0; length];
    rand::rng().fill_bytes(&mut bytes);
    bytes.into()
}

async fn put(objects: &dyn Objects, name: &ObjectName, bytes: Bytes) {
    let mut writer = objects.create(name).await.unwrap();
    writer.write(bytes).await.unwrap();
    writer.finish().await.unwrap();
}

async fn collect(mut stream: ByteStream) -> Result<Bytes, StoreError> {
    let mut bytes = BytesMut::new();
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes.freeze())
}

#[tokio::test]
async fn twenty_megabytes_go_up_in_parts_and_come_down_in_pieces() {
    let (objects, name) = (World::shared().await.store().objects(), Namespace::fresh().object("large"));
    let bytes = noise((20 << 20) + 7);
    let mut writer = objects.create(&name).await.unwrap();
    for piece in bytes.chunks(300_001) {
        writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    assert_eq!(writer.finish().await.unwrap(), bytes.len() as u64);
    let (length, stream) = objects.stream(&name).await.unwrap();
    assert_eq!(length, bytes.len() as u64);
    assert!(collect(stream).await.unwrap() == bytes, "as it was written");
    let (from, to) = ((8 << 20) - 5, (16 << 20) + 5);
    let read = objects.read(&name, from as u64, (to - from) as u64).await.unwrap();
    assert!(read == bytes[from..to], "over two seams");
}

#[tokio::test]
async fn a_dropped_upload_is_aborted() {
    let world = World::fresh().await;
    let (objects, name) = (world.store().objects(), Namespace::fresh().object("dropped"));
    let uploads = async || {
        let list = world.clients.s3.list_multipart_uploads().bucket(&world.resources.bucket).send().await.unwrap();
        list.uploads().len()
    };
    let mut writer = objects.create(&name).await.unwrap();
    writer.write(noise(17 << 20)).await.unwrap();
    assert_eq!(uploads().await, 1);
    drop(writer);
    let end = Instant::now() + Duration::from_secs(5);
    while uploads().await > 0 {
        assert!(Instant::now() < end, "the upload is still there");
        tokio::task::yield_now().await;
    }
    assert!(matches!(objects.stream(&name).await.map(|(length, _)| length), Err(StoreError::NotFound)));
}

/// What any program gets by the URL: the head and the body.
async fn get(url: String) -> (String, String) {
    get_with(url, "").await
}

/// The same with one more line of a header.
async fn get_with(url: String, header: &'static str) -> (String, String) {
    let fetch = move || {
        let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        write!(stream, "GET /{path} HTTP/1.1\r\nhost: {host}\r\n{header}connection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_lowercase(), body.to_owned())
    };
    tokio::task::spawn_blocking(fetch).await.unwrap()
}

#[tokio::test]
async fn a_shared_part_is_fetched_by_its_url() {
    let (objects, names) = (World::shared().await.store().objects(), Namespace::fresh());
    let (source, name) = (names.object("results"), names.object("answers/1"));
    put(&*objects, &source, Bytes::from_static(b"before{\"a\":1}after")).await;
    let url = objects.share(&source, 6, 7, &name).await.unwrap();
    let (head, body) = get(url).await;
    assert!(head.starts_with("http/1.1 200") && head.contains("content-type: application/json"), "{head}");
    assert_eq!(body, "{\"a\":1}");
    objects.delete(&source).await.unwrap();
    let again = objects.share(&source, 6, 7, &name).await.unwrap();
    assert_eq!(get(again).await.1, "{\"a\":1}", "a repeat needs the source no more");
}

#[tokio::test]
async fn a_linked_object_is_fetched_whole_or_in_ranges_as_the_file_that_it_is() {
    let (objects, name) = (World::shared().await.store().objects(), Namespace::fresh().object("file"));
    put(&*objects, &name, Bytes::from_static(b"line 1\nline 2\n")).await;
    let url = objects.link(&name, "results 1.jsonl", "application/jsonl").await.unwrap();
    assert!(url.contains("X-Amz-Expires=900"), "{url}");
    let (head, body) = get(url.clone()).await;
    assert!(head.starts_with("http/1.1 200") && head.contains("content-type: application/jsonl"), "{head}");
    assert!(head.contains("attachment; filename=\"results 1.jsonl\""), "{head}");
    assert_eq!(body, "line 1\nline 2\n");
    let (head, body) = get_with(url, "range: bytes=7-12\r\n").await;
    assert!(head.starts_with("http/1.1 206"), "{head}");
    assert_eq!(body, "line 2");
}

#[tokio::test]
async fn a_link_to_nothing_says_so_to_whom_follows_it() {
    let (objects, name) = (World::shared().await.store().objects(), Namespace::fresh().object("file"));
    let url = objects.link(&name, "gone.jsonl", "application/jsonl").await.unwrap();
    let (head, _) = get(url).await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
}

#[tokio::test]
async fn what_is_not_there_cannot_be_shared() {
    let (objects, names) = (World::shared().await.store().objects(), Namespace::fresh());
    let (source, name) = (names.object("results"), names.object("answers/1"));
    assert!(matches!(objects.share(&source, 0, 1, &name).await, Err(StoreError::NotFound)));
    put(&*objects, &source, Bytes::from_static(b"short")).await;
    assert!(matches!(objects.share(&source, 3, 3, &name).await, Err(StoreError::Corrupt(_))));
}

#[tokio::test]
async fn sharers_at_once_agree() {
    let (objects, names) = (World::shared().await.store().objects(), Namespace::fresh());
    let (source, name) = (names.object("results"), names.object("answers/1"));
    put(&*objects, &source, Bytes::from_static(b"0123456789")).await;
    let urls = futures_util::future::join_all((0..8).map(|_| objects.share(&source, 2, 3, &name))).await;
    for url in urls {
        assert_eq!(get(url.unwrap()).await.1, "234");
    }
}

const SLOW: &str = "<Error><Code>SlowDown</Code><Message>slow</Message></Error>";

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_off_goes_on_where_it_was() {
    let script = Script::default()
        .then_with(200, &[("content-length", "10"), ("etag", "\"one\"")], "0123")
        .then(503, SLOW)
        .then_with(206, &[("content-length", "6"), ("etag", "\"one\"")], "456789");
    let objects = script.store().await.objects();
    let (length, stream) = objects.stream(&ObjectName::from("o")).await.unwrap();
    assert_eq!((length, collect(stream).await.unwrap()), (10, Bytes::from_static(b"0123456789")));
    for asked in &script.asked()[1..] {
        assert_eq!((asked.range.as_deref(), asked.if_match.as_deref()), (Some("bytes=4-"), Some("\"one\"")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_never_goes_on_in_another_object() {
    let script =
        Script::default().then_with(200, &[("content-length", "10"), ("etag", "\"one\"")], "0123").then(412, "");
    let (_, stream) = script.store().await.objects().stream(&ObjectName::from("o")).await.unwrap();
    assert!(matches!(collect(stream).await, Err(StoreError::Unavailable(_))));
}

#[tokio::test(start_paused = true)]
async fn a_slow_bucket_is_asked_again() {
    let script = Script::default().then(503, SLOW).then_with(206, &[("content-length", "3")], "abc");
    let read = script.store().await.objects().read(&ObjectName::from("o"), 0, 3).await.unwrap();
    assert_eq!((read, script.asked().len()), (Bytes::from_static(b"abc"), 2));
}

#[tokio::test(start_paused = true)]
async fn a_conflicting_share_is_made_again() {
    let script = Script::default()
        .then(404, "")
        .then_with(206, &[("content-length", "3")], "abc")
        .then(409, "<Error><Code>ConditionalRequestConflict</Code></Error>")
        .then(412, "<Error><Code>PreconditionFailed</Code></Error>");
    let url = script.store().await.objects().share(&ObjectName::from("s"), 0, 3, &ObjectName::from("o")).await.unwrap();
    assert!(url.contains("X-Amz-Expires=900"), "{url}");
    assert_eq!(script.asked().len(), 4);
}

#[tokio::test]
async fn a_missing_bucket_is_not_a_missing_object() {
    let mut world = World::shared().await;
    world.resources.bucket = Namespace::fresh().name("nowhere");
    let read = world.store().objects().read(&ObjectName::from("o"), 0, 3).await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
}
