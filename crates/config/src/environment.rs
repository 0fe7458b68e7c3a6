//! The one place that reads the environment (but for the variables of flags, which clap reads).

use std::env::VarError;

use secrecy::SecretString;

use crate::keys::Lookup;

/// Looks a key up in the environment of this process.
#[expect(clippy::disallowed_methods, reason = "this file is where the environment is read")]
pub(crate) fn variable(name: &str) -> Lookup {
    match std::env::var(name) {
        Ok(value) => Lookup::of(SecretString::from(value)),
        Err(VarError::NotUnicode(_)) => Lookup::Odd,
        Err(VarError::NotPresent) => Lookup::Missing,
    }
}

/// The text of a variable. Bytes that are no Unicode become replacement characters.
#[expect(clippy::disallowed_methods, reason = "this file is where the environment is read")]
pub fn text(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// The secret that a variable holds, if it holds anything.
pub fn secret(name: &str) -> Option<SecretString> {
    text(name).filter(|value| !value.is_empty()).map(SecretString::from)
}
