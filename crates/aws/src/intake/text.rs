//! A message as SQS carries it.
//!
//! ```text
//! {"v":1,"message":{…},"body":{"zstd":2048}}      a line of JSON: everything but the body
//! KLUv/SAI…                                       the body in base64, compressed where that makes it smaller
//! ```
//!
//! SQS refuses most control characters and U+FFFE and U+FFFF: JSON escapes the first, [`escaped`] the others, and no
//! body contains any in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use offpeak_core::job::BodyAt;
use offpeak_core::ports::{Message, MessageBody};
use serde::{Deserialize, Serialize};

/// The longest text of a message, bytes: two of them fit in one call. Longer bodies go to the object store.
pub(super) const TEXT_BYTES: usize = 448 << 10;
/// The longest body that travels in a message, bytes; a reader makes room for no more than this.
const BODY_BYTES: usize = 16 << 20;
/// Costs little more time than none, and halves what a prompt takes.
const LEVEL: i32 = 3;
/// The version of this format.
const VERSION: u8 = 1;

#[derive(Serialize)]
struct Head<'a> {
    v: u8,
    message: &'a Message,
    body: Body,
}

#[derive(Deserialize)]
struct ReadHead {
    v: u8,
    message: Message,
    body: Body,
}

/// Where the body is; a length is that of the body itself, bytes.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Body {
    Raw(usize),
    Zstd(usize),
    At(BodyAt),
}

/// What a text turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// A message.
    Whole(Message),
    /// A message whose body is not readable; its body here is empty.
    Bodiless(Message),
    /// Not a message of ours.
    Nothing,
}

/// The text of a message, or `None` if its body is too long to travel in it.
pub(super) fn write(message: &Message) -> Option<String> {
    match &message.body {
        MessageBody::At(at) => head(message, Body::At(at.clone())),
        MessageBody::Inline(body) if body.len() > BODY_BYTES => None,
        MessageBody::Inline(body) => {
            let smaller = zstd::bulk::compress(body, LEVEL).ok().filter(|smaller| smaller.len() < body.len());
            let mut text = match &smaller {
                Some(_) => head(message, Body::Zstd(body.len()))?,
                None => head(message, Body::Raw(body.len()))?,
            };
            text.push('\n');
            STANDARD_NO_PAD.encode_string(smaller.as_deref().unwrap_or(body), &mut text);
            Some(text).filter(|text| text.len() <= TEXT_BYTES)
        }
    }
}

fn head(message: &Message, body: Body) -> Option<String> {
    serde_json::to_string(&Head { v: VERSION, message, body }).ok().map(escaped)
}

/// These two stand only inside of JSON's strings.
fn escaped(json: String) -> String {
    if json.contains(['\u{fffe}', '\u{ffff}']) {
        return json.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff");
    }
    json
}

/// The message of a text.
pub(super) fn read(text: &str) -> Read {
    let (head, body) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(ReadHead { v: VERSION, mut message, body: kind }) = serde_json::from_str(head) else { return Read::Nothing };
    let bytes = match kind {
        Body::At(at) => {
            message.body = MessageBody::At(at);
            return Read::Whole(message);
        }
        Body::Raw(length) => STANDARD_NO_PAD.decode(body).ok().filter(|bytes| bytes.len() == length),
        Body::Zstd(length) => STANDARD_NO_PAD.decode(body).ok().and_then(|bytes| unpacked(&bytes, length)),
    };
    match bytes {
        Some(bytes) => {
            message.body = MessageBody::Inline(Bytes::from(bytes));
            Read::Whole(message)
        }
        None => Read::Bodiless(message),
    }
}

fn unpacked(bytes: &[u8], length: usize) -> Option<Vec<u8>> {
    let room = Some(length).filter(|length| *length <= BODY_BYTES)?;
    zstd::bulk::decompress(bytes, room).ok().filter(|body| body.len() == length)
}

#[cfg(test)]
mod tests {
    use offpeak_testkit::samples::Namespace;
    use rand::Rng;

    use super::*;

    fn is_welcome(text: &str) -> bool {
        text.chars().all(|c| {
            matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
        })
    }

    #[test]
    fn whatever_a_message_holds_is_welcome_and_comes_back() {
        let all: String = (0..=0x1_0000_u32).filter_map(char::from_u32).collect();
        let mut message = Namespace::fresh().message(all.clone());
        message.lane.model = all;
        let text = write(&message).unwrap();
        assert!(is_welcome(&text));
        assert_eq!(read(&text), Read::Whole(message));
    }

    #[test]
    fn a_body_is_compressed_where_that_helps() {
        let names = Namespace::fresh();
        let (prose, noise) = ("the same again ".repeat(200), (0..=255).collect::<Vec<u8>>());
        let empty = write(&names.message("")).unwrap().len();
        assert!(write(&names.message(prose.clone())).unwrap().len() < empty + prose.len() / 4);
        assert!(write(&names.message(noise.clone())).unwrap().len() < empty + noise.len() * 3 / 2);
    }

    #[test]
    fn a_text_has_its_limit() {
        let names = Namespace::fresh();
        let noise = |length: usize| {
            let mut bytes = vec![0; length];
            rand::rng().fill_bytes(&mut bytes);
            bytes
        };
        let fits = write(&names.message(noise(320 << 10))).unwrap();
        assert!(fits.len() <= TEXT_BYTES);
        assert_eq!(write(&names.message(noise(345 << 10))), None);
        let prose = "again ".repeat(1 << 20);
        assert!(write(&names.message(prose)).is_some(), "by what it takes, not by what it is");
        assert_eq!(write(&names.message(vec![0; BODY_BYTES + 1])), None, "no reader makes room for it");
    }

    #[test]
    fn what_is_not_ours_is_nothing() {
        let text = write(&Namespace::fresh().message("{}")).unwrap();
        let newer = text.replacen("\"v\":1", "\"v\":2", 1);
        for text in ["", "{}", "hello", "\n", "{\"v\":1}\nAAAA", &newer, &text[1..]] {
            assert_eq!(read(text), Read::Nothing, "{text}");
        }
    }

    #[test]
    fn a_head_survives_a_broken_body() {
        let message = Namespace::fresh().message("the same again ".repeat(100));
        let text = write(&message).unwrap();
        let (head, body) = text.split_once('\n').unwrap();
        let bomb = zstd::bulk::compress(&vec![0; 64 << 20], LEVEL).unwrap();
        let bomb = STANDARD_NO_PAD.encode(bomb);
        let lying = head.replace("1500", &(1_usize << 60).to_string());
        for broken in [
            head.to_owned(),
            format!("{head}\n{}", &body[..body.len() / 2]),
            format!("{head}\n*{body}"),
            format!("{head}\n{bomb}"),
            format!("{lying}\n{bomb}"),
            format!("{}\n{body}", head.replace("zstd", "raw")),
        ] {
            let Read::Bodiless(read) = read(&broken) else { panic!("a head without a body") };
            assert_eq!((read.job, read.lane), (message.job, message.lane.clone()));
        }
    }
}
