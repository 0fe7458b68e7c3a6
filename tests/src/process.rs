//! A program that runs beside the test, and ends with it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::until;

/// A running program. Dropped, it is killed, by its own handle.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

/// What a program that ended left behind.
#[derive(Debug, Clone)]
pub struct Output {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Process {
    /// Starts a program whose output goes to the file `log`, after what is there.
    pub fn start(mut command: Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).expect("a log file");
        let again = file.try_clone().expect("the log file's handle");
        command.stdin(Stdio::null()).stdout(again).stderr(file);
        let child = command.spawn().unwrap_or_else(|error| panic!("could not start {command:?}: {error}"));
        Self { child, log: log.to_owned() }
    }

    /// What it has written.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Whether it has ended, and how.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the state of a child process")
    }

    /// Ends it at once (SIGKILL) and waits until it is gone.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end (SIGTERM).
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends it a signal: `STOP` freezes it, `CONT` has it go on.
    pub fn signal(&self, signal: &str) {
        send(signal, self.child.id());
    }

    /// Waits for its end.
    pub async fn end_within(&mut self, bound: Duration) -> ExitStatus {
        until("the end of a process", bound, async || self.ended()).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let text = self.log();
            let tail = text.char_indices().rev().nth(4_000).map_or(0, |(at, _)| at);
            let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("log:\n{}\n", &text[tail..]));
        }
    }
}

/// Sends a process, by its id, a signal.
pub fn send(signal: &str, id: u32) {
    let sent = Command::new("kill").args([&format!("-{signal}"), &id.to_string()]).status().expect("the command kill");
    assert!(sent.success(), "SIG{signal} could not be sent");
}

/// Runs a program to its end, off the event loop.
pub async fn run(mut command: Command) -> Output {
    let shown = format!("{command:?}");
    let ended = tokio::task::spawn_blocking(move || command.stdin(Stdio::null()).output()).await;
    let output = ended.expect("a blocking task").unwrap_or_else(|error| panic!("could not run {shown}: {error}"));
    Output {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
