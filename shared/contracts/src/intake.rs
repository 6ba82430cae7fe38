//! Holding one event to its contract.

use event::{
    Code, ENVELOPE_VERSION, Envelope, Failure, Fingerprint, IdempotencyKey, Payload, SPEC_VERSION,
    Timestamp, TimestampError, canonical_number, kind_of, pointer_to,
};
use serde_json::{Map, Value};

use crate::Contract;

/// What the contract makes of a payload: all that an envelope needs to know of it.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub key: IdempotencyKey,
    pub fingerprint: Fingerprint,
    pub event_time: Timestamp,
    /// The business key: its values joined by hyphens, numbers in their canonical form; none if a part of
    /// it is missing.
    pub subject: Option<String>,
}

/// What an envelope says of an event besides what its payload says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventOrigin {
    /// The CloudEvents `source`: an ARN, or the path of a request.
    pub source: String,
    /// Unique within the source.
    pub id: String,
    /// W3C trace context.
    pub traceparent: String,
    /// When it was first taken in.
    pub taken_in: Timestamp,
}

impl Contract {
    /// The envelope of an event with this payload, before any enrichment.
    ///
    /// # Errors
    /// Those of [`Contract::accept`].
    pub fn envelope(&self, payload: Payload, origin: EventOrigin) -> Result<Envelope, Failure> {
        let accepted = self.accept(&payload)?;
        Ok(Envelope {
            specversion: SPEC_VERSION.to_owned(),
            envelopeversion: ENVELOPE_VERSION,
            id: origin.id,
            source: origin.source,
            kind: format!("sluicegate.{}", self.dataset),
            time: accepted.event_time,
            subject: accepted.subject,
            dataschema: self.dataschema(),
            datacontenttype: "application/json".to_owned(),
            dataset: self.dataset.clone(),
            idempotencykey: accepted.key,
            fingerprint: accepted.fingerprint,
            ingesttime: origin.taken_in,
            traceparent: origin.traceparent,
            degraded: None,
            data: payload.text,
        })
    }

    /// # Errors
    /// [`Code::NumberOutOfRange`], [`Code::ContractViolation`], [`Code::KeyMissing`] or
    /// [`Code::TimeInvalid`], with the JSON Pointer; all permanent.
    pub fn accept(&self, payload: &Payload) -> Result<Accepted, Failure> {
        let value = &payload.value;
        // First, since it looks at every number: what no sink's table could keep goes to no sink.
        let fingerprint = Fingerprint::of(value).map_err(|error| {
            Failure::permanent(Code::NumberOutOfRange, error.to_string()).at(error.at)
        })?;
        if let Some(at) = nameless(value) {
            let reason = "a member without a name, which no table can keep";
            return Err(Failure::permanent(Code::ContractViolation, reason).at(at));
        }
        let key = IdempotencyKey::derive(&self.dataset, value, pointers(&self.keys.idempotency))?;
        self.schema.check(value).map_err(|violation| {
            Failure::permanent(Code::ContractViolation, violation.problem).at(violation.at)
        })?;
        let event_time = self.event_time(value)?;
        Ok(Accepted { key, fingerprint, event_time, subject: self.subject(value) })
    }

    fn event_time(&self, value: &Value) -> Result<Timestamp, Failure> {
        let pointer = &self.keys.event_time;
        let invalid =
            |reason: String| Failure::permanent(Code::TimeInvalid, reason).at(pointer.as_str());
        match value.pointer(pointer) {
            Some(Value::String(text)) => text.parse().map_err(|error| {
                invalid(match error {
                    TimestampError::Malformed { .. } => "not an RFC 3339 time".to_owned(),
                    TimestampError::OutOfRange { .. } => {
                        "a time that is, in UTC, not within the years 0 to 9999".to_owned()
                    }
                })
            }),
            Some(other) => {
                Err(invalid(format!("expected an RFC 3339 time, found {}", kind_of(other))))
            }
            None => Err(invalid("expected an RFC 3339 time, found nothing".to_owned())),
        }
    }

