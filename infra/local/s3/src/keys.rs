//! The encoding of keys in event notifications and, if the request asks for it, in listings.
//!
//! It is that of `java.net.URLEncoder`, except that slashes stay: a space becomes `+`, and the only
//! marks that are not encoded are `- _ . * /`
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>).

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/').remove(b' ');

pub(super) fn encode(key: &str) -> String {
    utf8_percent_encode(key, ENCODED).to_string().replace(' ', "+")
}

/// The key that `encoded` stands for. Bytes that are not UTF-8 are replaced.
pub(super) fn decode(encoded: &str) -> String {
    let spaced = encoded.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8_lossy() {
        Cow::Borrowed(text) => text.to_owned(),
        Cow::Owned(text) => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(key: &str, encoded: &str) {
        assert_eq!(encode(key), encoded);
        assert_eq!(decode(encoded), key);
    }

    #[test]
    fn keys_are_encoded_as_s3_encodes_them() {
        check("photos/2013/a-b_c.d*e", "photos/2013/a-b_c.d*e");
        check("a b+c", "a+b%2Bc");
        check("day=2013-01-01/ü~.json", "day%3D2013-01-01/%C3%BC%7E.json");
        check("//x/../%", "//x/../%25");
    }
}
