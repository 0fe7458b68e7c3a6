//! Each file of `events/` is an event that a function receives: it must be understood, and handled.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::response::Response;
use hyper::StatusCode;
use offpeak_api::Auth;
use offpeak_core::class::Rule;
use offpeak_core::ids::{CredentialId, TenantId};
use offpeak_core::ports::{Clock as _, KeyRecord, Keys as _, Ports, Settings};
use offpeak_operator::handler::Command;
use offpeak_packer::handler::{Packed, Tick};
use offpeak_testkit::fakes::{Fakes, TokioClock};
use offpeak_testkit::provider::{Script, ScriptedProvider};
use offpeak_tests::workspace;
use offpeak_tests_aws::Stop;
use serde::de::IgnoredAny;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tower::ServiceExt as _;

use crate::crash::{PROVIDER, Site, apart, door_over};

/// The key that the front door's events carry.
const KEY: &str = "sk-offpeak-of-nobody";
/// What is left of an invocation when it begins.
const INVOCATION_MS: u64 = 600_000;

/// The files whose name begins so, by their stems.
pub(super) fn events(prefix: &str) -> BTreeMap<String, String> {
    let files = std::fs::read_dir(workspace().join("events")).unwrap();
    let mut found = BTreeMap::new();
    for file in files {
        let path = file.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if stem.starts_with(prefix) {
            found.insert(stem, std::fs::read_to_string(&path).unwrap());
        }
    }
    assert!(!found.is_empty(), "no events {prefix}*");
    found
}

/// Ports in memory, with both classes, and the key of the events.
async fn fakes() -> (Fakes, Ports) {
    let clock = TokioClock::default();
    let fakes = Fakes::new(&clock, 1);
    let own = CredentialId::own(PROVIDER);
    let fakes = Fakes { credentials: fakes.credentials.with(&own, "sk-own"), ..fakes };
    let hash: [u8; 32] = Sha256::digest(KEY).into();
    let key =
        KeyRecord { hash, tenant: TenantId::from("nobody"), hint: String::new(), created_ms: 1, revoked_ms: None };
    fakes.keys.create(key).await.unwrap();
    let rule = || Rule::Window { window_ms: 1, max_jobs: None };
    let classes = BTreeMap::from([("soon".to_owned(), rule()), ("nightly".to_owned(), rule())]);
    let provider = Arc::new(ScriptedProvider::new(&clock, 1, Script::calm()));
    let settings = Settings { classes, ..Settings::default() };
    let ports = fakes.ports(BTreeMap::from([(PROVIDER.to_owned(), provider as _)]), settings);
    (fakes, ports)
}

/// What the front door answers to an event, as `lambda_http` hands it over.
async fn answered(fakes: &Fakes, ports: &Ports, event: &str) -> Response {
    let door = door_over(ports, Auth::Keys, Arc::new(fakes.keys.clone()));
    let request = lambda_http::request::from_str(event).unwrap();
    offpeak_front_door::handler::bounded(door).oneshot(request).await.unwrap_or_else(|never| match never {})
}

#[test]
fn every_event_is_some_functions() {
    let known = ["front-door-", "packer-", "poller", "notifier", "operator-", "scaler", "live"];
    for stem in events("").keys() {
        assert!(known.iter().any(|prefix| stem.starts_with(prefix)), "whose is events/{stem}.json?");
    }
}

#[tokio::test]
async fn the_front_doors_events_are_answered() {
    let (fakes, ports) = fakes().await;
    for (stem, event) in events("front-door-") {
        let shown: Value = serde_json::from_str(&event).unwrap();
        let answer = answered(&fakes, &ports, &event).await;
        let posted = shown["requestContext"]["http"]["method"] == "POST";
        let expected = if posted { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NOT_FOUND };
        assert_eq!(answer.status(), expected, "{stem}");
        assert_eq!(answer.headers().contains_key("x-offpeak-job"), posted, "{stem}");
    }
    assert_eq!(fakes.intake.snapshot("soon").len(), fakes.jobs.snapshot().len());
    assert!(!fakes.jobs.snapshot().is_empty());
}

#[tokio::test]
async fn the_schedules_events_tick() {
    let (fakes, ports) = fakes().await;
    answered(&fakes, &ports, &events("front-door-post-chat")["front-door-post-chat"]).await;
    let deadline_ms = fakes.clock.now_ms() + INVOCATION_MS;
    for (stem, event) in events("packer-") {
        let tick: Tick = serde_json::from_str(&event).unwrap();
        let packed = offpeak_packer::handler::handle(&ports, &tick, deadline_ms).await.unwrap();
        let sealed = usize::from(tick.class == "soon");
        assert_eq!(packed, Packed { sealed, advanced: sealed }, "{stem}");
    }
    for (stem, event) in events("poller") {
        let _: IgnoredAny = serde_json::from_str(&event).unwrap();
        let polled = offpeak_poller::handler::handle(&ports, deadline_ms).await.unwrap();
        assert_eq!((polled.open, polled.advanced), (1, 1), "{stem}");
    }
    let unknown = Tick { class: "someday".to_owned() };
    assert!(offpeak_packer::handler::handle(&ports, &unknown, deadline_ms).await.is_err());
}

#[test]
fn the_operators_events_are_obeyed() {
    apart().block_on(async {
        let site = Site::new().await;
        let reach = site.reach(&Stop::never().process()).await;
        for (stem, event) in events("operator-") {
            let command: Command = serde_json::from_str(&event).unwrap();
            let obeyed = offpeak_operator::handler::handle(&reach.ports, &reach.store, command).await;
            // The fixture's key is nobody's.
            assert_eq!(obeyed.is_err(), stem == "operator-keys-revoke", "{stem}: {obeyed:?}");
        }
        let keys = offpeak_operator::handler::handle(&reach.ports, &reach.store, Command::ListKeys).await.unwrap();
        assert_eq!(keys["keys"].as_array().unwrap().len(), 1, "{keys}");
    });
}
