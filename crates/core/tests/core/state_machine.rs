//! `docs/state_machine.md` is drawn from the code: each machine as a diagram and as a table.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};

use serde::Serialize;

use crate::repository::compare;
use crate::{batches, jobs, submissions};

/// A state machine, walked.
pub(crate) struct Machine {
    pub(crate) begins: &'static str,
    pub(crate) finals: Vec<&'static str>,
    pub(crate) events: Vec<String>,
    /// State, its particulars, and what each event makes of it.
    pub(crate) rows: Vec<(&'static str, &'static str, Vec<Cell>)>,
}

/// What an event makes of a state.
pub(crate) enum Cell {
    To(&'static str),
    Illegal,
}

/// The spelling that serde stores: the text of a bare state, or the one key of a state with particulars.
pub(crate) fn spelling(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap();
    let name = value.as_str().or_else(|| value.as_object()?.keys().next().map(String::as_str));
    name.unwrap_or_else(|| panic!("{value} names no state")).to_owned()
}

/// The name of an event, in small letters.
pub(crate) fn first_word(event: &impl Debug) -> String {
    let text = format!("{event:?}");
    text.chars().take_while(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

impl Machine {
    fn diagram(&self) -> String {
        let mut arrows: BTreeMap<(usize, &str), Vec<&str>> = BTreeMap::new();
        let order = |name: &str| self.rows.iter().position(|(state, ..)| *state == name).unwrap();
        for (state, _, cells) in &self.rows {
            for (event, cell) in self.events.iter().zip(cells) {
                let Cell::To(after) = cell else { continue };
                let labels = arrows.entry((order(state) * 100 + order(after), state)).or_default();
                if !labels.contains(&event.as_str()) {
                    labels.push(event);
                }
            }
        }
        let mut text = format!("```mermaid\nstateDiagram-v2\n    [*] --> {}\n", self.begins);
        for ((place, state), labels) in arrows {
            let after = self.rows[place % 100].0;
            writeln!(text, "    {state} --> {after}: {}", labels.join(", ")).unwrap();
        }
        for state in &self.finals {
            writeln!(text, "    {state} --> [*]").unwrap();
        }
        text + "```\n"
    }

    fn table(&self) -> String {
        let mut text = format!("| state | {} |\n|---{}|\n", self.events.join(" | "), "|---".repeat(self.events.len()));
        for (state, detail, cells) in &self.rows {
            let name = if detail.is_empty() { (*state).to_owned() } else { format!("{state} ({detail})") };
            let cells: Vec<_> = cells.iter().map(|cell| if let Cell::To(after) = cell { after } else { "–" }).collect();
            writeln!(text, "| {name} | {} |", cells.join(" | ")).unwrap();
        }
        text
    }
}

#[test]
fn the_document_shows_what_the_code_does() {
    let (jobs, submissions, batches) = (jobs::machine(), submissions::machine(), batches::machine());
    let text = format!(
        "# State machines\n\n\
         Drawn from the code by `crates/core/tests/core/state_machine.rs`, which fails when this file differs. Do not edit\n\
         it; run `UPDATE_DOCS=1 cargo test -p offpeak-core`. A cell is the state after the event; – is an illegal\n\
         transition, an error that changes nothing. Who sends which event: [ARCHITECTURE.md](ARCHITECTURE.md).\n\n\
         ## Jobs\n\n\
         `next` in `crates/core/src/job/state.rs`. A final state accepts nothing.\n\n\
         {}\n{}\n\
         ## Submissions\n\n\
         `next` in `crates/core/src/submission/state.rs`; which event comes when is decided by `step` in\n\
         `crates/core/src/submission/step.rs`. An abandoned submission was never sealed; every sealed one ends through\n\
         collecting. A done one is looked at until the provider's files are deleted.\n\n\
         {}\n{}\n\
         ## Batches\n\n\
         `next` in `crates/core/src/batch/state.rs`; which event comes when is decided by `step` in\n\
         `crates/core/src/batch/step.rs`. A final state accepts nothing. One that is withdrawn before it was split is split\n\
         all the same: then every line of it is spoken for.\n\n\
         {}\n{}",
        jobs.diagram(),
        jobs.table(),
        submissions.diagram(),
        submissions.table(),
        batches.diagram(),
        batches.table()
    );
    compare("docs/state_machine.md", &text);
}
