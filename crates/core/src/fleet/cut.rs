//! Cutting: which lines of a submission run together.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::Timing;
use super::plan::Record;

/// Tokens that an answer is believed to have where its request sets no bound.
const ANSWER_TOKENS: u64 = 256;

/// Tokens that an answer is believed to have at most, whatever its request allows.
const LONGEST_ANSWER_TOKENS: u64 = 16_384;

/// Lengths of a prompt's beginning that are compared, in bytes: lines that share the longest lie next to each other.
const PREFIXES: [usize; 3] = [128, 1_024, 8_192];

/// A line of a submission, as far as cutting needs it: 56 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    /// Whose it is: an index into the manifest's tenants.
    pub tenant: u32,
    /// How its prompt begins: a hash of so many of its first bytes, for each of three lengths; 0 where it is shorter.
    prefix: [u64; 3],
    /// Where it lies.
    pub record: Record,
    /// Estimated tokens, the answer's included.
    pub tokens: u64,
}

/// Lines that run together: a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// Whose they are.
    pub tenant: u32,
    /// The first of them, in the order of the cut requests.
    pub first: u32,
    /// How many.
    pub lines: u32,
    /// Estimated tokens.
    pub tokens: u64,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    messages: Option<&'a RawValue>,
    #[serde(borrow, default)]
    prompt: Option<&'a RawValue>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
    #[serde(borrow, default)]
    instructions: Option<&'a RawValue>,
    #[serde(default)]
    max_tokens: Option<u64>,
    #[serde(default)]
    max_completion_tokens: Option<u64>,
    #[serde(default)]
    max_output_tokens: Option<u64>,
    #[serde(default)]
    n: Option<u64>,
}

impl Request {
    /// A line with this body. A body that cannot be read has no prefix: its engine will say what is wrong with it.
    pub fn of(tenant: u32, record: Record, body: &str) -> Self {
        let Ok(read) = serde_json::from_str::<Body<'_>>(body) else {
            return Self { tenant, prefix: [0; 3], record, tokens: prompt_tokens(body) };
        };
        let text = read.prompt().map_or("", RawValue::get).as_bytes();
        let prefix = PREFIXES.map(|length| text.get(..length).map_or(0, hash));
        Self { tenant, prefix, record, tokens: prompt_tokens(body).saturating_add(read.answer_tokens()) }
    }
}

impl Body<'_> {
    fn prompt(&self) -> Option<&RawValue> {
        [self.instructions, self.messages, self.prompt, self.input].into_iter().flatten().next()
    }

    /// Tokens of its answers, as it bounds them.
    fn answer_tokens(&self) -> u64 {
        let answer = self.max_completion_tokens.or(self.max_output_tokens).or(self.max_tokens);
        let answer = answer.unwrap_or(ANSWER_TOKENS).min(LONGEST_ANSWER_TOKENS);
        answer.saturating_mul(self.n.unwrap_or(1).clamp(1, 128))
    }
}

/// Tokens that a request with this body is believed to take, its answer included.
pub fn estimate(body: &str) -> u64 {
    let answer_tokens = serde_json::from_str::<Body<'_>>(body).map_or(0, |read| read.answer_tokens());
    prompt_tokens(body).saturating_add(answer_tokens)
}

fn prompt_tokens(body: &str) -> u64 {
    (body.len() as u64).div_ceil(4)
}

fn hash(bytes: &[u8]) -> u64 {
    let digest = Sha256::digest(bytes);
    digest.iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

/// Puts the requests into the order in which they run, and cuts them.
///
/// By tenant, what begins alike together, no chunk with more lines or tokens than allowed but one of a single line. The
/// same requests are always cut alike.
pub fn cut(requests: &mut [Request], timing: &Timing) -> Vec<Cut> {
    requests.sort_unstable();
    let mut cuts: Vec<Cut> = Vec::new();
    for (index, request) in (0..).zip(requests.iter()) {
        match cuts.last_mut() {
            Some(last)
                if last.tenant == request.tenant
                    && last.lines < timing.chunk_lines
                    && last.tokens.saturating_add(request.tokens) <= timing.chunk_tokens =>
            {
                last.lines += 1;
                last.tokens = last.tokens.saturating_add(request.tokens);
            }
            Some(_) | None => {
                cuts.push(Cut { tenant: request.tenant, first: index, lines: 1, tokens: request.tokens });
            }
        }
    }
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(tenant: u32, number: u64, prompt: &str) -> Request {
        let body =
            format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{prompt}{number}"}}],"max_tokens":10}}"#);
        Request::of(tenant, Record { offset: number * 1_000, length: 100 }, &body)
    }

    #[test]
    fn every_line_is_in_one_chunk_and_none_is_too_large() {
        let timing = Timing { chunk_lines: 7, chunk_tokens: 400, ..Timing::default() };
        let mut requests: Vec<_> = (0..100).map(|n| request(u32::from(n % 3 == 0), n, "a")).collect();
        requests.push(request(0, 100, &"long ".repeat(1_000)));
        let cuts = cut(&mut requests, &timing);
        let mut next = 0;
        for cut in &cuts {
            assert_eq!(cut.first, next);
            next += cut.lines;
            let lines = &requests[cut.first as usize..next as usize];
            assert!(lines.iter().all(|line| line.tenant == cut.tenant));
            assert_eq!(lines.iter().map(|line| line.tokens).sum::<u64>(), cut.tokens);
            assert!(cut.lines <= 7 && (cut.tokens <= 400 || cut.lines == 1), "{cut:?}");
        }
        assert_eq!(next, 101);
        let mut again = requests.clone();
        again.reverse();
        assert_eq!((cut(&mut again, &timing), again), (cuts, requests));
    }

    #[test]
    fn what_begins_alike_lies_together() {
        let prompts = ["x".repeat(200), "y".repeat(200), "x".repeat(199) + &"z".repeat(1_000)];
        let mut requests: Vec<_> =
            (0..30).zip(prompts.iter().cycle()).map(|(n, prompt)| request(0, n, prompt)).collect();
        cut(&mut requests, &Timing::default());
        let order: Vec<u64> = requests.iter().map(|request| request.record.offset / 1_000 % 3).collect();
        let mut runs = order.clone();
        runs.dedup();
        assert_eq!(runs.len(), 3, "{order:?}");
        let ys = runs.iter().position(|which| *which == 1);
        assert_ne!(ys, Some(1), "the two that share a beginning are neighbours: {runs:?}");
    }

    #[test]
    fn answers_count_as_their_requests_bound_them() {
        let of = |body: &str| Request::of(0, Record { offset: 0, length: 0 }, body).tokens;
        let plain = r#"{"input":"a"}"#;
        assert_eq!(of(plain), (plain.len() as u64).div_ceil(4) + ANSWER_TOKENS);
        assert!(of(r#"{"messages":[],"max_tokens":9,"n":3}"#) < ANSWER_TOKENS);
        assert_eq!(of("no json"), 2);
        for body in [plain, r#"{"messages":[],"max_tokens":9,"n":3}"#, "no json"] {
            assert_eq!(estimate(body), of(body));
        }
    }
}
