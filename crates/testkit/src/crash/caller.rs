//! A caller: it asks, is told to wait, loses replies, and asks again as an SDK does.

use std::time::Duration;

use bytes::Bytes;
use offpeak_core::body::with_model;
use offpeak_core::flows::accept::{Asked, Call};
use offpeak_core::ids::{CredentialId, JobId, RequestId, TenantId};
use offpeak_core::job::identity::body_sha256;
use offpeak_core::lane::Lane;
use offpeak_core::ports::{Clock, Random as _};
use offpeak_core::route::Wanted;
use offpeak_core::submission::{Size, line};
use tokio::time::{sleep, timeout};

use super::book::Answered;
use super::door::{Door, Line, Reply};
use super::plan::{CallerPlan, Manner, PAUSE_MS};
use super::targets::route;
use super::world::World;

/// A caller of this world.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The world.
    pub world: World,
    /// Which caller it is.
    pub number: usize,
    /// How it behaves.
    pub plan: CallerPlan,
}

/// What one try came to.
enum Tried {
    Final(JobId, Option<Bytes>),
    Waiting(JobId),
    Lost,
}

impl Caller {
    /// Lives until it is answered, or leaves.
    pub async fn live(self) {
        sleep(Duration::from_millis(self.plan.start_ms)).await;
        match self.plan.manner {
            Manner::Leaves => self.leave().await,
            Manner::Returns | Manner::Forgets => self.take_a_number().await,
            Manner::Holds | Manner::Keyed | Manner::Cancels => self.hold().await,
        }
    }

    fn name(&self) -> String {
        format!("caller {}", self.number)
    }

    fn say(&self, what: impl FnOnce() -> String) {
        self.world.watch.trace.say(&self.name(), what);
    }

    /// The request as its body says it.
    fn asked(&self, door: &Door) -> Asked {
        let (sent, lane) = (Bytes::from(self.plan.body()), self.lane());
        let body = with_model(&sent, &lane.model);
        let endpoint = self.plan.endpoint;
        let bytes = (line::FRAME + endpoint.path().len() + body.len()) as u64;
        Asked {
            tenant: TenantId::from(self.plan.tenant),
            lane,
            model: "m".to_owned(),
            body_sha256: body_sha256(&sent),
            size: Size { requests: 1, bytes, tokens: bytes / 4, inputs: 0 },
            body,
            deadline_ms: door.ports.clock.now_ms() + self.plan.deadline_ms,
            key: (self.plan.manner == Manner::Keyed).then(|| format!("key {}", self.number)),
            tag: None,
            webhook: None,
            handed: None,
        }
    }

    /// Where its request is routed to.
    #[expect(clippy::expect_used, reason = "a world without a target is no world")]
    fn lane(&self) -> Lane {
        let plan = &self.world.plan;
        let wanted = Wanted {
            endpoint: self.plan.endpoint,
            model: "m",
            class: self.plan.class.to_owned(),
            left_ms: self.plan.deadline_ms,
            private: self.plan.private,
            credential: Some(CredentialId::from("gateway")),
        };
        route("m", None, plan.later).lane(wanted).expect("a target")
    }

    /// Whom its request names to be told.
    fn named(&self) -> Option<String> {
        self.plan.named.as_ref().map(|named| named.text.clone())
    }

    fn call(&self, retry_count: u32) -> Call {
        let request = RequestId(self.world.weather.random.bits());
        Call { request, retry_count, polls: self.world.plan.polls }
    }

