//! `offpeak worker` as a process that can be killed.

use std::process::Command;

use crate::{Gateway, Home, Process, Upstream, offpeak};

/// A running worker between a gateway and an engine. Dropped, it is killed.
#[derive(Debug)]
pub struct Working {
    /// The process.
    pub process: Process,
    /// Where its log is.
    pub home: Home,
}

impl Working {
    /// Starts one, with these flags beside the addresses.
    pub fn start(gateway: &Gateway, engine: &Upstream, flags: &[&str]) -> Self {
        Self::start_at(&format!("http://{}", gateway.address()), engine.url(), flags)
    }

    /// The same by addresses.
    pub fn start_at(gateway: &str, engine: &str, flags: &[&str]) -> Self {
        let home = Home::new();
        let mut command = Command::new(offpeak());
        command.env_clear().env("ENGINE_KEY", "sk-engine").env("OFFPEAK_WORKER_KEY", "wk-tests");
        command
            .args(["worker", "--engine", engine, "--gateway", gateway, "--engine-key-env", "ENGINE_KEY"])
            .args(flags);
        let process = Process::start(command, &home.join("log"));
        Self { process, home }
    }
}
