//! The model endpoints, which serve live calls and batch lines alike.

/// An endpoint that answers requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// `/v1/chat/completions`
    Chat,
    /// `/v1/completions`
    Completions,
    /// `/v1/embeddings`
    Embeddings,
    /// `/v1/responses`
    Responses,
    /// `/v1/moderations`
    Moderations,
    /// `/v1/images/generations`
    ImageGenerations,
    /// `/v1/images/edits`, as JSON
    ImageEdits,
}

impl Endpoint {
    /// Every endpoint, in the order in which an error names them.
    pub(crate) const ALL: [Self; 7] = [
        Self::Responses,
        Self::Chat,
        Self::Embeddings,
        Self::Completions,
        Self::Moderations,
        Self::ImageGenerations,
        Self::ImageEdits,
    ];

    /// The path, as a batch names it.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Completions => "/v1/completions",
            Self::Embeddings => "/v1/embeddings",
            Self::Responses => "/v1/responses",
            Self::Moderations => "/v1/moderations",
            Self::ImageGenerations => "/v1/images/generations",
            Self::ImageEdits => "/v1/images/edits",
        }
    }

    /// The endpoint at `path`, if there is one.
    pub(crate) fn at(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|endpoint| endpoint.path() == path)
    }

    /// The name in prose.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Chat => "Chat Completions",
            Self::Completions => "Completions",
            Self::Embeddings => "Embeddings",
            Self::Responses => "Responses",
            Self::Moderations => "Moderations",
            Self::ImageGenerations => "Image Generations",
            Self::ImageEdits => "Image Edits",
        }
    }

    /// The body field that carries the prompt.
    pub(crate) fn prompt_field(self) -> &'static str {
        match self {
            Self::Chat => "messages",
            Self::Completions | Self::ImageGenerations | Self::ImageEdits => "prompt",
            Self::Embeddings | Self::Responses | Self::Moderations => "input",
        }
    }

    /// Whether a request may leave the model out.
    pub(crate) fn model_optional(self) -> bool {
        self == Self::Moderations
    }
}
