//! What the operator wrote into the parameter store: the configuration and the providers' keys.

use std::collections::BTreeMap;
use std::fmt;

use aws_sdk_ssm::operation::get_parameters_by_path::GetParametersByPathOutput;
use secrecy::SecretString;

use crate::backoff::patiently;
use crate::{Clients, failure};

/// The name of the configuration below the path.
const CONFIG: &str = "config";
/// What the names of keys begin with, below the path.
const KEYS: &str = "keys/";
/// The most that one call returns.
const PAGE: i32 = 10;

/// The parameters below the stack's path.
#[derive(Clone, Default)]
pub struct Parameters {
    /// The configuration's text, `config`, if there is one.
    pub config: Option<String>,
    /// The providers' keys, `keys/NAME`, by their names.
    pub keys: BTreeMap<String, SecretString>,
}

/// The parameters cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the parameters below {path} cannot be read: {reason}")]
pub struct ParameterError {
    /// Where they are.
    pub path: String,
    /// What the service said.
    pub reason: String,
}

impl Parameters {
    /// Reads all parameters below the path, decrypted: one call for ten of them. None at all is no error.
    ///
    /// # Errors
    /// [`ParameterError`] names the path.
    pub async fn load(clients: &Clients, path: &str) -> Result<Self, ParameterError> {
        let mut parameters = Self::default();
        let mut next = None;
        loop {
            let page = page(clients, path, next).await?;
            next = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
            for parameter in page.parameters.unwrap_or_default() {
                if let (Some(name), Some(value)) = (parameter.name, parameter.value) {
                    parameters.add(path, &name, value);
                }
            }
            if next.is_none() {
                return Ok(parameters);
            }
        }
    }

    fn add(&mut self, path: &str, name: &str, value: String) {
        let known = name.strip_prefix(path.trim_end_matches('/')).map(|name| name.trim_start_matches('/'));
        match known {
            Some(CONFIG) => self.config = Some(value),
            Some(name) if name.starts_with(KEYS) => {
                self.keys.insert(name[KEYS.len()..].to_owned(), SecretString::from(value));
            }
            _ => tracing::warn!(name, "a parameter that nobody asks for: neither config nor keys/NAME"),
        }
    }
}

async fn page(
    clients: &Clients,
    path: &str,
    next: Option<String>,
) -> Result<GetParametersByPathOutput, ParameterError> {
    // With a slash at its end a path is none to some readers of it.
    let call = clients.ssm.get_parameters_by_path().path(path.trim_end_matches('/')).max_results(PAGE);
    let call = call.recursive(true).with_decryption(true).set_next_token(next);
    let page = patiently(|| call.clone().send()).await;
    page.map_err(|error| ParameterError { path: path.to_owned(), reason: failure::reason(&error) })
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&String> = self.keys.keys().collect();
        f.debug_struct("Parameters").field("config", &self.config.is_some()).field("keys", &keys).finish()
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn names_are_read_below_the_path() {
        let mut parameters = Parameters::default();
        for (name, value) in [
            ("/offpeak/s/config", "text"),
            ("/offpeak/s/keys/OPENAI_API_KEY", "sk-1"),
            ("/offpeak/s/keys/deep/NAME", "sk-2"),
            ("/offpeak/s/other", "x"),
            ("/elsewhere/config", "y"),
        ] {
            parameters.add("/offpeak/s/", name, value.to_owned());
        }
        assert_eq!(parameters.config.as_deref(), Some("text"));
        assert_eq!(parameters.keys.keys().collect::<Vec<_>>(), ["OPENAI_API_KEY", "deep/NAME"]);
        assert_eq!(parameters.keys["OPENAI_API_KEY"].expose_secret(), "sk-1");
        let told = format!("{parameters:?}");
        assert!(told.contains("OPENAI_API_KEY") && !told.contains("sk-1") && !told.contains("text"), "{told}");
    }
}
