//! The endpoints of a Batch API, and those of them whose calls become jobs.

use serde::{Deserialize, Serialize};

/// An OpenAI endpoint that a Batch API accepts; its stored and printed spelling is the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Endpoint {
    /// Chat completions.
    #[serde(rename = "/v1/chat/completions")]
    ChatCompletions,
    /// Legacy text completions.
    #[serde(rename = "/v1/completions")]
    Completions,
    /// Embeddings; limits count their inputs.
    #[serde(rename = "/v1/embeddings")]
    Embeddings,
    /// The Responses API.
    #[serde(rename = "/v1/responses")]
    Responses,
    /// Moderations.
    #[serde(rename = "/v1/moderations")]
    Moderations,
    /// Images from a prompt: in batches only; a call of it is relayed.
    #[serde(rename = "/v1/images/generations")]
    ImageGenerations,
    /// Images from images, which a batch names in JSON; a call of it, a form, is relayed.
    #[serde(rename = "/v1/images/edits")]
    ImageEdits,
}

impl Endpoint {
    /// Every endpoint, in the order of the table above.
    pub const ALL: [Self; 7] = [
        Self::ChatCompletions,
        Self::Completions,
        Self::Embeddings,
        Self::Responses,
        Self::Moderations,
        Self::ImageGenerations,
        Self::ImageEdits,
    ];

    /// Those whose calls become jobs.
    pub const JOBS: [Self; 5] =
        [Self::ChatCompletions, Self::Completions, Self::Embeddings, Self::Responses, Self::Moderations];

    /// The path as a caller writes it, `/v1` included.
    pub const fn path(self) -> &'static str {
        match self {
            Self::ChatCompletions => "/v1/chat/completions",
            Self::Completions => "/v1/completions",
            Self::Embeddings => "/v1/embeddings",
            Self::Responses => "/v1/responses",
            Self::Moderations => "/v1/moderations",
            Self::ImageGenerations => "/v1/images/generations",
            Self::ImageEdits => "/v1/images/edits",
        }
    }

    /// The endpoint of a path.
    pub fn from_path(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|endpoint| endpoint.path() == path)
    }

    /// The field that a request must have beside `model`, as OpenAI names it in its refusal.
    pub const fn required_field(self) -> &'static str {
        match self {
            Self::ChatCompletions => "messages",
            Self::Completions | Self::ImageGenerations | Self::ImageEdits => "prompt",
            Self::Embeddings | Self::Responses | Self::Moderations => "input",
        }
    }
}
