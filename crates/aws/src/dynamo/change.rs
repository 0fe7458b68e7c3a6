//! An update: what it sets, what it removes, and what must hold for it.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;

use super::{EXPIRY, number};

/// An update of one row. Attributes are written `#name`, since many short words are reserved in expressions.
#[derive(Default)]
pub(crate) struct Change {
    sets: Vec<String>,
    removes: Vec<String>,
    conditions: Vec<String>,
    names: Vec<String>,
    values: Vec<(String, AttributeValue)>,
}

impl Change {
    /// A change of a row that must be there, and not past its time.
    pub(crate) fn of_live(now_s: u64) -> Self {
        Self::default().when("#ttl >= :now", &[EXPIRY], [("now", number(now_s))])
    }

    /// Sets an attribute.
    pub(crate) fn set(mut self, name: &str, value: AttributeValue) -> Self {
        self.sets.push(format!("#{name} = :{name}"));
        self.name(name);
        self.values.push((format!(":{name}"), value));
        self
    }

    /// Sets an attribute that the row does not have; one that is there stays.
    pub(crate) fn set_once(mut self, name: &str, value: AttributeValue) -> Self {
        self.sets.push(format!("#{name} = if_not_exists(#{name}, :{name})"));
        self.name(name);
        self.values.push((format!(":{name}"), value));
        self
    }

    /// Removes an attribute.
    pub(crate) fn remove(mut self, name: &str) -> Self {
        self.removes.push(format!("#{name}"));
        self.name(name);
        self
    }

    /// One more condition: `text` writes names as `#name` and values as `:value`.
    pub(crate) fn when<const N: usize>(
        mut self,
        text: &str,
        names: &[&str],
        values: [(&str, AttributeValue); N],
    ) -> Self {
        self.conditions.push(text.to_owned());
        for name in names {
            self.name(name);
        }
        self.values.extend(values.map(|(name, value)| (format!(":{name}"), value)));
        self
    }

    fn name(&mut self, name: &str) {
        if !self.names.iter().any(|known| known == name) {
            self.names.push(name.to_owned());
        }
    }

    /// Writes it into a request.
    pub(crate) fn into_request(self, mut request: UpdateItemFluentBuilder) -> UpdateItemFluentBuilder {
        let clause = |word: &str, parts: Vec<String>| {
            if parts.is_empty() { String::new() } else { format!("{word} {}", parts.join(", ")) }
        };
        let update = [clause("SET", self.sets), clause("REMOVE", self.removes)];
        for name in self.names {
            request = request.expression_attribute_names(format!("#{name}"), name);
        }
        for (name, value) in self.values {
            request = request.expression_attribute_values(name, value);
        }
        let conditions: Vec<String> = self.conditions.into_iter().map(|condition| format!("({condition})")).collect();
        request.update_expression(update.join(" ").trim()).condition_expression(conditions.join(" AND "))
    }
}
