//! A claim check: what a message carries whose body is too large for SQS.
//!
//! The body is an object of the archive bucket, and the message has a small reference to it in its place. One message
//! attribute says that the body is such a reference. A receiver believes it only of functions, as it believes a
//! [`crate::Parked`] copy. The pattern is described in
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-managing-large-messages.html>.

use serde::{Deserialize, Serialize};

use crate::{Attribute, Attributes, CLAIM_ATTRIBUTE, ContractRef, Envelope, Timestamp, hex_sha256};

/// The beginning of the keys of all bodies that are kept in the archive bucket, and of no other objects.
pub const CLAIMS_FOLDER: &str = "claims/";

/// The version that is written. A reader of a version also reads the one before.
const FORMAT: u32 = 1;

/// The length and the hash of a text, by which it is recognized.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TextDigest {
    /// The length in bytes.
    pub bytes: usize,
    /// The SHA-256, as `sha256sum` prints it.
    pub sha256: String,
}

impl TextDigest {
    /// The digest of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self { bytes: text.len(), sha256: hex_sha256(text.as_bytes()) }
    }

    /// Whether it is the digest of this text.
    #[must_use]
    pub fn is_of(&self, text: &str) -> bool {
        text.len() == self.bytes && hex_sha256(text.as_bytes()) == self.sha256
    }
}

/// A reference to the body of a message. It names no bucket: each function reads its own archive bucket only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimCheck {
    claim_format: u32,
    /// The key of the object: `claims/` and the SHA-256 of the body.
    pub key: String,
    /// The length and the hash of the body.
    #[serde(flatten)]
    pub digest: TextDigest,
    /// What is known of the event without its body; absent if the body is not an envelope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    about: Option<About>,
}

/// What dead letters need to know of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct About {
    dataset: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contract_version: Option<u32>,
    ingesttime: Timestamp,
}

impl ClaimCheck {
    /// The reference to a body.
    #[must_use]
    pub fn of(body: &str) -> Self {
        let digest = TextDigest::of(body);
        let about = Envelope::from_json(body).ok().map(|envelope| About {
            contract_version: ContractRef::of(&envelope).version,
            dataset: envelope.dataset,
            ingesttime: envelope.ingesttime,
        });
        Self { claim_format: FORMAT, key: key_of(&digest), digest, about }
    }

    /// The reference in a message, if the message has one. Whether its sender is believed is for the caller to decide.
    ///
    /// A reference is read only if its key is the one that follows from its hash. So it can name no object outside of
    /// [`CLAIMS_FOLDER`].
    #[must_use]
    pub fn read(attributes: &Attributes, body: &str) -> Option<Self> {
        attributes.get(CLAIM_ATTRIBUTE)?;
        let claim: Self = serde_json::from_str(body).ok()?;
        let is_hash = claim.digest.sha256.len() == 64
            && claim.digest.sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (claim.claim_format <= FORMAT && is_hash && claim.key == key_of(&claim.digest))
            .then_some(claim)
    }

    /// The body of the message that carries the reference.
    #[must_use]
    pub fn to_json(&self) -> String {
        // It consists of texts and numbers, for which serde cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Adds the attribute which says that the body is a reference.
    pub fn mark(&self, attributes: &mut Attributes) {
        let version = Attribute::string(self.claim_format.to_string());
        attributes.insert(CLAIM_ATTRIBUTE.to_owned(), version);
    }

    /// The contract of the event; `None` if the body is not an envelope.
    #[must_use]
    pub fn contract(&self) -> Option<ContractRef> {
        let About { dataset, contract_version, .. } = self.about.as_ref()?;
        Some(ContractRef { dataset: dataset.clone(), version: *contract_version })
    }

    /// When Sluicegate took the event in; `None` if the body is not an envelope.
    #[must_use]
    pub fn ingesttime(&self) -> Option<Timestamp> {
        self.about.as_ref().map(|about| about.ingesttime)
    }
}

fn key_of(digest: &TextDigest) -> String {
    format!("{CLAIMS_FOLDER}{}", digest.sha256)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENVELOPE: &str = r#"{"specversion":"1.0","envelopeversion":2,"id":"e1:1","source":"s","type":"sluicegate.flights","time":"2013-01-01T10:00:00.000Z","dataschema":"flights/3","datacontenttype":"application/json","dataset":"flights","idempotencykey":"ab","fingerprint":"cd","ingesttime":"2026-01-01T00:00:00.000Z","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","data":{"a":1}}"#;

    fn marked() -> Attributes {
        Attributes::from([(CLAIM_ATTRIBUTE.to_owned(), Attribute::string("1"))])
    }

    #[test]
    fn a_reference_says_what_it_is_of_and_is_read_back() {
        let claim = ClaimCheck::of(ENVELOPE);
        let mut attributes = Attributes::new();
        claim.mark(&mut attributes);
        assert_eq!(attributes, marked());
        let read = ClaimCheck::read(&attributes, &claim.to_json()).unwrap();
        assert_eq!(read, claim);
        assert!(read.digest.is_of(ENVELOPE) && !read.digest.is_of(&ENVELOPE.replace('1', "2")));
        let contract = ContractRef { dataset: "flights".to_owned(), version: Some(3) };
        assert_eq!(read.contract(), Some(contract));
        assert_eq!(read.ingesttime().unwrap().to_string(), "2026-01-01T00:00:00.000Z");
    }

    #[test]
    fn a_body_that_is_no_envelope_has_a_reference_too() {
        let claim = ClaimCheck::of("{\"dataset\":\"flights\"}");
        assert_eq!((claim.contract(), claim.ingesttime()), (None, None));
        assert_eq!(ClaimCheck::read(&marked(), &claim.to_json()), Some(claim));
    }

    /// The attribute makes it a reference, and not what the body looks like.
    #[test]
    fn what_is_not_marked_is_no_reference() {
        assert_eq!(ClaimCheck::read(&Attributes::new(), &ClaimCheck::of("a").to_json()), None);
    }

    #[test]
    fn a_reference_names_nothing_but_the_object_of_its_hash() {
        let written = ClaimCheck::of("a").to_json();
        let hash = hex_sha256(b"a");
        for other in [
            written.replace(&format!("claims/{hash}"), "letters/2026-01-01/a.ndjson.gz"),
            written.replace(&format!("claims/{hash}"), &format!("claims/../audit/{hash}")),
            written.replace(&hash, "../audit/2026"),
            written.replace(&hash, &hash.to_uppercase()),
            written.replace("\"claim_format\":1", "\"claim_format\":2"),
            written.replace("\"bytes\":1", "\"bytes\":-1"),
            ENVELOPE.to_owned(),
            String::new(),
        ] {
            assert_eq!(ClaimCheck::read(&marked(), &other), None, "{other}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_body_is_recognized_and_no_other_body_is(body in ".{0,80}", other in ".{0,80}") {
            let claim = ClaimCheck::read(&marked(), &ClaimCheck::of(&body).to_json()).unwrap();
            proptest::prop_assert!(claim.digest.is_of(&body));
            proptest::prop_assert_eq!(claim.digest.is_of(&other), body == other);
        }
    }
}
