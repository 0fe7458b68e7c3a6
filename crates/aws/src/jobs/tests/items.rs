//! Items: nothing is lost on the way, what is odd is named, and none is dear.

use aws_sdk_dynamodb::types::AttributeValue;
use offpeak_core::job::{Event, Job};
use offpeak_core::lane::Terms;
use offpeak_core::ports::StoreError;
use offpeak_testkit::samples::{CREATED_MS, Namespace, after, to};

use super::super::{attributes as at, decode, encode};
use super::{RETENTION_MS, every_state, large_job};
use crate::dynamo::{EXPIRY, Item, item_bytes, number};

/// What every row has.
const ALWAYS: [&str; 12] = [
    at::ID,
    at::TENANT,
    at::CREATED,
    at::DEADLINE,
    at::MODEL,
    at::BODY_HASH,
    at::LANE_CREDENTIAL,
    at::LANE_PROVIDER,
    at::LANE_ENDPOINT,
    at::LANE_CLASS,
    at::STATE,
    at::ATTEMPT,
];
/// What a done row has beside.
const OF_DONE: [&str; 6] =
    [at::ANSWER_STATUS, at::ANSWER_OBJECT, at::ANSWER_OFFSET, at::ANSWER_LENGTH, at::INPUT_TOKENS, at::OUTPUT_TOKENS];
/// What goes with another attribute.
const IN_COMPANY: [&str; 4] = [at::HANDED_RETRY, at::HANDED_AT, at::BODY_OFFSET, at::BODY_LENGTH];

fn item(job: &Job) -> Item {
    encode::item(job, RETENTION_MS, true)
}

fn is_named(item: Item, attribute: &str) -> bool {
    let fault = decode::live(item, 0).map_err(StoreError::from);
    matches!(fault, Err(StoreError::Corrupt(text)) if text.contains(&format!("`{attribute}`")))
}

#[test]
fn every_row_reads_as_it_was_written() {
    let names = Namespace::fresh();
    for job in every_state(&names) {
        for index in [true, false] {
            let item = encode::item(&job, RETENTION_MS, index);
            assert_eq!(item.contains_key(at::BORN), index, "the index's key is written where there is an index");
            assert_eq!(decode::live(item, 0).unwrap(), Some(job.clone()));
        }
    }
}

#[test]
fn a_hash_of_another_kind_is_kept_as_it_is() {
    let mut job = Namespace::fresh().job();
    job.request.body_sha256 = "no hash".to_owned();
    assert_eq!(decode::live(item(&job), 0).unwrap(), Some(job));
}

#[test]
fn a_missing_attribute_is_named() {
    let names = Namespace::fresh();
    let done = large_job(&names);
    for attribute in ALWAYS.into_iter().chain(OF_DONE).chain(IN_COMPANY) {
        let mut item = item(&done);
        assert!(item.remove(attribute).is_some(), "{attribute} is there");
        assert!(is_named(item, attribute), "{attribute}");
    }
    let packed = after(&names.job(), Event::Claim(names.submission_id()));
    let failed = after(&packed, Event::Fail(names.failure()));
    let others = [(&packed, at::SUBMISSION), (&failed, at::FAILURE_CODE), (&failed, at::FAILURE_MESSAGE)];
    for (job, attribute) in others {
        let mut item = item(job);
        item.remove(attribute);
        assert!(is_named(item, attribute), "{attribute}");
    }
}

#[test]
fn an_attribute_of_another_kind_is_named() {
    let names = Namespace::fresh();
    for job in every_state(&names) {
        let whole = item(&job);
        for attribute in whole.keys().filter(|name| *name != at::BORN) {
            let mut item = whole.clone();
            item.insert(attribute.clone(), AttributeValue::Null(true));
            assert!(is_named(item, attribute), "{attribute} of {}", job.state.kind());
        }
    }
}

#[test]
fn a_state_of_another_version_is_named() {
    for attribute in [at::STATE, at::LANE_ENDPOINT] {
        let mut item = item(&Namespace::fresh().job());
        item.insert(attribute.to_owned(), AttributeValue::S("unheard-of".to_owned()));
        assert!(is_named(item, attribute), "{attribute}");
    }
}

#[test]
fn a_large_row_is_one_write_unit_where_its_route_has_one_target() {
    let mut job = large_job(&Namespace::fresh());
    job.lane.terms = Terms::default();
    let bytes = item_bytes(&item(&job));
    assert!(bytes <= 1_024, "{bytes} bytes");
}

#[test]
fn a_row_is_there_until_its_time() {
    let job = Namespace::fresh().job();
    let item = encode::item(&job, 86_400_000, false);
    let last_s = (job.deadline_ms + 15 * 86_400_000) / 1_000;
    assert_eq!(item.get(EXPIRY), Some(&number(last_s)), "deadline, 14 days and the retention");
    assert!(decode::live(item.clone(), last_s).unwrap().is_some());
    assert_eq!(decode::live(item, last_s + 1).unwrap(), None);
}

#[test]
fn an_end_is_kept_for_the_retention() {
    let mut end = to(&Namespace::fresh().job(), Event::Cancel);
    end.at_ms = CREATED_MS + 1;
    assert_eq!(encode::final_expiry_s(end.at_ms, 7_000), CREATED_MS / 1_000 + 8, "rounded up to seconds");
}
