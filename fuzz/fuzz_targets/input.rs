//! A batch's input is read the same however it arrives, and what is taken from it is JSON of its own.
#![no_main]

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use offpeak_core::batch::InputRule;
use offpeak_core::batch::input::{Checker, Line, Splitter};
use offpeak_core::endpoint::Endpoint;
use offpeak_core::submission::Limits;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let Some((size, data)) = data.split_first() else { return };
    let whole = lines(data, data.len().max(1));
    assert_eq!(lines(data, usize::from(*size).max(1)), whole);
    for rule in [InputRule::Split, InputRule::Strict] {
        let mut checker = Checker::new(Endpoint::ChatCompletions, rule, Limits::OPENAI);
        let mut taken = 0;
        for line in &whole {
            let Some(request) = checker.check(line) else { continue };
            taken += 1;
            let mut out = BytesMut::new();
            let size = request.write(&mut out, Endpoint::ChatCompletions, Some("renamed"));
            assert_eq!(size.bytes, out.len() as u64);
            assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1);
            let written: Value = serde_json::from_slice(&out).unwrap();
            let read: Value = serde_json::from_slice(line.bytes.as_ref().unwrap()).unwrap();
            assert_eq!(written["custom_id"], read["custom_id"]);
            assert_eq!(written["body"]["model"], "renamed");
            assert_eq!(written["body"]["messages"], read["body"]["messages"]);
        }
        match checker.finish() {
            Ok(counted) => assert_eq!(counted.size.requests, taken),
            Err(errors) => assert!(!errors.is_empty()),
        }
    }
});

/// The lines of the input, if it arrives in pieces of that size.
fn lines(data: &[u8], size: usize) -> Vec<Line> {
    let mut splitter = Splitter::default();
    let mut lines = Vec::new();
    for piece in data.chunks(size) {
        splitter.push(Bytes::copy_from_slice(piece));
        lines.extend(std::iter::from_fn(|| splitter.take()));
    }
    splitter.end();
    lines.extend(std::iter::from_fn(|| splitter.take()));
    lines
}
