//! What groups dead letters: the contract that an event was held to, and the fingerprint of how it failed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::canonical::{hex_sha256, write_string};
use crate::{Code, Envelope};

/// A contract by its dataset, and by its version if that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractRef {
    /// The dataset of the contract.
    pub dataset: String,
    /// The version of its schema; absent if it is not known.
    pub version: Option<u32>,
}

impl ContractRef {
    /// The contract of a dataset that a message names, with an unknown version.
    #[must_use]
    pub fn of_dataset(name: &str) -> Self {
        Self { dataset: name.to_owned(), version: None }
    }

    /// The contract that the event was held to when it was taken in; `None` if the body is not an envelope.
    #[must_use]
    pub fn of_envelope(body: &str) -> Option<Self> {
        Envelope::from_json(body).ok().map(|envelope| Self::of(&envelope))
    }

    /// The contract that the event was held to when it was taken in.
    #[must_use]
    pub fn of(envelope: &Envelope) -> Self {
        let schema = envelope.dataschema.rsplit_once('/');
        let version = schema.and_then(|(_, version)| version.parse().ok());
        Self { dataset: envelope.dataset.clone(), version }
    }
}

/// Equal for failures that have the same cause, as far as a failure shows it: what failed, where, in which stage, and
/// under which version of which contract. It does not depend on values of the event, on the line of a file, or on the
/// reason's text.
///
/// Its text is `1-` and the first 16 hexadecimal digits of the SHA-256 of a JSON array without white space, written as
/// in RFC 8785: `["sluicegate.failure/1",stage,code,place,dataset,version]`. A dataset or version that is not known is
/// `null`. The place is that of the letter, without its line, and with `*` for each index in its JSON Pointer; without
/// a place it is empty. The number before the hyphen is the version of this rule. Fingerprints of different versions
/// cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FailureFingerprint(String);

/// The version of the rule.
const RULE: u32 = 1;

impl FailureFingerprint {
    /// Derives the fingerprint. `at` is the place as a [`Failure`](crate::Failure) and a
    /// [`DeadLetter`](crate::DeadLetter) have it.
    #[must_use]
    pub fn of(
        stage: &str,
        code: Code,
        at: Option<&str>,
        dataset: Option<&str>,
        version: Option<u32>,
    ) -> Self {
        let rule = format!("sluicegate.failure/{RULE}");
        let place = at.map(place).unwrap_or_default();
        let mut text = Vec::new();
        for part in [rule.as_str(), stage, code.as_str(), place.as_str()] {
            text.push(if text.is_empty() { b'[' } else { b',' });
            write_string(&mut text, part);
        }
        text.push(b',');
        match dataset {
            Some(name) => write_string(&mut text, name),
            None => text.extend_from_slice(b"null"),
        }
        let version = version.map_or_else(|| "null".to_owned(), |version| version.to_string());
        text.extend_from_slice(format!(",{version}]").as_bytes());
        Self(format!("{RULE}-{}", &hex_sha256(&text)[..16]))
    }

    /// The text that is described above.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FailureFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The place that failures of one cause share: `line 17, /legs/3/origin` becomes `/legs/*/origin`. A place in the code,
/// which does not begin with a slash, stays as it is.
fn place(at: &str) -> String {
    let at = without_line(at);
    if !at.starts_with('/') {
        return at.to_owned();
    }
    let mut place = String::with_capacity(at.len());
    for token in at.split('/').skip(1) {
        place.push('/');
        place.push_str(if is_index(token) { "*" } else { token });
    }
    place
}

fn without_line(at: &str) -> &str {
    let Some(numbered) = at.strip_prefix("line ") else { return at };
    let rest = numbered.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.strip_prefix(", ").unwrap_or(rest)
}

/// Whether this is the index of an array, as in RFC 6901, section 4.
fn is_index(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: Code, at: &str) -> FailureFingerprint {
        FailureFingerprint::of("ingest", code, Some(at), Some("flights"), Some(1))
    }

    #[test]
    fn one_cause_has_one_fingerprint_wherever_it_is_found() {
        let code = Code::ContractViolation;
        for at in ["/legs/*/origin", "/legs/0/origin", "line 3, /legs/12/origin"] {
            assert_eq!(of(code, at), of(code, "/legs/1/origin"), "{at}");
        }
        let none = FailureFingerprint::of("ingest", code, None, Some("flights"), Some(1));
        for at in ["", "line 1", "line 20000"] {
            assert_eq!(of(code, at), none, "{at}");
        }
    }

    #[test]
    fn another_cause_has_another_fingerprint() {
        let (code, at, dataset) = (Code::ContractViolation, Some("/a"), Some("flights"));
        let prints = [
            FailureFingerprint::of("ingest", code, at, dataset, Some(1)),
            FailureFingerprint::of("sink", code, at, dataset, Some(1)),
            FailureFingerprint::of("ingest", Code::KeyMissing, at, dataset, Some(1)),
            FailureFingerprint::of("ingest", code, Some("/b"), dataset, Some(1)),
            FailureFingerprint::of("ingest", code, Some("/a/0"), dataset, Some(1)),
            FailureFingerprint::of("ingest", code, None, dataset, Some(1)),
            FailureFingerprint::of("ingest", code, at, Some("weather"), Some(1)),
            FailureFingerprint::of("ingest", code, at, None, Some(1)),
            FailureFingerprint::of("ingest", code, at, dataset, Some(2)),
            FailureFingerprint::of("ingest", code, at, dataset, None),
            FailureFingerprint::of(
                "ingest",
                Code::RecordPanicked,
                Some("src/row.rs:1:2"),
                dataset,
                Some(1),
            ),
            FailureFingerprint::of(
                "ingest",
                Code::RecordPanicked,
                Some("src/row.rs:1:3"),
                dataset,
                Some(1),
            ),
            // The text of the place ends like the next element of the array.
            FailureFingerprint::of("ingest", code, Some("/a\",\"flights"), None, Some(1)),
        ];
        let distinct: std::collections::BTreeSet<_> = prints.iter().collect();
        assert_eq!(distinct.len(), prints.len(), "{prints:?}");
    }

    #[test]
    fn an_envelope_names_its_contract_and_nothing_else_does() {
        const WRITTEN: &str = r#"{"specversion":"1.0","envelopeversion":2,"id":"e1:1","source":"s","type":"sluicegate.flights","time":"2013-01-01T10:00:00.000Z","dataschema":"flights/3","datacontenttype":"application/json","dataset":"flights","idempotencykey":"ab","fingerprint":"cd","ingesttime":"2026-01-01T00:00:00.000Z","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","data":{}}"#;
        let expected = ContractRef { dataset: "flights".to_owned(), version: Some(3) };
        assert_eq!(ContractRef::of_envelope(WRITTEN), Some(expected));
        let odd = WRITTEN.replace("flights/3", "elsewhere");
        assert_eq!(ContractRef::of_envelope(&odd), Some(ContractRef::of_dataset("flights")));
        for other in ["", "{}", r#"{"dataset":"flights","dataschema":"flights/3"}"#] {
            assert_eq!(ContractRef::of_envelope(other), None, "{other}");
        }
    }
}