    fn subject(&self, value: &Value) -> Option<String> {
        let business = self.keys.business.iter();
        let parts: Option<Vec<String>> = business.map(|pointer| plain(value, pointer)).collect();
        parts.map(|parts| parts.join("-"))
    }

    /// Whose event it is, where the contract says what tells it: the text there, or the number in its canonical
    /// form. Not held to the schema: a payload that breaks its contract has one, too.
    #[must_use]
    pub fn tenant_of(&self, value: &Value) -> Option<String> {
        plain(value, self.tenant.as_ref()?)
    }

    /// One CSV record as a payload: each field by the type that the schema names.
    ///
    /// # Errors
    /// [`Code::DecodeCsv`] when the record does not fit its header, [`Code::ContractViolation`] when a
    /// field does not fit its type; both permanent.
    pub fn row(&self, header: &[String], fields: &[&str]) -> Result<Payload, Failure> {
        if fields.len() != header.len() {
            let reason = format!(
                "expected {} fields as in the header, found {}",
                header.len(),
                fields.len()
            );
            return Err(Failure::permanent(Code::DecodeCsv, reason));
        }
        let mut object = Map::with_capacity(header.len());
        for (name, text) in header.iter().zip(fields) {
            let is_null = text.is_empty() || self.csv_missing.iter().any(|missing| missing == text);
            let value = if is_null {
                Value::Null
            } else {
                self.schema.typed(name, text).map_err(|violation| {
                    Failure::permanent(Code::ContractViolation, violation.problem).at(violation.at)
                })?
            };
            object.insert(name.clone(), value);
        }
        Payload::from_members(object)
    }

    /// Whether a CSV header can carry this dataset.
    ///
    /// # Errors
    /// [`Code::DecodeFormat`], naming what is missing, doubled or without a name.
    pub fn check_header(&self, header: &[String]) -> Result<(), Failure> {
        // No table has a column without a name: a DynamoDB attribute's has at least one character.
        if let Some(place) = header.iter().position(String::is_empty) {
            let reason = format!("column {} of the header has no name", place + 1);
            return Err(Failure::permanent(Code::DecodeFormat, reason));
        }
        if let Some(missing) = self.schema.required().iter().find(|name| !header.contains(name)) {
            let reason = format!("no column `{missing}` in the header, which the schema requires");
            return Err(Failure::permanent(Code::DecodeFormat, reason));
        }
        let doubled = header.iter().enumerate().find(|(n, name)| header[..*n].contains(name));
        match doubled {
            Some((_, name)) => {
                let reason = format!("two columns `{name}` in the header");
                Err(Failure::permanent(Code::DecodeFormat, reason))
            }
            None => Ok(()),
        }
    }
}

/// A text, or a number in its canonical form.
fn plain(value: &Value, pointer: &str) -> Option<String> {
    match value.pointer(pointer)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => canonical_number(number).ok(),
        _ => None,
    }
}

/// The JSON Pointer of a member without a name. A DynamoDB attribute's has at least one character, those
/// within maps too:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>.
fn nameless(value: &Value) -> Option<String> {
    let below = |name: &str, value| nameless(value).map(|at| pointer_to(name) + &at);
    match value {
        Value::Object(members) if members.contains_key("") => Some(pointer_to("")),
        Value::Object(members) => members.iter().find_map(|(name, value)| below(name, value)),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| below(&index.to_string(), item))
        }
        _ => None,
    }
}

