//! As much of XML as the answers of `CloudFormation` and IAM need.

/// The texts of every element of this name, in order; elements of the same name are not nested.
pub(crate) fn texts<'a>(document: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let after = document.split(open.as_str()).skip(1);
    after.filter_map(|rest| rest.split(close.as_str()).next()).collect()
}

/// The text of the first element of this name.
pub(crate) fn text<'a>(document: &'a str, name: &str) -> &'a str {
    texts(document, name).first().unwrap_or_else(|| panic!("no {name} in {document}"))
}

/// Undoes the five entities of XML.
pub(crate) fn plain(text: &str) -> String {
    let plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    plain.replace("&amp;", "&")
}

/// Undoes percent-encoding, as IAM applies it to documents.
pub(crate) fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let pair = tail.get(..2).filter(|_| *first == b'%').and_then(|pair| std::str::from_utf8(pair).ok());
        let escaped = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
