//! What is called: one event of level `debug` for each attempt at a call, of the target [`TARGET`].
//!
//! ```text
//! OFFPEAK_LOG=info,offpeak_aws::calls=debug
//! service=SQS operation=SendMessage resource=https://sqs…/soon entries=1 attempt=1 request_bytes=2011
//! ```
//!
//! `resource` is what a policy would name: the table (with `/index/NAME` where an index is queried), the queue's
//! address, the bucket (with an object's folder), the path of parameters, the KMS key, the Auto
//! Scaling group that is changed. `entries` are the items that a
//! batch of reads or writes names. No content is told: no rows, bodies, names of objects.
//! While the level is off, a call costs two comparisons of it more.

mod resource;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use tracing::Level;

/// The target of the events.
pub const TARGET: &str = "offpeak_aws::calls";

/// Tells of each attempt, just before it is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Calls;

/// What is called upon: kept from the input, which is gone once it is serialized.
#[derive(Debug)]
struct Resource {
    name: String,
    entries: usize,
}

impl Storable for Resource {
    type Storer = StoreReplace<Self>;
}

fn is_heard() -> bool {
    tracing::enabled!(target: TARGET, Level::DEBUG)
}

impl Intercept for Calls {
    fn name(&self) -> &'static str {
        "Calls"
    }

    fn read_before_execution(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if is_heard() {
            let input = context.input();
            let name = resource::of(input).unwrap_or_else(|| "-".to_owned());
            cfg.interceptor_state().store_put(Resource { name, entries: resource::entries(input) });
        }
        Ok(())
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if !is_heard() {
            return Ok(());
        }
        let metadata = cfg.load::<Metadata>();
        tracing::debug!(
            target: TARGET,
            service = metadata.map_or("-", Metadata::service),
            operation = metadata.map_or("-", Metadata::name),
            resource = cfg.load::<Resource>().map_or("-", |resource| resource.name.as_str()),
            entries = cfg.load::<Resource>().map_or(1, |resource| resource.entries),
            attempt = cfg.load::<RequestAttempts>().map_or(1, RequestAttempts::attempts),
            request_bytes = context.request().body().content_length().unwrap_or_default(),
        );
        Ok(())
    }
}