fn pointers(list: &[String]) -> impl Iterator<Item = &str> {
    list.iter().map(String::as_str)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    fn contract() -> Contract {
        let yaml = "
dataset: readings
description: What meters say
owner: metering
schema: {version: 2, file: v2.schema.json}
keys: {idempotency: [/meter, /at], business: [/meter], event_time: /at}
csv: {missing: [NA]}
sinks: [{name: records, kind: table}]
";
        let schema = r#"{"type":"object","required":["meter","at"],"properties":{
            "meter":{"type":"string"},"at":{"type":"string"},"kwh":{"type":["number","null"]}}}"#;
        let schemas = BTreeMap::from([("v2.schema.json".to_owned(), schema.to_owned())]);
        Contract::parse(yaml, &schemas).unwrap()
    }

    #[track_caller]
    fn check(payload: &Value, code: Code, at: &str) {
        let failure = contract()
            .accept(&Payload::parse(payload.to_string().as_bytes()).unwrap())
            .unwrap_err();
        assert_eq!((failure.code, failure.at.as_deref()), (code, Some(at)), "{failure}");
    }

    #[test]
    fn what_breaks_the_contract_is_named_with_its_pointer() {
        check(&json!({"at": "2026-01-01T00:00:00Z"}), Code::KeyMissing, "/meter");
        check(&json!({"meter": null, "at": "2026-01-01T00:00:00Z"}), Code::KeyMissing, "/meter");
        check(&json!({"meter": "m", "at": "noon"}), Code::TimeInvalid, "/at");
        let wrong = json!({"meter": "m", "at": "2026-01-01T00:00:00Z", "kwh": "1"});
        check(&wrong, Code::ContractViolation, "/kwh");
        check(&json!({"meter": "m", "at": "0000-01-01T00:00:00+01:00"}), Code::TimeInvalid, "/at");
    }

    /// DynamoDB's range, which ends at 38 digits and 9.99E+125; a member that no schema knows counts too.
    #[test]
    fn a_number_that_no_table_keeps_is_refused_with_its_pointer() {
        for number in ["1e300", "1e126", "1e-131", "123456789012345678901234567890123456789"] {
            let text = format!(
                r#"{{"meter":"m","at":"2026-01-01T00:00:00Z","other":{{"list":[1,{number}]}}}}"#
            );
            let failure = contract().accept(&Payload::parse(text.as_bytes()).unwrap()).unwrap_err();
            let place = failure.at.as_deref();
            assert_eq!((failure.code, place), (Code::NumberOutOfRange, Some("/other/list/1")));
        }
    }

    #[test]
    fn a_member_without_a_name_is_refused_before_any_sink_has_it() {
        let at = "2026-01-01T00:00:00Z";
        let check = |more: &Value, place| {
            let value = json!({"meter": "m", "at": at, "more": more});
            check(&value, Code::ContractViolation, place);
        };
        check(&json!({"": 1}), "/more/");
        check(&json!([1, {"a/b": {"": null}}]), "/more/1/a~1b/");
        let top = json!({"meter": "m", "at": at, "": 1});
        self::check(&top, Code::ContractViolation, "/");
    }

    #[test]
    fn a_time_keeps_its_fraction() {
        let value = json!({"meter": "m", "at": "2026-01-01T00:00:00.123456789Z"});
        let accepted =
            contract().accept(&Payload::parse(value.to_string().as_bytes()).unwrap()).unwrap();
        assert_eq!(accepted.event_time.to_string(), "2026-01-01T00:00:00.123456789Z");
    }

    #[test]
    fn an_accepted_event_has_its_keys_and_time() {
        let value = json!({"meter": "m-1", "at": "2026-01-01T01:00:00+01:00", "kwh": null});
        let accepted =
            contract().accept(&Payload::parse(value.to_string().as_bytes()).unwrap()).unwrap();
        assert_eq!(accepted.event_time.to_string(), "2026-01-01T00:00:00.000Z");
        assert_eq!(accepted.subject.as_deref(), Some("m-1"));
    }

    #[test]
    fn a_business_key_has_its_numbers_in_one_form() {
        let mut contract = contract();
        contract.keys.business = vec!["/meter".to_owned(), "/kwh".to_owned()];
        let text = r#"{"meter":"m","at":"2026-01-01T00:00:00Z","kwh":10.50}"#;
        let accepted = contract.accept(&Payload::parse(text.as_bytes()).unwrap()).unwrap();
        assert_eq!(accepted.subject.as_deref(), Some("m-10.5"));
        let nothing = text.replace("10.50", "null");
        let accepted = contract.accept(&Payload::parse(nothing.as_bytes()).unwrap()).unwrap();
        assert_eq!(accepted.subject, None);
    }

    #[test]
    fn a_tenant_is_a_text_or_a_number_wherever_else_the_contract_is_broken() {
        let mut contract = contract();
        assert_eq!(contract.tenant_of(&json!({"meter": "m"})), None);
        contract.tenant = Some("/meter".to_owned());
        let tenant = |text: &str| contract.tenant_of(&serde_json::from_str(text).unwrap());
        assert_eq!(tenant(r#"{"meter":"m","at":"noon"}"#).as_deref(), Some("m"));
        assert_eq!(tenant(r#"{"meter":7.0}"#).as_deref(), Some("7"));
        assert_eq!(tenant(r#"{"meter":["m"]}"#), None);
    }

    #[test]
    fn a_csv_row_and_the_same_json_are_one_event() {
        let header = ["meter", "at", "kwh"].map(str::to_owned);
        let row = |kwh| contract().row(&header, &["7", "2026-01-01T00:00:00Z", kwh]);
        let json = br#"{"kwh":1.5,"meter":"7","at":"2026-01-01T00:00:00Z"}"#;
        let from_json = contract().accept(&Payload::parse(json).unwrap()).unwrap();
        let from_csv = contract().accept(&row("1.50").unwrap()).unwrap();
        assert_eq!(from_csv.fingerprint, from_json.fingerprint);
        assert_eq!(row("NA").unwrap().value["kwh"], Value::Null);
        assert_eq!(row("x").unwrap_err().at.as_deref(), Some("/kwh"));
        assert_eq!(contract().row(&header, &["7"]).unwrap_err().code, Code::DecodeCsv);
    }

    /// What a reason may hold is in logs, in dead letters and in operators' hands.
    #[test]
    fn no_reason_quotes_a_value() {
        const SECRET: &str = "s3cret-77";
        let at = "2026-01-01T00:00:00Z";
        let header = ["meter", "at", "kwh"].map(str::to_owned);
        let digits = "77".repeat(20);
        let of_rows = [
            vec![SECRET, at],
            vec![SECRET, SECRET, "1"],
            vec!["m", SECRET, "1"],
            vec!["m", at, SECRET],
            vec!["", SECRET, "1"],
            vec![SECRET, at, &digits],
            vec![SECRET, at, "1", SECRET],
        ]
        .map(|fields| contract().row(&header, &fields));
        let of_texts = [
            json!(SECRET).to_string(),
            json!([SECRET]).to_string(),
            json!({"meter": [SECRET], "at": at}).to_string(),
            json!({"meter": {"a": SECRET}, "at": SECRET}).to_string(),
            json!({"meter": SECRET, "at": SECRET}).to_string(),
            json!({"meter": SECRET, "at": at, "kwh": SECRET}).to_string(),
            json!({"meter": SECRET, "": SECRET, "at": at}).to_string(),
            format!(r#"{{"meter":"{SECRET}","at":"{at}","kwh":{digits}}}"#),
            format!(r#"{{"meter":"{SECRET}"#),
            format!(r#"{{"meter":{SECRET}}}"#),
            format!(r#"{{"meter":"{SECRET}\q"}}"#),
            format!(r#"{{"meter":"{SECRET}","meter":"{SECRET}"}}"#),
        ]
        .map(|text| Payload::parse(text.as_bytes()));
        for payload in of_rows.into_iter().chain(of_texts) {
            let failure = payload.and_then(|payload| contract().accept(&payload)).unwrap_err();
            let told = format!("{} {}", failure.reason, failure.at.unwrap_or_default());
            assert!(!told.contains("s3cret") && !told.contains(&digits), "{told}");
        }
    }

    #[test]
    fn a_header_must_have_the_required_columns_once() {
        let check = |names: &[&str]| {
            contract().check_header(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())
        };
        assert!(check(&["at", "meter"]).is_ok());
        assert!(check(&["at", "metre"]).unwrap_err().reason.contains("`meter`"));
        assert!(check(&["", "at", "meter"]).unwrap_err().reason.contains("column 1 of the header"));
        assert!(check(&["at", "meter", ""]).unwrap_err().reason.contains("column 3 of the header"));
        assert!(check(&["at", "meter", "at"]).unwrap_err().reason.contains("two columns"));
    }
}
