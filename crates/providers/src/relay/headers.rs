//! Which headers a relayed call keeps.

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Headers of one connection only (RFC 9110 section 7.6.1), with those for a proxy, which here are for us.
const HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Begins the names of headers that speak to Offpeak.
const OURS: &str = "x-offpeak-";

/// Makes a caller's headers fit for the upstream. `sized`: the body knows its length, from which the connection derives
/// `Content-Length`.
pub(super) fn for_upstream(headers: &mut HeaderMap, host: &HeaderValue, key: Option<HeaderValue>, sized: bool) {
    end_to_end(headers);
    let ours: Vec<HeaderName> = headers.keys().filter(|name| name.as_str().starts_with(OURS)).cloned().collect();
    for name in ours {
        headers.remove(name);
    }
    // The caller's own connection has answered it: its body is on the way already.
    headers.remove(EXPECT);
    if sized {
        headers.remove(CONTENT_LENGTH);
    }
    headers.insert(HOST, host.clone());
    if let Some(key) = key {
        headers.insert(AUTHORIZATION, key);
    }
}

/// Removes the headers that belong to one connection, those that `Connection` names included.
pub(super) fn end_to_end(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|name| name.trim().parse().ok())
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}
