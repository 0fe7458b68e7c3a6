//! The command `sam`, as its users call it, but at the emulator.

use std::collections::BTreeMap;
use std::process::Command;

use offpeak_tests::{Output, run, workspace};

/// `sam` for one emulator.
#[derive(Debug, Clone)]
pub struct Sam {
    url: String,
}

impl Sam {
    /// At the emulator of this address.
    pub fn at(url: &str) -> Self {
        Self { url: url.to_owned() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let tools = workspace().join(".tools/aws/bin");
        let program = tools.join("sam");
        assert!(program.is_file(), "sam is not installed: run `make build-aws` first");
        let mut sam = Command::new(program);
        sam.current_dir(workspace()).args(arguments);
        sam.env("SAM_CLI_TELEMETRY", "0").env("AWS_ENDPOINT_URL", &self.url);
        sam.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        sam.env("AWS_DEFAULT_REGION", "us-east-1").env("AWS_REGION", "us-east-1");
        sam
    }

    /// Deploys what `sam build` made.
    pub async fn deploy(&self, stack: &str, parameters: &BTreeMap<String, String>) -> Output {
        let built = workspace().join(".aws-sam/tests/template.yaml");
        assert!(built.is_file(), "there is nothing to deploy: run `make build-aws` first");
        let overrides: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let mut arguments = vec!["deploy", "--template-file", ".aws-sam/tests/template.yaml", "--stack-name", stack];
        arguments.extend(["--resolve-s3", "--capabilities", "CAPABILITY_IAM"]);
        arguments.extend(["--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar"]);
        arguments.push("--parameter-overrides");
        arguments.extend(overrides.iter().map(String::as_str));
        let ended = run(self.command(&arguments)).await;
        assert_eq!(ended.code, Some(0), "sam deploy:\n{}\n{}", ended.out, ended.err);
        ended
    }
}
