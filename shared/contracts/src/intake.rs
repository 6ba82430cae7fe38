//! Checks one event against its contract, derives its keys, and wraps it in an envelope.

use event::{
    Code, ENVELOPE_VERSION, Envelope, Failure, Fingerprint, IdempotencyKey, Payload, SPEC_VERSION,
    Timestamp, canonical_number, pointer_to,
};
use serde_json::{Map, Value};

use crate::Contract;
use crate::schema::{Unfit, Violation};
use crate::sink::integer_at;

/// A payload that fits its contract, with everything that its envelope needs to know about it.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The migrated payload, if it came in an older version of the schema. `None` if it fits the active version as it
    /// is.
    pub upgraded: Option<Payload>,
    /// The idempotency key, which is derived from the dataset and [`Keys::idempotency`](crate::Keys::idempotency).
    pub key: IdempotencyKey,
    /// The fingerprint of the whole payload.
    pub fingerprint: Fingerprint,
    /// The time in the payload at [`Keys::event_time`](crate::Keys::event_time).
    pub event_time: Timestamp,
    /// The business key: its values joined by hyphens, with numbers in their canonical form. `None` if one of the
    /// values is neither a text nor a number.
    pub subject: Option<String>,
}

/// What an envelope says about an event that is not in its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventOrigin {
    /// The CloudEvents `source`, which is an ARN or the path of a request.
    pub source: String,
    /// The CloudEvents `id`, which is unique within the source.
    pub id: String,
    /// The `traceparent` of W3C Trace Context: <https://www.w3.org/TR/trace-context/#traceparent-header>.
    pub traceparent: String,
    /// The time at which the event was first taken in.
    pub taken_in: Timestamp,
}

