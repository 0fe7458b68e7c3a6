//! Programs that call the API as its users would, by SDKs that are installed for them.

use std::path::{Path, PathBuf};
use std::process::Command;

use tokio::sync::OnceCell;

use crate::{run, workspace};

/// A program, by its path from the workspace's root, and what runs it.
#[derive(Debug, Clone)]
pub struct Program {
    path: String,
    by: Option<String>,
}

impl Program {
    /// A script, run by what its name ends in (Python has the newest SDK), or something that runs by itself.
    pub fn at(path: impl Into<String>) -> Self {
        let path = path.into();
        let by = match Path::new(&path).extension().and_then(|extension| extension.to_str()) {
            Some("py") => Some(".tools/py3x/bin/python".to_owned()),
            Some("mjs") => Some("node".to_owned()),
            Some("ts") => Some("examples/typescript/node_modules/.bin/tsx".to_owned()),
            Some(_) | None => None,
        };
        Self { path, by }
    }

    /// An example of this name for Node, with the SDK's newest major version and a Node that is new enough for it.
    pub fn node_7(name: &str) -> Self {
        Self::at(format!(".tools/node7x/{name}.mjs")).by(".tools/node7x/node")
    }

    /// An example of this name in each language that is compiled: OpenAI's SDKs for Go and Java, and async-openai.
    pub fn compiled(name: &str) -> Vec<Self> {
        ["go", "java", "rust"].into_iter().map(|language| Self::at(format!(".tools/bin/{language}-{name}"))).collect()
    }

    /// The same, run by another interpreter: a path from the workspace's root.
    #[must_use]
    pub fn by(mut self, interpreter: &str) -> Self {
        self.by = Some(interpreter.to_owned());
        self
    }

    /// Runs it against the API at this base URL, as whoever has this key; it must say that all is well.
    pub async fn is_served(&self, base_url: &str, key: &str) {
        installed().await;
        let mut command = self.command();
        command.env("OPENAI_BASE_URL", base_url).env("OPENAI_API_KEY", key);
        command.env("OFFPEAK_WRONG_KEY", "1").env("OFFPEAK_UNKNOWN_MODEL", "1");
        for proxy in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env_remove(proxy);
        }
        let ended = run(command).await;
        assert_eq!(ended.code, Some(0), "{self:?}\n{}\n{}", ended.out, ended.err);
        if self.path.starts_with(".tools/bin/") {
            assert_eq!(ended.out.lines().last(), Some("ok"), "{self:?} ended early\n{}", ended.out);
        }
    }

    fn command(&self) -> Command {
        let at = |path: &str| if path.contains('/') { workspace().join(path) } else { PathBuf::from(path) };
        let mut command = Command::new(at(self.by.as_ref().unwrap_or(&self.path)));
        command.current_dir(workspace()).args(self.by.as_ref().map(|_| at(&self.path)));
        command
    }
}

/// Installs the clients, once. What is missing on this machine is a failure, never a skip.
async fn installed() {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    INSTALLED
        .get_or_init(|| async {
            let made = run(Command::new(workspace().join("tools/clients.sh"))).await;
            assert_eq!(made.code, Some(0), "{}{}", made.out, made.err);
        })
        .await;
}
