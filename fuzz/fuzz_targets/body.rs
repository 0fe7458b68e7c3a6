//! A body that is accepted goes upstream as one line of JSON that says the same, but for the fields that are cut.
#![no_main]

use std::fmt;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use offpeak_core::body::{field, peek, upstream, with_fields, with_model};
use offpeak_core::endpoint::Endpoint;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Fields that a batch line must not have.
const CUT: [&str; 3] = ["stream", "stream_options", "background"];

/// A name that needs escaping.
const RENAMED: &str = "other \"model\"";

/// The top-level entries of an object as they are written, in order, twice if they stand twice.
#[derive(Debug, PartialEq)]
struct Entries(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Raw;
        impl<'de> Visitor<'de> for Raw {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some((key, value)) = map.next_entry::<Box<RawValue>, Box<RawValue>>()? {
                    entries.push((key.get().to_owned(), value.get().to_owned()));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Raw)
    }
}

impl Entries {
    fn of(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).expect("an object")
    }

    /// What should go upstream.
    fn wanted(&self, endpoint: Endpoint, model: Option<&str>) -> Self {
        let flex = |key: &str, value: &str| {
            endpoint == Endpoint::Responses && name(key) == "service_tier" && value == "\"flex\""
        };
        let kept = self.0.iter().filter(|(key, value)| !CUT.contains(&name(key).as_str()) && !flex(key, value));
        Self(kept.map(|(key, value)| (key.clone(), renamed(key, &value.replace(['\n', '\r'], " "), model))).collect())
    }
}

/// A key without its quotes and escapes.
fn name(key: &str) -> String {
    serde_json::from_str(key).unwrap_or_default()
}

fn renamed(key: &str, value: &str, model: Option<&str>) -> String {
    match model {
        Some(model) if name(key) == "model" => serde_json::to_string(model).expect("a string"),
        _ => value.to_owned(),
    }
}

fuzz_target!(|data: &[u8]| {
    let body = Bytes::copy_from_slice(data);
    for endpoint in Endpoint::ALL {
        let Ok(peeked) = peek(endpoint, &body) else { continue };
        let before = Entries::of(&body);
        for model in [None, Some(RENAMED)] {
            let line = upstream(&body, &peeked, model);
            assert!(!line.iter().any(|byte| matches!(byte, b'\n' | b'\r')), "a line has no line breaks");
            assert_eq!(Entries::of(&line), before.wanted(endpoint, model));
            assert!(peeked.size(endpoint, line.len()).bytes > line.len() as u64);
        }
        // What is already as it should be is not touched again.
        let line = upstream(&body, &peeked, None);
        let again = peek(endpoint, &line).expect("what goes upstream could have been asked");
        assert_eq!(again.model, peeked.model);
        assert!(!again.stream && !again.background);
        assert_eq!(upstream(&line, &again, None), line);
        assert_eq!(peek(endpoint, &with_model(&line, RENAMED)).map(|peeked| peeked.model).as_deref(), Ok(RENAMED));
    }
    // An answer may be anything at all.
    let _ = with_model(&body, RENAMED);
    if let Some(set) = with_fields(&body, &[("id", "\"ours\""), ("background", "true")]) {
        assert_eq!((field(&set, "id"), field(&set, "background")), (Some("\"ours\""), Some("true")));
    }
});
