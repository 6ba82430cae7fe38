//! The envelope of each message between stages: CloudEvents 1.0 in structured JSON.
//!
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md> and its JSON format. It is read and written by
//! types of our own, because stages only have to pass `data` on without reading it. The bytes of `data` stay as they
//! came.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::noncharacters::escape_noncharacters;
use crate::{Code, Failure, Fingerprint, IdempotencyKey, Timeliness, Timestamp, json_problem};

/// The version of CloudEvents that is read and written.
pub const SPEC_VERSION: &str = "1.0";

/// The version of the envelope's own attributes that is written. An envelope without a version is of version 1.
///
/// | version | what changed |
/// | --- | --- |
/// | 1 | |
/// | 2 | `time` has up to nine decimals; keys and fingerprints distinguish numbers by all their digits |
pub const ENVELOPE_VERSION: u32 = 2;

fn first_version() -> u32 {
    1
}

/// One event between stages. The names of extension attributes consist of lower-case letters and digits, as CloudEvents
/// requires.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Envelope {
    /// The version of CloudEvents: [`SPEC_VERSION`].
    pub specversion: String,
    /// The [`ENVELOPE_VERSION`] with which it was written. All versions up to the present one are read.
    #[serde(default = "first_version")]
    pub envelopeversion: u32,
    /// Where in the source the event was found. It is unique within `source`.
    pub id: String,
    /// The source: the ARN of a queue or bucket, or the URL path of a request.
    pub source: String,
    /// `sluicegate.<dataset>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When the event happened, at the place that the contract names.
    pub time: Timestamp,
    /// The business key, made of the values that the contract names; absent if one of them is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// `<dataset>/<schema version>`.
    pub dataschema: String,
    /// `application/json`.
    pub datacontenttype: String,

    /// The dataset of the event.
    pub dataset: String,
    /// The key under which the event takes effect once.
    pub idempotencykey: IdempotencyKey,
    /// The fingerprint of the payload as it was taken in, before any enrichment.
    pub fingerprint: Fingerprint,
    /// When Sluicegate took the event in.
    pub ingesttime: Timestamp,
    /// Whether the event came later, or is further in the future, than its contract allows; absent if it is neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeliness: Option<Timeliness>,
    /// The region or jurisdiction that the event belongs to, at the place that the contract names; absent if it has
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The W3C trace context, in the Distributed Tracing extension of CloudEvents.
    pub traceparent: String,
    /// What was done to the row that the payload is: `insert`, `update`, `delete` or `snapshot`; absent unless the
    /// dataset's events are changes of rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The place of that change among those of its table, as 40 digits: the
    /// [Sequence](https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/sequence.md) extension of
    /// CloudEvents. Absent if the source does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<String>,
    /// The names of the enrichers that had no answer, joined by commas; absent if all had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded: Option<String>,

    /// The payload, with the answers of enrichers after `enrich`.
    pub data: Box<RawValue>,
}

/// Why an envelope cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// The text is not an envelope. It is not quoted, because it may be anybody's message.
    #[error("not a CloudEvents envelope: {}", json_problem(source))]
    Malformed {
        /// What is wrong with the JSON.
        #[source]
        source: serde_json::Error,
    },
    #[error("CloudEvents version `{found}`; this reads {SPEC_VERSION}")]
    /// It is an envelope of another version of CloudEvents.
    Version {
        /// The first 16 characters of that version.
        found: String,
    },
    #[error("an envelope of version {found}; this deployment reads those up to {ENVELOPE_VERSION}")]
    /// It was written by a newer deployment.
    Newer {
        /// Its version of the envelope.
        found: u32,
    },
    /// It could not be written as JSON.
    #[error("not written as JSON")]
    Unwritable {
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
}

/// Permanent, because another try would read the same text. Only an envelope of a newer deployment is transient,
/// because that deployment will replace this stage too.
impl From<EnvelopeError> for Failure {
    fn from(error: EnvelopeError) -> Self {
        match error {
            EnvelopeError::Newer { .. } => Self::transient(Code::DecodeEnvelope, error.to_string()),
            EnvelopeError::Malformed { .. }
            | EnvelopeError::Version { .. }
            | EnvelopeError::Unwritable { .. } => {
                Self::permanent(Code::DecodeEnvelope, error.to_string())
            }
        }
    }
}

/// The only attribute that is read of an envelope that cannot be read as a whole.
#[derive(Deserialize)]
struct VersionOnly {
    #[serde(default = "first_version")]
    envelopeversion: u32,
}

