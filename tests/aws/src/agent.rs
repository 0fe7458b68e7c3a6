//! The agent of an instance, as the instance's systemd unit starts it.

use std::process::Command;

use offpeak_testkit::instance::Instance;
use offpeak_tests::{Home, Process, Upstream, workspace};

use crate::{Aws, Stack};

/// A running agent and the instance around it. Dropped, it is killed.
#[derive(Debug)]
pub struct Agent {
    /// The process.
    pub process: Process,
    /// The instance.
    pub instance: Instance,
    _home: Home,
}

impl Agent {
    /// Starts one for a stack's model server, on an instance of its own.
    pub fn start(aws: &Aws, stack: &Stack, engine: &Upstream) -> Self {
        let (instance, home) = (Instance::start(), Home::new());
        let mut command = Command::new(program());
        command.env_clear().env("AWS_ENDPOINT_URL", aws.url()).env("AWS_ENDPOINT_URL_AUTO_SCALING", instance.url());
        command.args(flags(stack, engine.url())).args(["--metadata", instance.url()]);
        let process = Process::start(command, &home.join("log"));
        Self { process, instance, _home: home }
    }

    /// How often its group was asked for this.
    pub fn asked(&self, action: &str) -> usize {
        self.instance.asked().iter().filter(|form| form.contains(&format!("Action={action}&"))).count()
    }
}

/// What `make build-aws` made of it.
fn program() -> std::path::PathBuf {
    let path = workspace().join("target/lambda/gpu-agent/bootstrap");
    assert!(path.is_file(), "{} is not built: run `make build-aws` first", path.display());
    path
}

/// What its unit in the template says after the program, as its deployment would fill it in.
fn flags(stack: &Stack, engine: &str) -> Vec<String> {
    let path = workspace().join("infra/fleet.yaml");
    let template = std::fs::read_to_string(path).expect("the template of instances");
    let start = "ExecStart=/opt/offpeak/gpu-agent ";
    let line = template.lines().find_map(|line| line.trim().strip_prefix(start)).expect("the agent's unit");
    let key = format!("/offpeak/{}/keys/OFFPEAK_WORKER_KEY", stack.name);
    let url = stack.base_url();
    let line = [("${Url}", &*url), ("${KeyParameter}", &key), ("${Concurrency}", "8"), ("${IdleMinutes}", "5")]
        .into_iter()
        .chain([("http://127.0.0.1:8000", engine)])
        .fold(line.to_owned(), |line, (name, value)| line.replace(name, value));
    assert!(!line.contains("${"), "the unit has more: {line}");
    line.split(' ').map(str::to_owned).collect()
}
