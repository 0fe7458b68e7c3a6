//! The one place that reads the environment (but for the variables of flags, which clap reads).

use std::env::VarError;

use secrecy::SecretString;

use super::Lookup;

/// Looks a variable up in the environment of this process.
#[expect(clippy::disallowed_methods, reason = "this file is where the environment is read")]
pub(super) fn variable(name: &str) -> Lookup {
    match std::env::var(name) {
        Ok(value) if value.is_empty() => Lookup::Missing,
        Ok(value) if value.bytes().all(|byte| byte.is_ascii_graphic()) => Lookup::Found(SecretString::from(value)),
        Ok(_) | Err(VarError::NotUnicode(_)) => Lookup::Odd,
        Err(VarError::NotPresent) => Lookup::Missing,
    }
}
