//! What is lost before a call did not happen, what is lost after it did, and what is late happens later.

use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::endpoint::Endpoint;
use offpeak_core::ports::{self, Backend, CreateReply, Jobs, NewBatch, Objects, StoreError};
use offpeak_testkit::chaos::{self, Gate, Lost};
use offpeak_testkit::fakes::{self, TokioClock};
use offpeak_testkit::provider::{Script, ScriptedProvider};
use offpeak_testkit::samples::Namespace;
use secrecy::SecretString;

/// Loses each call of one name, at one side.
struct Loses {
    what: &'static str,
    before: Option<Lost>,
}

impl Loses {
    fn gate(what: &'static str, before: Option<Lost>) -> Arc<dyn Gate> {
        Arc::new(Self { what, before })
    }
}

#[async_trait]
impl Gate for Loses {
    async fn before(&self, what: &'static str) -> Result<(), Lost> {
        self.before.filter(|_| what == self.what).map_or(Ok(()), Err)
    }

    async fn after(&self, what: &'static str) -> Result<(), Lost> {
        if what == self.what { Err(Lost::Now) } else { Ok(()) }
    }
}

const LATE: Lost = Lost::LateThenLost { delay_ms: 5_000 };

async fn pass(duration_ms: u64) {
    tokio::time::sleep(std::time::Duration::from_millis(duration_ms)).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_write_takes_place_before_after_or_late() {
    for (before, at_once, later) in [(Some(Lost::Now), 0, 0), (None, 1, 1), (Some(LATE), 0, 1)] {
        let rows = fakes::Jobs::default();
        let jobs = chaos::Jobs::new(Arc::new(rows.clone()), Loses::gate("jobs.create", before));
        let reply = jobs.create(vec![Namespace::fresh().job()]).await;
        assert!(matches!(reply, Err(StoreError::Unavailable(_))), "{reply:?}");
        assert_eq!(rows.snapshot().len(), at_once);
        pass(5_001).await;
        assert_eq!(rows.snapshot().len(), later);
        assert!(jobs.get(&[]).await.is_ok(), "other calls pass");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_create_is_unclear() {
    for (before, at_once, later) in [(Some(Lost::Now), 0, 0), (None, 1, 1), (Some(LATE), 0, 1)] {
        let provider = ScriptedProvider::new(&TokioClock::default(), 1, Script::calm());
        let backend = chaos::Backend::new(Arc::new(provider.clone()), Loses::gate("backend.create", before));
        let submission = Namespace::fresh().submission_id();
        let endpoint = Endpoint::Responses;
        let new = NewBatch { submission, file: "file-1".into(), endpoint, timeout_ms: 1_000 };
        let reply = backend.create(&SecretString::from("sk"), new).await;
        assert!(matches!(reply, CreateReply::Unclear), "{reply:?}");
        assert_eq!(provider.batches().len(), at_once);
        pass(5_001).await;
        assert_eq!(provider.batches_of(submission).len(), later);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_finish_leaves_the_object_or_not() {
    for (before, there) in [(Some(Lost::Now), false), (None, true)] {
        let stored = fakes::Objects::new(Arc::new(TokioClock::default()));
        let objects = chaos::Objects::new(Arc::new(stored.clone()), Loses::gate("objects.finish", before));
        let name = Namespace::fresh().object("one");
        let mut writer = objects.create(&name).await.unwrap();
        writer.write("text".into()).await.unwrap();
        assert!(writer.finish().await.is_err());
        assert_eq!(stored.bytes(&name).is_some(), there);
    }
}

#[tokio::test(start_paused = true)]
async fn every_port_of_a_flow_can_stand_behind_a_gate() {
    let clock = TokioClock::default();
    let provider: Arc<dyn Backend> = Arc::new(ScriptedProvider::new(&clock, 1, Script::calm()));
    let backends = [("openai".to_owned(), provider)].into();
    let ports = fakes::Fakes::new(&clock, 1).ports(backends, ports::Settings::default());
    let lost = |what| chaos::behind(&ports, &Loses::gate(what, Some(Lost::Now)));
    let names = Namespace::fresh();
    let (class, id) = (names.lane().class, names.submission_id());
    assert!(lost("jobs.get").jobs.get(&[]).await.is_err());
    assert!(lost("submissions.open").submissions.open().await.is_err());
    assert!(lost("classes.get").classes.get(&class).await.is_err());
    assert!(lost("intake.depth").intake.depth(&class).await.is_err());
    assert!(lost("objects.list").objects.list("", None, 1).await.is_err());
    assert!(lost("usage.of").usage.of(id).await.is_err());
    let backend = &lost("backend.delete").backends["openai"];
    assert!(backend.delete(&SecretString::from("sk"), &"file-1".into()).await.is_err());
    assert!(lost("nothing").intake.depth(&class).await.is_ok());
}
