//! `offpeak batch` as its users run it, in a directory of its own.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::{Home, Output, PATIENCE, Process, offpeak, run, until};

/// A user of `offpeak batch` at one server.
#[derive(Debug)]
pub struct BatchClient {
    /// Where the commands run: inputs, outputs and states lie here.
    pub home: Home,
    url: String,
    key: Option<String>,
}

impl BatchClient {
    /// One who calls the server with this base URL, `/v1` included.
    pub fn of(url: &str) -> Self {
        Self { home: Home::new(), url: url.to_owned(), key: None }
    }

    /// With this key in the environment.
    #[must_use]
    pub fn with_key(self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self }
    }

    /// The same user at another server.
    #[must_use]
    pub fn at(self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self }
    }

    /// `offpeak batch` with these arguments.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(offpeak());
        command.env_clear().current_dir(self.home.join("")).arg("batch").args(arguments);
        command.env("OFFPEAK_URL", &self.url);
        if let Some(key) = &self.key {
            command.env("OFFPEAK_API_KEY", key);
        }
        command
    }

    /// Runs a command to its end.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        run(self.command(arguments)).await
    }

    /// `submit in.jsonl --wait` with quick looks and these arguments, to its end.
    pub async fn submit(&self, arguments: &[&str]) -> Output {
        run(self.submission(arguments)).await
    }

    /// The same as a process of its own, with its output in the file `log`.
    pub fn submitting(&self, arguments: &[&str]) -> Process {
        Process::start(self.submission(arguments), &self.home.join("log"))
    }

    fn submission(&self, arguments: &[&str]) -> Command {
        let mut submission = self.command(&["submit", "in.jsonl", "--wait", "--poll-interval", "100ms"]);
        submission.args(arguments);
        submission
    }

    /// Writes `in.jsonl`.
    pub fn input(&self, text: &str) -> PathBuf {
        self.home.write("in.jsonl", text)
    }

    /// The lines of a file, each of them JSON; none if there is no such file.
    pub fn lines(&self, name: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.home.join(name)).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// Waits until the batch of `in.jsonl` is noted in its state.
    pub async fn noted(&self) -> String {
        until("a batch in the state", PATIENCE, async || Some(self.state()?["batch_id"].as_str()?.to_owned())).await
    }

    /// The state beside `in.jsonl`, if there is one.
    pub fn state(&self) -> Option<Value> {
        let text = std::fs::read(self.home.join("in.jsonl.offpeak.json")).ok()?;
        serde_json::from_slice(&text).ok()
    }
}
