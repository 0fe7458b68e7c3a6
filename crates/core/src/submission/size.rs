//! How much a submission holds, and how much it may.

use serde::{Deserialize, Serialize};

/// What lines add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Size {
    /// Lines.
    pub requests: u64,
    /// Bytes of the lines.
    pub bytes: u64,
    /// Estimated prompt tokens.
    pub tokens: u64,
    /// Embedding inputs; 0 elsewhere.
    pub inputs: u64,
}

impl Size {
    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            bytes: self.bytes + other.bytes,
            tokens: self.tokens + other.tokens,
            inputs: self.inputs + other.inputs,
        }
    }
}

/// What one submission may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Lines.
    pub requests: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Enqueued prompt tokens: an account's limit, so unlimited unless configured.
    pub tokens: u64,
    /// Embedding inputs.
    pub inputs: u64,
}

impl Limits {
    /// OpenAI's: 50,000 requests, 200 MB, 50,000 embedding inputs (Batch guide, read 2026-11-20).
    pub const OPENAI: Self = Self { requests: 50_000, bytes: 200_000_000, tokens: u64::MAX, inputs: 50_000 };

    /// Whether `size` fits.
    pub const fn hold(&self, size: Size) -> bool {
        size.requests <= self.requests
            && size.bytes <= self.bytes
            && size.tokens <= self.tokens
            && size.inputs <= self.inputs
    }
}

/// A batch's counts, as the provider gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LineCounts {
    /// Lines in the input.
    pub total: u64,
    /// Lines answered with success.
    pub completed: u64,
    /// Lines answered with an error.
    pub failed: u64,
}
