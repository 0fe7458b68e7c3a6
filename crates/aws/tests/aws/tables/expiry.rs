//! Rows past their time are not there, whether or not the table has deleted them; and when that time is.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use offpeak_aws::{Options, Store, SystemClock};
use offpeak_core::batch::{self, Batch};
use offpeak_core::file::File;
use offpeak_core::job::{Event, Job, Mark, StateKind};
use offpeak_core::ports::{
    Batches as _, Clock as _, Created, Files as _, JobIndex as _, JobWalk as _, Jobs as _, StoreError,
    Submissions as _, Uploads as _, Usage as _, UsageRow, Written,
};
use offpeak_core::submission::{State, Submission};
use offpeak_testkit::samples::{CREATED_MS, Namespace, after, to};

use super::{RETENTION_MS, World, store};

const DAY_MS: u64 = 86_400_000;

/// The item of that key as it is stored.
async fn item(world: &World, table: &str, name: &str, id: [u8; 16]) -> HashMap<String, AttributeValue> {
    let key = AttributeValue::B(Blob::new(id));
    let call = world.clients.dynamodb.get_item().table_name(table).key(name, key).consistent_read(true);
    call.send().await.unwrap().item.unwrap()
}

fn ttl_s(item: &HashMap<String, AttributeValue>) -> u64 {
    item["ttl"].as_n().unwrap().parse().unwrap()
}

/// Changes the time of a stored row.
async fn expire(world: &World, table: &str, name: &str, id: [u8; 16]) {
    let mut row = item(world, table, name, id).await;
    let past_s = SystemClock.now_ms() / 1_000 - 1;
    row.insert("ttl".to_owned(), AttributeValue::N(past_s.to_string()));
    world.clients.dynamodb.put_item().table_name(table).set_item(Some(row)).send().await.unwrap();
}

#[tokio::test]
async fn a_job_past_its_time_is_not_there() {
    let (store, world) = store(RETENTION_MS).await;
    let (jobs, names) = (store.jobs(), Namespace::fresh());
    let (old, other) = (names.rich_job(), Job { created_ms: CREATED_MS + 1, ..names.job() });
    jobs.create(vec![old.clone(), other.clone()]).await.unwrap();
    expire(&world, &world.resources.tables.jobs, "id", old.id.0).await;
    assert_eq!(jobs.get(&[old.id]).await.unwrap(), [None]);
    assert_eq!(jobs.get(&[old.id, other.id]).await.unwrap(), [None, Some(other.clone())]);
    assert_eq!(jobs.scan(None, 10).await.unwrap(), std::slice::from_ref(&other));
    assert_eq!(jobs.counts().await.unwrap(), [(StateKind::Queued, 1)]);
    let page = jobs.list(&names.tenant(), None, None, 10).await.unwrap();
    assert_eq!((page.jobs, page.has_more), (vec![other], false));
    let reply = jobs.list(&names.tenant(), None, Some(old.id), 10).await;
    assert!(matches!(reply, Err(StoreError::NotFound)), "{reply:?}");
}

#[tokio::test]
async fn no_write_revives_a_job_past_its_time() {
    let (store, world) = store(RETENTION_MS).await;
    let (jobs, names) = (store.jobs(), Namespace::fresh());
    let packed = names.job();
    jobs.create(vec![packed.clone()]).await.unwrap();
    let claim = Event::Claim(names.submission_id());
    jobs.apply(vec![to(&packed, claim.clone())]).await.unwrap();
    expire(&world, &world.resources.tables.jobs, "id", packed.id.0).await;
    let packed = after(&packed, claim);
    let end = to(&packed, Event::Cancel);
    assert_eq!(jobs.apply(vec![end]).await.unwrap(), [Written::Conflict(None)]);
    for mark in [Mark::Count(9), Mark::Low(9), Mark::Resent(0), Mark::CancelWish, Mark::Delete { at_ms: 9 }] {
        assert_eq!(jobs.mark(packed.id, mark).await.unwrap(), Written::Conflict(None), "{mark:?}");
    }
    let again = Job { id: packed.id, ..names.rich_job() };
    assert_eq!(jobs.create(vec![again.clone()]).await.unwrap(), [Created::New], "its id is free");
    assert_eq!(jobs.get(&[again.id]).await.unwrap(), [Some(again)]);
}

