//! What is owed when something ends, who is told, and when it is given up.

use std::sync::Arc;
use std::time::Duration;

use offpeak_core::batch::StateKind;
use offpeak_core::endpoint::Endpoint;
use offpeak_core::flows::notices::{
    self, Changes, ChooseError, Delivering, NewReceiver, ReceiverError, Sent as Round, deliver_all,
};
use offpeak_core::flows::{batches, cancel, hand_out, sweep};
use offpeak_core::ids::{JobId, SubmissionId, TenantId};
use offpeak_core::job::{self, Event, Transition, When};
use offpeak_core::notice::{ATTEMPTS, EventType, MAX_RECEIVERS, Notice, Receiver, State, Subject, Target, Webhook};
use offpeak_core::ports::{Batches as _, Delivered, Forbidden, NotAdmitted, Notices as _, Receivers as _, Silence};
use offpeak_testkit::fakes::{Carrier, Sent};
use offpeak_testkit::samples::Namespace;
use serde_json::json;

use super::desk::{Desk, lines, new_batch};

const URL: &str = "https://hooks.example/offpeak";

fn tenant() -> TenantId {
    TenantId::from("one")
}

/// A desk whose tenants are told, and what carries that.
fn told() -> (Desk, Carrier) {
    (Desk::telling(), Carrier::default())
}

fn ways(carrier: &Carrier) -> Delivering {
    Delivering { webhooks: Some(Arc::new(carrier.clone())), bus: None }
}

fn new_receiver(events: &[EventType]) -> NewReceiver {
    NewReceiver {
        name: "mine".to_owned(),
        url: URL.to_owned(),
        events: events.to_vec(),
        secret: "whsec_c2VjcmV0".to_owned().into(),
    }
}

async fn register(desk: &Desk, carrier: &Carrier, events: &[EventType]) -> Receiver {
    notices::create(&desk.ports, carrier, &tenant(), new_receiver(events)).await.unwrap()
}

async fn round(desk: &Desk, carrier: &Carrier) -> Round {
    deliver_all(&desk.ports, &ways(carrier), u64::MAX).await.unwrap()
}

/// A notice of what never was, owed to a receiver.
async fn owed(desk: &Desk, receiver: &Receiver) -> Notice {
    let ended = desk.run(desk.batch(&lines(1, "m")).await.id).await;
    assert_eq!(ended.state.kind(), StateKind::Completed);
    let of = |notice: &Notice| notice.receiver() == Some(receiver.id) && notice.state == State::Owed;
    desk.fakes.notices.snapshot().into_iter().find(of).unwrap()
}

async fn row(desk: &Desk, notice: &Notice) -> Notice {
    desk.fakes.notices.get(notice.id).await.unwrap().unwrap()
}

#[tokio::test(start_paused = true)]
async fn who_is_subscribed_is_told_once_in_openais_words() {
    let (desk, carrier) = told();
    register(&desk, &carrier, &[EventType::BatchCompleted]).await;
    register(&desk, &carrier, &[EventType::BatchFailed]).await;
    let batch = desk.run(desk.batch(&lines(2, "m")).await.id).await;
    assert_eq!(round(&desk, &carrier).await, Round { delivered: 1, ..Round::default() });
    let sent = carrier.take();
    assert_eq!(sent.len(), 1, "{sent:?}");
    let created_at = sent[0].body["created_at"].clone();
    assert!(created_at.is_u64());
    let want = json!({
        "id": sent[0].id, "object": "event", "created_at": created_at, "type": "batch.completed",
        "data": {"id": batch.id.text()},
    });
    assert_eq!(sent[0].body, want);
    assert!(sent[0].id.starts_with("evt_"));
    assert_eq!((sent[0].url.as_str(), &*sent[0].secrets), (URL, &["whsec_c2VjcmV0".to_owned()][..]));
    assert_eq!(round(&desk, &carrier).await, Round::default(), "nothing is owed any more");
}

