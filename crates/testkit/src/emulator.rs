//! An emulator of AWS as a process of its own, on a free port of this machine.
//!
//! ```text
//! this process ──pipe──► sh ──► emulator ──► the functions that it runs
//! ```
//!
//! The shell waits for the pipe's end and then ends what it started, so that nothing outlives this process however it
//! ends. Nothing is kept from one start to the next.
#![expect(clippy::panic, clippy::expect_used, reason = "a test without its emulator fails, and says why")]

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long it may take to be ready.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs `$1` until the standard input ends. The group is the shell's own, and so everybody in it was started here.
const KEEPER: &str = r#"
"$1" </dev/null &
emulator=$!
read -r line
trap "" TERM
kill -TERM 0
tries=0
while kill -0 "$emulator" 2>/dev/null && [ $tries -lt 20 ]; do tries=$((tries + 1)); sleep 0.1; done
rm -rf "$2"
kill -KILL 0
"#;

/// A running emulator; dropped, it ends.
#[derive(Debug)]
pub struct Emulator {
    url: String,
    keeper: Child,
}

impl Emulator {
    /// The one of this process, started at the first call. It ends with the process.
    ///
    /// # Panics
    /// As [`Emulator::start`].
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Emulator> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&[]))
    }

    /// Starts one with these variables beside its own; the functions that it runs see them all.
    ///
    /// # Panics
    /// Where it is not installed, or not ready within a minute.
    pub fn start(environment: &[(&str, &str)]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let program = root.join(".tools/emulator/bin/ministack");
        assert!(program.is_file(), "the emulator of AWS is not installed: run `make emulator` first");
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let place = root.join("target/tmp").join(format!("emulator-{}-{number}", std::process::id()));
        fs::create_dir_all(&place).expect("a directory for the emulator");
        let port = free_port();
        let url = format!("http://127.0.0.1:{port}");
        let log = log_path(&root, number);
        let output = File::create(&log).expect("the emulator's log");
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "sh"])
            .args([&program, &place])
            .envs([("GATEWAY_PORT", port.to_string()), ("AWS_ENDPOINT_URL", url.clone())])
            .envs([("BIND_HOST", "127.0.0.1"), ("LAMBDA_EXECUTOR", "local"), ("PERSIST_STATE", "0")])
            .envs([
                ("AWS_ACCESS_KEY_ID", "test"),
                ("AWS_SECRET_ACCESS_KEY", "test"),
                ("AWS_DEFAULT_REGION", "us-east-1"),
            ])
            // These listen beyond this machine.
            .envs([("IOT_MTLS_ENABLED", "0"), ("SFTP_ENABLED", "0")])
            .env("TMPDIR", &place)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(output.try_clone().expect("the emulator's log twice"))
            .stderr(output)
            .process_group(0)
            .spawn()
            .expect("a shell");
        let emulator = Self { url, keeper };
        emulator.wait_until_ready(port, &log);
        emulator
    }

    /// Where every service is.
    pub fn url(&self) -> &str {
        &self.url
    }

    fn wait_until_ready(&self, port: u16, log: &Path) {
        let end = Instant::now() + PATIENCE;
        while !is_ready(port) {
            if Instant::now() >= end {
                let told = fs::read_to_string(log).unwrap_or_default();
                panic!("the emulator at {} is not ready; its log, {}:\n{told}", self.url, log.display());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // It kills itself with its group, so its status says nothing.
        drop(self.keeper.wait());
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its number").port()
}

/// One file per test binary and start, replaced the next time.
fn log_path(root: &Path, number: u32) -> PathBuf {
    let binary = std::env::current_exe().ok();
    let stem = binary.as_deref().and_then(Path::file_stem).and_then(|stem| stem.to_str()).unwrap_or("tests");
    root.join("target/tmp").join(format!("emulator-{stem}-{number}.log"))
}

fn is_ready(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /_ministack/health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut head = [0; 12];
        stream.read_exact(&mut head)?;
        Ok(head.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}
