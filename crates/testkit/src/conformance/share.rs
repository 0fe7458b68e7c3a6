//! The promises of [`Share`], but for what the URL leads to: that takes a network.

use offpeak_core::ports::{Objects, Share, StoreError};

use super::objects::put;
use crate::samples::Namespace;

/// Makes each promise of sharing a test. The factory gives `(Arc<dyn Objects>, Arc<dyn Share>, guard)`, over one store.
#[macro_export]
macro_rules! share_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            share(objects, share),
            $factory,
            [
                a_shared_range_is_an_object_of_its_own,
                sharing_again_changes_nothing,
                a_missing_source_cannot_be_shared,
                a_range_past_the_end_cannot_be_shared,
                a_link_writes_nothing,
                any_name_of_a_file_makes_a_url,
            ]
        );
    };
}

/// The new object holds the range and no byte more; the source stays.
pub async fn a_shared_range_is_an_object_of_its_own(objects: &dyn Objects, share: &dyn Share) {
    let names = Namespace::fresh();
    let (source, name) = (names.object("results"), names.object("answer"));
    put(objects, &source, &[b"before{\"an\":\"answer\"}after"]).await;
    let url = share.share(&source, 6, 15, &name).await.unwrap();
    assert!(url.starts_with("http"), "{url}");
    let (length, _) = objects.stream(&name).await.unwrap();
    assert_eq!(length, 15);
    assert_eq!(objects.read(&name, 0, 15).await.unwrap(), "{\"an\":\"answer\"}");
    assert_eq!(objects.read(&source, 0, 6).await.unwrap(), "before");
}

/// What is there under the name stays as it is.
pub async fn sharing_again_changes_nothing(objects: &dyn Objects, share: &dyn Share) {
    let names = Namespace::fresh();
    let (source, name) = (names.object("results"), names.object("answer"));
    put(objects, &source, &[b"first;second"]).await;
    share.share(&source, 0, 5, &name).await.unwrap();
    for offset in [0, 6] {
        share.share(&source, offset, 5, &name).await.unwrap();
        assert_eq!(objects.read(&name, 0, 5).await.unwrap(), "first");
    }
}

/// Nothing comes of what is not there.
pub async fn a_missing_source_cannot_be_shared(objects: &dyn Objects, share: &dyn Share) {
    let names = Namespace::fresh();
    let (source, name) = (names.object("results"), names.object("answer"));
    let error = share.share(&source, 0, 5, &name).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound), "{error}");
    assert!(objects.stream(&name).await.is_err());
}

/// An answer is shared whole or not at all.
pub async fn a_range_past_the_end_cannot_be_shared(objects: &dyn Objects, share: &dyn Share) {
    let names = Namespace::fresh();
    let (source, name) = (names.object("results"), names.object("answer"));
    put(objects, &source, &[b"short"]).await;
    let error = share.share(&source, 2, 4, &name).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
    assert!(objects.stream(&name).await.is_err());
}

/// A link leads to the object itself, not to a copy.
pub async fn a_link_writes_nothing(objects: &dyn Objects, share: &dyn Share) {
    let names = Namespace::fresh();
    let name = names.object("file");
    put(objects, &name, &[b"content"]).await;
    let url = share.link(&name, "results.jsonl", "application/jsonl").await.unwrap();
    assert!(url.starts_with("http") && url.contains(name.as_str()), "{url}");
    let listed = objects.list(names.object("").as_str(), None, 10).await.unwrap();
    assert_eq!(listed.into_iter().map(|(name, _)| name).collect::<Vec<_>>(), [name]);
}

/// Callers name their files, and no name breaks out of the URL.
pub async fn any_name_of_a_file_makes_a_url(_: &dyn Objects, share: &dyn Share) {
    let name = Namespace::fresh().object("file");
    let long = "\u{1f642}".repeat(5_000);
    for filename in
        ["", "a b.jsonl", "\"; x=\"y", "line\r\nbreak: 1", "a\0b", "\u{e4}\u{4f60}.jsonl", "..\\../x", &long]
    {
        let url = share.link(&name, filename, "application/octet-stream").await.unwrap();
        assert!(url.starts_with("http") && url.bytes().all(|byte| byte.is_ascii_graphic()), "{filename:?}: {url}");
        assert!(url.len() < 8_000, "{} bytes", url.len());
    }
}
