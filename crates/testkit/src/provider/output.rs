//! The files that a batch leaves, and how they come down.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use offpeak_core::ports::{Download, StoreError};
use serde_json::{Value, json};

use super::batch::{Batch, Line, LineFate};
use super::script::DownloadOdds;
use crate::fakes::Random;

/// Bytes of one piece of a download.
const PIECE: usize = 16 * 1024;

/// A file at the provider.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub(super) bytes: Bytes,
    /// Whether it is a batch's results, which may come down cut.
    pub(super) results: bool,
    /// Whether its lines are exactly those that are counted, so that the counts tell when one is missing.
    pub(super) counted: bool,
}

/// The output file and the error file of a batch that has ended.
pub(super) fn files(batch: &Batch, random: &Random) -> [Option<File>; 2] {
    // Nobody documents whether a cancelled batch lists the lines that did not run.
    let unfinished = batch.unfinished_code().filter(|code| *code == "batch_expired" || random.chance(500));
    let (mut output, mut errors, mut uncounted) = (Vec::new(), Vec::new(), [false, false]);
    for (n, line) in batch.lines.iter().enumerate() {
        let Some(text) = result(line, n < batch.run, unfinished) else { continue };
        let ran_well = n < batch.run && line.fate == LineFate::Well;
        let lines = if ran_well { &mut output } else { &mut errors };
        uncounted[usize::from(!ran_well)] |= line.repeated || n >= batch.run;
        if line.repeated {
            lines.push(text.clone());
        }
        lines.push(text);
    }
    [file(output, !uncounted[0], random), file(errors, !uncounted[1], random)]
}

/// A file of these lines in any order, unless there are none.
fn file(mut lines: Vec<String>, counted: bool, random: &Random) -> Option<File> {
    for n in (1..lines.len()).rev() {
        let other = usize::try_from(random.between(0, n as u64)).unwrap_or(n);
        lines.swap(n, other);
    }
    (!lines.is_empty()).then(|| File { bytes: Bytes::from(lines.concat()), results: true, counted })
}

/// What is written of a line, its line feed included; nothing of a vanished one.
fn result(line: &Line, ran: bool, unfinished: Option<&str>) -> Option<String> {
    let sample = line.sample.unwrap_or_default();
    let refused = |status: u16, code: &str| {
        json!({"status_code": status, "request_id": format!("req_{sample}"),
            "body": {"error": {"message": code, "type": code, "param": null, "code": code}}})
    };
    let (response, error) = match (ran, line.fate) {
        (false, _) => (Value::Null, json!({"code": unfinished?, "message": "This request could not be executed."})),
        (true, LineFate::Well) => (answered(line, sample), Value::Null),
        (true, LineFate::BadRequest) => (refused(400, "invalid_request_error"), Value::Null),
        (true, LineFate::RateLimited) => (refused(429, "rate_limit_exceeded"), Value::Null),
        (true, LineFate::ServerError) => (refused(500, "server_error"), Value::Null),
        (true, LineFate::TimedOut) => {
            (Value::Null, json!({"code": "request_timeout", "message": "The request timed out."}))
        }
        (true, LineFate::Vanished) => return None,
    };
    let id = format!("batch_req_{sample}");
    let line = json!({"id": id, "custom_id": line.request.custom_id, "response": response, "error": error});
    Some(format!("{line}\n"))
}

fn answered(line: &Line, sample: u64) -> Value {
    let (input, output) = (line.request.body_bytes / 4 + 1, 1 + sample % 7);
    // Of a response that was answered.
    let status = match sample % 8 {
        0 => "incomplete",
        3 => "failed",
        5 => "cancelled",
        _ => "completed",
    };
    json!({"status_code": 200, "request_id": format!("req_{sample}"), "body": {
        "echo": line.request.question,
        "status": status,
        "sample": sample,
        "usage": {"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output},
    }})
}

/// The file on its way down, cut short if the dice say so.
pub(super) fn download(file: &File, odds: DownloadOdds, random: &Random) -> Download {
    let whole = Some(file.bytes.len() as u64);
    let visibly = random.chance(odds.cut_visibly);
    let silently = random.chance(odds.cut_silently);
    if !file.results || file.bytes.len() < 2 || !(visibly || silently && file.counted) {
        return sent(file.bytes.clone(), whole, false);
    }
    let bytes = cut(&file.bytes, random);
    if visibly { sent(bytes, whole, random.chance(500)) } else { sent(bytes, None, false) }
}

/// Less than the whole: at least a line is lost, and often nothing but whole lines is left.
fn cut(bytes: &Bytes, random: &Random) -> Bytes {
    let at = usize::try_from(random.between(0, bytes.len() as u64 - 2)).unwrap_or(0);
    let mut kept = bytes.slice(..at);
    if random.chance(500) {
        kept.truncate(kept.iter().rposition(|byte| *byte == b'\n').map_or(0, |feed| feed + 1));
    }
    kept
}

fn sent(mut rest: Bytes, length: Option<u64>, broken: bool) -> Download {
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        pieces.push(Ok(rest.split_to(PIECE.min(rest.len()))));
    }
    if broken {
        pieces.push(Err(StoreError::Unavailable("the download broke off".to_owned())));
    }
    Download { length, bytes: stream::iter(pieces).boxed() }
}
