//! What groups failures: the contract that an event was held to, and the fingerprint of how it failed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::canonical::{hex_sha256, write_string};
use crate::{Code, Envelope};

/// A contract by its name, and by its version where that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractRef {
    pub dataset: String,
    pub version: Option<u32>,
}

impl ContractRef {
    /// A dataset that a message names, of a contract whose version is not known.
    #[must_use]
    pub fn of_dataset(name: &str) -> Self {
        Self { dataset: name.to_owned(), version: None }
    }

    /// The contract that the event was held to when it was taken in; `None` if the body is no envelope.
    #[must_use]
    pub fn of_envelope(body: &str) -> Option<Self> {
        let Envelope { dataset, dataschema, .. } = Envelope::from_json(body).ok()?;
        let version = dataschema.rsplit_once('/').and_then(|(_, version)| version.parse().ok());
        Some(Self { dataset, version })
    }
}

/// Equal for failures that have one cause, as far as a failure tells it: what failed where in which stage,
/// and under which version of which contract. No value of an event is part of it, nor a line of a file, nor
/// the reason's text.
///
/// Its text is `1-` and the first 16 hexadecimal digits of the SHA-256 of a JSON array without white space,
/// written as RFC 8785 has it: `["sluicegate.failure/1",stage,code,place,dataset,version]`. What is not known
/// of the contract is `null`. The place is that of the letter, without its line, and with `*` for each index
/// of its JSON Pointer; it is empty where there is none. The number before the hyphen is the version of this
/// rule: prints of different versions are not comparable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FailureFingerprint(String);

/// The version of the rule.
const RULE: u32 = 1;

impl FailureFingerprint {
    /// `at` is as a [`Failure`](crate::Failure) and a [`DeadLetter`](crate::DeadLetter) have it.
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

/// A place that failures of one cause share: `line 17, /legs/3/origin` is `/legs/*/origin`. A place in the
/// code, which begins with no slash, stays as it is.
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

/// As RFC 6901, section 4, writes the index of an array.
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
        let print = |stage, code, at, dataset, version| {
            FailureFingerprint::of(stage, code, at, dataset, version)
        };
        let (code, at, dataset) = (Code::ContractViolation, Some("/a"), Some("flights"));
        let prints = [
            print("ingest", code, at, dataset, Some(1)),
            print("sink", code, at, dataset, Some(1)),
            print("ingest", Code::KeyMissing, at, dataset, Some(1)),
            print("ingest", code, Some("/b"), dataset, Some(1)),
            print("ingest", code, Some("/a/0"), dataset, Some(1)),
            print("ingest", code, None, dataset, Some(1)),
            print("ingest", code, at, Some("weather"), Some(1)),
            print("ingest", code, at, None, Some(1)),
            print("ingest", code, at, dataset, Some(2)),
            print("ingest", code, at, dataset, None),
            print("ingest", Code::RecordPanicked, Some("src/row.rs:1:2"), dataset, Some(1)),
            print("ingest", Code::RecordPanicked, Some("src/row.rs:1:3"), dataset, Some(1)),
            // Texts that would run together.
            print("ingest", code, Some("/a\",\"flights"), None, Some(1)),
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
