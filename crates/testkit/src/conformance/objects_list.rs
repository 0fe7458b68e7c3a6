//! The promises of [`Objects::list`], and which names there may be.

use offpeak_core::ids::ObjectName;
use offpeak_core::ports::Objects;

use super::objects::put;
use super::pause;
use crate::samples::Namespace;

async fn put_all(objects: &dyn Objects, names: &[ObjectName]) {
    for name in names {
        put(objects, name, &[name.as_str().as_bytes()]).await;
    }
}

async fn list(objects: &dyn Objects, prefix: &ObjectName, after: Option<&ObjectName>, limit: usize) -> Vec<ObjectName> {
    let listed = objects.list(prefix.as_str(), after, limit).await.unwrap();
    listed.into_iter().map(|(name, _)| name).collect()
}

/// The order is by bytes, over whole names: a slash is a character like others.
pub async fn names_are_listed_ascending(objects: &dyn Objects) {
    let names = Namespace::fresh();
    let words = ["a-b/c", "a.b", "a/b", "a/b.c", "a/b0/c", "a/c", "a0", "ab", "b"];
    let mut all: Vec<ObjectName> = words.into_iter().map(|word| names.object(word)).collect();
    all.sort();
    let mut shuffled = all.clone();
    shuffled.rotate_left(5);
    shuffled.swap(0, 3);
    put_all(objects, &shuffled).await;
    assert_eq!(list(objects, &names.object(""), None, 100).await, all);
}

/// Names that a careless store would fold together or escape stay different, and readable.
pub async fn names_of_many_shapes_keep_apart(objects: &dyn Objects) {
    let names = Namespace::fresh();
    let words = ["a.b", "a_b", "a-b", "a..b", "a/b/c/d/e/f", "a%2Fb", "0", "sub_00ff/results-1.jsonl", "tmp", "a=b"];
    let all: Vec<ObjectName> = words.into_iter().map(|word| names.object(word)).collect();
    put_all(objects, &all).await;
    for name in &all {
        let bytes = objects.read(name, 0, name.as_str().len() as u64).await.unwrap();
        assert_eq!(bytes, name.as_str(), "each name has its own object");
    }
    assert_eq!(list(objects, &names.object(""), None, 100).await.len(), all.len());
}

/// A prefix is compared as text.
pub async fn a_prefix_need_not_end_at_a_slash(objects: &dyn Objects) {
    let names = Namespace::fresh();
    let [a, ab, abc, b] = ["p/a", "p/ab", "p/ab/c", "q/a"].map(|word| names.object(word));
    put_all(objects, &[b.clone(), abc.clone(), ab.clone(), a.clone()]).await;
    assert_eq!(list(objects, &names.object("p/a"), None, 100).await, [a.clone(), ab.clone(), abc.clone()]);
    assert_eq!(list(objects, &names.object("p/ab"), None, 100).await, [ab, abc.clone()]);
    assert_eq!(list(objects, &names.object("p/ab/"), None, 100).await, [abc]);
    assert_eq!(list(objects, &names.object("p/a/"), None, 100).await, []);
    assert_eq!(list(objects, &names.object("q"), None, 100).await, [b]);
}

/// `after` itself is not listed again.
pub async fn a_listing_goes_on_after_a_name(objects: &dyn Objects) {
    let names = Namespace::fresh();
    let all: Vec<ObjectName> = (0..7).map(|n| names.object(&format!("n/{n}"))).collect();
    put_all(objects, &all).await;
    let mut walked: Vec<ObjectName> = Vec::new();
    loop {
        let page = list(objects, &names.object("n/"), walked.last(), 3).await;
        if page.is_empty() {
            break;
        }
        walked.extend(page);
    }
    assert_eq!(walked, all);
}

/// A name to go on after need not be there, nor have the prefix.
pub async fn a_listing_goes_on_after_a_name_that_is_gone(objects: &dyn Objects) {
    let names = Namespace::fresh();
    let all = ["n/1", "n/2", "n/3"].map(|word| names.object(word));
    put_all(objects, &all).await;
    objects.delete(&all[1]).await.unwrap();
    let prefix = names.object("n/");
    assert_eq!(list(objects, &prefix, Some(&all[1]), 10).await, all[2..]);
    assert_eq!(list(objects, &prefix, Some(&names.object("n/25")), 10).await, all[2..]);
    assert_eq!(list(objects, &prefix, Some(&names.object("a")), 10).await, [all[0].clone(), all[2].clone()]);
    assert_eq!(list(objects, &prefix, Some(&names.object("z")), 10).await, []);
}

/// No more names than asked for, and no fewer where there are enough: the first ones.
pub async fn a_listing_keeps_its_limit(objects: &dyn Objects) {
    let names = Namespace::fresh();
    let all: Vec<ObjectName> = (0..5).map(|n| names.object(&format!("n/{n}"))).collect();
    put_all(objects, &all).await;
    for limit in 1..=6 {
        assert_eq!(list(objects, &names.object("n/"), None, limit).await, all[..limit.min(5)]);
    }
}

/// Nothing there is no error.
pub async fn a_prefix_without_objects_lists_nothing(objects: &dyn Objects) {
    assert_eq!(list(objects, &Namespace::fresh().object(""), None, 10).await, []);
}

/// The time beside a name is that of its last write, by a clock that goes on.
pub async fn a_listing_dates_the_last_write(objects: &dyn Objects) {
    let names = Namespace::fresh();
    let (first, second) = (names.object("1"), names.object("2"));
    let dates = async || -> Vec<u64> {
        let listed = objects.list(names.object("").as_str(), None, 10).await.unwrap();
        listed.into_iter().map(|(_, written_ms)| written_ms).collect()
    };
    put_all(objects, &[first.clone(), second]).await;
    let before = dates().await;
    assert!(before[0] > 1_600_000_000_000, "Unix milliseconds, not {}", before[0]);
    assert!(before[0] <= before[1], "in the order of writing");
    pause(50).await;
    put_all(objects, &[first]).await;
    let after = dates().await;
    assert!(after[0] > before[0], "a rewrite is a write");
    assert_eq!(after[1], before[1], "the other keeps its date");
}
