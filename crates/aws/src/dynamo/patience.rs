//! Patience with a table that is asked more than it can take: a new one takes 4,000 writes a second, and grows.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::backoff::Backoff;

/// What DynamoDB answers to a write that it did not carry out. A bare status is not enough: what failed with 500 or 503
/// may have been written.
const REFUSALS: [&str; 4] =
    ["ProvisionedThroughputExceededException", "RequestLimitExceeded", "Throttling", "ThrottlingException"];

/// Sends a write, again as long as it is known not to have been carried out.
pub(super) async fn patiently<T, E, F>(call: impl Fn() -> F) -> Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata,
    F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
{
    let mut backoff = Backoff::default();
    loop {
        match call().await {
            Err(error) if error.code().is_some_and(|code| REFUSALS.contains(&code)) && backoff.again().await => {}
            reply => return reply,
        }
    }
}
