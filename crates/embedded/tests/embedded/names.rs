//! Names of objects go with the submission that they belong to.

use offpeak_core::ids::ObjectName;
use offpeak_core::job::{Answer, Event};
use offpeak_core::ports::{JobSweep, Jobs, SubmissionSweep, Submissions};
use offpeak_core::submission::{State, Submission};
use offpeak_testkit::samples::{Namespace, after, to};
use rusqlite::Connection;

use super::samples::Dir;

fn names(dir: &Dir) -> Vec<String> {
    let database = Connection::open(dir.path().join("offpeak.db")).unwrap();
    let mut all = database.prepare("SELECT name FROM names WHERE name LIKE 'results/%'").unwrap();
    all.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_retired_submission_takes_its_names_along_once_no_row_can_name_them() {
    let dir = Dir::new();
    let store = dir.open();
    let (jobs, submissions, sample) = (store.jobs(), store.submissions(), Namespace::fresh());
    let settled = Submission { state: State::Abandoned, ..sample.submission() };
    let object = ObjectName(format!("results/{}-1.jsonl", settled.id));
    let job = sample.job();
    let packed = after(&job, Event::Claim(settled.id));
    let done = to(&packed, Event::Answer(Answer { object: object.clone(), ..sample.answer() }));
    jobs.create(vec![job.clone()]).await.unwrap();
    jobs.apply(vec![to(&job, Event::Claim(settled.id)), done]).await.unwrap();
    submissions.create(&settled).await.unwrap();
    submissions.create(&Submission { id: sample.submission_id(), ..settled.clone() }).await.unwrap();
    assert_eq!(names(&dir), [object.as_str()]);
    jobs.retire(u64::MAX >> 1, 10).await.unwrap();
    submissions.delete(settled.id).await.unwrap();
    assert_eq!(names(&dir), Vec::<String>::new());
}

#[tokio::test]
async fn a_name_stays_while_a_row_may_name_it() {
    let dir = Dir::new();
    let store = dir.open();
    let (jobs, submissions, sample) = (store.jobs(), store.submissions(), Namespace::fresh());
    let settled = Submission { state: State::Abandoned, ..sample.submission() };
    let object = ObjectName(format!("results/{}-1.jsonl", settled.id));
    let job = sample.job();
    let packed = after(&job, Event::Claim(settled.id));
    let done = to(&packed, Event::Answer(Answer { object: object.clone(), ..sample.answer() }));
    jobs.create(vec![job.clone()]).await.unwrap();
    jobs.apply(vec![to(&job, Event::Claim(settled.id)), done]).await.unwrap();
    submissions.create(&settled).await.unwrap();
    submissions.delete(settled.id).await.unwrap();
    assert_eq!(names(&dir), [object.as_str()]);
    assert!(jobs.get(&[job.id]).await.unwrap()[0].is_some());
}
