//! The operator's event bus, on EventBridge.

use std::fmt;

use async_trait::async_trait;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_smithy_types::DateTime;
use offpeak_core::notice::Notice;
use offpeak_core::ports::{self, StoreError};
use serde_json::json;

use crate::error::Fault;

/// What every event says of where it is from.
const SOURCE: &str = "offpeak";

/// An event bus.
pub struct Events {
    client: Client,
    bus: String,
}

impl Events {
    /// The bus of that name.
    pub const fn new(client: Client, bus: String) -> Self {
        Self { client, bus }
    }

    async fn put(&self, notice: &Notice) -> Result<(), Fault> {
        let detail = json!({
            "id": notice.event_id().text(),
            "type": notice.event.name(),
            "tenant": notice.tenant.as_str(),
            "object_id": notice.subject.object_id(notice.event),
        });
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.bus)
            .source(SOURCE)
            .detail_type(notice.event.name())
            .time(DateTime::from_millis(i64::try_from(notice.created_ms).unwrap_or(i64::MAX)))
            .detail(detail.to_string());
        let reply = self.client.put_events().entries(entry.build()).send().await;
        let reply = reply.map_err(|error| Fault::call("PutEvents", &error))?;
        if reply.failed_entry_count == 0 { Ok(()) } else { Err(Fault::Throttled("PutEvents")) }
    }
}

#[async_trait]
impl ports::Events for Events {
    async fn publish(&self, notice: &Notice) -> Result<(), StoreError> {
        Ok(self.put(notice).await?)
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("bus", &self.bus).finish_non_exhaustive()
    }
}
