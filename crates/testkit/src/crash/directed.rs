//! Scenarios for what random runs hardly ever meet: each holds two actors where their steps cross.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use offpeak_core::class::Rule;
use offpeak_core::endpoint::Endpoint;
use offpeak_core::faults::Fault;
use offpeak_core::flows::accept::{Asked, Call, accept};
use offpeak_core::flows::advance::advance;
use offpeak_core::flows::pack;
use offpeak_core::ids::{CredentialId, RequestId, SubmissionId, TenantId};
use offpeak_core::job;
use offpeak_core::job::identity::body_sha256;
use offpeak_core::lane::{Lane, Next, Terms};
use offpeak_core::ports::{Backend, Clock, NewBatch, Ports, Settings, Upload};
use offpeak_core::submission::{Size, State};
use offpeak_core::timing::Timing;
use secrecy::SecretString;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::in_paused_time;
use crate::chaos::{Gate, Lost, behind};
use crate::fakes::{Fakes, TokioClock};
use crate::provider::{BatchOdds, Script, ScriptedProvider, Span};

/// Runs the scenario of a fault, if it has one: with the safeguard switched off, or as it is.
pub fn run(fault: Fault, planted: bool) -> Option<Result<(), String>> {
    let planted = planted.then_some(fault);
    if fault == Fault::DeadlineReread {
        Some(in_paused_time(planted, a_creator_oversleeps()))
    } else if fault == Fault::TwinsBeforeAdoption {
        Some(in_paused_time(planted, two_adopt_at_once()))
    } else if fault == Fault::TransferRepeated {
        Some(in_paused_time(planted, two_transfer_at_once()))
    } else if fault == Fault::PatienceEndless {
        Some(in_paused_time(planted, a_provider_keeps_everybody_waiting()))
    } else if matches!(fault, Fault::BreakerUntold | Fault::BreakerStuck) {
        Some(in_paused_time(planted, a_provider_is_out_for_all_until_it_takes_something()))
    } else {
        None
    }
}

/// Stops one call of one actor until it is released.
pub(crate) struct Hold {
    what: &'static str,
    after: bool,
    /// Which of those calls, from 1.
    call: u32,
    seen: AtomicU32,
    reached: Notify,
    release: Notify,
}

impl Hold {
    pub(crate) fn at(what: &'static str, after: bool, call: u32) -> Arc<Self> {
        let (reached, release) = (Notify::new(), Notify::new());
        Arc::new(Self { what, after, call, seen: AtomicU32::new(0), reached, release })
    }

    /// Waits until the call is held.
    pub(crate) async fn reached(&self) {
        self.reached.notified().await;
    }

    /// Lets the call go on.
    pub(crate) fn release(&self) {
        self.release.notify_one();
    }

    async fn pass(&self, what: &'static str, after: bool) {
        if what == self.what && after == self.after && self.seen.fetch_add(1, Ordering::Relaxed) + 1 == self.call {
            self.reached.notify_one();
            self.release.notified().await;
        }
    }
}

#[async_trait]
impl Gate for Hold {
    async fn before(&self, what: &'static str) -> Result<(), Lost> {
        self.pass(what, false).await;
        Ok(())
    }

    async fn after(&self, what: &'static str) -> Result<(), Lost> {
        self.pass(what, true).await;
        Ok(())
    }
}

/// One sealed submission of one job, and a provider on a good day.
struct Scene {
    fakes: Fakes,
    provider: ScriptedProvider,
    ports: Ports,
    submission: SubmissionId,
}

impl Scene {
    async fn set() -> Result<Self, String> {
        let slow = Script { run: Span::new(500_000, 500_000), ..Script::calm() };
        Self::of(slow, Terms::default()).await
    }

    async fn of(script: Script, terms: Terms) -> Result<Self, String> {
        let clock = TokioClock::default();
        let fakes = Fakes::new(&clock, 1);
        let keys = [CredentialId::from("gateway"), CredentialId::own("provider"), CredentialId::own("second")];
        let credentials = keys.iter().fold(fakes.credentials.clone(), |all, key| all.with(key, "secret"));
        let fakes = Fakes { credentials, ..fakes };
        let provider = ScriptedProvider::new(&clock, 1, script);
        let backend: Arc<dyn Backend> = Arc::new(provider.clone());
        let second: Arc<dyn Backend> = Arc::new(ScriptedProvider::new(&clock, 2, Script::calm()));
        let backends = BTreeMap::from([("provider".to_owned(), backend), ("second".to_owned(), second)]);
        let settings = Settings {
            timing: Timing { create_timeout_ms: 5_000, create_grace_ms: 10_000, ..Timing::default() },
            classes: BTreeMap::from([("soon".to_owned(), Rule::Window { window_ms: 0, max_jobs: None })]),
            ..Settings::default()
        };
        let ports = fakes.ports(backends, settings);
        let call = Call { request: RequestId([1; 16]), retry_count: 0, polls: false };
        accept(&ports, &asked(terms), &call, &|| false).await.map_err(|error| error.to_string())?;
        let stop_ms = clock.now_ms() + 60_000;
        let sealed = pack::tick(&ports, "soon", stop_ms).await.map_err(|error| error.to_string())?;
        let submission = sealed.first().copied().ok_or("nothing was sealed")?;
        Ok(Self { fakes, provider, ports, submission })
    }

