//! Ticks by hand, and waiting for what they bring about.

use std::time::Duration;

use offpeak_tests::{Http, until_ok};
use serde_json::{Value, json};

use crate::{Function, World};

/// How long to wait for what ticks bring about. One takes seconds by itself, and on a busy machine many more.
pub const LONG: Duration = Duration::from_mins(3);

impl World {
    /// Ticks, while the crew rests, until a job is done.
    pub async fn tick_until_done(&self, http: &Http, job: &str) {
        let shown = self.tick_until_final(http, job).await;
        assert_eq!(shown["status"], "done", "{shown}");
    }

    /// Ticks, while the crew rests, until a job has ended, and shows it.
    pub async fn tick_until_final(&self, http: &Http, job: &str) -> Value {
        until_ok(&format!("the end of {job}"), LONG, async || {
            let ticks = self.tick().await;
            let shown = http.json(&format!("/v1/jobs/{job}")).await;
            let is_open = shown["status"] == "queued" || shown["status"] == "packed";
            if is_open { Err(format!("{shown} after {ticks}")) } else { Ok(shown) }
        })
        .await
    }

    /// Ticks, while the crew rests, until no job is open, whoever it belongs to.
    pub async fn tick_until_rest(&self) {
        until_ok("the end of every job", LONG, async || {
            let ticks = self.tick().await;
            let status = self.operator(&json!({"command": "status"})).await;
            let open = |state: &str| status["jobs"][state].as_u64().unwrap_or(0);
            if open("queued") + open("packed") == 0 { Ok(()) } else { Err(format!("{status} after {ticks}")) }
        })
        .await;
    }

    /// A tick of `soon` and one of the poller, and what they said.
    pub async fn tick(&self) -> String {
        let mut said = Vec::new();
        for (function, event) in [(Function::Packer, "packer-soon"), (Function::Poller, "poller")] {
            let end = self.aws.invoke(self.stack.function(function), &self.stack.event(event)).await;
            assert!(!end.failed, "{function:?}: {}", end.payload);
            said.push(end.payload.to_string());
        }
        said.join(" and ")
    }

    /// Waits until the crew has brought a job to this status.
    pub async fn job_is(&self, http: &Http, job: &str, status: &str) -> Value {
        until_ok(&format!("{job} {status}"), LONG, async || {
            let shown = http.json(&format!("/v1/jobs/{job}")).await;
            if shown["status"] == status {
                Ok(shown)
            } else {
                Err(format!("{shown}, failed: {:?}", self.failed_ticks()))
            }
        })
        .await
    }
}
