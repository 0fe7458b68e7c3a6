//! The process's environment: the one place that asks it.

/// A variable's value; an empty one counts as not set, as a template has no other way to say so.
#[expect(clippy::disallowed_methods, reason = "this is the place")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
