//! The fields of a JSON body, refused in OpenAI's words.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use serde::de::{DeserializeOwned, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::ApiError;

/// The most fields of an object: each takes many times its bytes in memory.
const MOST: usize = 64;

/// The fields that were not taken yet, in a body or in an object within it.
#[derive(Debug)]
pub(crate) struct Fields {
    /// What stands before a field's name in a refusal, such as `metadata.`.
    within: String,
    fields: BTreeMap<String, Box<RawValue>>,
}

impl Fields {
    /// The fields of a body.
    pub(crate) fn of(body: &[u8]) -> Result<Self, ApiError> {
        let refuse = |_| {
            let message = format!(
                "We could not parse the JSON body of your request: it must be one object of at most {MOST} fields, each \
                 named once."
            );
            ApiError::bad_request("invalid_json", None, message)
        };
        let Few(fields) = serde_json::from_slice(body).map_err(refuse)?;
        Ok(Self { within: String::new(), fields })
    }

    /// A field as it came; none also where it is null.
    pub(crate) fn raw(&mut self, name: &str) -> Option<Box<RawValue>> {
        self.fields.remove(name).filter(|raw| raw.get() != "null")
    }

    /// A field that may be missing or null.
    pub(crate) fn take<T: DeserializeOwned>(&mut self, name: &str, expected: &str) -> Result<Option<T>, ApiError> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        let value = serde_json::from_str(raw.get());
        value.map(Some).map_err(|_| wrong_type(&self.path(name), expected, raw.get()))
    }

    /// A field that must be there.
    pub(crate) fn needed<T: DeserializeOwned>(&mut self, name: &str, expected: &str) -> Result<T, ApiError> {
        self.take(name, expected)?.ok_or_else(|| missing(&self.path(name)))
    }

    /// A text that must be there.
    pub(crate) fn text(&mut self, name: &str) -> Result<String, ApiError> {
        self.needed(name, "a string")
    }

    /// The fields of an object, where there is one.
    pub(crate) fn object(&mut self, name: &str) -> Result<Option<Self>, ApiError> {
        let fields = self.take(name, "an object")?;
        Ok(fields.map(|Few(fields)| Self { within: format!("{}.", self.path(name)), fields }))
    }

    /// All fields as texts.
    pub(crate) fn texts(self) -> Result<BTreeMap<String, String>, ApiError> {
        let Self { within, fields } = self;
        let text = |(name, raw): (String, Box<RawValue>)| {
            let text = serde_json::from_str(raw.get());
            let refuse = |_| wrong_type(&format!("{within}{name}"), "a string", raw.get());
            text.map_err(refuse).map(|text| (name.clone(), text))
        };
        fields.into_iter().map(text).collect()
    }

    /// How many fields there are.
    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    /// Refuses the fields that nobody took.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        match self.fields.keys().next() {
            Some(name) => Err(unknown(&self.path(name))),
            None => Ok(()),
        }
    }

    fn path(&self, name: &str) -> String {
        format!("{}{name}", self.within)
    }
}

/// An object of few fields, each named once.
struct Few(BTreeMap<String, Box<RawValue>>);

impl<'de> serde::Deserialize<'de> for Few {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FewVisitor)
    }
}

struct FewVisitor;

impl<'de> Visitor<'de> for FewVisitor {
    type Value = Few;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of few fields")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Few, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((name, value)) = map.next_entry()? {
            if fields.len() == MOST || fields.insert(name, value).is_some() {
                return Err(A::Error::custom("too many fields, or one named twice"));
            }
        }
        Ok(Few(fields))
    }
}

pub(crate) fn missing(name: &str) -> ApiError {
    let message = format!("Missing required parameter: '{name}'.");
    ApiError::bad_request("missing_required_parameter", None, message).at(name.to_owned())
}

pub(crate) fn unknown(name: &str) -> ApiError {
    let name: String = name.chars().take(100).collect();
    ApiError::bad_request("unknown_parameter", None, format!("Unknown parameter: '{name}'.")).at(name)
}

/// A value that is none of those supported.
pub(crate) fn unsupported<'a>(name: &str, value: &str, supported: impl IntoIterator<Item = &'a str>) -> ApiError {
    let supported: Vec<String> = supported.into_iter().map(|value| format!("'{value}'")).collect();
    let value: String = value.chars().take(100).collect();
    let message = match &*supported {
        [only] => format!("Invalid value: '{value}'. Value must be {only}."),
        several => format!("Invalid value: '{value}'. Supported values are: {}.", and(several)),
    };
    ApiError::bad_request("invalid_value", None, message).at(name.to_owned())
}

/// Checks that a number lies within a range.
pub(crate) fn within(name: &str, number: u64, range: &RangeInclusive<u64>) -> Result<u64, ApiError> {
    let refuse = |code, what, relation, bound| {
        let message = format!(
            "Invalid '{name}': integer {what} value. Expected a value {relation} {bound}, but got {number} instead."
        );
        Err(ApiError::bad_request(code, None, message).at(name.to_owned()))
    };
    match number {
        _ if number < *range.start() => refuse("integer_below_min_value", "below minimum", ">=", range.start()),
        _ if number > *range.end() => refuse("integer_above_max_value", "above maximum", "<=", range.end()),
        number => Ok(number),
    }
}

/// Checks that a text is not too long.
pub(crate) fn short(name: &str, text: &str, most: usize) -> Result<(), ApiError> {
    let length = text.chars().count();
    if length <= most {
        return Ok(());
    }
    let name: String = name.chars().take(100).collect();
    let message = format!(
        "Invalid '{name}': string too long. Expected a string with maximum length {most}, but got a string with length \
         {length} instead."
    );
    Err(ApiError::bad_request("string_above_max_length", None, message).at(name))
}

pub(crate) fn wrong_type(name: &str, expected: &str, raw: &str) -> ApiError {
    let got = match raw.as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        Some(_) if raw.contains(['.', 'e', 'E']) => "a decimal",
        Some(_) | None => "an integer",
    };
    let message = format!("Invalid type for '{name}': expected {expected}, but got {got} instead.");
    ApiError::bad_request("invalid_type", None, message).at(name.to_owned())
}

fn and(values: &[String]) -> String {
    match values {
        [first @ .., before, last] => {
            let first: String = first.iter().flat_map(|value| [value.as_str(), ", "]).collect();
            format!("{first}{before}, and {last}")
        }
        few => few.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(fields: usize) -> String {
        let fields: Vec<String> = (0..fields).map(|number| format!("\"field {number}\":0")).collect();
        format!("{{{}}}", fields.join(","))
    }

    #[test]
    fn an_object_has_few_fields_each_named_once() {
        assert_eq!(Fields::of(body(MOST).as_bytes()).unwrap().len(), MOST);
        for refused in [body(MOST + 1), r#"{"a":1,"a":2}"#.to_owned(), "[]".to_owned(), "{".to_owned()] {
            assert!(Fields::of(refused.as_bytes()).unwrap_err().body().contains("invalid_json"));
        }
        let within = format!(r#"{{"metadata":{}}}"#, body(MOST + 1));
        assert!(Fields::of(within.as_bytes()).unwrap().object("metadata").unwrap_err().body().contains("metadata"));
    }
}
