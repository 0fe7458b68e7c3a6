//! Which of our crates may depend on which (docs: Direction). A new crate adds its row.

use std::collections::BTreeSet;

use offpeak_tests::cargo;
use serde_json::Value;

/// A crate, what of ours it depends on, and what of ours only its tests depend on.
const TABLE: [(&str, &[&str], &[&str]); 22] = [
    ("offpeak", &["api", "config", "core", "embedded", "providers", "simulator"], &[]),
    ("offpeak-front-door", &["api", "aws", "config", "core", "deployment"], &[]),
    ("offpeak-packer", &["aws", "core", "deployment"], &[]),
    ("offpeak-poller", &["aws", "core", "deployment"], &[]),
    ("offpeak-notifier", &["aws", "core", "deployment"], &[]),
    ("offpeak-live", &["aws", "core", "deployment"], &[]),
    ("offpeak-gpu-agent", &["aws", "core", "providers"], &[]),
    ("offpeak-scaler", &["aws", "core"], &[]),
    ("offpeak-operator", &["aws", "core", "deployment"], &[]),
    ("offpeak-deployment", &["aws", "config", "core"], &[]),
    ("offpeak-config", &["api", "core", "providers", "webhook"], &[]),
    ("offpeak-api", &["core"], &["testkit"]),
    ("offpeak-aws", &["core"], &["testkit"]),
    ("offpeak-embedded", &["core"], &["testkit"]),
    ("offpeak-providers", &["core"], &["simulator", "testkit"]),
    ("offpeak-webhook", &["core"], &[]),
    ("offpeak-core", &[], &[]),
    ("offpeak-simulator", &[], &[]),
    ("offpeak-testkit", &["core"], &[]),
    ("offpeak-tests", &["core", "embedded", "simulator"], &[]),
    (
        "offpeak-tests-aws",
        &["simulator", "testkit", "tests"],
        &["api", "aws", "core", "front-door", "live", "operator", "packer", "poller", "scaler"],
    ),
    ("offpeak-bench", &["api", "aws", "core", "providers", "simulator", "testkit"], &[]),
];

/// The workspace's packages, as cargo knows them.
pub(crate) fn packages() -> Vec<Value> {
    let metadata = cargo().args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).output().unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// The names of what a package depends on, for tests only or (build scripts included) not.
pub(crate) fn dependencies(package: &Value, for_tests: bool) -> BTreeSet<String> {
    let dependencies = package["dependencies"].as_array().unwrap().iter();
    let wanted = dependencies.filter(|dependency| (dependency["kind"] == "dev") == for_tests);
    wanted.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect()
}

fn ours(package: &Value, for_tests: bool) -> BTreeSet<String> {
    let all = dependencies(package, for_tests).into_iter();
    all.filter_map(|name| name.strip_prefix("offpeak-").map(str::to_owned)).collect()
}

#[test]
fn every_crate_depends_only_on_what_its_row_allows() {
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        let row = TABLE.iter().find(|row| row.0 == name);
        let Some((_, allowed, in_tests)) = row else { panic!("{name} has no row in the table of directions") };
        let known = |list: &[&str], name: &String| list.contains(&name.as_str());
        let beyond: Vec<_> = ours(&package, false).into_iter().filter(|other| !known(allowed, other)).collect();
        assert!(beyond.is_empty(), "{name} must not depend on {beyond:?}");
        let tests = ours(&package, true).into_iter().filter(|other| !known(allowed, other) && !known(in_tests, other));
        let beyond: Vec<_> = tests.collect();
        assert!(beyond.is_empty(), "the tests of {name} must not depend on {beyond:?}");
    }
}

#[test]
fn every_row_is_a_crate() {
    let packages = packages();
    for (name, ..) in TABLE {
        let found = packages.iter().any(|package| package["name"] == name);
        assert!(found, "{name} is in the table of directions but not in the workspace");
    }
}

#[test]
fn no_deployed_crate_reaches_the_testkit() {
    let proves = |package: &Value| ["offpeak-tests-aws", "offpeak-bench"].iter().any(|name| package["name"] == *name);
    let with_testkit = |package: &Value| ours(package, false).contains("testkit") && !proves(package);
    let reaching: Vec<_> = packages().into_iter().filter(with_testkit).map(|package| package["name"].clone()).collect();
    assert!(reaching.is_empty(), "{reaching:?}");
}