impl Contract {
    /// Checks a payload, and wraps it in an envelope, which says nothing of a [`Change`](crate::Change). Deprecated versions of the schema are accepted if they were not
    /// over when the event was first taken in. A canary version is tried on the event, and refuses nothing.
    ///
    /// # Errors
    /// Those of [`Contract::accept`]; [`Code::TimeLate`] and [`Code::TimeEarly`], permanent, if the contract rejects an
    /// event of its time. Whether it may come from its source is for [`Sources`](crate::Sources) to say.
    pub fn envelope(&self, payload: Payload, origin: EventOrigin) -> Result<Envelope, Failure> {
        let accepted = self.accept_at(&payload, Some(origin.taken_in))?;
        let timeliness = self.check_time(accepted.event_time, origin.taken_in)?;
        let payload = accepted.upgraded.unwrap_or(payload);
        self.canary_tally.try_event(&self.versions, &payload.value, &accepted.key);
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
            timeliness,
            region: self.region_of(&payload.value),
            traceparent: origin.traceparent,
            operation: None,
            sequence: None,
            degraded: None,
            data: payload.text,
        })
    }

    /// Checks a payload against the contract. A payload that does not fit the active version of the schema but fits a
    /// deprecated one is migrated first. Its keys, time and fingerprint are those of the migrated payload. All
    /// deprecated versions are accepted, also those that are over.
    ///
    /// # Errors
    /// [`Code::NumberOutOfRange`], [`Code::ContractViolation`], [`Code::KeyMissing`] or [`Code::TimeInvalid`], all
    /// permanent and with the JSON Pointer; a failed migration has no pointer. [`Code::ContractBroken`], transient, if
    /// the schema cannot be used.
    pub fn accept(&self, payload: &Payload) -> Result<Accepted, Failure> {
        self.accept_at(payload, None)
    }

    /// Checks a payload against the contract. With `taken_in`, deprecated versions that were over at that time are not
    /// accepted.
    fn accept_at(
        &self,
        payload: &Payload,
        taken_in: Option<Timestamp>,
    ) -> Result<Accepted, Failure> {
        match self.accept_active(&payload.value) {
            Err(failure) if may_fit_older_version(&failure) => {
                match self.upgrade(&payload.value, taken_in)? {
                    Some(upgraded) => {
                        let accepted = self.accept_active(&upgraded.value)?;
                        Ok(Accepted { upgraded: Some(upgraded), ..accepted })
                    }
                    None => Err(failure),
                }
            }
            accepted => accepted,
        }
    }

    /// Checks a payload against the active version only.
    fn accept_active(&self, value: &Value) -> Result<Accepted, Failure> {
        // The fingerprint looks at every number, and refuses those that DynamoDB cannot store. It comes first, so that
        // such an event goes to no sink at all.
        let fingerprint = Fingerprint::of(value).map_err(|error| {
            Failure::permanent(Code::NumberOutOfRange, error.to_string()).at(error.at)
        })?;
        if let Some(at) = nameless(value) {
            let reason = "a member without a name, which no table can keep";
            return Err(Failure::permanent(Code::ContractViolation, reason).at(at));
        }
        let key = IdempotencyKey::derive(&self.dataset, value, pointers(&self.keys.idempotency))?;
        self.schema.check(value).map_err(failure_of)?;
        let event_time = self.keys.event_time.read(value)?;
        if let Some(sequence) = &self.keys.sequence {
            integer_at(value, sequence)?;
        }
        Ok(Accepted { upgraded: None, key, fingerprint, event_time, subject: self.subject(value) })
    }

    /// Migrates a payload of a deprecated version to the active version. `None` if it fits no deprecated version.
    fn upgrade(
        &self,
        value: &Value,
        taken_in: Option<Timestamp>,
    ) -> Result<Option<Payload>, Failure> {
        for older in self.versions.older_than_active(taken_in) {
            match older.schema.check(value) {
                Ok(()) => {}
                Err(Unfit::Value(_)) => continue,
                Err(broken) => return Err(failure_of(broken)),
            }
            let upgraded = self.versions.upgrade(older.version, value).map_err(|error| {
                let reason = format!("version {} cannot be migrated: {error}", older.version);
                Failure::permanent(Code::ContractViolation, reason)
            })?;
            return Payload::parse(upgraded.to_string().as_bytes()).map(Some);
        }
        Ok(None)
    }

    fn subject(&self, value: &Value) -> Option<String> {
        let business = self.keys.business.iter();
        let parts: Option<Vec<String>> = business.map(|pointer| plain(value, pointer)).collect();
        parts.map(|parts| parts.join("-"))
    }

    /// The tenant of an event: the text at [`Contract::tenant`], or the number there in its canonical form. `None` if
    /// the contract has no tenants, or the payload has neither there.
    ///
    /// The payload is not checked, so that a dead letter that violates the contract has a tenant too.
    #[must_use]
    pub fn tenant_of(&self, value: &Value) -> Option<String> {
        plain(value, self.tenant.as_ref()?)
    }

    /// The region of an event: the text at [`Contract::region`], or the number there in its canonical form. `None` if
    /// the contract has no regions, or the payload has neither there.
    fn region_of(&self, value: &Value) -> Option<String> {
        plain(value, self.region.as_ref()?).filter(|region| !region.is_empty())
    }

    /// Converts one CSV record to a payload. Each field becomes a value of the type that the schema names, or null if
    /// it is empty or one of [`CsvFiles::missing`](crate::CsvFiles::missing).
    ///
    /// # Errors
    /// [`Code::DecodeCsv`] if the record has another number of fields than its header, [`Code::ContractViolation`] if a
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
            let is_null = text.is_empty() || self.csv.missing.iter().any(|missing| missing == text);
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

    /// Checks that a CSV file with this header can have events of the dataset.
    ///
    /// # Errors
    /// [`Code::DecodeFormat`], permanent, if the events are changes of rows, a column has no name, a column that the schema requires is missing, or two
    /// columns have the same name.
    pub fn check_header(&self, header: &[String]) -> Result<(), Failure> {
        if self.changes.is_some() {
            let reason = "a row of a CSV file does not say how it changed, as `changes` of the contract has it";
            return Err(Failure::permanent(Code::DecodeFormat, reason));
        }
        // The name of a DynamoDB attribute has at least one character.
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

/// Whether a payload that failed like this could still fit an older version of the schema.
fn may_fit_older_version(failure: &Failure) -> bool {
    matches!(failure.code, Code::ContractViolation | Code::KeyMissing | Code::TimeInvalid)
}

fn failure_of(unfit: Unfit) -> Failure {
    match unfit {
        Unfit::Value(Violation { at, problem }) => {
            Failure::permanent(Code::ContractViolation, problem).at(at)
        }
        Unfit::Schema(error) => Failure::transient(Code::ContractBroken, error.to_string()),
    }
}

/// The text at a JSON Pointer, or the number there in its canonical form. `None` for every other value.
fn plain(value: &Value, pointer: &str) -> Option<String> {
    match value.pointer(pointer)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => canonical_number(number).ok(),
        _ => None,
    }
}

/// The JSON Pointer of a member whose name is empty. In DynamoDB, names have at least one character, also within maps:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>.
fn nameless(value: &Value) -> Option<String> {
    match value {
        Value::Object(members) if members.contains_key("") => Some(pointer_to("")),
        Value::Object(members) => {
            members.iter().find_map(|(name, value)| nameless_below(name, value))
        }
        Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.find_map(|(index, item)| nameless_below(&index.to_string(), item))
        }
        _ => None,
    }
}

/// The JSON Pointer of a member whose name is empty, from the value that has `value` at the token `name`.
fn nameless_below(name: &str, value: &Value) -> Option<String> {
    nameless(value).map(|at| pointer_to(name) + &at)
}

fn pointers(list: &[String]) -> impl Iterator<Item = &str> {
    list.iter().map(String::as_str)
}

#[cfg(test)]
mod tests;
