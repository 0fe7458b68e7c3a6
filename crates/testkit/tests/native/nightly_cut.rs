//! Whoever dies at any passage between the flows and their ports: one batch, all of its results, nothing paid twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use offpeak_core::ids::TenantId;
use offpeak_core::nightly::{Schedule, ScheduledInput};
use offpeak_core::ports::Ports;
use offpeak_testkit::chaos::{Gate, Lost, behind};
use offpeak_testkit::provider::Script;
use tokio::sync::Notify;

use crate::desk::{Desk, lines, names};
use crate::nightly::{desk_with, ids, looked, settle, summary};

/// Who makes the nth passage goes no further.
#[derive(Default)]
struct Cut {
    at: u64,
    passed: AtomicU64,
    died: Notify,
}

impl Cut {
    async fn pass(&self) {
        if self.passed.fetch_add(1, Ordering::Relaxed) == self.at {
            self.died.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl Gate for Cut {
    async fn before(&self, _: &'static str) -> Result<(), Lost> {
        self.pass().await;
        Ok(())
    }

    async fn after(&self, _: &'static str) -> Result<(), Lost> {
        self.pass().await;
        Ok(())
    }
}

/// Looks and ticks until there is a batch and nothing is owed to any.
async fn work(desk: &Desk, ports: &Ports) {
    let desk = Desk { ports: ports.clone(), fakes: desk.fakes.clone(), provider: desk.provider.clone() };
    loop {
        looked(&desk.ports).await;
        desk.tick().await;
        let rows = desk.fakes.batches.snapshot();
        if !rows.is_empty() && rows.iter().all(|row| !row.is_open()) && desk.fakes.mailbox.inbox().is_empty() {
            return;
        }
    }
}

/// One run with a death; says how many passages there were.
async fn run(desk: &Desk, folder: &str, at: u64) -> u64 {
    let cut = Arc::new(Cut { at, ..Cut::default() });
    let gate: Arc<dyn Gate> = Arc::<Cut>::clone(&cut);
    let ports = behind(&desk.ports, &gate);
    tokio::select! {
        biased;
        () = cut.died.notified() => work(desk, &desk.ports).await,
        () = work(desk, &ports) => {}
    }
    let rows = desk.fakes.batches.snapshot();
    assert_eq!(rows.len(), 1, "cut at {at}");
    assert_eq!(ids(desk, &format!("{folder}/output.jsonl")), names(4), "cut at {at}");
    assert_eq!(summary(desk, folder)["batch_id"], rows[0].id.text(), "cut at {at}");
    assert_eq!(desk.provider.executions().iter().filter(|run| run.billed).count(), 4, "cut at {at}");
    cut.passed.load(Ordering::Relaxed)
}

#[tokio::test(start_paused = true)]
async fn a_drop_is_one_batch_with_all_its_results_after_a_death_at_any_passage() {
    let fresh = || {
        let desk = desk_with(Script::calm(), Some("default"), Vec::new());
        desk.fakes.mailbox.drop_into("night.jsonl", lines(4, "m"));
        desk
    };
    let passages = run(&fresh(), "default/night", u64::MAX).await;
    println!("{passages} passages");
    assert!(passages > 80, "{passages}");
    for at in 0..passages {
        run(&fresh(), "default/night", at).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_night_is_one_batch_with_all_its_results_after_a_death_at_any_passage() {
    let fresh = async || {
        let schedule = Schedule {
            name: "report".to_owned(),
            tenant: TenantId::from("default"),
            time: Time::constant(1, 0, 0, 0),
            zone: TimeZone::UTC,
            input: ScheduledInput::Path("report.jsonl".to_owned()),
            endpoint: None,
        };
        let desk = desk_with(Script::calm(), None, vec![schedule]);
        desk.fakes.mailbox.put_input("report.jsonl", lines(4, "m"));
        looked(&desk.ports).await;
        // A desk's clock begins at midnight.
        tokio::time::sleep(Duration::from_hours(1)).await;
        desk
    };
    let passages = run(&fresh().await, "default/report/2026-01-01", u64::MAX).await;
    println!("{passages} passages");
    assert!(passages > 80, "{passages}");
    for at in 0..passages {
        run(&fresh().await, "default/report/2026-01-01", at).await;
    }
}

/// Holds the first call of one name until it is let go.
struct Hold {
    what: &'static str,
    held: AtomicBool,
    reached: Notify,
    go: Notify,
}

#[async_trait]
impl Gate for Hold {
    async fn before(&self, what: &'static str) -> Result<(), Lost> {
        if what == self.what && !self.held.swap(true, Ordering::Relaxed) {
            self.reached.notify_one();
            self.go.notified().await;
        }
        Ok(())
    }

    async fn after(&self, _: &'static str) -> Result<(), Lost> {
        Ok(())
    }
}

/// Frozen before each of its calls while another takes the same, runs it and gives its results.
#[tokio::test(start_paused = true)]
async fn whoever_was_frozen_while_another_did_it_all_takes_nothing_back() {
    for what in [
        "batches.get",
        "mailbox.read",
        "objects.create",
        "objects.finish",
        "files.create",
        "mailbox.retract",
        "batches.create",
        "mailbox.remove",
    ] {
        let desk = desk_with(Script::calm(), Some("default"), Vec::new());
        desk.fakes.mailbox.drop_into("night.jsonl", lines(4, "m"));
        let hold = Hold { what, held: AtomicBool::new(false), reached: Notify::new(), go: Notify::new() };
        let hold = Arc::new(hold);
        let gate: Arc<dyn Gate> = Arc::<Hold>::clone(&hold);
        let frozen = behind(&desk.ports, &gate);
        let slow = tokio::spawn(async move { looked(&frozen).await });
        hold.reached.notified().await;
        looked(&desk.ports).await;
        settle(&desk).await;
        hold.go.notify_one();
        slow.await.unwrap();
        assert_eq!(desk.fakes.batches.snapshot().len(), 1, "{what}");
        assert_eq!(summary(&desk, "default/night")["status"], "completed", "{what}");
        assert_eq!(ids(&desk, "default/night/output.jsonl"), names(4), "{what}");
        let contents = desk.fakes.objects.names().iter().filter(|name| name.as_str().starts_with("files/")).count();
        assert_eq!(contents, 2, "{what}: one input, one output");
    }
}
