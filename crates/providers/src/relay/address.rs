//! Where a caller's path lies at the upstream.

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};

use super::RelayError;

/// The upstream's base address, taken apart once.
#[derive(Debug)]
pub(super) struct Address {
    /// Scheme and authority: what is connected to.
    pub(super) origin: Uri,
    /// What `Host` says.
    pub(super) host: HeaderValue,
    /// The base path without a slash at its end.
    path: String,
}

impl Address {
    /// Reads a base URL such as `https://api.openai.com/v1`.
    pub(super) fn read(base_url: &str) -> Option<Self> {
        let base: Uri = base_url.parse().ok()?;
        let scheme = base.scheme().filter(|scheme| [Scheme::HTTP, Scheme::HTTPS].contains(scheme))?.clone();
        let authority = base.authority()?;
        if authority.as_str().contains('@') {
            return None;
        }
        let host = HeaderValue::from_str(named(&scheme, authority)).ok()?;
        let origin = Uri::builder().scheme(scheme).authority(authority.clone()).path_and_query("/").build().ok()?;
        Some(Self { origin, host, path: base.path().trim_end_matches('/').to_owned() })
    }

    /// The upstream's path for a caller's: the base path takes the place of `/v1`.
    pub(super) fn path(&self, uri: &Uri) -> Result<Uri, RelayError> {
        let rest = uri.path().strip_prefix("/v1").filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let rest = rest.filter(|rest| !rest.split('/').any(is_dots)).ok_or(RelayError::Path)?;
        if self.path == "/v1" {
            // The usual case, and the caller's bytes as they are.
            let same = uri.path_and_query().cloned().ok_or(RelayError::Path)?;
            return Ok(Uri::from(same));
        }
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let slash = if self.path.is_empty() && rest.is_empty() { "/" } else { "" };
        let joined = PathAndQuery::try_from(format!("{}{rest}{slash}{query}", self.path));
        joined.map(Uri::from).map_err(|_| RelayError::Path)
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
