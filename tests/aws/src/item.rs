//! The size of an item, as DynamoDB reckons it (Developer Guide, "DynamoDB item sizes and formats", read 2026-11-21).

use serde_json::Value;

/// The bytes of an item's attributes: their names and their values.
pub fn item_bytes(item: &Value) -> usize {
    let attributes = item.as_object().expect("an item");
    attributes.iter().map(|(name, value)| name.len() + value_bytes(value)).sum()
}

fn value_bytes(value: &Value) -> usize {
    let (kind, value) = value.as_object().and_then(|value| value.iter().next()).expect("a value with its type");
    match (kind.as_str(), value) {
        ("S", Value::String(text)) => text.len(),
        // Two digits a byte, and one more; one for the sign.
        ("N", Value::String(number)) => number.len().div_ceil(2) + 2,
        ("B", Value::String(base64)) => base64.len() / 4 * 3,
        ("BOOL" | "NULL", _) => 1,
        ("L", Value::Array(values)) => 3 + values.iter().map(|value| 1 + value_bytes(value)).sum::<usize>(),
        ("M", Value::Object(map)) => {
            3 + map.iter().map(|(name, value)| 1 + name.len() + value_bytes(value)).sum::<usize>()
        }
        ("SS" | "NS" | "BS", Value::Array(values)) => {
            values.iter().map(|value| value.as_str().map_or(0, str::len)).sum()
        }
        (kind, value) => panic!("a value of type {kind}: {value}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::item_bytes;

    #[test]
    fn names_and_values_count() {
        assert_eq!(
            item_bytes(&json!({"id": {"B": "AAAAAAAAAAAAAAAA"}, "n": {"N": "1234"}, "s": {"S": "ab"}})),
            14 + 5 + 3
        );
    }
}
