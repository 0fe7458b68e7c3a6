//! A caller: stores its input, creates its batch, perhaps cancels it; and does each again until it hears that it is done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use offpeak_core::batch::{Asked, InputRule, StateKind};
use offpeak_core::endpoint::Endpoint;
use offpeak_core::file::Purpose;
use offpeak_core::flows::batches::{self, CancelError, NewBatch};
use offpeak_core::flows::files::{self, NewFile};
use offpeak_core::ids::{NativeBatchId, NativeFileId, TenantId};
use offpeak_core::ports::Ports;
use parking_lot::Mutex;
use tokio::time::sleep;

use super::input;
use super::plan::BatchPlan;
use crate::crash::receivers;
use crate::crash::switch::Switch;
use crate::crash::weather::Weather;

/// Bytes that a caller sends at a time.
const PIECE: usize = 100;

/// What callers have heard.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard {
    /// The batch of each caller, by its number.
    pub(super) batches: Arc<Mutex<BTreeMap<usize, NativeBatchId>>>,
    /// Batches whose cancel was taken.
    pub(super) cancelled: Arc<Mutex<Vec<NativeBatchId>>>,
    /// What callers were told that they should not have been.
    pub(super) wrongs: Arc<Mutex<Vec<String>>>,
}

/// One caller.
pub(super) struct Caller {
    pub(super) number: usize,
    pub(super) plan: BatchPlan,
    pub(super) ports: Ports,
    pub(super) switch: Switch,
    pub(super) weather: Weather,
    pub(super) heard: Heard,
}

impl Caller {
    pub(super) async fn live(self) {
        sleep(Duration::from_millis(self.plan.start_ms)).await;
        let id = loop {
            match self.switch.until_death(Box::pin(self.create())).await.flatten() {
                Some(id) => break id,
                None => self.weather.wait(100, 5_000).await,
            }
        };
        self.heard.batches.lock().insert(self.number, id);
        let Some(after_ms) = self.plan.cancel_after_ms else { return };
        sleep(Duration::from_millis(after_ms)).await;
        while self.switch.until_death(Box::pin(self.cancel(id))).await.flatten().is_none() {
            self.weather.wait(100, 5_000).await;
        }
    }

    fn tenant(&self) -> TenantId {
        TenantId::from(self.plan.tenant)
    }

    /// Stores the input and creates the batch: both are named by the caller, so that a repeat finds them.
    async fn create(&self) -> Option<NativeBatchId> {
        let id = NativeFileId([u8::try_from(self.number).ok()? + 1; 16]);
        let text = input::text(self.number, &self.plan);
        let mut receiving = files::receive(&self.ports, 1 << 20).await.ok()?;
        for piece in text.as_bytes().chunks(PIECE) {
            receiving.write(Bytes::copy_from_slice(piece)).await.ok()?;
        }
        let new = NewFile {
            tenant: self.tenant(),
            purpose: Purpose::Batch,
            filename: "input.jsonl".to_owned(),
            expires_after_ms: None,
            id: Some(id),
        };
        let file = receiving.finish(new).await.ok()?;
        let new = NewBatch {
            tenant: self.tenant(),
            asked: Asked {
                endpoint: Endpoint::ChatCompletions,
                input: file.id,
                misnamed: None,
                retry_of: None,
                window: "as long as it takes".to_owned(),
                metadata: None,
                output_expires_after_ms: None,
                credential: None,
                rule: InputRule::Split,
                private: self.plan.private,
                webhook: receivers::webhook(self.plan.tenant),
                outbox: None,
            },
            window_ms: self.plan.window_ms,
            key: Some(self.number.to_string()),
        };
        Some(batches::create(&self.ports, new).await.ok()?.id)
    }

    /// Cancels the batch; heard or too late, it is done.
    async fn cancel(&self, id: NativeBatchId) -> Option<()> {
        match batches::cancel(&self.ports, &self.tenant(), id).await {
            Ok(batch) if matches!(batch.state.kind(), StateKind::Cancelling | StateKind::Cancelled) => {
                self.heard.cancelled.lock().push(id);
                Some(())
            }
            Ok(batch) => {
                self.wrong(format!("{id} was cancelled and is {}", batch.state.kind().name()));
                Some(())
            }
            Err(CancelError::Ended(_)) => Some(()),
            Err(CancelError::NotFound) => {
                self.wrong(format!("{id} was created and is not there"));
                Some(())
            }
            Err(CancelError::Store(_)) => None,
        }
    }

    fn wrong(&self, what: String) {
        self.heard.wrongs.lock().push(what);
    }
}
