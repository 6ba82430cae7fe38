//! An object that was announced.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// An object that was announced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Announced {
    /// The AWS partition: `aws`, `aws-cn`, `aws-us-gov` and others.
    pub(crate) partition: String,
    pub(crate) bucket: String,
    pub(crate) key: String,
    /// The entity tag without quotes; empty if the announcement has none.
    pub(crate) etag: String,
    /// The id of the version, if the bucket keeps versions. That version is read, even if it was overwritten since.
    pub(crate) version: Option<String>,
}

/// The characters that are not encoded in the path of a URI: those of RFC 3986, section 3.3, and the slash.
const KEPT_IN_URI: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@')
    .remove(b'/');

impl Announced {
    /// The CloudEvents `source`, which is a URI: all other characters of the key are percent-encoded. Among them are
    /// those that SQS allows in no attribute.
    pub(crate) fn source(&self) -> String {
        let Self { partition, bucket, key, .. } = self;
        let key = utf8_percent_encode(key, KEPT_IN_URI);
        format!("arn:{partition}:s3:::{bucket}/{key}")
    }

    /// The beginning of the id of each of the object's events: the entity tag, percent-encoded.
    pub(crate) fn id_prefix(&self) -> String {
        utf8_percent_encode(&self.etag, KEPT_IN_URI).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Characters that are no `pchar` are percent-encoded: <https://www.rfc-editor.org/rfc/rfc3986#section-3.3>.
    #[test]
    fn a_source_is_a_uri_whatever_the_key() {
        let key = "flights/\u{1}\u{ffff}é%#?[]\\-._~!$&'()*+,;=:@.csv".to_owned();
        let object = Announced {
            partition: "aws".to_owned(),
            bucket: "b".to_owned(),
            key,
            etag: "\u{ffff}".to_owned(),
            version: None,
        };
        let expected = "flights/%01%EF%BF%BF%C3%A9%25%23%3F%5B%5D%5C-._~!$&'()*+,;=:@.csv";
        assert_eq!(object.source(), format!("arn:aws:s3:::b/{expected}"));
        assert_eq!(object.id_prefix(), "%EF%BF%BF");
    }
}
