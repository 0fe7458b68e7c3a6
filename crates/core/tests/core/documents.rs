//! A document that lists files is true: what it names exists, and what it must name it names.

use std::collections::BTreeSet;

use crate::repository::{names, root, text};

/// Ends of words that make them names of files.
const FILES: [&str; 12] =
    [".rs", ".md", ".toml", ".sql", ".sh", ".py", ".mjs", ".ts", ".txt", ".json", ".yaml", ".lock"];

/// The documents whose words are checked.
fn documents() -> Vec<String> {
    let decisions = names("docs/decisions").into_iter().map(|name| format!("docs/decisions/{name}"));
    let guides = ["ARCHITECTURE", "state_machine", "deploy", "fleet", "nightly", "operations", "waiting", "webhooks"];
    let guides = guides.map(|name| format!("docs/{name}.md"));
    let others = ["README.md", "CHANGELOG.md"].map(str::to_owned);
    others.into_iter().chain(guides).chain(decisions).collect()
}

/// A document's text without its fenced blocks.
fn prose(document: &str) -> String {
    text(document).split("```").step_by(2).collect()
}

/// The words between backticks.
fn quoted(prose: &str) -> impl Iterator<Item = &str> {
    prose.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// Whether a word names a file or, by its last character, a folder: from the root, with a slash, and no address.
fn names_a_path(word: &str) -> bool {
    let plain = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
    plain && !word.starts_with('/') && word.contains('/') && (word.ends_with('/') || is_file(word))
}

fn is_file(word: &str) -> bool {
    FILES.iter().any(|end| word.ends_with(end))
}

#[test]
fn every_path_that_a_document_names_exists() {
    let mut checked = 0;
    for document in documents() {
        let prose = prose(&document);
        for word in quoted(&prose).filter(|word| names_a_path(word)) {
            assert!(root().join(word).exists(), "{document} names `{word}`, which does not exist");
            checked += 1;
        }
    }
    assert!(checked > 60, "only {checked} paths were found: has the spelling of paths changed?");
}

#[test]
fn every_relative_link_leads_somewhere() {
    for document in documents().into_iter().chain(["examples/README.md".to_owned()]) {
        let folder = root().join(&document).parent().unwrap().to_path_buf();
        let prose = prose(&document);
        for link in prose.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap();
            if !path.contains("://") && !path.is_empty() {
                assert!(folder.join(path).exists(), "{document} links to {link}");
            }
        }
    }
}

#[test]
fn every_room_is_on_the_maps() {
    for document in ["README.md", "docs/ARCHITECTURE.md"] {
        let prose = prose(document);
        let named: BTreeSet<&str> = quoted(&prose).collect();
        for room in names("crates") {
            assert!(named.contains(format!("crates/{room}/").as_str()), "{document} does not name `crates/{room}/`");
        }
    }
}

#[test]
fn every_port_is_in_the_table() {
    let prose = prose("docs/ARCHITECTURE.md");
    let named: BTreeSet<&str> = quoted(&prose).collect();
    for file in names("crates/core/src/ports") {
        for line in text(&format!("crates/core/src/ports/{file}")).lines() {
            let Some(rest) = line.strip_prefix("pub trait ") else { continue };
            let port = rest.split(':').next().unwrap();
            assert!(named.contains(port), "docs/ARCHITECTURE.md does not name the port `{port}`");
        }
    }
}

#[test]
fn every_decision_has_its_number_and_its_three_parts() {
    for (number, name) in (1..).zip(names("docs/decisions")) {
        assert!(name.starts_with(&format!("{number:04}-")), "{name} should have the number {number:04}");
        let text = text(&format!("docs/decisions/{name}"));
        for part in ["## Context", "## Decision", "## Consequence"] {
            assert!(text.contains(part), "{name} has no \"{part}\"");
        }
    }
}

#[test]
fn the_table_of_examples_is_the_folder() {
    let listed: BTreeSet<String> = text("examples/README.md")
        .lines()
        .take_while(|line| !line.starts_with("## "))
        .filter_map(|line| line.strip_prefix("| `")?.split(" |").next().map(str::to_owned))
        .flat_map(|cell| {
            cell.split(['`', ' ']).filter(|word| word.contains('/')).map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(listed, examples());
}

/// What a user would run or read: no pins, no settings, and not what checks the answers.
fn examples() -> BTreeSet<String> {
    let folders = names("examples").into_iter().filter(|name| root().join("examples").join(name).is_dir());
    let rust = names("examples/rust/src/bin").into_iter().map(|name| format!("rust/src/bin/{name}"));
    let mut found: BTreeSet<String> = rust.collect();
    for folder in folders {
        for name in names(&format!("examples/{folder}")) {
            let place = root().join("examples").join(&folder).join(&name);
            let program = place.join("main.go").exists() || place.join("client.go").exists();
            let script = [".java", ".py", ".mjs", ".ts", ".sh"].iter().any(|end| name.ends_with(end));
            if (program || script) && name.split('.').next().is_some_and(|name| !name.eq_ignore_ascii_case("check")) {
                found.insert(format!("{folder}/{name}"));
            }
        }
    }
    found
}
