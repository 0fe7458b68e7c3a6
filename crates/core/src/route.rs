//! Which provider, upstream model and class a model name leads to.

/// A model name with `*` for any run of characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// A pattern as written in a configuration.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The model, where the pattern names just one.
    pub fn exact(&self) -> Option<&str> {
        (!self.0.contains('*')).then_some(self.0.as_str())
    }

    /// Whether the model matches.
    pub fn matches(&self, model: &str) -> bool {
        let mut parts = self.0.split('*');
        let Some(mut rest) = parts.next().and_then(|first| model.strip_prefix(first)) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

/// One rule; the first that matches wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Which models.
    pub model: Pattern,
    /// The configured provider.
    pub provider: String,
    /// The model's name there, if it is another.
    pub upstream_model: Option<String>,
    /// The class of jobs that do not say.
    pub class: String,
    /// The deadline of jobs that do not say, milliseconds from acceptance.
    pub deadline_ms: Option<u64>,
}

/// The rules, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Routes(pub Vec<Route>);

impl Routes {
    /// The rule for a model.
    pub fn find(&self, model: &str) -> Option<&Route> {
        self.0.iter().find(|route| route.model.matches(model))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_run() {
        for (pattern, model, want) in [
            ("*", "", true),
            ("gpt-*", "gpt-5", true),
            ("gpt-*", "my-gpt-5", false),
            ("gpt-5", "gpt-5", true),
            ("gpt-5", "gpt-5-mini", false),
            ("*-mini", "gpt-5-mini", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXc", false),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(model), want, "{pattern} {model}");
        }
    }
}
