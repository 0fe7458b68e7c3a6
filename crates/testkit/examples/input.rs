//! How fast a batch's input is checked and split, on one core, and in how much memory: `input [--lines N] [--bytes B]`.
//!
//! The input is made as it is read, so that only what the reader keeps is measured. Prints megabytes per second of
//! processor time, checked only and written too, and the peak of resident memory above the start.

use std::fmt::Write as _;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use offpeak_core::batch::InputRule;
use offpeak_core::batch::input::{Checker, Splitter};
use offpeak_core::endpoint::Endpoint;
use offpeak_core::submission::Limits;

/// Bytes of one piece, as an object store gives them.
const PIECE: usize = 64 * 1024;

/// Bytes written before they are handed on.
const BUFFER: usize = 256 * 1024;

fn main() {
    let (mut lines, mut bytes) = (50_000, 4_000);
    let mut words = std::env::args().skip(1);
    while let (Some(word), Some(value)) = (words.next(), words.next()) {
        let Ok(value) = value.parse() else { continue };
        match word.as_str() {
            "--lines" => lines = value,
            "--bytes" => bytes = value,
            _ => {}
        }
    }
    let before_kib = status_kib("VmRSS:");
    for writes in [false, true] {
        let (total, seconds) = pass(lines, bytes, writes);
        let speed = u32::try_from(total / 1_000_000).map_or(0.0, f64::from) / seconds;
        let what = if writes { "checked and written" } else { "checked" };
        print(&format!("{what}: {lines} lines, {} MB, {seconds:.2} s, {speed:.0} MB/s", total / 1_000_000));
    }
    let peak_kib = status_kib("VmHWM:").saturating_sub(before_kib);
    print(&format!("peak above start: {} MiB", peak_kib / 1_024));
}

/// Reads an input of so many lines of so many bytes; returns its bytes, and the seconds that reading took.
fn pass(lines: u64, bytes: u64, writes: bool) -> (u64, f64) {
    let mut checker = Checker::new(Endpoint::ChatCompletions, InputRule::Split, Limits::OPENAI);
    let mut splitter = Splitter::default();
    let (mut total, mut seconds, mut made) = (0, 0.0, String::new());
    let mut out = BytesMut::new();
    for number in 0..lines {
        line(&mut made, number, bytes);
        if made.len() < PIECE && number + 1 < lines {
            continue;
        }
        let piece = Bytes::copy_from_slice(made.as_bytes());
        made.clear();
        total += piece.len() as u64;
        let began = Instant::now();
        splitter.push(piece);
        while let Some(line) = splitter.take() {
            if let Some(request) = checker.check(&line)
                && writes
            {
                request.write(&mut out, Endpoint::ChatCompletions, None);
            }
            if out.len() >= BUFFER {
                drop(out.split());
            }
        }
        seconds += began.elapsed().as_secs_f64();
    }
    let began = Instant::now();
    let counted = checker.finish();
    seconds += began.elapsed().as_secs_f64();
    print(&format!("{:?} lines were good", counted.map(|counted| counted.size.requests)));
    (total, seconds)
}

/// Appends a line of about so many bytes, as people write them: text with a few escapes.
fn line(out: &mut String, number: u64, bytes: u64) {
    let text = "Summarise this paragraph, please: \\\"the quick brown fox\\\" jumps over the lazy dog.\\n";
    let before = out.len();
    // Writing into a string cannot fail.
    let _ = write!(
        out,
        r#"{{"custom_id":"request-{number}","method":"POST","url":"/v1/chat/completions","body":{{"model":"gpt-4.1-mini","temperature":0.2,"messages":[{{"role":"user","content":""#
    );
    while (out.len() - before + text.len() + 6) as u64 <= bytes {
        out.push_str(text);
    }
    out.push_str("\"}]}}\n");
}

/// A field of this process's status, KiB.
fn status_kib(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0)
}

#[expect(clippy::print_stdout, reason = "what it finds is its output")]
fn print(line: &str) {
    println!("{line}");
}
