//! The commands of the built binary, as a user runs them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The binary with nothing of this machine's environment.
fn offpeak(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_offpeak"));
    command.env_clear().args(arguments);
    command
}

fn run(arguments: &[&str]) -> Output {
    offpeak(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A directory of one test, gone afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("cli-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Every file below, as bytes.
    fn files(path: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files.extend(Self::files(&path));
            } else {
                let bytes = std::fs::read(&path).unwrap();
                files.push((path, bytes));
            }
        }
        files
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A command that runs until it is stopped.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    /// `simulate`, which tells its address in the first line of standard output.
    fn simulator() -> Self {
        let mut child =
            offpeak(&["simulate", "--listen", "127.0.0.1:0", "--log", "off"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on http://").unwrap().to_owned();
        Self { child, address }
    }

    /// `serve`, which tells its address in its log.
    fn server(arguments: &[&str]) -> Self {
        let fixed = ["serve", "--listen", "127.0.0.1:0", "--log-format", "json"];
        let mut child = offpeak(&[&fixed, arguments].concat())
            .env("OPENAI_API_KEY", "sk-upstream")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let told = log.find_map(|line| {
            let event: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
            event["address"].as_str().map(str::to_owned)
        });
        let address = told.unwrap_or_else(|| panic!("the server ended before it listened"));
        std::thread::spawn(move || log.for_each(drop));
        Self { child, address }
    }

    /// The status and body of an answer.
    fn call(&self, method: &str, path: &str, key: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer {key}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    fn stop(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks for the status until it is as wanted.
fn until_counted(dir: &str, wanted: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
    let began = Instant::now();
    loop {
        let counts = serde_json::from_slice(&run(&["status", "--data-dir", dir, "--json"]).stdout).unwrap();
        if wanted(&counts) {
            return counts;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{counts}");
    }
}

#[test]
fn a_sound_configuration_is_shown_without_its_key() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../offpeak.example.toml");
    let check = |arguments: &[&str]| offpeak(arguments).env("OPENAI_API_KEY", "sk-upstream").output().unwrap();
    let output = check(&["config", "check", "--config", example, "--window", "5s"]);
    assert!(output.status.success(), "{}", stdout(&output));
    let text = stdout(&output);
    assert!(text.starts_with("ok\n") && text.contains("window = \"5s\"") && !text.contains("sk-upstream"), "{text}");
    assert!(stdout(&check(&["config", "check"])).contains("mode = \"open\""));
}

#[test]
fn a_wrong_configuration_is_refused_whole() {
    let scratch = Scratch::new();
    let path = scratch.path("odd.toml");
    std::fs::write(&path, "[server]\nport = 1\n[auth]\nmode = \"open\"\n").unwrap();
    let output = offpeak(&["config", "check", "--config", &path]).env("OFFPEAK_LISTEN", "0.0.0.0:80").output().unwrap();
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[0].starts_with(&format!("{path}:2: unknown key `port`")), "{text}");
    assert!(lines[1].starts_with(&format!("{path}:4: mode: \"open\" on 0.0.0.0:80 would let everybody")), "{text}");
    assert!(lines[2].starts_with("OPENAI_API_KEY is not set"), "{text}");
    let output = run(&["serve", "--config", &scratch.path("absent.toml")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("absent.toml"));
}

#[test]
fn a_file_is_checked_as_a_deployment_would_read_it() {
    let scratch = Scratch::new();
    let path = scratch.path("stack.toml");
    let check = || run(&["config", "check", "--deployment", "--config", &path]);
    std::fs::write(&path, "[waiting]\nhold = \"20s\"\n").unwrap();
    let text = stdout(&check());
    assert!(text.starts_with("ok\n") && text.contains("name = \"nightly\"\nat = \"01:00\""), "{text}");
    assert!(text.contains("mode = \"keys\"") && !text.contains("data_dir"), "{text}");
    std::fs::write(&path, "[waiting]\nhold = \"26s\"\n[server]\nlisten = \"127.0.0.1:1\"\n").unwrap();
    let output = check();
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    let starts = [format!("{path}:2: hold: "), format!("{path}:4: listen: only on a machine")];
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() == 2 && lines.iter().zip(&starts).all(|(line, start)| line.starts_with(start)), "{text}");
}

#[test]
fn a_key_is_the_only_long_word_and_is_stored_nowhere() {
    let scratch = Scratch::new();
    let dir = scratch.path("data");
    let output = run(&["keys", "create", "--data-dir", &dir, "--tenant", "a-tenant-with-quite-a-long-name"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    let long: Vec<&str> = text.split_whitespace().filter(|word| word.len() >= 16).collect();
    let [key] = long[..] else { panic!("{text}") };
    assert!(key.starts_with("sk-offpeak-") && key.len() == 54, "{key}");
    for (path, bytes) in Scratch::files(&scratch.0) {
        assert!(!bytes.windows(key.len()).any(|window| window == key.as_bytes()), "{}", path.display());
    }
    let refused = run(&["keys", "create", "--data-dir", &dir, "--tenant", "a b"]);
    assert!(!refused.status.success() && stdout(&refused).is_empty());
}

#[test]
fn keys_are_made_and_revoked_beside_a_live_server() {
    let scratch = Scratch::new();
    let dir = scratch.path("data");
    let server = Running::server(&["--data-dir", &dir, "--auth", "keys"]);
    let key = stdout(&run(&["keys", "create", "--data-dir", &dir, "--tenant", "one"])).trim().to_owned();
    run(&["keys", "create", "--data-dir", &dir, "--tenant", "two"]);
    assert_eq!(server.call("GET", "/v1/jobs", "sk-offpeak-wrong", "").0, 401);
    assert_eq!(server.call("GET", "/v1/jobs", &key, "").0, 200);

    let list = stdout(&run(&["keys", "list", "--data-dir", &dir]));
    assert!(list.contains(" one\n") && list.contains(" two\n") && !list.contains(&key), "{list}");
    let line = list.lines().find(|line| line.ends_with(" one")).unwrap();
    let (id, hint) = (line.split_whitespace().next().unwrap(), line.split_whitespace().nth(1).unwrap());
    assert!(key.starts_with(hint));

    assert!(run(&["keys", "revoke", "--data-dir", &dir, hint]).status.success());
    assert!(run(&["keys", "revoke", "--data-dir", &dir, id]).status.success(), "a repeat is no error");
    assert!(!run(&["keys", "revoke", "--data-dir", &dir, "sk-offpeak-"]).status.success());
    let began = Instant::now();
    while server.call("GET", "/v1/jobs", &key, "").0 != 401 {
        assert!(began.elapsed() < Duration::from_secs(10), "the key still works");
    }
    assert!(server.stop().success());
}

#[test]
fn status_and_audit_tell_what_became_of_a_job() {
    let scratch = Scratch::new();
    let dir = scratch.path("data");
    let upstream = Running::simulator();
    let url = format!("http://{}/v1", upstream.address);
    let quick = ["--window", "50ms", "--poll-interval", "50ms", "--upstream", &url, "--data-dir", &dir];
    let server = Running::server(&quick);
    let body = r#"{"model":"gpt-5-mini","messages":[{"role":"user","content":"hello"}]}"#;
    let (status, answer) = server.call("POST", "/v1/chat/completions", "any", body);
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains("echo: hello"), "{answer}");

    let counts = until_counted(&dir, |counts| counts["submissions"]["done"] == 1);
    let none = serde_json::json!({"queued": 0, "packed": 0, "done": 1, "failed": 0, "cancelled": 0, "expired": 0});
    assert_eq!(counts["jobs"], none);
    assert_eq!(counts["submissions"]["open"], 0);
    let table = stdout(&run(&["status", "--data-dir", &dir]));
    assert!(table.lines().any(|line| line.split_whitespace().eq(["done", "1"])), "{table}");

    let audit = run(&["audit", "--data-dir", &dir]);
    assert!(audit.status.success());
    assert_eq!(stdout(&audit), "jobs 1, unpromised 0, violations 0\nbatches 0, lines 0, violations 0\n");
    assert!(server.stop().success());
    assert!(upstream.stop().success());

    std::fs::remove_dir_all(Path::new(&dir).join("objects")).unwrap();
    let audit = run(&["audit", "--data-dir", &dir]);
    let text = stdout(&audit);
    assert_eq!(audit.status.code(), Some(1), "{text}");
    assert!(text.starts_with("job_") && text.contains(": done, but its answer cannot be read\n"), "{text}");
    assert!(text.ends_with("jobs 1, unpromised 0, violations 1\nbatches 0, lines 0, violations 0\n"), "{text}");
}

#[test]
fn commands_need_a_data_directory() {
    let scratch = Scratch::new();
    for command in [&["status"][..], &["audit"], &["keys", "list"]] {
        let dir = scratch.path("nothing");
        let output = run(&[command, &["--data-dir", &dir]].concat());
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        assert!(stderr(&output).contains("holds no Offpeak database"), "{}", stderr(&output));
    }
}

#[test]
fn an_unknown_fault_is_refused() {
    for wrong in [["--fault", "slow=1"], ["--fault", "slow_ms"], ["--faults", "[]"], ["--fault", "slow_ms=soon"]] {
        let output = run(&[&["simulate", "--listen", "127.0.0.1:0"][..], &wrong].concat());
        assert!(!output.status.success() && stdout(&output).is_empty(), "{wrong:?}");
        assert!(stderr(&output).contains("--fault"), "{}", stderr(&output));
    }
}

#[test]
fn an_odd_log_filter_is_refused() {
    let output = run(&["status", "--log", "loud=very"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--log (OFFPEAK_LOG)"), "{}", stderr(&output));
}

/// Every one is refused before anything is read or sent, with the code of what could not be done.
#[test]
fn odd_arguments_of_batch_are_refused() {
    let scratch = Scratch::new();
    let file = scratch.path("in.jsonl");
    std::fs::write(&file, "{\"url\":\"/v1/embeddings\"}\n").unwrap();
    for (arguments, told) in [
        (&["submit"][..], "<FILE>"),
        (&["submit", &file, "--output", "x"], "--wait"),
        (&["submit", &file, "--metadata", "team"], "KEY=VALUE"),
        (&["submit", &file, "--part-size", "4 parsecs"], "--part-size"),
        (&["submit", &file, "--poll-interval", "soon", "--wait"], "--poll-interval"),
        (&["submit", &file, "--url", "ftp://localhost/v1"], "--url"),
        (&["submit", &scratch.path("absent.jsonl")], "absent.jsonl"),
        (&["check", &scratch.path("absent.jsonl")], "absent.jsonl"),
        (&["check", &file, "--endpoint", "/v1/videos"], "/v1/chat/completions"),
        (&["list", "--limit", "0"], "--limit"),
        (&["list", "--api-key-env", "NO_SUCH_KEY"], "the variable NO_SUCH_KEY is not set"),
        (&["show"], "<ID>"),
        (&["resubmit"], "resubmit"),
    ] {
        let output = run(&[&["batch"], arguments].concat());
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(stderr(&output).contains(told), "{arguments:?}: {}", stderr(&output));
        assert!(stdout(&output).is_empty(), "{arguments:?}");
    }
    assert!(Scratch::files(&scratch.0).len() == 1, "nothing was written");
}

#[test]
fn a_key_in_the_wrong_place_is_not_repeated() {
    for arguments in [&["--api-key-env", "sk-mistaken"][..], &["--url", "http://me:sk-mistaken@localhost/v1"]] {
        let output = run(&[&["batch", "list"], arguments].concat());
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(!stderr(&output).contains("sk-mistaken"), "{}", stderr(&output));
    }
    let odd = offpeak(&["batch", "list"]).env("OPENAI_API_KEY", "sk-odd\n").output().unwrap();
    let told = stderr(&odd);
    assert!(told.contains("characters that no header may have") && !told.contains("sk-odd"), "{told}");
}

#[test]
fn help_tells_the_exit_codes() {
    for command in ["submit", "retry", "check"] {
        let help = run(&["batch", command, "--help"]);
        assert!(help.status.success());
        assert!(stdout(&help).contains("Exit codes: 0 "), "{}", stdout(&help));
    }
}
