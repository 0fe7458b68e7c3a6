//! A vendor has one room: who may depend on what is not ours.

use super::direction::{dependencies, packages};

/// Beginnings of crates' names, and where alone they may be used. Tests of any crate may use them.
const ROOMS: [(&str, &[&str]); 5] = [
    ("reqwest", &["offpeak-providers"]),
    ("rusqlite", &["offpeak-embedded"]),
    ("axum", &["offpeak-api", "offpeak", "offpeak-simulator"]),
    // The rooms of the cloud are not built yet.
    ("aws-", &[]),
    ("lambda_", &[]),
];

/// What the domain may use: nothing that does I/O by itself.
const CORE: [&str; 13] = [
    "async-trait",
    "bytes",
    "futures-util",
    "jiff",
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
    for package in packages() {
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
