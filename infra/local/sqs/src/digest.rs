//! The MD5 digests with which SDKs check that a message arrived as it was sent.
//!
//! The digest over attributes is specified in
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>.
//! Attributes are sorted by name. Name, type and value are each preceded by their length as a
//! big-endian `u32`. One byte between type and value says whether the value is text (1) or binary (2).

use md5::{Digest as _, Md5};

use super::MessageAttribute;

/// An MD5 digest, displayed as 32 lowercase hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Digest([u8; 16]);

impl Digest {
    pub(super) fn of(text: &str) -> Self {
        Self(Md5::digest(text.as_bytes()).into())
    }

    /// The digest over attributes, which must be sorted by name; `None` if there are none.
    pub(super) fn of_attributes<'a>(
        attributes: impl IntoIterator<Item = (&'a str, &'a MessageAttribute)>,
    ) -> Option<Self> {
        let mut hash = Md5::new();
        let mut any = false;
        for (name, attribute) in attributes {
            any = true;
            part(&mut hash, name.as_bytes());
            part(&mut hash, attribute.data_type.as_bytes());
            match &attribute.binary_value {
                Some(binary) => {
                    hash.update([2]);
                    part(&mut hash, binary);
                }
                None => {
                    hash.update([1]);
                    part(&mut hash, attribute.string_value.as_deref().unwrap_or("").as_bytes());
                }
            }
        }
        any.then(|| Self(hash.finalize().into()))
    }
}

fn part(hash: &mut Md5, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    hash.update(length.to_be_bytes());
    hash.update(bytes);
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(attributes: &[(&str, &str)], expected: &str) {
        let attributes: Vec<_> = attributes
            .iter()
            .map(|(name, value)| {
                let attribute = MessageAttribute {
                    data_type: "String".to_owned(),
                    string_value: Some((*value).to_owned()),
                    binary_value: None,
                };
                (*name, attribute)
            })
            .collect();
        let digest = Digest::of_attributes(attributes.iter().map(|(name, a)| (*name, a)));
        assert_eq!(digest.map(|d| d.to_string()).as_deref(), Some(expected));
    }

    #[test]
    fn digests_are_those_that_aws_answers_with() {
        assert_eq!(Digest::of("msg").to_string(), "6e2baaf3b97dbeef01c0043275f9a0e7");
        check(&[("Foo", "Bar")], "ae7155c6026991b6d54b11589678bf9c");
        check(&[("MyAttribute", "foobar")], "adb59cd4678ea5a855436b949cd07ab6");
        check(
            &[("General", "Kenobi"), ("Hello", "There"), ("Help.Me", "Me")],
            "4c360f3fdafd970e05fae2f149d997f5",
        );
    }

    #[test]
    fn no_attributes_have_no_digest() {
        assert_eq!(Digest::of_attributes([]), None);
    }
}
