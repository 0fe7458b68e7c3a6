//! A batch's input: made as it is sent, so that it takes no memory here.

use std::io::Write;

use anyhow::Context;

/// Lines that are made and sent at once.
const AT_ONCE: usize = 1_000;

/// What prompts look like to a parser: words, and an escape now and then.
const TEXT: &str = r#"The queue is long, and what can wait is cheap.\nSo it waits, as it was \"asked\" to. "#;

const BOUNDARY: &str = "offpeak-bench-boundary";

/// So many lines of so many bytes, line feeds included.
#[derive(Clone, Copy)]
pub(crate) struct Input {
    pub(crate) lines: usize,
    pub(crate) line_bytes: usize,
}

impl Input {
    pub(crate) fn bytes(self) -> usize {
        self.lines * self.line_bytes
    }

    /// Pieces of the request that stores it as a file.
    pub(crate) fn upload(self) -> impl Iterator<Item = Vec<u8>> {
        let opening = format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--{BOUNDARY}\r\n\
             content-disposition: form-data; name=\"file\"; filename=\"input.jsonl\"\r\n\
             content-type: application/jsonl\r\n\r\n"
        );
        let closing = format!("\r\n--{BOUNDARY}--\r\n");
        let head = format!(
            "POST /v1/files HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary={BOUNDARY}\r\n\
             content-length: {}\r\n\r\n{opening}",
            opening.len() + self.bytes() + closing.len()
        );
        let pieces = (0..self.lines).step_by(AT_ONCE).map(move |first| self.piece(first));
        std::iter::once(head.into_bytes()).chain(pieces).chain(std::iter::once(closing.into_bytes()))
    }

    fn piece(self, first: usize) -> Vec<u8> {
        let numbers = first..self.lines.min(first + AT_ONCE);
        let mut piece = Vec::with_capacity(numbers.len() * self.line_bytes);
        for number in numbers {
            self.line(number, &mut piece);
        }
        piece
    }

    fn line(self, number: usize, out: &mut Vec<u8>) {
        const END: &[u8] = b"\"}]}}\n";
        let begin = out.len();
        let _ = write!(
            out,
            r#"{{"custom_id":"line-{number:08}","method":"POST","url":"/v1/chat/completions","body":{{"model":"gpt-4.1-mini","messages":[{{"role":"user","content":""#
        );
        let mut room = self.line_bytes - END.len() - (out.len() - begin);
        while room >= TEXT.len() {
            out.extend_from_slice(TEXT.as_bytes());
            room -= TEXT.len();
        }
        out.resize(out.len() + room, b'x');
        out.extend_from_slice(END);
    }
}

/// Which lines stand in an output.
pub(crate) struct Answered {
    seen: Vec<bool>,
    /// Lines that are no answer, or a second one.
    pub(crate) odd: usize,
}

impl Answered {
    pub(crate) fn new(input: Input) -> Self {
        Self { seen: vec![false; input.lines], odd: 0 }
    }

    pub(crate) fn line(&mut self, line: &[u8]) {
        match number(line).ok().and_then(|number| self.seen.get_mut(number)) {
            Some(seen) if !*seen => *seen = true,
            Some(_) | None => self.odd += 1,
        }
    }

    pub(crate) fn missing(&self) -> usize {
        self.seen.iter().filter(|seen| !**seen).count()
    }
}

/// Whose answer it is.
fn number(line: &[u8]) -> anyhow::Result<usize> {
    const MARK: &[u8] = b"\"custom_id\":\"line-";
    let begin = memchr::memmem::find(line, MARK).context("no custom_id")? + MARK.len();
    let digits = line.get(begin..begin + 8).context("a short custom_id")?;
    Ok(std::str::from_utf8(digits)?.parse()?)
}
