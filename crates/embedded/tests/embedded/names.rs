//! Names of objects go with the submission that they belong to.

use offpeak_core::ids::ObjectName;
use offpeak_core::job::{Answer, Event, Job};
use offpeak_core::ports::{JobSweep, Jobs, SubmissionSweep, Submissions};
use offpeak_core::submission::{State, Submission};
use offpeak_embedded::Store;
use offpeak_testkit::samples::{Namespace, after, to};
use rusqlite::Connection;

use super::samples::Dir;

fn names(dir: &Dir) -> Vec<String> {
    let database = Connection::open(dir.path().join("offpeak.db")).unwrap();
    let mut all = database.prepare("SELECT name FROM names WHERE name LIKE 'results/%'").unwrap();
    all.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// A settled submission and a job that its results answered; the name of those results.
async fn answered(store: &Store) -> (Submission, Job, ObjectName) {
    let sample = Namespace::fresh();
    let settled = Submission { state: State::Abandoned, ..sample.submission() };
    let object = ObjectName(format!("results/{}-1.jsonl", settled.id));
    let job = sample.job();
    let packed = after(&job, Event::Claim(settled.id));
    let done = to(&packed, Event::Answer(Answer { object: object.clone(), ..sample.answer() }));
    store.jobs().create(vec![job.clone()]).await.unwrap();
    store.jobs().apply(vec![to(&job, Event::Claim(settled.id)), done]).await.unwrap();
    store.submissions().create(&settled).await.unwrap();
    (settled, job, object)
}

#[tokio::test]
async fn a_retired_submission_takes_its_names_along_once_no_row_can_name_them() {
    let dir = Dir::new();
    let store = dir.open();
    let (settled, _, object) = answered(&store).await;
    assert_eq!(names(&dir), [object.as_str()]);
    store.jobs().retire(u64::MAX >> 1, 10).await.unwrap();
    store.submissions().delete(settled.id).await.unwrap();
    assert_eq!(names(&dir), Vec::<String>::new());
}

#[tokio::test]
async fn a_name_stays_while_a_row_may_name_it() {
    let dir = Dir::new();
    let store = dir.open();
    let (settled, job, object) = answered(&store).await;
    store.submissions().delete(settled.id).await.unwrap();
    assert_eq!(names(&dir), [object.as_str()]);
    assert!(store.jobs().get(&[job.id]).await.unwrap()[0].is_some());
}
