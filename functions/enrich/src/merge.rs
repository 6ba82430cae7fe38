//! Adds a member to a payload without a change to the payload's other bytes.

use std::collections::BTreeMap;

use event::{Code, Failure, json_problem};
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// The payload with `member` as its last member, which has `document` as its value.
///
/// # Errors
/// [`Code::ContractViolation`] when the payload has a member of that name already.
pub(crate) fn with_member(
    payload: &RawValue,
    member: &str,
    document: &str,
) -> Result<Box<RawValue>, Failure> {
    let members: BTreeMap<String, IgnoredAny> =
        serde_json::from_str(payload.get()).map_err(|error| malformed(&error))?;
    if members.contains_key(member) {
        let reason = "the payload has this member, which an enricher is to add";
        return Err(Failure::permanent(Code::ContractViolation, reason).at(format!("/{member}")));
    }
    // The payload ends with the object's brace, since a RawValue has no space around it.
    let open = payload.get().strip_suffix('}').unwrap_or_default().trim_end();
    let comma = if members.is_empty() { "" } else { "," };
    let name = serde_json::to_string(member).map_err(|error| malformed(&error))?;
    RawValue::from_string(format!("{open}{comma}{name}:{document}}}"))
        .map_err(|error| malformed(&error))
}

fn malformed(error: &serde_json::Error) -> Failure {
    Failure::permanent(Code::DecodeEnvelope, json_problem(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(payload: &str, expected: &str) {
        let payload = RawValue::from_string(payload.to_owned()).unwrap();
        assert_eq!(with_member(&payload, "weather", "{\"t\":1}").unwrap().get(), expected);
    }

    #[test]
    fn the_other_bytes_stay() {
        check("{}", r#"{"weather":{"t":1}}"#);
        check("{ }", r#"{"weather":{"t":1}}"#);
        check(r#"{"b": 1.00 , "a":"\u00e9" }"#, r#"{"b": 1.00 , "a":"\u00e9","weather":{"t":1}}"#);
    }

    #[test]
    fn a_member_of_the_producers_is_not_overwritten() {
        let payload = RawValue::from_string(r#"{"weather":"fine"}"#.to_owned()).unwrap();
        let failure = with_member(&payload, "weather", "{}").unwrap_err();
        assert_eq!(failure.at.as_deref(), Some("/weather"));
    }
}
