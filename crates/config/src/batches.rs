//! `[batches]`: how callers' batches are taken.

use offpeak_core::batch::InputRule;

use crate::document::Document;
use crate::problem::Problems;
use crate::value;

/// How callers' batches are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Batches {
    /// `input`: whether mixed models and large inputs are split into several submissions (`split`), or refused as at
    /// OpenAI (`strict`). Default `split`.
    pub input: InputRule,
    /// `windows`: whether a completion window is always 24 h (`24h`), or may be any up to 13 days (`any`). Default
    /// `24h`.
    pub any_window: bool,
}

impl Batches {
    const INPUTS: [(&'static str, InputRule); 2] = [("split", InputRule::Split), ("strict", InputRule::Strict)];
    const WINDOWS: [(&'static str, bool); 2] = [("24h", false), ("any", true)];

    pub(crate) fn read(document: &mut Document<'_>, problems: &mut Problems) -> Self {
        let mut section = document.table("batches", problems);
        let mut batches = Self::default();
        let input = section.text("input", problems);
        if let Some(input) = problems.read(input, |text| value::word(text, &Self::INPUTS)) {
            batches.input = input.value;
        }
        let windows = section.text("windows", problems);
        if let Some(windows) = problems.read(windows, |text| value::word(text, &Self::WINDOWS)) {
            batches.any_window = windows.value;
        }
        section.finish(problems);
        batches
    }

    /// The names of both settings in the file.
    pub(crate) fn names(self) -> (&'static str, &'static str) {
        let input = match self.input {
            InputRule::Split => "split",
            InputRule::Strict => "strict",
        };
        (input, if self.any_window { "any" } else { "24h" })
    }
}