    /// Asks until it is answered.
    async fn hold(&self) {
        let mut cancelled = self.plan.manner != Manner::Cancels;
        let hold_ms = if self.world.plan.polls { 0 } else { self.world.plan.hold_ms };
        let started_ms = self.world.watch.fakes.clock.now_ms();
        let mut retry_count = 0;
        loop {
            let door = self.world.door();
            let line = door.call(self.asked(door), self.named(), self.call(retry_count), hold_ms);
            match self.listen(line).await {
                Tried::Final(job, body) => return self.answered(job, body),
                Tried::Waiting(job) => {
                    if !cancelled {
                        self.pause(100, 30_000).await;
                        self.cancel(job).await;
                        cancelled = true;
                    }
                    self.pause(1_000, PAUSE_MS).await;
                    if self.world.plan.polls {
                        // 422 ends a call: the next one is a first call.
                        retry_count = 0;
                        continue;
                    }
                }
                Tried::Lost => self.pause(500, 8_000).await,
            }
            // Where the world has leapt over a night, the client has called all the while.
            let waited_ms = self.world.watch.fakes.clock.now_ms() - started_ms;
            let tries = waited_ms / self.world.plan.timing.longest_try_ms + 1;
            retry_count = (retry_count + 1).max(u32::try_from(tries).unwrap_or(u32::MAX));
        }
    }

    /// Asks for a job's id, and perhaps comes back with it.
    async fn take_a_number(&self) {
        let mut retry_count = 0;
        let job = loop {
            let door = self.world.door();
            let line = door.call(self.asked(door), self.named(), self.call(retry_count), 0);
            match self.listen(line).await {
                Tried::Final(job, body) => return self.answered(job, body),
                Tried::Waiting(job) => break job,
                Tried::Lost => self.pause(500, 8_000).await,
            }
            retry_count += 1;
        };
        if self.plan.manner == Manner::Forgets {
            return;
        }
        loop {
            self.pause(1_000, 20_000).await;
            if let Tried::Final(job, body) = self.listen(self.world.door().result(job)).await {
                return self.answered(job, body);
            }
        }
    }

    /// Asks once and is gone.
    async fn leave(&self) {
        let door = self.world.door();
        let line = door.call(self.asked(door), self.named(), self.call(0), self.world.plan.hold_ms);
        self.pause(0, 4_000).await;
        self.say(|| "leaves for good".to_owned());
        line.hang_up();
        self.world.watch.book.with(|pages| pages.troubled.insert(self.plan.question));
    }

    async fn cancel(&self, job: JobId) {
        loop {
            self.say(|| format!("withdraws {job}"));
            if matches!(self.listen(self.world.door().cancel(job)).await, Tried::Waiting(_)) {
                return;
            }
            self.pause(500, 5_000).await;
        }
    }

    /// Waits for one reply, which may be lost on its way.
    async fn listen(&self, mut line: Line) -> Tried {
        let patience = Duration::from_millis(self.world.plan.patience_ms());
        let reply = match timeout(patience, &mut line.reply).await {
            Ok(Ok(reply)) if !self.world.weather.strikes(self.world.plan.hazards.reply) => reply,
            Ok(Ok(_)) => {
                self.world.watch.book.with(|pages| pages.counts.lost_replies += 1);
                self.lost("its reply is lost")
            }
            Ok(Err(_)) => self.lost("its front door died"),
            Err(_) => {
                line.hang_up();
                self.lost("it waited too long")
            }
        };
        match reply {
            Reply::Final { job, body } => Tried::Final(job, body),
            Reply::Waiting { job } => {
                self.world.watch.book.with(|pages| pages.told.insert(job));
                Tried::Waiting(job)
            }
            Reply::Unclear => {
                self.lost("its call is unclear");
                Tried::Lost
            }
            Reply::Wrong(what) => {
                self.world.watch.book.with(|pages| pages.wrongs.push(format!("{}: {what}", self.name())));
                Tried::Lost
            }
        }
    }

    fn lost(&self, what: &'static str) -> Reply {
        self.say(|| what.to_owned());
        self.world.watch.book.with(|pages| pages.troubled.insert(self.plan.question));
        Reply::Unclear
    }

    fn answered(&self, job: JobId, body: Option<Bytes>) {
        let body = body.map(|body| String::from_utf8_lossy(&body).into_owned());
        self.say(|| format!("is answered by {job}: {body:?}"));
        self.world.watch.book.with(|pages| {
            pages.told.insert(job);
            pages.answers.insert(self.number, Answered { job, body });
        });
    }

    async fn pause(&self, low_ms: u64, high_ms: u64) {
        self.world.weather.wait(low_ms, high_ms).await;
    }
}
