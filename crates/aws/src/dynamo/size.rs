//! What an item weighs: a write unit is 1 KB of it.

use aws_sdk_dynamodb::types::AttributeValue;

use super::Item;

/// The size of an item in bytes, by the rules of
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html> (read 2026-11-21):
/// names and values, strings in UTF-8, binary raw, a boolean 1, a number one byte for two significant digits and one
/// more. The page calls the number's size approximate; odd digits are rounded up, and one byte is added for that.
pub(crate) fn item_bytes(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value_bytes(value)).sum()
}

fn value_bytes(value: &AttributeValue) -> usize {
    if let Ok(text) = value.as_s() {
        return text.len();
    }
    if let Ok(blob) = value.as_b() {
        return blob.as_ref().len();
    }
    if let Ok(digits) = value.as_n() {
        return digits.trim_matches('0').len().div_ceil(2) + 2;
    }
    value.as_bool().map(|_| 1).unwrap()
}