    /// Another actor advances the submission through `hold`.
    fn actor(&self, hold: &Arc<Hold>) -> tokio::task::JoinHandle<()> {
        let gate: Arc<dyn Gate> = Arc::<Hold>::clone(hold);
        let (ports, submission) = (behind(&self.ports, &gate), self.submission);
        tokio::spawn(async move { drop(Box::pin(advance(&ports, submission)).await) })
    }

    /// Advances the submission while a first actor is held at `what`; whether that call was made a second time.
    async fn repeats(&self, what: &'static str) -> bool {
        let first = Hold::at(what, false, 1);
        let held = self.actor(&first);
        first.reached().await;
        let second = Hold::at(what, false, 1);
        let other = self.actor(&second);
        let repeated = tokio::select! {
            () = second.reached() => true,
            _ = other => false,
        };
        second.release();
        first.release();
        drop(held.await);
        repeated
    }

    /// Ticks of a packer and a poller, a minute each.
    async fn tick(&self, minutes: u64) -> Result<(), String> {
        for _ in 0..minutes {
            sleep(Duration::from_mins(1)).await;
            let sealed = pack::tick(&self.ports, "soon", u64::MAX).await.map_err(|error| error.to_string())?;
            for id in sealed.into_iter().chain(self.ports.submissions.open().await.unwrap_or_default()) {
                drop(Box::pin(advance(&self.ports, id)).await);
            }
        }
        Ok(())
    }