#[tokio::test]
async fn an_end_resets_the_time_of_a_job() {
    let (store, world) = store(RETENTION_MS).await;
    let (jobs, names, table) = (store.jobs(), Namespace::fresh(), &world.resources.tables.jobs);
    let job = names.job();
    jobs.create(vec![job.clone()]).await.unwrap();
    let open_s = (job.deadline_ms + 14 * DAY_MS + RETENTION_MS) / 1_000;
    assert_eq!(ttl_s(&item(&world, table, "id", job.id.0).await), open_s);
    let claim = Event::Claim(names.submission_id());
    let mut end = to(&after(&job, claim.clone()), Event::Answer(names.answer()));
    end.at_ms = CREATED_MS + 1;
    assert_eq!(jobs.apply(vec![to(&job, claim)]).await.unwrap(), [Written::Yes]);
    assert_eq!(ttl_s(&item(&world, table, "id", job.id.0).await), open_s, "a claim ends nothing");
    assert_eq!(jobs.apply(vec![end]).await.unwrap(), [Written::Yes]);
    let done_s = (CREATED_MS + RETENTION_MS) / 1_000 + 1;
    assert_eq!(ttl_s(&item(&world, table, "id", job.id.0).await), done_s, "rounded up");
}

#[tokio::test]
async fn rows_without_an_index_leave_out_its_key() {
    let (_, world) = store(RETENTION_MS).await;
    let mut resources = world.resources.clone();
    resources.job_index = false;
    let options = Options { retention_ms: RETENTION_MS, ..Options::default() };
    let jobs = Store::new(world.clients.clone(), resources, options).jobs();
    let names = Namespace::fresh();
    let job = names.job();
    jobs.create(vec![job.clone()]).await.unwrap();
    let row = item(&world, &world.resources.tables.jobs, "id", job.id.0).await;
    assert!(!row.contains_key("born"), "{row:?}");
    let reply = jobs.list(&names.tenant(), None, None, 10).await;
    assert!(matches!(reply, Err(StoreError::Unavailable(_))), "{reply:?}");
}

#[tokio::test]
async fn a_submission_has_a_time_once_it_is_settled() {
    let (store, world) = store(RETENTION_MS).await;
    let (submissions, names) = (store.submissions(), Namespace::fresh());
    let table = &world.resources.tables.submissions;
    let submission = names.submission();
    submissions.create(&submission).await.unwrap();
    let row = item(&world, table, "id", submission.id.0).await;
    assert!(row.contains_key("open") && !row.contains_key("ttl"), "{row:?}");
    let now_ms = SystemClock.now_ms();
    let settled = Submission { state: State::Abandoned, ..submission.clone() };
    assert!(submissions.replace(&settled).await.unwrap());
    let row = item(&world, table, "id", submission.id.0).await;
    assert!(!row.contains_key("open"), "{row:?}");
    let from_s = (now_ms + RETENTION_MS + 27 * DAY_MS) / 1_000;
    let range = from_s..=from_s + 60;
    assert!(range.contains(&ttl_s(&row)), "{} is within {range:?}", ttl_s(&row));
    expire(&world, table, "id", submission.id.0).await;
    assert_eq!(submissions.get(submission.id).await.unwrap(), None);
    let revived = Submission { version: 2, state: State::Sealed, ..submission };
    assert!(!submissions.replace(&revived).await.unwrap(), "it is not there");
}

#[tokio::test]
async fn a_batch_has_a_time_once_it_has_ended() {
    let (store, world) = store(RETENTION_MS).await;
    let (batches, names, table) = (store.batches(), Namespace::fresh(), &world.resources.tables.batches);
    let open = names.batch();
    batches.create(&open).await.unwrap();
    let row = item(&world, table, "id", open.id.0).await;
    assert!(row.contains_key("open") && !row.contains_key("ttl"), "{row:?}");
    let ended = Batch { id: open.id, ..names.batch_in(batch::State::Failed { errors: Vec::new() }) };
    assert_eq!(ended.times.ended_ms, Some(CREATED_MS + 5));
    assert!(batches.replace(&ended).await.unwrap());
    let row = item(&world, table, "id", open.id.0).await;
    assert!(!row.contains_key("open"), "{row:?}");
    assert_eq!(ttl_s(&row), (CREATED_MS + RETENTION_MS) / 1_000 + 1, "rounded up");
}

