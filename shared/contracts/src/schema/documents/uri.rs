//! Resolves the URI references (RFC 3986, section 5) that schemas use. It does not support query parts, or `..` within
//! a path.

/// Resolves a reference against a base URI. Neither may have a fragment, but an empty one.
pub(crate) fn join(base: &str, reference: &str) -> String {
    let reference = reference.trim_end_matches('#');
    if reference.is_empty() {
        return base.to_owned();
    }
    if has_scheme(reference) {
        return reference.to_owned();
    }
    if let Some(path) = reference.strip_prefix('/') {
        return format!("{}/{path}", authority(base));
    }
    let mut folder = directory(base);
    let mut rest = reference;
    loop {
        if let Some(after) = rest.strip_prefix("./") {
            rest = after;
        } else if let Some(after) = rest.strip_prefix("../") {
            rest = after;
            let parent = directory(folder.trim_end_matches('/'));
            if parent.len() > authority(base).len() {
                folder = parent;
            }
        } else {
            return format!("{folder}{rest}");
        }
    }
}

/// The URI up to and with its last slash. Empty if it has no slash.
pub(crate) fn directory(uri: &str) -> &str {
    uri.rfind('/').map_or("", |end| &uri[..=end])
}

/// The scheme and the host of a URI. Empty if it has no `://`.
fn authority(uri: &str) -> &str {
    let Some(start) = uri.find("://") else { return "" };
    let host = start + 3;
    uri[host..].find('/').map_or(uri, |end| &uri[..host + end])
}

fn has_scheme(reference: &str) -> bool {
    let Some((scheme, _)) = reference.split_once(':') else { return false };
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Decodes a fragment that is a JSON Pointer (RFC 6901, section 6). `None` if the result is not UTF-8.
pub(crate) fn percent_decoded(fragment: &str) -> Option<String> {
    let decoded = percent_encoding::percent_decode_str(fragment).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(base: &str, reference: &str, expected: &str) {
        assert_eq!(join(base, reference), expected, "{reference} in {base}");
    }

    /// The examples of RFC 3986, section 5.4, that schemas use.
    #[test]
    fn a_reference_is_resolved_against_its_base() {
        let base = "http://a/b/c/d";
        check(base, "g", "http://a/b/c/g");
        check(base, "./g", "http://a/b/c/g");
        check(base, "g/", "http://a/b/c/g/");
        check(base, "/g", "http://a/g");
        check(base, "", "http://a/b/c/d");
        check(base, "../g", "http://a/b/g");
        check(base, "../../g", "http://a/g");
        check(base, "../../../g", "http://a/g");
        check(base, "urn:x:y", "urn:x:y");
        check(base, "https://b.test/s.json#", "https://b.test/s.json");
        check("sluicegate:///v1.schema.json", "parts.json", "sluicegate:///parts.json");
        check("sluicegate:///v1.schema.json", "../parts.json", "sluicegate:///parts.json");
    }
}
