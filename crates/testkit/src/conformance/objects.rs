//! The promises of [`Objects`]; those about names and listings are in [`super::objects_list`].

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::future::join_all;
use offpeak_core::ids::ObjectName;
use offpeak_core::ports::{ByteStream, Objects, StoreError};

use crate::samples::Namespace;

/// Makes each promise of the object store a test. The factory gives `(Arc<dyn Objects>, guard)`.
#[macro_export]
macro_rules! objects_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            objects(port),
            $factory,
            [
                an_object_reads_as_it_was_written,
                an_object_may_be_empty,
                an_object_of_eight_megabytes_reads_whole,
                an_object_is_invisible_before_it_is_finished,
                a_dropped_writer_leaves_nothing,
                a_dropped_writer_leaves_what_was_there,
                an_object_is_replaced_whole,
                of_two_writers_the_last_to_finish_stands,
                a_stream_never_mixes_two_objects,
                a_range_reads_its_bytes,
                a_range_past_the_end_is_corrupt,
                a_tail_reads_from_its_byte_on,
                a_missing_object_is_not_found,
                a_deleted_object_is_gone,
                deleting_a_missing_object_is_no_error,
                writers_at_once_do_not_mix,
            ]
        );
        $crate::conformance_cases!(
            objects_list(port),
            $factory,
            [
                names_are_listed_ascending,
                names_of_many_shapes_keep_apart,
                a_prefix_need_not_end_at_a_slash,
                a_listing_goes_on_after_a_name,
                a_listing_goes_on_after_a_name_that_is_gone,
                a_listing_keeps_its_limit,
                a_prefix_without_objects_lists_nothing,
                a_listing_dates_the_last_write,
            ]
        );
    };
}

