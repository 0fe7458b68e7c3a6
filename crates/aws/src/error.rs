//! What can go wrong, in this room's words. No message carries anything of a request or a row.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use offpeak_core::ports::StoreError;

use crate::failure;

/// What went wrong inside a port.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// A service refused, or did not answer.
    #[error("{operation}: {reason}")]
    Call { operation: &'static str, reason: String },
    /// Only a part of a call was done, however often it was repeated.
    #[error("{0}: throttled")]
    Throttled(&'static str),
    /// A row cannot be read.
    #[error("{row}: `{attribute}` is missing or unknown to this version")]
    Garbled { row: &'static str, attribute: &'static str },
    /// What is given cannot be stored.
    #[error("{0} cannot be written")]
    Unwritable(&'static str),
    /// There is nothing of that name.
    #[error("no such thing")]
    NoSuch,
    /// The stack was made without it.
    #[error("the stack has no {0}")]
    Off(&'static str),
}

impl Fault {
    /// The failure of a call.
    pub(crate) fn call<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        Self::Call { operation, reason: failure::reason(error) }
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        let text = fault.to_string();
        match fault {
            Fault::NoSuch => Self::NotFound,
            Fault::Garbled { .. } => Self::Corrupt(text),
            Fault::Call { .. } | Fault::Throttled(_) | Fault::Unwritable(_) | Fault::Off(_) => Self::Unavailable(text),
        }
    }
}
