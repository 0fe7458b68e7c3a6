//! The hazards: what each actor's calls meet on their way, while the weather is bad.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::sleep;

use super::book::Book;
use super::plan::{Hazards, IN_FLIGHT_MS};
use super::switch::Switch;
use super::trace::Trace;
use crate::chaos::{Gate, Lost};
use crate::fakes::Random;

/// Which hazards strike. Clones share one seed's choices, and become calm together.
#[derive(Debug, Clone)]
pub struct Weather {
    /// How often.
    pub hazards: Hazards,
    /// The seed's choices.
    pub random: Random,
    calm: Arc<AtomicBool>,
}

impl Weather {
    /// Bad weather, decided by `random`.
    pub fn new(hazards: Hazards, random: Random) -> Self {
        Self { hazards, random, calm: Arc::default() }
    }

    /// From now on nothing strikes.
    pub fn calm(&self) {
        self.calm.store(true, Ordering::Relaxed);
    }

    /// Whether a hazard of that frequency (in a thousand) strikes now.
    pub fn strikes(&self, per_mille: u32) -> bool {
        per_mille > 0 && !self.calm.load(Ordering::Relaxed) && self.random.chance(per_mille)
    }

    /// Waits between `low_ms` and `high_ms`.
    pub async fn wait(&self, low_ms: u64, high_ms: u64) {
        sleep(Duration::from_millis(self.random.between(low_ms, high_ms))).await;
    }
}

/// One actor's way to its ports.
#[derive(Debug, Clone)]
pub struct Way {
    /// The actor's name in the trace.
    pub name: String,
    /// The actor's life.
    pub switch: Switch,
    /// What may happen on the way.
    pub weather: Weather,
    /// How often a create is late, in a thousand.
    pub late: u32,
    /// Where it is counted.
    pub book: Book,
    /// Where it is told.
    pub trace: Trace,
}

impl Way {
    /// Dies here: whoever awaits this is dropped.
    async fn die(&self, what: &'static str, when: &str) {
        self.trace.say(&self.name, || format!("dies {when} {what}"));
        self.book.with(|pages| pages.counts.kills += 1);
        self.switch.kill();
        pending::<()>().await;
    }

    /// Death, a freeze or a delay.
    async fn hold(&self, what: &'static str, when: &str) {
        let hazards = &self.weather.hazards;
        if self.weather.strikes(hazards.kill) {
            self.die(what, when).await;
        }
        if !from_note_to_receive(what, when) && self.weather.strikes(hazards.freeze) {
            self.book.with(|pages| pages.counts.freezes += 1);
            self.trace.say(&self.name, || format!("freezes {when} {what}"));
            self.weather.wait(10_000, 50_000).await;
            self.trace.say(&self.name, || format!("goes on {when} {what}"));
        }
        if self.weather.strikes(hazards.delay) {
            self.weather.wait(1, 3_000).await;
        }
    }

    /// The call that spends money: what is on its way longer than [`IN_FLIGHT_MS`] is what no rule can close.
    async fn send_create(&self) -> Result<(), Lost> {
        let hazards = &self.weather.hazards;
        if self.weather.strikes(hazards.kill) {
            self.die("backend.create", "before").await;
        }
        if self.weather.strikes(hazards.failed) {
            self.trace.say(&self.name, || "backend.create fails before it is sent".to_owned());
            return Err(Lost::Now);
        }
        if self.weather.strikes(self.late) {
            let given_up_ms = self.weather.random.between(0, 5_000);
            sleep(Duration::from_millis(given_up_ms)).await;
            let delay_ms = self.weather.random.between(0, IN_FLIGHT_MS - given_up_ms);
            self.trace.say(&self.name, || format!("backend.create is given up and arrives in {delay_ms} ms"));
            return Err(Lost::LateThenLost { delay_ms });
        }
        if self.weather.strikes(hazards.delay) {
            self.weather.wait(1, 3_000).await;
        }
        Ok(())
    }
}

/// A note covers what the receive after it hides for one visibility timeout more. A process that stands still between
/// the two for longer, and dies afterwards, is what that rule cannot close.
fn from_note_to_receive(what: &str, when: &str) -> bool {
    what == "classes.replace" || (what == "intake.receive" && when == "before")
}

#[async_trait]
impl Gate for Way {
    async fn before(&self, what: &'static str) -> Result<(), Lost> {
        if what == "backend.create" {
            return self.send_create().await;
        }
        self.hold(what, "before").await;
        if self.weather.strikes(self.weather.hazards.failed) {
            let late = self.weather.random.chance(250);
            self.trace.say(&self.name, || format!("{what} fails{}", if late { ", and arrives late" } else { "" }));
            let delay_ms = self.weather.random.between(1, 3_000);
            return Err(if late { Lost::LateThenLost { delay_ms } } else { Lost::Now });
        }
        Ok(())
    }

    async fn after(&self, what: &'static str) -> Result<(), Lost> {
        self.hold(what, "after").await;
        if self.weather.strikes(self.weather.hazards.lost) {
            self.trace.say(&self.name, || format!("the reply of {what} is lost"));
            self.book.with(|pages| pages.counts.lost_replies += 1);
            return Err(Lost::Now);
        }
        Ok(())
    }
}