impl Envelope {
    /// Reads an envelope.
    ///
    /// # Errors
    /// If it is not JSON, lacks an attribute, has another `specversion`, or was written by a newer deployment.
    pub fn from_json(text: &str) -> Result<Self, EnvelopeError> {
        let envelope: Self =
            serde_json::from_str(text).map_err(|source| unreadable(text, source))?;
        if envelope.envelopeversion > ENVELOPE_VERSION {
            return Err(EnvelopeError::Newer { found: envelope.envelopeversion });
        }
        if envelope.specversion != SPEC_VERSION {
            let found = envelope.specversion.chars().take(16).collect();
            return Err(EnvelopeError::Version { found });
        }
        Ok(envelope)
    }

    /// The envelope as an SQS body. Characters that SQS refuses are escaped, also in `data`.
    ///
    /// # Errors
    /// Never for an envelope that was read, or built from valid JSON.
    pub fn to_json(&self) -> Result<String, EnvelopeError> {
        serde_json::to_string(self)
            .map(escape_noncharacters)
            .map_err(|source| EnvelopeError::Unwritable { source })
    }
}

/// A newer envelope may lack attributes that this version needs.
fn unreadable(text: &str, source: serde_json::Error) -> EnvelopeError {
    match serde_json::from_str(text) {
        Ok(VersionOnly { envelopeversion: found }) if found > ENVELOPE_VERSION => {
            EnvelopeError::Newer { found }
        }
        _ => EnvelopeError::Malformed { source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: &str = r#"{"specversion":"1.0","envelopeversion":2,"id":"e1:1","source":"arn:aws:s3:::landing/flights/a.ndjson","type":"sluicegate.flights","time":"2013-01-01T10:00:00.000Z","subject":"UA-1545","dataschema":"flights/1","datacontenttype":"application/json","dataset":"flights","idempotencykey":"ab","fingerprint":"cd","ingesttime":"2026-01-01T00:00:00.000Z","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","data":{"b": 1.00,  "a":"\u00e9"}}"#;

    #[test]
    fn an_envelope_is_written_as_it_was_read_and_its_data_byte_for_byte() {
        assert_eq!(Envelope::from_json(WRITTEN).unwrap().to_json().unwrap(), WRITTEN);
    }

    #[test]
    fn timeliness_and_region_are_extensions_that_are_passed_on() {
        for (timeliness, text) in [(Timeliness::Late, "late"), (Timeliness::Early, "early")] {
            let marked = WRITTEN.replace(
                r#""traceparent""#,
                &format!(r#""timeliness":"{text}","region":"eu","traceparent""#),
            );
            let envelope = Envelope::from_json(&marked).unwrap();
            assert_eq!(envelope.timeliness, Some(timeliness));
            assert_eq!(envelope.region.as_deref(), Some("eu"));
            assert_eq!(envelope.to_json().unwrap(), marked);
        }
    }

    /// The specification allows lower-case letters and digits in attribute names; only `data` is exempt.
    #[test]
    fn attribute_names_are_those_that_cloudevents_allows() {
        let value: serde_json::Value = serde_json::from_str(WRITTEN).unwrap();
        for name in value.as_object().unwrap().keys() {
            assert!(name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9')), "{name}");
            assert!(name.len() <= 20, "{name}");
        }
        for required in ["id", "source", "specversion", "type"] {
            let mut without = value.clone();
            without.as_object_mut().unwrap().remove(required);
            let error = Envelope::from_json(&without.to_string()).unwrap_err();
            assert!(error.to_string().contains(required), "{error}");
        }
    }

    #[test]
    fn an_envelope_of_the_version_before_is_read() {
        let first = WRITTEN.replace(r#""envelopeversion":2,"#, "");
        let envelope = Envelope::from_json(&first).unwrap();
        assert_eq!((envelope.envelopeversion, envelope.id.as_str()), (1, "e1:1"));
    }

    #[test]
    fn an_envelope_of_a_newer_deployment_is_tried_again() {
        for newer in [
            WRITTEN.replace(r#"version":2"#, r#"version":3"#),
            r#"{"envelopeversion":3}"#.to_owned(),
        ] {
            let error = Envelope::from_json(&newer).unwrap_err();
            assert!(matches!(error, EnvelopeError::Newer { found: 3 }), "{error}");
            assert_eq!(Failure::from(error).kind, crate::FailureKind::Transient);
        }
        for body in ["\"s3cret\"".to_owned(), WRITTEN.replace("2013-01-01T10:00:00.000Z", "s3cret")]
        {
            let failure = Failure::from(Envelope::from_json(&body).unwrap_err());
            assert_eq!(failure.code, Code::DecodeEnvelope);
            assert!(!failure.reason.contains("s3cret"), "{failure}");
        }
        let malformed = Failure::from(Envelope::from_json("{}").unwrap_err());
        assert_eq!(malformed.kind, crate::FailureKind::Permanent);
    }

    #[test]
    fn another_version_is_refused_by_name() {
        let error = Envelope::from_json(&WRITTEN.replace(r#""1.0""#, r#""0.3""#)).unwrap_err();
        assert!(matches!(error, EnvelopeError::Version { found } if found == "0.3"));
    }
}
