//! Schedules: one batch for each hour that comes, whoever looks how often.

use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use offpeak_core::endpoint::Endpoint;
use offpeak_core::ids::TenantId;
use offpeak_core::nightly::{Schedule, ScheduledInput};
use offpeak_testkit::provider::Script;
use serde_json::json;

use crate::desk::{Desk, line, lines};
use crate::nightly::{desk_with, ids, looked, settle, summary};

const HOUR_MS: u64 = 3_600_000;

/// At one o'clock; a desk's clock begins at midnight of 2026-01-01.
fn at_one(input: ScheduledInput) -> Schedule {
    Schedule {
        name: "report".to_owned(),
        tenant: TenantId::from("one"),
        time: Time::constant(1, 0, 0, 0),
        zone: TimeZone::UTC,
        input,
        endpoint: None,
    }
}

fn by_path() -> ScheduledInput {
    ScheduledInput::Path("every night.jsonl".to_owned())
}

fn desk(schedule: Schedule) -> Desk {
    desk_with(Script::calm(), None, vec![schedule])
}

async fn pass(duration_ms: u64) {
    tokio::time::sleep(Duration::from_millis(duration_ms)).await;
}

#[tokio::test(start_paused = true)]
async fn each_night_has_one_batch_and_a_folder_of_its_own() {
    let desk = desk(at_one(by_path()));
    desk.fakes.mailbox.put_input("every night.jsonl", lines(3, "m"));
    let mut begun = 0;
    for _ in 0..3 * 24 * 6 {
        let (one, other) = tokio::join!(looked(&desk.ports), looked(&desk.ports));
        begun += usize::from(one.1 + other.1 > 0);
        settle(&desk).await;
        pass(HOUR_MS / 6).await;
    }
    assert_eq!(begun, 3);
    assert_eq!(settle(&desk).await.len(), 3);
    for day in ["01", "02", "03"] {
        let folder = format!("one/report/2026-01-{day}");
        assert_eq!(summary(&desk, &folder)["request_counts"], json!({"total": 3, "completed": 3, "failed": 0}));
        assert_eq!(ids(&desk, &format!("{folder}/output.jsonl")).len(), 3);
    }
    assert_eq!(desk.provider.executions().len(), 9);
}

#[tokio::test(start_paused = true)]
async fn a_new_schedule_does_not_begin_with_the_night_that_has_passed() {
    let desk = desk(at_one(by_path()));
    pass(2 * HOUR_MS).await;
    for _ in 0..3 {
        assert_eq!(looked(&desk.ports).await, (0, 0));
        pass(HOUR_MS).await;
    }
    pass(20 * HOUR_MS).await;
    assert_eq!(looked(&desk.ports).await, (0, 1));
}

#[tokio::test(start_paused = true)]
async fn only_the_latest_night_that_was_missed_is_made_up_for_and_not_long_after() {
    for (away_ms, wanted) in [(12 * HOUR_MS, 1), (12 * HOUR_MS + 1, 0), (48 * HOUR_MS + 5, 1)] {
        let desk = desk(at_one(by_path()));
        looked(&desk.ports).await;
        pass(HOUR_MS + away_ms).await;
        assert_eq!(looked(&desk.ports).await, (0, wanted), "{away_ms} ms late");
        assert_eq!(looked(&desk.ports).await, (0, 0));
        assert_eq!(desk.fakes.batches.snapshot().len(), wanted);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_told() {
    let desk = desk(at_one(by_path()));
    looked(&desk.ports).await;
    pass(HOUR_MS).await;
    assert_eq!(looked(&desk.ports).await, (0, 1));
    settle(&desk).await;
    let told = summary(&desk, "one/report/2026-01-01");
    assert_eq!((&told["status"], &told["errors"][0]["code"]), (&json!("failed"), &json!("invalid_request")));
    let message = told["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("schedules/every night.jsonl"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_stored_file_may_be_run_but_only_the_tenants() {
    for (tenant, status) in [("one", "completed"), ("two", "failed")] {
        let desk = desk_with(Script::calm(), None, Vec::new());
        let url = r#""url":"/v1/chat/completions""#;
        let text = line("a", "m").replace(url, r#""url":"/v1/responses""#).replace("messages", "input");
        let file = desk.input(&text).await;
        let schedule = Schedule { tenant: TenantId::from(tenant), ..at_one(ScheduledInput::File(file)) };
        let mut settings = (*desk.ports.settings).clone();
        settings.nightly.schedules = vec![schedule];
        let desk =
            Desk { ports: offpeak_core::ports::Ports { settings: settings.into(), ..desk.ports.clone() }, ..desk };
        looked(&desk.ports).await;
        pass(HOUR_MS).await;
        assert_eq!(looked(&desk.ports).await, (0, 1));
        let batch = settle(&desk).await.remove(0);
        let told = summary(&desk, &format!("{tenant}/report/2026-01-01"));
        assert_eq!((&told["status"], batch.asked.input), (&json!(status), file), "{told}");
        let endpoint = if tenant == "one" { Endpoint::Responses } else { Endpoint::ChatCompletions };
        assert_eq!(batch.asked.endpoint, endpoint);
    }
}

#[tokio::test(start_paused = true)]
async fn the_endpoint_that_it_names_holds() {
    let desk = desk(Schedule { endpoint: Some(Endpoint::Embeddings), ..at_one(by_path()) });
    desk.fakes.mailbox.put_input("every night.jsonl", lines(2, "m"));
    looked(&desk.ports).await;
    pass(HOUR_MS).await;
    looked(&desk.ports).await;
    settle(&desk).await;
    assert_eq!(summary(&desk, "one/report/2026-01-01")["errors"][0]["code"], "invalid_url");
}
