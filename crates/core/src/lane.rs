//! What may share a submission.

use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::ids::CredentialId;

/// Jobs with equal lanes may share a submission; jobs with different lanes never do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Lane {
    /// The key used towards the backend.
    pub credential: CredentialId,
    /// The configured provider's name.
    pub provider: String,
    /// Where each line is sent.
    pub endpoint: Endpoint,
    /// The upstream model: providers want one model per file.
    pub model: String,
    /// The service class, and so the intake queue.
    pub class: String,
}