    /// Where a job of the gateway's own key is, so many minutes after it was accepted, and how far.
    async fn comes_to(&self, question: &str, minutes: u64) -> Result<(String, job::State), String> {
        let body = Bytes::from(format!(r#"{{"model":"m","q":"{question}"}}"#));
        let (sha, call) = (body_sha256(&body), Call { request: RequestId([2; 16]), retry_count: 0, polls: false });
        let mut asked = Asked { body_sha256: sha.clone(), body, ..asked(second()) };
        asked.lane.credential = CredentialId::own("provider");
        accept(&self.ports, &asked, &call, &|| false).await.map_err(|error| error.to_string())?;
        self.tick(minutes).await?;
        let job = self.fakes.jobs.snapshot().into_iter().find(|job| job.request.body_sha256 == sha);
        job.map(|job| (job.lane.provider, job.state)).ok_or_else(|| "there is no such job".to_owned())
    }

    fn state(&self) -> Option<State> {
        self.fakes.submissions.row(self.submission).map(|row| row.state)
    }
}

fn asked(terms: Terms) -> Asked {
    let body = Bytes::from_static(br#"{"model":"m","q":"q1"}"#);
    let lane = Lane {
        credential: CredentialId::from("gateway"),
        provider: "provider".to_owned(),
        endpoint: Endpoint::ChatCompletions,
        model: "m".to_owned(),
        class: "soon".to_owned(),
        terms,
    };
    Asked {
        tenant: TenantId::from("tenant"),
        lane,
        model: "m".to_owned(),
        body_sha256: body_sha256(&body),
        size: Size { requests: 1, bytes: 200, tokens: 10, inputs: 0 },
        body,
        deadline_ms: TokioClock::EPOCH_MS + 72 * 3_600_000,
        key: None,
        tag: None,
        webhook: None,
        handed: None,
    }
}

/// Rule 8: a creator stops between its intent and its call; when it goes on, another is about to create.
async fn a_creator_oversleeps() -> Result<(), String> {
    let scene = Scene::set().await?;
    // The second write stores the intent: the first begins the upload.
    let asleep = Hold::at("submissions.replace", true, 2);
    let first = scene.actor(&asleep);
    asleep.reached().await;
    let timing = &scene.ports.settings.timing;
    sleep(Duration::from_millis(timing.create_timeout_ms + timing.create_grace_ms)).await;
    drop(advance(&scene.ports, scene.submission).await);
    sleep(Duration::from_millis(timing.absent_gap_ms)).await;
    let sending = Hold::at("backend.create", false, 1);
    let second = scene.actor(&sending);
    sending.reached().await;
    asleep.release();
    drop(first.await);
    sending.release();
    drop(second.await);
    match scene.provider.batches_of(scene.submission).len() {
        1 => Ok(()),
        count => Err(format!("the batch was created {count} times")),
    }
}

/// Rule 8: a batch arrives after the grace, so that there are two. While a poller that has listed both is about to
/// adopt the older one, the creator of the other adopts that. Whichever is adopted must not be cancelled.
async fn two_adopt_at_once() -> Result<(), String> {
    let scene = Scene::set().await?;
    let (provider, key) = (&scene.provider, SecretString::from("secret"));
    let upload = Upload { submission: scene.submission, length: 0, bytes: futures_util::stream::empty().boxed() };
    let file = provider.upload(&key, upload).await.map_err(|error| error.to_string())?;
    let endpoint = Endpoint::ChatCompletions;
    provider.create(&key, NewBatch { submission: scene.submission, file, endpoint, timeout_ms: 1_000 }).await;
    // Upload, intent, then the adoption of what its call created.
    let creating = Hold::at("submissions.replace", false, 3);
    let creator = scene.actor(&creating);
    creating.reached().await;
    let adopting = Hold::at("submissions.replace", false, 1);
    let poller = scene.actor(&adopting);
    adopting.reached().await;
    creating.release();
    drop(creator.await);
    adopting.release();
    drop(poller.await);
    let Some(State::Submitted(placed)) = scene.state() else { return Err("no batch was adopted".to_owned()) };
    let batches = scene.provider.batches_of(scene.submission);
    let adopted = batches.iter().find(|batch| batch.id == placed.batch);
    match adopted {
        Some(batch) if !batch.cancelled => Ok(()),
        Some(_) | None => Err("the adopted batch was cancelled".to_owned()),
    }
}

/// Step 6: a provider that never takes a submission loses its jobs to the next, long before their deadline.
async fn a_provider_keeps_everybody_waiting() -> Result<(), String> {
    let scene = Scene::of(throttled(), second()).await?;
    scene.tick(40).await?;
    match scene.fakes.jobs.snapshot().first().map(|job| (&job.state, &job.lane.provider)) {
        Some((job::State::Done(_), provider)) if provider == "second" => Ok(()),
        job => Err(format!("after 40 minutes it is {job:?}")),
    }
}

fn throttled() -> Script {
    Script { batches: BatchOdds { throttled: 1_000, ..BatchOdds::default() }, ..Script::calm() }
}

/// After the provider comes the second.
fn second() -> Terms {
    let next = Next { provider: "second".to_owned(), model: "m2".to_owned(), within_ms: 60_000, grace_ms: None };
    Terms { within_ms: 86_400_000, then: vec![next], ..Terms::default() }
}

/// The circuit breaker: whoever is known to take nothing keeps nobody else waiting; the first that it takes closes it.
async fn a_provider_is_out_for_all_until_it_takes_something() -> Result<(), String> {
    let scene = Scene::of(throttled(), second()).await?;
    let known = scene.comes_to("who finds out", 20).await?;
    let (after, before) = (scene.comes_to("who comes after", 3).await?, known);
    scene.provider.follow(Script::calm());
    let healed = scene.comes_to("who is tried", 3).await?;
    scene.provider.follow(throttled());
    let waits = scene.comes_to("who waits again", 3).await?;
    let where_to = |(provider, state): &(String, job::State)| (provider.clone(), state.is_final());
    let found = [&before, &after, &healed, &waits].map(where_to);
    let expected = [("second", true), ("second", true), ("provider", true), ("provider", false)];
    if found == expected.map(|(provider, is_final)| (provider.to_owned(), is_final)) {
        return Ok(());
    }
    Err(format!("they came to {found:?}"))
}

/// Step 3: while somebody uploads, downloads or settles, whoever looks at the submission leaves it alone.
async fn two_transfer_at_once() -> Result<(), String> {
    for what in ["backend.upload", "backend.download", "jobs.apply"] {
        let scene = Scene::set().await?;
        if what != "backend.upload" {
            drop(advance(&scene.ports, scene.submission).await);
            sleep(Duration::from_mins(10)).await;
        }
        if scene.repeats(what).await {
            return Err(format!("{what} was called by two at once"));
        }
        if !matches!(scene.state(), Some(State::Submitted(_) | State::Done { .. })) {
            return Err(format!("after {what} it is {:?}", scene.state()));
        }
    }
    Ok(())
}
