//! A process killed in the middle of its work loses nothing that it acknowledged.

use std::io::{BufRead, BufReader, Write, stdout};
use std::path::Path;
use std::process::{Command, Stdio};

use bytes::Bytes;
use offpeak_core::ids::ObjectName;
use offpeak_core::ports::{Intake, Jobs, Objects};
use offpeak_embedded::{Options, Store};

use super::samples::{Dir, id, job, message};

const TASKS: u32 = 32;

/// Not a test by itself: accepts jobs in its working directory, saying so, until it is killed.
#[test]
#[ignore = "the victim of the test below"]
fn victim() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    let store = Store::open(Path::new("data"), &Options::default()).unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..TASKS).map(|task| tokio::spawn(accept(store.clone_ports(), task))).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

type Doors = (std::sync::Arc<offpeak_embedded::Jobs>, std::sync::Arc<offpeak_embedded::Intake>, Keeper);
type Keeper = std::sync::Arc<offpeak_embedded::Objects>;

trait ClonePorts {
    fn clone_ports(&self) -> Doors;
}

impl ClonePorts for Store {
    fn clone_ports(&self) -> Doors {
        (self.jobs(), self.intake(), self.objects())
    }
}

async fn accept((jobs, intake, objects): Doors, task: u32) {
    for n in (task..).step_by(TASKS as usize) {
        jobs.create(vec![job(n)]).await.unwrap();
        intake.send(vec![message(n, format!("body {n}"))]).await.unwrap();
        if n % 50 == 0 {
            let mut writer = objects.create(&ObjectName(format!("results/{n}"))).await.unwrap();
            writer.write(Bytes::from(format!("object {n}"))).await.unwrap();
            writer.finish().await.unwrap();
        }
        let mut out = stdout().lock();
        writeln!(out, "accepted {n}").unwrap();
        out.flush().unwrap();
    }
}

/// Starts the victim in a directory, kills it after so many acknowledgements, and returns them.
fn run_and_kill(dir: &Path, acknowledgements: usize) -> Vec<u32> {
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "crash::victim", "--nocapture", "--test-threads=1"])
        .current_dir(dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut numbers = lines.filter_map(|line| line.split_once("accepted ").and_then(|(_, n)| n.parse().ok()));
    let mut accepted: Vec<u32> = numbers.by_ref().take(acknowledgements).collect();
    victim.kill().unwrap();
    victim.wait().unwrap();
    accepted.extend(numbers);
    accepted
}

#[tokio::test]
async fn what_was_acknowledged_before_a_kill_is_there_after_it() {
    let dir = Dir::new();
    std::fs::create_dir(dir.path()).unwrap();
    for round in 1..=4 {
        drop(std::fs::remove_dir_all(dir.path().join("data")));
        let accepted = run_and_kill(dir.path(), 300 * round);
        assert!(accepted.len() >= 300 * round, "the victim works: {}", accepted.len());
        let store = Store::open(&dir.path().join("data"), &Options::default()).unwrap();
        let snapshot = store.snapshot().unwrap();
        for n in accepted {
            assert_eq!(store.jobs().get(&[id(n)]).await.unwrap(), [Some(job(n))], "row {n}");
            assert!(snapshot.has_message(id(n)).await.unwrap(), "message {n}");
            if n % 50 == 0 {
                let (name, text) = (ObjectName(format!("results/{n}")), format!("object {n}"));
                let read = store.objects().read(&name, 0, text.len() as u64).await.unwrap();
                assert_eq!(read, text.as_bytes(), "object {n}");
            }
        }
        let check: String = rusqlite::Connection::open(dir.path().join("data/offpeak.db"))
            .unwrap()
            .query_row("PRAGMA integrity_check", (), |row| row.get(0))
            .unwrap();
        assert_eq!(check, "ok");
    }
}
