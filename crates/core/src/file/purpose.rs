//! What files are for.

use serde::{Deserialize, Serialize};

/// What a file is for, in OpenAI's spelling (its description of the API, `OpenAIFile`, read 2026-11-20).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Input of a batch.
    Batch,
    /// What a batch left.
    BatchOutput,
    /// Input of assistants.
    Assistants,
    /// What assistants left.
    AssistantsOutput,
    /// Input of a fine-tuning.
    #[serde(rename = "fine-tune")]
    FineTune,
    /// What a fine-tuning left.
    #[serde(rename = "fine-tune-results")]
    FineTuneResults,
    /// An image.
    Vision,
    /// Anything that a request refers to.
    UserData,
    /// Input of an evaluation.
    Evals,
}

impl Purpose {
    /// Every purpose, in the order above.
    pub const ALL: [Self; 9] = [
        Self::Batch,
        Self::BatchOutput,
        Self::Assistants,
        Self::AssistantsOutput,
        Self::FineTune,
        Self::FineTuneResults,
        Self::Vision,
        Self::UserData,
        Self::Evals,
    ];

    /// The stored and printed spelling; serde uses the same.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::BatchOutput => "batch_output",
            Self::Assistants => "assistants",
            Self::AssistantsOutput => "assistants_output",
            Self::FineTune => "fine-tune",
            Self::FineTuneResults => "fine-tune-results",
            Self::Vision => "vision",
            Self::UserData => "user_data",
            Self::Evals => "evals",
        }
    }

    /// The purpose of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.name() == name)
    }

    /// Whether a caller may store a file for it; the others are left by the service itself.
    pub const fn is_for_callers(self) -> bool {
        !matches!(self, Self::BatchOutput | Self::AssistantsOutput | Self::FineTuneResults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purpose_is_stored_under_its_name() {
        for purpose in Purpose::ALL {
            assert_eq!(serde_json::to_value(purpose).unwrap(), purpose.name());
            assert_eq!(Purpose::from_name(purpose.name()), Some(purpose));
        }
    }
}
