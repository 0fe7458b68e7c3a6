//! The scenario for what random runs cannot show: that two drivers do the same work at once, which harms nobody.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use offpeak_core::batch::{Asked, InputRule, StateKind};
use offpeak_core::endpoint::Endpoint;
use offpeak_core::faults::Fault;
use offpeak_core::file::Purpose;
use offpeak_core::flows::advance::advance;
use offpeak_core::flows::batches::{self, NewBatch, drive};
use offpeak_core::flows::files::{self, NewFile};
use offpeak_core::ids::{NativeBatchId, TenantId};
use offpeak_core::ports::Ports;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::world::fair_ports;
use crate::chaos::{Gate, behind};
use crate::crash::directed::Hold;
use crate::crash::in_paused_time;
use crate::fakes::Fakes;

/// Runs the scenario of a fault, if it has one: with the safeguard switched off, or as it is.
pub fn run(fault: Fault, planted: bool) -> Option<Result<(), String>> {
    let planted = planted.then_some(fault);
    (fault == Fault::BatchWorkRepeated).then(|| in_paused_time(planted, two_drive_at_once()))
}

/// One batch of one line, and a provider on a good day.
struct Scene {
    fakes: Fakes,
    ports: Ports,
    batch: NativeBatchId,
}

impl Scene {
    async fn set() -> Result<Self, String> {
        let (fakes, ports) = fair_ports();
        let tenant = TenantId::from("one");
        let line =
            br#"{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":[]}}"#;
        let mut receiving = files::receive(&ports, 1 << 20).await.map_err(|error| error.to_string())?;
        receiving.write(Bytes::from_static(line)).await.map_err(|error| error.to_string())?;
        let (filename, purpose) = ("input.jsonl".to_owned(), Purpose::Batch);
        let new = NewFile { tenant: tenant.clone(), purpose, filename, expires_after_ms: None, id: None };
        let input = receiving.finish(new).await.map_err(|error| error.to_string())?.id;
        let asked = Asked {
            endpoint: Endpoint::ChatCompletions,
            input,
            misnamed: None,
            retry_of: None,
            window: "24h".to_owned(),
            metadata: None,
            output_expires_after_ms: None,
            credential: None,
            rule: InputRule::Split,
            private: false,
            webhook: None,
            outbox: None,
        };
        let new = NewBatch { tenant, asked, window_ms: 86_400_000, key: None };
        let batch = batches::create(&ports, new).await.map_err(|error| error.to_string())?.id;
        Ok(Self { fakes, ports, batch })
    }

    /// Another driver drives the batch through `hold`.
    fn driver(&self, hold: &Arc<Hold>) -> JoinHandle<()> {
        let gate: Arc<dyn Gate> = Arc::<Hold>::clone(hold);
        let (ports, batch) = (behind(&self.ports, &gate), self.batch);
        tokio::spawn(async move { drop(Box::pin(drive(&ports, batch)).await) })
    }

    /// Drives the batch while a first driver is held at its first reading; whether it was read a second time.
    async fn repeats(&self) -> bool {
        let first = Hold::at("objects.stream", false, 1);
        let held = self.driver(&first);
        first.reached().await;
        let second = Hold::at("objects.stream", false, 1);
        let other = self.driver(&second);
        let repeated = tokio::select! {
            () = second.reached() => true,
            _ = other => false,
        };
        second.release();
        first.release();
        drop(held.await);
        repeated
    }

    /// Advances its submissions until they are done.
    async fn runs(&self) -> Result<(), String> {
        loop {
            let open = self.ports.submissions.open().await.map_err(|error| error.to_string())?;
            if open.is_empty() {
                return Ok(());
            }
            for id in open {
                Box::pin(advance(&self.ports, id)).await.map_err(|error| error.to_string())?;
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    fn is(&self, kind: StateKind) -> Result<(), String> {
        let state = self.fakes.batches.row(self.batch).map(|row| row.state);
        if state.as_ref().is_some_and(|state| state.kind() == kind) { Ok(()) } else { Err(format!("it is {state:?}")) }
    }
}

/// While somebody splits or merges a batch, whoever looks at it leaves it alone.
async fn two_drive_at_once() -> Result<(), String> {
    let scene = Scene::set().await?;
    if scene.repeats().await {
        return Err("the input was read by two at once".to_owned());
    }
    scene.is(StateKind::InProgress)?;
    scene.runs().await?;
    if scene.repeats().await {
        return Err("the parts were merged by two at once".to_owned());
    }
    scene.is(StateKind::Completed)
}
