//! The rules of runs, plans, selections, groups and forecasts, in examples and properties.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

mod forecasts;
mod groups;
mod pace;
mod plans;
mod quarantine;
mod samples;
mod selections;

use event::{Code, FailureFingerprint, Timestamp};
use sluicegate_letters::{Entry, Indexed, LETTER_STORE_FORMAT, Letter, LetterId, Place};

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

/// A dead letter of the sink.
fn letter(id: &str) -> Indexed {
    let code = Code::ContractViolation;
    let entry = Entry {
        entry_format: LETTER_STORE_FORMAT,
        id: LetterId(id.to_owned()),
        stage: "sink".to_owned(),
        code,
        kind: "permanent".to_owned(),
        reason: "expected integer".to_owned(),
        at: Some("/distance".to_owned()),
        group: FailureFingerprint::of("sink", code, Some("/distance"), Some("flights"), Some(1)),
        dataset: Some("flights".to_owned()),
        contract_version: Some(1),
        tenant: Some("UA".to_owned()),
        message_id: format!("m-{id}"),
        taken_in_at: at(0),
        remembered_until: None,
        first_failed_at: at(1_000),
        last_failed_at: at(2_000),
        collected_at: at(3_000),
        attempts: 1,
        parks: 0,
        redrives: 0,
        traceparent: None,
        collected_as: Vec::new(),
        is_moved_by_sqs: false,
        bytes: 10,
        place: Place { object: "o".to_owned(), offset: 0, length: 10 },
        original: None,
    };
    Indexed { entry, letter: Letter::collected() }
}
