//! An item being read.

use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;

use super::Item;
use crate::error::Fault;

/// An item that gives up its attributes one by one. What is missing or of another kind is named in the fault.
pub(crate) struct Row {
    what: &'static str,
    item: Item,
}

impl Row {
    /// `what` is what faults call the row.
    pub(crate) const fn new(what: &'static str, item: Item) -> Self {
        Self { what, item }
    }

    /// The fault of an attribute.
    pub(crate) const fn garbled(&self, attribute: &'static str) -> Fault {
        Fault::Garbled { row: self.what, attribute }
    }

    /// Whether the row has the attribute.
    pub(crate) fn has(&self, attribute: &str) -> bool {
        self.item.contains_key(attribute)
    }

    /// A string.
    pub(crate) fn text(&mut self, attribute: &'static str) -> Result<String, Fault> {
        match self.item.remove(attribute) {
            Some(AttributeValue::S(text)) => Ok(text),
            _ => Err(self.garbled(attribute)),
        }
    }

    /// A number.
    pub(crate) fn number<T: FromStr>(&mut self, attribute: &'static str) -> Result<T, Fault> {
        let value = self.item.remove(attribute);
        let number = value.as_ref().and_then(|value| value.as_n().ok()).and_then(|digits| digits.parse().ok());
        number.ok_or_else(|| self.garbled(attribute))
    }

    /// A number, 0 where there is none.
    pub(crate) fn number_or_zero<T: FromStr + Default>(&mut self, attribute: &'static str) -> Result<T, Fault> {
        if self.has(attribute) { self.number(attribute) } else { Ok(T::default()) }
    }

    /// A binary attribute of that length.
    pub(crate) fn bytes<const N: usize>(&mut self, attribute: &'static str) -> Result<[u8; N], Fault> {
        let value = self.item.remove(attribute);
        let blob = value.as_ref().and_then(|value| value.as_b().ok());
        blob.and_then(|blob| blob.as_ref().try_into().ok()).ok_or_else(|| self.garbled(attribute))
    }

    /// A truth, false where there is none.
    pub(crate) fn flag(&mut self, attribute: &'static str) -> Result<bool, Fault> {
        match self.item.remove(attribute) {
            None => Ok(false),
            Some(AttributeValue::Bool(truth)) => Ok(truth),
            Some(_) => Err(self.garbled(attribute)),
        }
    }
}
