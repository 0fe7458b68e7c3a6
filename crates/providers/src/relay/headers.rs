//! Which headers a relayed call keeps.

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, SET_COOKIE, TE,
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

/// Begins the names of headers by which a server lets web pages in.
const PAGES: &str = "access-control-";

/// Makes a caller's headers fit for the upstream. `sized`: the body knows its length, from which the connection derives
/// `Content-Length`.
pub(super) fn for_upstream(headers: &mut HeaderMap, host: &HeaderValue, key: Option<HeaderValue>, sized: bool) {
    end_to_end(headers);
    remove_all(headers, OURS);
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

/// Makes an upstream's headers fit for a caller: what it grants to web pages and browsers is for itself only.
pub(super) fn for_caller(headers: &mut HeaderMap) {
    end_to_end(headers);
    remove_all(headers, PAGES);
    headers.remove(SET_COOKIE);
}

fn remove_all(headers: &mut HeaderMap, prefix: &str) {
    let named: Vec<HeaderName> = headers.keys().filter(|name| name.as_str().starts_with(prefix)).cloned().collect();
    for name in named {
        headers.remove(name);
    }
}

/// Removes the headers that belong to one connection, those that `Connection` names included.
fn end_to_end(headers: &mut HeaderMap) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_grants_web_pages_nothing() {
        let names = ["access-control-allow-origin", "set-cookie", "connection", "x-request-id"];
        let value = HeaderValue::from_static("x");
        let mut headers = HeaderMap::from_iter(names.map(|name| (HeaderName::from_static(name), value.clone())));
        for_caller(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-request-id"]);
    }
}
