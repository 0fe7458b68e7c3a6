//! A front door: it accepts calls, holds them, and answers, until it dies with all of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use offpeak_core::flows::accept::{AcceptError, Asked, Call, accept};
use offpeak_core::flows::cancel::cancel;
use offpeak_core::flows::hand_out::{HandedOut, body, hand_out, look};
use offpeak_core::flows::notices::{ChooseError, choose};
use offpeak_core::ids::JobId;
use offpeak_core::job::{Job, State};
use offpeak_core::ports::{Ports, StoreError};
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::switch::Switch;
use super::weather::Weather;
use crate::fakes::Wake;

/// Between two looks at a job that a call waits for, milliseconds.
const LOOK_MS: u64 = 2_500;

/// A front door.
#[derive(Debug, Clone)]
pub struct Door {
    /// Its way to the stores.
    pub ports: Ports,
    /// Its life.
    pub switch: Switch,
    /// Its weather.
    pub weather: Weather,
    /// Who wakes its held calls.
    pub wake: Wake,
    back_ms: Arc<AtomicU64>,
}

/// What a call comes to.
#[derive(Debug, Clone)]
pub enum Reply {
    /// The job is final.
    Final {
        /// The job.
        job: JobId,
        /// The provider's answer, if it gave one.
        body: Option<Bytes>,
    },
    /// The job is accepted and not final.
    Waiting {
        /// The job.
        job: JobId,
    },
    /// The outcome is unknown.
    Unclear,
    /// Refused, for a reason that no caller of this world gives.
    Wrong(&'static str),
}

/// A call on its way.
#[derive(Debug)]
pub struct Line {
    /// The reply; closed if the front door died.
    pub reply: oneshot::Receiver<Reply>,
    gone: Arc<AtomicBool>,
}

impl Line {
    /// The caller leaves; the front door may not notice at once.
    pub fn hang_up(self) {
        self.gone.store(true, Ordering::Relaxed);
    }
}

impl Door {
    /// A door that is open.
    pub fn new(ports: Ports, switch: Switch, weather: Weather, wake: Wake) -> Self {
        Self { ports, switch, weather, wake, back_ms: Arc::default() }
    }

    /// A call that is held for `hold_ms`, and may name whom to tell. It goes on when its caller has left, until it notices.
    pub fn call(&self, mut asked: Asked, named: Option<String>, call: Call, hold_ms: u64) -> Line {
        let gone = Arc::new(AtomicBool::new(false));
        let (door, left) = (self.clone(), Arc::clone(&gone));
        self.serve(gone, async move {
            if let Some(named) = named {
                match choose(&door.ports, &asked.tenant, &named, asked.deadline_ms).await {
                    Ok(webhook) => asked.webhook = Some(webhook),
                    Err(ChooseError::Store(_)) => return Reply::Unclear,
                    Err(_) => return Reply::Wrong("a receiver is unknown"),
                }
            }
            door.answer(&asked, &call, hold_ms, &left).await
        })
    }

    /// Asks for the result of a job by its id.
    pub fn result(&self, job: JobId) -> Line {
        let door = self.clone();
        self.serve(Arc::default(), async move {
            match look(&door.ports, job).await {
                Ok(Some(row)) if row.state.is_final() => door.final_reply(&row).await,
                Ok(Some(_)) => Reply::Waiting { job },
                Ok(None) => Reply::Wrong("an accepted job is unknown"),
                Err(_) => Reply::Unclear,
            }
        })
    }

    /// Withdraws a job.
    pub fn cancel(&self, job: JobId) -> Line {
        let door = self.clone();
        self.serve(Arc::default(), async move {
            match cancel(&door.ports, job).await {
                Ok(Some(_)) => Reply::Waiting { job },
                Ok(None) => Reply::Wrong("an accepted job is unknown"),
                Err(_) => Reply::Unclear,
            }
        })
    }

    fn serve(&self, gone: Arc<AtomicBool>, work: impl Future<Output = Reply> + Send + 'static) -> Line {
        let (sender, reply) = oneshot::channel();
        let now_ms = self.ports.clock.now_ms();
        if now_ms >= self.back_ms.load(Ordering::Relaxed) {
            let door = self.clone();
            let work = Box::pin(work);
            tokio::spawn(async move {
                if let Some(reply) = door.switch.until_death(work).await {
                    // A caller that has left hears nothing.
                    drop(sender.send(reply));
                } else {
                    let back_ms = door.ports.clock.now_ms() + door.weather.random.between(100, 10_000);
                    door.back_ms.fetch_max(back_ms, Ordering::Relaxed);
                }
            });
        }
        Line { reply, gone }
    }

    async fn answer(&self, asked: &Asked, call: &Call, hold_ms: u64, left: &AtomicBool) -> Reply {
        let until_ms = self.ports.clock.now_ms() + hold_ms;
        loop {
            let accepted = match accept(&self.ports, asked, call, &|| left.load(Ordering::Relaxed)).await {
                Ok(accepted) => accepted,
                Err(AcceptError::KeyReused) => return Reply::Wrong("a key names another request"),
                Err(AcceptError::CallerGone | AcceptError::Store(_)) => return Reply::Unclear,
            };
            let job = accepted.job.id;
            let row = match self.wait(accepted.job, until_ms).await {
                Ok(Some(row)) => row,
                Ok(None) => return Reply::Waiting { job },
                Err(_) => return Reply::Unclear,
            };
            if !accepted.again {
                match hand_out(&self.ports, job, row.request.keyed, call).await {
                    Ok(HandedOut::Yes) => {}
                    Ok(HandedOut::Taken) => continue,
                    Err(_) => return Reply::Unclear,
                }
            }
            return self.final_reply(&row).await;
        }
    }

    /// Waits for the end of a job whose row was just read, until the hold is over (`None`).
    async fn wait(&self, mut row: Job, until_ms: u64) -> Result<Option<Job>, StoreError> {
        let job = row.id;
        loop {
            if row.state.is_final() {
                return Ok(Some(row));
            }
            let now_ms = self.ports.clock.now_ms();
            if now_ms >= until_ms {
                return Ok(None);
            }
            let pause = Duration::from_millis(LOOK_MS.min(until_ms - now_ms));
            tokio::select! {
                biased;
                _ = self.wake.of(job) => {}
                () = sleep(pause) => {}
            }
            sleep(Duration::from_millis(20)).await;
            row = look(&self.ports, job).await?.ok_or(StoreError::NotFound)?;
        }
    }

    async fn final_reply(&self, row: &Job) -> Reply {
        let State::Done(answer) = &row.state else { return Reply::Final { job: row.id, body: None } };
        match body(&self.ports, answer).await {
            Ok(body) => Reply::Final { job: row.id, body: Some(body) },
            Err(_) => Reply::Unclear,
        }
    }
}
