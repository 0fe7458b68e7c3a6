//! What a function weighs, how long it takes from its start to its first question for work, and what it holds then.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use crate::process::resident_of;
use crate::report::{Table, median};

/// The binaries of the functions of any stack.
const FUNCTIONS: [&str; 5] = ["front-door", "packer", "poller", "notifier", "operator"];
/// Those of live calls and of a fleet, which are weighed only.
const OTHERS: [&str; 3] = ["live", "scaler", "gpu-agent"];
/// Starts of which the median is shown.
const STARTS: usize = 20;
/// For a function to ask for work.
const PATIENCE: Duration = Duration::from_secs(10);

const PARAMETERS: &str =
    r#"{"Parameters":[{"Name":"/offpeak/bench/keys/OPENAI_API_KEY","Type":"SecureString","Value":"sk-bench"}]}"#;

/// Sizes, stripped and zipped as they are deployed.
pub(crate) fn weigh(table: &mut Table) -> anyhow::Result<()> {
    for name in FUNCTIONS.into_iter().chain(OTHERS) {
        let folder = std::env::temp_dir().join(format!("offpeak-bench-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let stripped = folder.join("bootstrap");
        run(Command::new("strip").arg("-o").arg(&stripped).arg(binary(name)?))?;
        let zipped = folder.join("bootstrap.zip");
        run(Command::new("python3").args(["-m", "zipfile", "-c"]).arg(&zipped).arg(&stripped))?;
        let sizes = format!("{} ({} unzipped)", mb(&zipped)?, mb(&stripped)?);
        table.row(&format!("{name}: zip of this architecture's binary, MB"), sizes, "<= 6");
        std::fs::remove_dir_all(&folder)?;
        let built = binary(name)?.with_file_name("..").join("lambda").join(name).join("bootstrap.zip");
        if built.is_file() {
            table.row(&format!("{name}: zip that cargo lambda made last, MB"), mb(&built)?, "<= 6");
        }
    }
    Ok(())
}

/// Starts, against a Runtime API and a parameter store on loopback that answer at once.
pub(crate) fn start(table: &mut Table) -> anyhow::Result<()> {
    let (asked, questions) = channel();
    let runtime_api = listen(move |path| {
        // Nothing to do for ever: who asks has started.
        let _ = asked.send((Instant::now(), path.to_owned()));
        None
    })?;
    let (called, calls) = channel();
    let parameters = listen(move |_| {
        let _: Result<(), _> = Sender::send(&called, Instant::now());
        Some(PARAMETERS)
    })?;
    for name in FUNCTIONS {
        let (mut times, mut memory) = (Vec::new(), Vec::new());
        for _ in 0..STARTS {
            let began = Instant::now();
            let mut child = function(name, runtime_api, parameters)?.spawn()?;
            let ready = questions.recv_timeout(PATIENCE).with_context(|| format!("{name} does not ask for work"));
            let resident = resident_of(child.id());
            child.kill()?;
            child.wait()?;
            let (at, path) = ready?;
            ensure!(path.ends_with("/invocation/next"), "{name} asks for {path}");
            times.push((at - began).as_secs_f64() * 1_000.0);
            memory.push(resident? as f64 / 1_048_576.0);
            ensure!(calls.try_iter().count() == 1, "{name} does not read its parameters by one call");
        }
        let what = format!("{name}: start to first Runtime API poll, ms (parameter store on loopback)");
        table.row(&what, format!("{:.1}", median(&mut times)), "<= 60");
        table.row(&format!("{name}: RSS then, MiB"), format!("{:.1}", median(&mut memory)), "<= 40");
    }
    Ok(())
}

fn function(name: &str, runtime_api: SocketAddr, parameters: SocketAddr) -> anyhow::Result<Command> {
    let mut command = Command::new(binary(name)?);
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::null());
    let tables = [
        "JOBS",
        "SUBMISSIONS",
        "FILES",
        "UPLOADS",
        "BATCHES",
        "RECEIVERS",
        "NOTICES",
        "CLASSES",
        "KEYS",
        "USAGE",
        "CREDENTIALS",
    ];
    command.envs(tables.iter().map(|noun| (format!("OFFPEAK_{noun}_TABLE"), noun.to_lowercase())));
    command.envs(BTreeMap::from([
        ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_string().as_str()),
        ("AWS_LAMBDA_FUNCTION_NAME", name),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "bench"),
        ("AWS_SECRET_ACCESS_KEY", "bench"),
        ("AWS_ENDPOINT_URL", &format!("http://{parameters}")),
        ("OFFPEAK_BUCKET", "bench"),
        ("OFFPEAK_QUEUES", "soon=http://127.0.0.1/soon,nightly=http://127.0.0.1/nightly"),
        ("OFFPEAK_PARAMETERS", "/offpeak/bench/"),
        ("OFFPEAK_JOB_INDEX", "false"),
        ("OFFPEAK_OBJECT_DAYS", "60"),
        ("OFFPEAK_S3_PATH_STYLE", "true"),
        ("OFFPEAK_AUTH", "keys"),
        ("OFFPEAK_FRONT_DOOR", "http-api"),
        ("OFFPEAK_LOG", "warn"),
    ]));
    Ok(command)
}

/// Serves HTTP on loopback, as much of it as two clients need; a request without an answer waits for ever.
fn listen(answer: impl Fn(&str) -> Option<&'static str> + Clone + Send + 'static) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            // Who asked has gone when this fails.
            thread::spawn(move || drop(converse(&stream, answer)));
        }
    });
    Ok(address)
}

fn converse(stream: &TcpStream, answer: impl Fn(&str) -> Option<&'static str>) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let (mut path, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if path.is_empty() {
                line.split(' ').nth(1).unwrap_or_default().clone_into(&mut path);
            } else if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse()?;
            }
        }
        reader.read_exact(&mut vec![0; length])?;
        let Some(body) = answer(&path) else {
            // Until the other side goes.
            reader.read_to_end(&mut Vec::new())?;
            return Ok(());
        };
        let head = format!("content-type: application/x-amz-json-1.1\r\ncontent-length: {}", body.len());
        write!(&mut &*stream, "HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}")?;
    }
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("{command:?}"))?;
    ensure!(status.success(), "{command:?} failed");
    Ok(())
}

fn mb(file: &Path) -> anyhow::Result<String> {
    Ok(format!("{:.2}", std::fs::metadata(file)?.len() as f64 / 1e6))
}

/// The release binary beside this benchmark.
fn binary(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    if path.is_file() { Ok(path) } else { bail!("{} is missing: build it first", path.display()) }
}