#[tokio::test]
async fn a_batch_past_its_time_is_not_there_and_its_id_is_free() {
    let (store, world) = store(RETENTION_MS).await;
    let (batches, names, table) = (store.batches(), Namespace::fresh(), &world.resources.tables.batches);
    let (gone, other) = (names.batch(), names.batch());
    for batch in [&gone, &other] {
        batches.create(batch).await.unwrap();
    }
    expire(&world, table, "id", gone.id.0).await;
    assert_eq!(batches.get(gone.id).await.unwrap(), None);
    assert!(!batches.replace(&gone).await.unwrap(), "no write revives it");
    let page = batches.list(&names.tenant(), None, 10).await.unwrap();
    assert_eq!((page.batches, page.has_more), (vec![other], false));
    let reply = batches.list(&names.tenant(), Some(gone.id), 10).await;
    assert!(matches!(reply, Err(StoreError::NotFound)), "{reply:?}");
    let again = Batch { id: gone.id, lines: 9, ..names.batch() };
    batches.create(&again).await.unwrap();
    assert_eq!(batches.get(gone.id).await.unwrap(), Some(again));
}

#[tokio::test]
async fn an_upload_is_kept_a_day_and_the_retention_longer_than_it_takes_parts() {
    let (store, world) = store(RETENTION_MS).await;
    let (uploads, names, table) = (store.uploads(), Namespace::fresh(), &world.resources.tables.uploads);
    let upload = names.upload();
    uploads.create(&upload).await.unwrap();
    let gone_s = (upload.expires_ms + DAY_MS + RETENTION_MS) / 1_000;
    assert_eq!(ttl_s(&item(&world, table, "id", upload.id.0).await), gone_s);
    assert!(uploads.replace(&upload).await.unwrap());
    assert_eq!(ttl_s(&item(&world, table, "id", upload.id.0).await), gone_s, "a part changes nothing");
    expire(&world, table, "id", upload.id.0).await;
    assert_eq!(uploads.get(upload.id).await.unwrap(), None);
}

#[tokio::test]
async fn a_file_goes_when_it_expires_and_another_never() {
    let (store, world) = store(RETENTION_MS).await;
    let (files, names, table) = (store.files(), Namespace::fresh(), &world.resources.tables.files);
    let (kept, expiring) = (names.file(), File { expires_ms: Some(CREATED_MS + 1), ..names.file() });
    for file in [&kept, &expiring] {
        files.create(file).await.unwrap();
    }
    assert!(!item(&world, table, "id", kept.id.0).await.contains_key("ttl"));
    assert_eq!(ttl_s(&item(&world, table, "id", expiring.id.0).await), CREATED_MS / 1_000 + 1, "rounded up");
    let row = files.get(expiring.id).await.unwrap();
    assert_eq!(row, Some(expiring), "until the table has deleted it; readers look at its time");
}

#[tokio::test]
async fn usage_is_kept_for_400_days() {
    let (store, world) = store(0).await;
    let (usage, names) = (store.usage(), Namespace::fresh());
    let (submission, tenant) = (names.submission_id(), names.tenant());
    let from_s = SystemClock.now_ms() / 1_000 + 400 * 86_400;
    let row = UsageRow {
        submission,
        tenant: tenant.clone(),
        model: "m".to_owned(),
        lines: 1,
        input_tokens: 2,
        output_tokens: 3,
    };
    usage.record(vec![row]).await.unwrap();
    let table = &world.resources.tables.usage;
    let key = AttributeValue::B(Blob::new(submission.0));
    let call = world.clients.dynamodb.get_item().table_name(table).key("submission", key);
    let call = call.key("tenant", AttributeValue::S(tenant.0));
    let stored = call.send().await.unwrap().item.unwrap();
    let range = from_s..=from_s + 60;
    assert!(range.contains(&ttl_s(&stored)), "{} is within {range:?}", ttl_s(&stored));
}