/// Writes an object in the pieces given.
pub(super) async fn put(objects: &dyn Objects, name: &ObjectName, pieces: &[&[u8]]) {
    let mut writer = objects.create(name).await.unwrap();
    for piece in pieces {
        writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    assert_eq!(writer.finish().await.unwrap(), length as u64, "a writer tells its length");
}

async fn collect(mut bytes: ByteStream) -> Bytes {
    let mut whole = BytesMut::new();
    while let Some(piece) = bytes.next().await {
        whole.extend_from_slice(&piece.unwrap());
    }
    whole.freeze()
}

/// The object, which must be there and as long as its stream says.
async fn whole(objects: &dyn Objects, name: &ObjectName) -> Bytes {
    let (length, bytes) = objects.stream(name).await.unwrap();
    let bytes = collect(bytes).await;
    assert_eq!(bytes.len() as u64, length, "a stream tells its length");
    bytes
}

async fn is_missing(objects: &dyn Objects, name: &ObjectName) -> bool {
    let read = objects.read(name, 0, 0).await;
    let streamed = objects.stream(name).await.map(|(length, _)| length);
    let tailed = objects.tail(name, 1).await.map(drop);
    let listed = objects.list(name.as_str(), None, 10).await.unwrap();
    let gone = matches!(read, Err(StoreError::NotFound)) && matches!(streamed, Err(StoreError::NotFound));
    let gone = gone && matches!(tailed, Err(StoreError::NotFound));
    gone && listed.iter().all(|(other, _)| other != name)
}

/// Bytes that repeat nowhere soon.
fn noise(length: u32) -> Vec<u8> {
    (0..length).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// A tail is the rest of the object, also where there is none.
pub async fn a_tail_reads_from_its_byte_on(objects: &dyn Objects) {
    let (name, empty) = (Namespace::fresh().object("tail"), Namespace::fresh().object("empty"));
    let bytes = noise(1_000_000);
    put(objects, &name, &[&bytes]).await;
    put(objects, &empty, &[]).await;
    for offset in [0, 1, 700_001, 999_999, 1_000_000, 1_000_001, u64::MAX] {
        let from = usize::try_from(offset).unwrap().min(bytes.len());
        assert!(collect(objects.tail(&name, offset).await.unwrap()).await == bytes[from..], "from byte {offset}");
        assert_eq!(collect(objects.tail(&empty, offset).await.unwrap()).await, Bytes::new());
    }
}

/// Pieces are joined in their order, empty ones included.
pub async fn an_object_reads_as_it_was_written(objects: &dyn Objects) {
    let name = Namespace::fresh().object("pieces");
    put(objects, &name, &[b"first ", b"", b"\x00\xff\n", b"last"]).await;
    assert_eq!(whole(objects, &name).await, &b"first \x00\xff\nlast"[..]);
}

/// Nothing written is an object of no bytes, not a missing one.
pub async fn an_object_may_be_empty(objects: &dyn Objects) {
    let name = Namespace::fresh().object("empty");
    put(objects, &name, &[]).await;
    assert_eq!(whole(objects, &name).await, Bytes::new());
    assert_eq!(objects.read(&name, 0, 0).await.unwrap(), Bytes::new());
    assert!(!is_missing(objects, &name).await, "it is listed too");
}

/// A large object in pieces of odd sizes loses nothing, whole or in ranges.
pub async fn an_object_of_eight_megabytes_reads_whole(objects: &dyn Objects) {
    let name = Namespace::fresh().object("large");
    let bytes = noise(8 * 1024 * 1024 + 13);
    let (head, tail) = bytes.split_at(1);
    let pieces: Vec<&[u8]> = std::iter::once(head).chain(tail.chunks(777_777)).collect();
    put(objects, &name, &pieces).await;
    assert!(whole(objects, &name).await == bytes, "the stream gives what was written");
    for (from, to) in [(0, 5_000_000), (3_333_333, 3_333_334), (7_000_000, bytes.len())] {
        let range = objects.read(&name, from as u64, (to - from) as u64).await.unwrap();
        assert!(range == bytes[from..to], "bytes {from} to {to}");
    }
}

/// Until `finish` returns nobody sees anything.
pub async fn an_object_is_invisible_before_it_is_finished(objects: &dyn Objects) {
    let name = Namespace::fresh().object("unfinished");
    let mut writer = objects.create(&name).await.unwrap();
    assert!(is_missing(objects, &name).await, "begun");
    writer.write(Bytes::from(noise(300_000))).await.unwrap();
    assert!(is_missing(objects, &name).await, "written");
    writer.finish().await.unwrap();
    assert!(!is_missing(objects, &name).await, "finished");
}

/// A writer that is given up leaves nothing, neither under its name nor beside it.
pub async fn a_dropped_writer_leaves_nothing(objects: &dyn Objects) {
    let names = Namespace::fresh();
    let name = names.object("dropped");
    let mut writer = objects.create(&name).await.unwrap();
    writer.write(Bytes::from(noise(300_000))).await.unwrap();
    drop(writer);
    assert!(is_missing(objects, &name).await);
    assert_eq!(objects.list(names.object("").as_str(), None, 10).await.unwrap(), []);
}

/// A writer that is given up does not touch the object that it would have replaced.
pub async fn a_dropped_writer_leaves_what_was_there(objects: &dyn Objects) {
    let name = Namespace::fresh().object("kept");
    put(objects, &name, &[b"before"]).await;
    let mut writer = objects.create(&name).await.unwrap();
    writer.write(Bytes::from_static(b"after")).await.unwrap();
    assert_eq!(whole(objects, &name).await, "before", "while the other is written");
    drop(writer);
    assert_eq!(whole(objects, &name).await, "before");
}

/// Nothing of the object before is left, shorter or longer.
pub async fn an_object_is_replaced_whole(objects: &dyn Objects) {
    let name = Namespace::fresh().object("replaced");
    for text in ["a long first text", "short", "", "longer again"] {
        put(objects, &name, &[text.as_bytes()]).await;
        assert_eq!(whole(objects, &name).await, text);
    }
}

/// Two writers of one name do not disturb each other.
pub async fn of_two_writers_the_last_to_finish_stands(objects: &dyn Objects) {
    let name = Namespace::fresh().object("contested");
    let mut first = objects.create(&name).await.unwrap();
    let mut second = objects.create(&name).await.unwrap();
    for (one, two) in [("1", "2"), ("11", "2"), ("1", "22")] {
        first.write(Bytes::from_static(one.as_bytes())).await.unwrap();
        second.write(Bytes::from_static(two.as_bytes())).await.unwrap();
    }
    second.finish().await.unwrap();
    assert_eq!(whole(objects, &name).await, "2222");
    first.finish().await.unwrap();
    assert_eq!(whole(objects, &name).await, "1111");
}

/// A reader who began before the object was replaced gets the old one or the new one.
pub async fn a_stream_never_mixes_two_objects(objects: &dyn Objects) {
    let name = Namespace::fresh().object("read-while-replaced");
    let (old, new) = (vec![b'o'; 700_000], vec![b'n'; 900_000]);
    put(objects, &name, &[&old]).await;
    let (length, mut bytes) = objects.stream(&name).await.unwrap();
    let mut read = bytes.next().await.unwrap().unwrap().to_vec();
    put(objects, &name, &[&new]).await;
    read.extend_from_slice(&collect(bytes).await);
    assert_eq!(read.len() as u64, length, "as long as it said");
    assert!(read == old || read == new, "one of the two, whole");
}

/// Ranges are by first byte and length.
pub async fn a_range_reads_its_bytes(objects: &dyn Objects) {
    let name = Namespace::fresh().object("ranges");
    put(objects, &name, &[b"0123", b"456789"]).await;
    for (offset, length, bytes) in
        [(0, 10, "0123456789"), (0, 1, "0"), (3, 2, "34"), (9, 1, "9"), (4, 0, ""), (0, 0, ""), (10, 0, "")]
    {
        assert_eq!(objects.read(&name, offset, length).await.unwrap(), bytes, "{offset} and {length} on");
    }
}

/// A range that the object does not hold is never answered with less.
pub async fn a_range_past_the_end_is_corrupt(objects: &dyn Objects) {
    let name = Namespace::fresh().object("short");
    put(objects, &name, &[b"0123456789"]).await;
    for (offset, length) in [(0, 11), (9, 2), (10, 1), (11, 1), (1 << 40, 1), (5, u64::MAX >> 1)] {
        let read = objects.read(&name, offset, length).await;
        assert!(matches!(read, Err(StoreError::Corrupt(_))), "{offset} and {length} on: {read:?}");
    }
}

/// What is not there is not found, by any way of asking.
pub async fn a_missing_object_is_not_found(objects: &dyn Objects) {
    let name = Namespace::fresh().object("missing");
    assert!(is_missing(objects, &name).await);
    assert!(matches!(objects.read(&name, 5, 5).await, Err(StoreError::NotFound)));
}

/// A deleted object is missing, and its name may be used again.
pub async fn a_deleted_object_is_gone(objects: &dyn Objects) {
    let names = Namespace::fresh();
    let (name, other) = (names.object("gone"), names.object("gone-not"));
    put(objects, &name, &[b"text"]).await;
    put(objects, &other, &[b"other"]).await;
    objects.delete(&name).await.unwrap();
    assert!(is_missing(objects, &name).await);
    assert_eq!(whole(objects, &other).await, "other", "only the one named");
    put(objects, &name, &[b"again"]).await;
    assert_eq!(whole(objects, &name).await, "again");
}

/// A delete may be repeated.
pub async fn deleting_a_missing_object_is_no_error(objects: &dyn Objects) {
    let name = Namespace::fresh().object("never");
    objects.delete(&name).await.unwrap();
    put(objects, &name, &[b"text"]).await;
    objects.delete(&name).await.unwrap();
    objects.delete(&name).await.unwrap();
}

/// Concurrent writers of different names each get their own bytes.
pub async fn writers_at_once_do_not_mix(objects: &dyn Objects) {
    let names = Namespace::fresh();
    let texts: Vec<(ObjectName, String)> =
        (0..32).map(|n| (names.object(&format!("many/{n}")), format!("text of {n} ").repeat(5_000))).collect();
    join_all(texts.iter().map(|(name, text)| async {
        let (head, tail) = text.as_bytes().split_at(30_000);
        put(objects, name, &[head, tail]).await;
    }))
    .await;
    for (name, text) in &texts {
        assert!(whole(objects, name).await == text.as_bytes(), "{name}");
    }
}
