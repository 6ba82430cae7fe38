//! Any text as a contract, its schema and its events.
//!
//! A script is parts between lines of `---`: the contract, the schema in the files `v1.schema.json` and
//! `v2.schema.json`, and then events. An event that begins with `csv ` is a record, whose fields are between tabs, of the
//! columns that the record before it had. What holds, whatever the text: a mistake is told; an event that is taken in can
//! be read from its envelope again, and is taken in alike a second time; another one is refused with a reason.

use std::collections::BTreeMap;

use event::{Envelope, Payload, Timestamp};
use sluicegate_contracts::{Contract, Decoded, EventOrigin};

const SEPARATOR: &str = "\n---\n";
/// Events of one script.
const MAX_EVENTS: usize = 8;

/// Reads a script, and panics where something does not hold. Returns how many events were taken in.
pub(crate) fn check(script: &[u8]) -> usize {
    let Ok(script) = std::str::from_utf8(script) else { return 0 };
    let mut parts = script.split(SEPARATOR);
    let (yaml, schema) = (parts.next().unwrap_or_default(), parts.next().unwrap_or("{}"));
    let names = ["v1.schema.json", "v2.schema.json"];
    let files = BTreeMap::from(names.map(|name| (name.to_owned(), schema.to_owned())));
    let contract = match Contract::parse(yaml, &files) {
        Ok(contract) => contract,
        Err(error) => {
            let told = error.located(yaml, &files).to_string();
            assert!(!told.is_empty(), "a mistake is told");
            return 0;
        }
    };
    let mut taken_in = 0;
    let mut header: Option<Vec<String>> = None;
    for part in parts.take(MAX_EVENTS) {
        match part.strip_prefix("csv ") {
            None => {
                taken_in += match contract.decode(part.as_bytes()) {
                    Ok(Decoded::Event(event)) => check_event(&contract, Ok(event.payload)),
                    Ok(Decoded::Ignored(_)) => 0,
                    Err(failure) => check_event(&contract, Err(failure)),
                }
            }
            Some(record) => {
                let fields: Vec<&str> = record.split('\t').collect();
                if let Some(header) =
                    header.as_deref().filter(|it| contract.check_header(it).is_ok())
                {
                    taken_in += check_event(&contract, contract.row(header, &fields));
                }
                header = Some(fields.into_iter().map(str::to_owned).collect());
            }
        }
    }
    taken_in
}

/// Returns 1 for an event that was taken in, and 0 for another one.
fn check_event(contract: &Contract, payload: Result<Payload, event::Failure>) -> usize {
    let taken = payload.and_then(|payload| {
        let again = Payload::parse(payload.text.get().as_bytes());
        Ok((contract.envelope(payload, origin())?, again))
    });
    let (envelope, again) = match taken {
        Ok(taken) => taken,
        Err(failure) => {
            assert!(!failure.reason.is_empty(), "a refusal says why");
            return 0;
        }
    };
    let Ok(text) = envelope.to_json() else { return 0 };
    let read = Envelope::from_json(&text).expect("an envelope can be read");
    assert_eq!(
        (&read.idempotencykey, &read.fingerprint),
        (&envelope.idempotencykey, &envelope.fingerprint)
    );
    assert_eq!((read.time, read.data.get()), (envelope.time, envelope.data.get()));
    let second = again.and_then(|payload| contract.envelope(payload, origin()));
    let second = second.expect("what was taken in is taken in again");
    assert_eq!(
        (second.idempotencykey, second.fingerprint),
        (read.idempotencykey, read.fingerprint)
    );
    1
}

fn origin() -> EventOrigin {
    EventOrigin {
        source: "/fuzz".to_owned(),
        id: "1".to_owned(),
        traceparent: String::new(),
        taken_in: Timestamp::from_unix_ms(1_700_000_000_000),
    }
}
