//! Where a caller's path lies at the upstream.

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};

use super::RelayError;

/// The upstream's base address, taken apart once.
#[derive(Debug)]
pub(super) struct Address {
    scheme: Scheme,
    authority: Authority,
    host: HeaderValue,
    /// The base path without a slash at its end.
    path: String,
}

impl Address {
    /// Reads a base URL such as `https://api.openai.com/v1`.
    pub(super) fn read(base_url: &str) -> Option<Self> {
        let base: Uri = base_url.parse().ok()?;
        let scheme = base.scheme().filter(|scheme| [Scheme::HTTP, Scheme::HTTPS].contains(scheme))?.clone();
        let authority = base.authority().filter(|authority| !authority.as_str().contains('@'))?.clone();
        let host = HeaderValue::from_str(named(&scheme, &authority)).ok()?;
        Some(Self { scheme, authority, host, path: base.path().trim_end_matches('/').to_owned() })
    }

    /// What `Host` says.
    pub(super) const fn host(&self) -> &HeaderValue {
        &self.host
    }

    /// The upstream's address for a caller's: the base path takes the place of `/v1`.
    pub(super) fn of(&self, uri: &Uri) -> Result<Uri, RelayError> {
        let rest = uri.path().strip_prefix("/v1").filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let rest = rest.filter(|rest| !rest.split('/').any(is_dots)).ok_or(RelayError::Path)?;
        let joined = if self.path == "/v1" {
            uri.path_and_query().cloned().ok_or(RelayError::Path)?
        } else {
            let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
            let slash = if self.path.is_empty() && rest.is_empty() { "/" } else { "" };
            PathAndQuery::try_from(format!("{}{rest}{slash}{query}", self.path)).map_err(|_| RelayError::Path)?
        };
        let address = Uri::builder().scheme(self.scheme.clone()).authority(self.authority.clone());
        address.path_and_query(joined).build().map_err(|_| RelayError::Path)
    }
}

/// The authority without a port that the scheme implies.
fn named<'a>(scheme: &Scheme, authority: &'a Authority) -> &'a str {
    let implied = if *scheme == Scheme::HTTPS { ":443" } else { ":80" };
    authority.as_str().strip_suffix(implied).unwrap_or(authority.as_str())
}

/// Whether a segment is `.` or `..`, encoded or not: it could leave the paths that the gateway allows.
fn is_dots(segment: &str) -> bool {
    segment.len() <= 6 && matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")
}