#[tokio::test(start_paused = true)]
async fn each_end_of_a_batch_has_its_event() {
    let (desk, carrier) = told();
    register(&desk, &carrier, EventType::ALL).await;
    let refused = desk.batch("{}\n").await;
    let cancelled = desk.batch(&lines(1, "m")).await;
    batches::cancel(&desk.ports, &tenant(), cancelled.id).await.unwrap();
    let completed = desk.batch(&lines(1, "m")).await;
    let batches = [(refused, "batch.failed"), (cancelled, "batch.cancelled"), (completed, "batch.completed")];
    for (batch, _) in &batches {
        desk.run(batch.id).await;
    }
    round(&desk, &carrier).await;
    let sent = carrier.take();
    for (batch, event) in batches {
        let heard: Vec<_> = sent.iter().filter(|sent| sent.body["data"]["id"] == batch.id.text()).collect();
        assert_eq!(heard.iter().map(|sent| sent.body["type"].clone()).collect::<Vec<_>>(), [event], "{sent:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_told_of_anothers() {
    let (desk, carrier) = told();
    register(&desk, &carrier, EventType::ALL).await;
    let input = desk.store(&lines(1, "m"), super::desk::new_file("two", offpeak_core::file::Purpose::Batch)).await;
    let batch = desk.create(new_batch("two", input.unwrap().id)).await;
    desk.run(batch.id).await;
    assert_eq!(round(&desk, &carrier).await, Round::default());
    assert_eq!(desk.fakes.notices.snapshot(), []);
}

#[tokio::test(start_paused = true)]
async fn whom_a_batch_names_is_told_at_the_url_that_it_names() {
    let (desk, carrier) = told();
    let receiver = register(&desk, &carrier, &[]).await;
    let url = "https://hooks.example/run?7";
    let webhook = notices::choose(&desk.ports, &tenant(), url, 0).await.unwrap();
    assert_eq!(webhook, Webhook { receiver: receiver.id, url: Some(url.to_owned()) });
    let by_id = notices::choose(&desk.ports, &tenant(), &receiver.id.text(), 0).await.unwrap();
    assert_eq!(by_id, Webhook { receiver: receiver.id, url: None });
    let input = desk.input(&lines(1, "m")).await;
    let mut new = new_batch("one", input);
    new.asked.webhook = Some(webhook);
    desk.run(desk.create(new).await.id).await;
    round(&desk, &carrier).await;
    assert_eq!(carrier.take().iter().map(|sent| sent.url.clone()).collect::<Vec<_>>(), [url]);
}

#[tokio::test(start_paused = true)]
async fn a_request_names_nobody_but_its_tenants_own_origins() {
    let (desk, carrier) = told();
    register(&desk, &carrier, &[]).await;
    let stranger = notices::create(&desk.ports, &carrier, &TenantId::from("two"), new_receiver(&[])).await.unwrap();
    for named in [
        stranger.id.text().as_str(),
        "https://hooks.example.evil/",
        "https://hooks.example:444/",
        "http://hooks.example/",
        "https://hooks.example@evil.example/",
        "hooks.example",
        "https://",
        "",
    ] {
        let refused = notices::choose(&desk.ports, &tenant(), named, 0).await;
        assert!(matches!(refused, Err(ChooseError::Unknown)), "{named}: {refused:?}");
    }
    for named in ["https://hooks.example", "https://hooks.example/", "https://hooks.example?x", URL] {
        assert!(notices::choose(&desk.ports, &tenant(), named, 0).await.is_ok(), "{named}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_taken_is_sent_again_for_three_days_and_then_dead() {
    let (desk, carrier) = told();
    let receiver = register(&desk, &carrier, EventType::ALL).await;
    let notice = owed(&desk, &receiver).await;
    let began = desk.ports.clock.now_ms();
    let failures = [
        Delivered::Answered { status: 500 },
        Delivered::Answered { status: 302 },
        Delivered::Unanswered(Silence::TimedOut),
        Delivered::Forbidden(Forbidden::Address),
    ];
    carrier.answer(failures.into_iter().cycle().take(ATTEMPTS));
    let mut attempts = 0;
    while row(&desk, &notice).await.state == State::Owed {
        attempts += round(&desk, &carrier).await.owed + usize::from(row(&desk, &notice).await.state != State::Owed);
        tokio::time::advance(Duration::from_secs(1)).await;
        let due_ms = row(&desk, &notice).await.due_ms;
        let pause_ms = due_ms.saturating_sub(desk.ports.clock.now_ms());
        tokio::time::advance(Duration::from_millis(pause_ms)).await;
    }
    let dead = row(&desk, &notice).await;
    assert!(matches!(dead.state, State::Dead { .. }), "{dead:?}");
    assert_eq!((attempts, dead.attempts as usize), (ATTEMPTS, ATTEMPTS));
    let hours = (desk.ports.clock.now_ms() - began) / 3_600_000;
    assert!((72..=96).contains(&hours), "{hours} hours");
    let ids: std::collections::BTreeSet<String> = carrier.take().into_iter().map(|sent| sent.id).collect();
    assert_eq!(ids.len(), 1, "a receiver knows a repeat by its id");
    let listed = desk.fakes.notices.dead(&tenant(), None, 10).await.unwrap();
    assert!(dead.last.is_some());
    assert_eq!(listed.notices, [dead]);
}

#[tokio::test(start_paused = true)]
async fn what_is_dead_can_be_sent_again_by_its_tenant_only() {
    let (desk, carrier) = told();
    let receiver = register(&desk, &carrier, EventType::ALL).await;
    let notice = owed(&desk, &receiver).await;
    let dead = Notice { state: State::Dead { at_ms: 1 }, attempts: 10, ..notice.clone() };
    assert!(desk.fakes.notices.replace(&dead).await.unwrap());
    assert_eq!(notices::replay(&desk.ports, &TenantId::from("two"), notice.id).await.unwrap(), None);
    let again = notices::replay(&desk.ports, &tenant(), notice.id).await.unwrap().unwrap();
    assert_eq!((again.state, again.attempts), (State::Owed, 0));
    assert_eq!(round(&desk, &carrier).await.delivered, 1);
    assert_eq!(notices::replay(&desk.ports, &tenant(), notice.id).await.unwrap(), None, "it is not dead any more");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_gone_is_sent_nothing_more_until_it_is_changed() {
    let (desk, carrier) = told();
    let receiver = register(&desk, &carrier, EventType::ALL).await;
    let notice = owed(&desk, &receiver).await;
    carrier.answer([Delivered::Answered { status: 410 }]);
    assert_eq!(round(&desk, &carrier).await.dead, 1);
    assert_eq!(row(&desk, &notice).await.attempts, 1);
    let now = notices::get(&desk.ports, &tenant(), receiver.id).await.unwrap();
    assert!(now.disabled_ms.is_some());
    let another = desk.run(desk.batch(&lines(1, "m")).await.id).await;
    assert!(desk.fakes.notices.snapshot().iter().all(|notice| notice.subject != Subject::Batch(another.id)));
    let same = Changes { url: Some(URL.to_owned()), ..Changes::default() };
    let changed = notices::update(&desk.ports, &carrier, (&tenant(), receiver.id), same).await.unwrap();
    assert_eq!(changed.disabled_ms, None);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_before_it_is_so_and_what_never_was_is_void() {
    let (desk, carrier) = told();
    let receiver = register(&desk, &carrier, EventType::ALL).await;
    let batch = desk.batch(&lines(1, "m")).await;
    let to = || Target::Webhook(Webhook { receiver: receiver.id, url: None });
    let now_ms = desk.ports.clock.now_ms();
    let of = |event| Notice::new(tenant(), Subject::Batch(batch.id), event, to(), now_ms);
    let (early, wrong) = (of(EventType::BatchCompleted), of(EventType::BatchExpired));
    let nobodys = Namespace::fresh().batch_id();
    let gone = Notice::new(tenant(), Subject::Batch(nobodys), EventType::BatchFailed, to(), now_ms);
    desk.fakes.notices.create(vec![early.clone(), wrong.clone(), gone.clone()]).await.unwrap();
    assert_eq!(round(&desk, &carrier).await, Round { owed: 2, void: 1, ..Round::default() });
    assert_eq!(carrier.take(), [], "the batch goes on");
    desk.run(batch.id).await;
    while desk.fakes.notices.snapshot().iter().any(|notice| notice.state == State::Owed) {
        round(&desk, &carrier).await;
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert_eq!(carrier.take().len(), 1);
    assert!(matches!(row(&desk, &early).await.state, State::Delivered { .. }));
    for never in [&wrong, &gone] {
        assert!(matches!(row(&desk, never).await.state, State::Void { .. }));
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_under_way_is_nobody_elses_until_its_lease_is_over() {
    let (desk, carrier) = told();
    let receiver = register(&desk, &carrier, EventType::ALL).await;
    let notice = owed(&desk, &receiver).await;
    let claimed = Notice { attempts: 1, due_ms: desk.ports.clock.now_ms() + 60_000, ..notice };
    assert!(desk.fakes.notices.replace(&claimed).await.unwrap());
    assert_eq!(round(&desk, &carrier).await, Round::default());
    tokio::time::advance(Duration::from_mins(1)).await;
    assert_eq!(round(&desk, &carrier).await.delivered, 1);
    assert_eq!(row(&desk, &claimed).await.attempts, 2);
}

#[tokio::test(start_paused = true)]
async fn a_rotated_secret_signs_beside_the_new_one_for_a_day_if_it_is_kept() {
    let (desk, carrier) = told();
    let receiver = register(&desk, &carrier, &[]).await;
    let who = (&tenant(), receiver.id);
    let try_it = async || {
        notices::test(&desk.ports, &carrier, who, EventType::BatchCompleted).await.unwrap();
        carrier.take().remove(0).secrets
    };
    notices::rotate(&desk.ports, who, &"whsec_bmV3".to_owned().into(), true).await.unwrap();
    assert_eq!(try_it().await, ["whsec_bmV3", "whsec_c2VjcmV0"]);
    tokio::time::advance(Duration::from_hours(24)).await;
    assert_eq!(try_it().await, ["whsec_bmV3"]);
    notices::rotate(&desk.ports, who, &"whsec_bmV3ZXI=".to_owned().into(), false).await.unwrap();
    assert_eq!(try_it().await, ["whsec_bmV3ZXI="]);
}

#[tokio::test(start_paused = true)]
async fn receivers_are_their_tenants_own_few_and_admitted() {
    let (desk, carrier) = told();
    let private = NewReceiver { url: "https://private/".to_owned(), ..new_receiver(&[]) };
    let refused = notices::create(&desk.ports, &carrier, &tenant(), private).await;
    assert!(matches!(refused, Err(ReceiverError::NotAdmitted(NotAdmitted::Forbidden(Forbidden::Address)))));
    let first = register(&desk, &carrier, &[]).await;
    for stranger in [TenantId::from("two"), TenantId::from("")] {
        let who = (&stranger, first.id);
        assert!(matches!(notices::get(&desk.ports, &stranger, first.id).await, Err(ReceiverError::NotFound)));
        assert!(matches!(notices::remove(&desk.ports, &stranger, first.id).await, Err(ReceiverError::NotFound)));
        let test = notices::test(&desk.ports, &carrier, who, EventType::JobFailed).await;
        assert!(matches!(test, Err(ReceiverError::NotFound)));
    }
    for _ in 1..MAX_RECEIVERS {
        register(&desk, &carrier, &[]).await;
    }
    let one_more = notices::create(&desk.ports, &carrier, &tenant(), new_receiver(&[])).await;
    assert!(matches!(one_more, Err(ReceiverError::TooMany)));
    notices::remove(&desk.ports, &tenant(), first.id).await.unwrap();
    register(&desk, &carrier, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_owed_to_a_receiver_that_was_removed_is_given_up() {
    let (desk, carrier) = told();
    let receiver = register(&desk, &carrier, EventType::ALL).await;
    let notice = owed(&desk, &receiver).await;
    notices::remove(&desk.ports, &tenant(), receiver.id).await.unwrap();
    assert_eq!(round(&desk, &carrier).await.dead, 1);
    assert_eq!((carrier.take().len(), row(&desk, &notice).await.attempts), (0, 1));
}

/// A job of that endpoint, packed if `submission` says by whom.
async fn job(desk: &Desk, endpoint: Endpoint, webhook: Option<Webhook>) -> job::Job {
    let mut job = Namespace::fresh().job();
    (job.tenant, job.lane.endpoint, job.request.webhook) = (tenant(), endpoint, webhook);
    job.deadline_ms = desk.ports.clock.now_ms() + 1_000;
    desk.ports.jobs.create(vec![job.clone()]).await.unwrap();
    job
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_job_is_told_as_the_response_that_it_is() {
    let (desk, carrier) = told();
    register(&desk, &carrier, &[EventType::JobCancelled, EventType::ResponseCancelled]).await;
    for (endpoint, want) in [
        (Endpoint::Embeddings, vec!["job.cancelled"]),
        (Endpoint::Responses, vec!["job.cancelled", "response.cancelled"]),
    ] {
        let job = job(&desk, endpoint, None).await;
        cancel::cancel(&desk.ports, job.id).await.unwrap();
        round(&desk, &carrier).await;
        let told = |sent: Sent| (sent.body["type"].clone(), sent.body["data"]["id"].clone());
        let mut heard: Vec<_> = carrier.take().into_iter().map(told).collect();
        heard.sort_by_key(|(event, _)| event.to_string());
        let id = |event: &str| if event.starts_with("resp") { format!("resp_{}", job.id) } else { job.id.text() };
        let want: Vec<_> = want.into_iter().map(|event| (json!(event), json!(id(event)))).collect();
        assert_eq!(heard, want);
    }
}

#[tokio::test(start_paused = true)]
async fn an_overdue_job_that_a_reader_meets_is_told() {
    let (desk, carrier) = told();
    let receiver = register(&desk, &carrier, &[]).await;
    let webhook = Webhook { receiver: receiver.id, url: None };
    let job = job(&desk, Endpoint::ChatCompletions, Some(webhook)).await;
    tokio::time::advance(Duration::from_secs(2)).await;
    hand_out::look(&desk.ports, job.id).await.unwrap();
    round(&desk, &carrier).await;
    let sent = carrier.take();
    assert_eq!(sent.iter().map(|sent| sent.body["type"].clone()).collect::<Vec<_>>(), ["job.expired"]);
}

#[tokio::test(start_paused = true)]
async fn an_overdue_job_that_a_sweep_meets_is_told() {
    let (desk, carrier) = told();
    register(&desk, &carrier, &[EventType::JobExpired]).await;
    let job = job(&desk, Endpoint::ChatCompletions, None).await;
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(sweep::expire(&desk.ports, &desk.fakes.jobs).await.unwrap(), 1);
    round(&desk, &carrier).await;
    let sent = carrier.take();
    assert_eq!(sent.iter().map(|sent| sent.body["data"]["id"].clone()).collect::<Vec<_>>(), [job.id.text()]);
}

#[tokio::test(start_paused = true)]
async fn a_notice_of_an_attempt_that_did_not_end_the_job_is_void() {
    let (desk, carrier) = told();
    let receiver = register(&desk, &carrier, EventType::ALL).await;
    let job = job(&desk, Endpoint::ChatCompletions, None).await;
    let apply = async |when: When, event| {
        let transition = Transition::new(job.id, when, event, 1).unwrap();
        desk.ports.jobs.apply(vec![transition]).await.unwrap();
    };
    let submission = SubmissionId([1; 16]);
    apply(job.as_is(), Event::Claim(submission)).await;
    apply(When { submission: Some(submission), attempt: 0 }, Event::Requeue).await;
    apply(When { submission: None, attempt: 1 }, Event::Expire).await;
    let to = Target::Webhook(Webhook { receiver: receiver.id, url: None });
    let of = |id: JobId, attempt| Subject::Job { id, attempt, end: job::StateKind::Expired };
    let now_ms = desk.ports.clock.now_ms();
    let notice = |attempt| Notice::new(tenant(), of(job.id, attempt), EventType::JobExpired, to.clone(), now_ms);
    desk.fakes.notices.create(vec![notice(0), notice(1)]).await.unwrap();
    assert_eq!(round(&desk, &carrier).await, Round { delivered: 1, void: 1, ..Round::default() });
    assert!(matches!(row(&desk, &notice(0)).await.state, State::Void { .. }));
}

/// Two ends may have one event: that of a forestalled one is not that of the one that came.
#[tokio::test(start_paused = true)]
async fn a_response_that_was_answered_instead_of_expiring_is_not_told_to_have_failed() {
    let (desk, carrier) = told();
    let receiver = register(&desk, &carrier, EventType::ALL).await;
    let job = job(&desk, Endpoint::Responses, None).await;
    let to = || Target::Webhook(Webhook { receiver: receiver.id, url: None });
    let now_ms = desk.ports.clock.now_ms();
    let of = |end, event| Notice::new(tenant(), Subject::Job { id: job.id, attempt: 0, end }, event, to(), now_ms);
    let forestalled = of(job::StateKind::Expired, EventType::ResponseFailed);
    // An answer may say that its response was cancelled.
    let answered = of(job::StateKind::Done, EventType::ResponseCancelled);
    desk.fakes.notices.create(vec![forestalled.clone(), answered.clone()]).await.unwrap();
    let submission = SubmissionId([1; 16]);
    let packed = When { submission: Some(submission), attempt: 0 };
    let answer = Event::Answer(Namespace::fresh().answer());
    for (when, event) in [(job.as_is(), Event::Claim(submission)), (packed, answer)] {
        let transition = Transition::new(job.id, when, event, 1).unwrap();
        desk.ports.jobs.apply(vec![transition]).await.unwrap();
    }
    assert_eq!(round(&desk, &carrier).await, Round { delivered: 1, void: 1, ..Round::default() });
    assert!(matches!(row(&desk, &forestalled).await.state, State::Void { .. }));
    assert!(matches!(row(&desk, &answered).await.state, State::Delivered { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_row_that_jobs_may_name_receivers_is_written_once_for_many() {
    let (desk, carrier) = told();
    let receiver = register(&desk, &carrier, &[]).await;
    let version = async || desk.fakes.receivers.get(&tenant()).await.unwrap().unwrap().version;
    let before = version().await;
    for minute in 0..60 {
        let deadline_ms = desk.ports.clock.now_ms() + minute * 60_000;
        notices::choose(&desk.ports, &tenant(), &receiver.id.text(), deadline_ms).await.unwrap();
    }
    assert_eq!(version().await, before + 1);
    let batch = desk.fakes.batches.open().await.unwrap();
    assert_eq!(batch, []);
}
