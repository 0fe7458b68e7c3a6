//! A vendor has one room: who may depend on what is not ours.

use super::direction::{dependencies, packages};

/// What runs in the cloud.
const FUNCTIONS: [&str; 7] = [
    "offpeak-front-door",
    "offpeak-packer",
    "offpeak-poller",
    "offpeak-notifier",
    "offpeak-live",
    "offpeak-operator",
    "offpeak-scaler",
];

/// Beginnings of crates' names, and where alone they may be used. Tests of any crate may use them.
const ROOMS: [(&str, &[&str]); 5] = [
    // The binary is a provider's or a gateway's client too: `offpeak batch` (docs/decisions/0019).
    ("reqwest", &["offpeak-providers", "offpeak-webhook", "offpeak"]),
    ("rusqlite", &["offpeak-embedded"]),
    ("axum", &["offpeak-api", "offpeak-config", "offpeak", "offpeak-simulator", "offpeak-front-door"]),
    ("aws-", &["offpeak-aws"]),
    ("lambda_", &FUNCTIONS),
];

/// What proves may name what it proves.
const PROOFS: [&str; 2] = ["offpeak-tests-aws", "offpeak-bench"];

/// What the domain may use: nothing that does I/O by itself.
const CORE: [&str; 15] = [
    "async-trait",
    "base64",
    "bytes",
    "futures-util",
    "jiff",
    "md-5",
    "memchr",
    "secrecy",
    "serde",
    "serde_json",
    "sha2",
    "thiserror",
    "tokio",
    "tracing",
    "uuid",
];

#[test]
fn a_vendor_is_used_in_its_room_only() {
    let of_ours = |package: &serde_json::Value| !PROOFS.iter().any(|proof| package["name"] == *proof);
    for package in packages().into_iter().filter(of_ours) {
        let name = package["name"].as_str().unwrap();
        for (vendor, rooms) in ROOMS {
            let used = dependencies(&package, false).into_iter().find(|used| used.starts_with(vendor));
            assert!(used.is_none() || rooms.contains(&name), "{name} must not use {used:?}");
        }
    }
}

#[test]
fn the_domain_does_no_io() {
    let packages = packages();
    let core = packages.iter().find(|package| package["name"] == "offpeak-core").unwrap();
    for used in dependencies(core, false) {
        assert!(CORE.contains(&used.as_str()), "the domain must not use {used} unasked: add it to the list, or not");
    }
    let tokio = core["dependencies"].as_array().unwrap().iter().find(|used| used["name"] == "tokio").unwrap();
    for feature in tokio["features"].as_array().unwrap() {
        let io = ["net", "fs", "process", "io-std", "full"];
        assert!(!io.iter().any(|io| feature == io), "the domain must not use tokio's {feature}");
    }
}

#[test]
fn every_crate_takes_the_workspaces_lints() {
    for package in packages() {
        let manifest = std::fs::read_to_string(package["manifest_path"].as_str().unwrap()).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{}", package["name"]);
    }
}
