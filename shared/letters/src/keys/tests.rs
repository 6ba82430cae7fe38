use std::collections::BTreeMap;

use contracts::Catalog;
use event::{Attribute, RedriveMark};
use proptest::prelude::*;

use super::*;
use crate::LetterId;

const HOUR_MS: i64 = 60 * 60 * 1_000;
const DAY_MS: i64 = 24 * HOUR_MS;

fn catalog(retention_days: u32) -> Catalog {
    let yaml = format!(
        "
dataset: orders
description: d
owner: o
schema: {{version: 1, file: v1.schema.json}}
keys: {{idempotency: [/id], business: [/id], event_time: /at}}
sinks: [{{name: upserted, kind: table, mode: upsert}}]
retention: {{idempotency_days: {retention_days}}}
"
    );
    let mut catalog = Catalog::default();
    let files = BTreeMap::from([("v1.schema.json".to_owned(), "{}".to_owned())]);
    catalog.add("orders", &yaml, &files).unwrap();
    catalog
}

fn at(hours: i64) -> Timestamp {
    Timestamp::from_unix_ms(hours * HOUR_MS)
}

fn age(taken_in: Timestamp, extended_to: Option<Timestamp>) -> EventAge {
    EventAge { dataset: "orders".to_owned(), taken_in, extended_to }
}

fn message(body: &str, attributes: Attributes) -> StoredMessage {
    StoredMessage {
        message_format: 1,
        id: LetterId("ab".to_owned()),
        stage: "sink".to_owned(),
        body: body.to_owned(),
        attributes,
        group: None,
        message_id: "m".to_owned(),
        sent_at: None,
        receive_count: 1,
        moved_from: None,
    }
}

fn failed_at(time: Timestamp, mark: Option<RedriveMark>) -> Attributes {
    let why = Failure::permanent(event::Code::ContractViolation, "as the test says");
    let mut letter = DeadLetter::new("sink", &why, time, "m");
    letter.redrive = mark;
    letter.write(Attributes::from([("dataset".to_owned(), Attribute::string("orders"))]))
}

#[test]
fn an_event_is_as_old_as_its_envelope_says_and_a_message_as_its_failure_says() {
    let body = r#"{"specversion":"1.0","id":"e","source":"s","type":"t","time":"2026-01-01T00:00:00Z","dataschema":"orders/1","datacontenttype":"application/json","dataset":"orders","idempotencykey":"k","fingerprint":"f","ingesttime":"1970-01-02T00:00:00Z","traceparent":"t","data":{}}"#;
    let letter = message(body, failed_at(at(100), None));
    assert_eq!(EventAge::of_message("sink", &letter), Some(age(at(24), None)));
    // As a message to ingest, it is as old as its failure says.
    assert_eq!(EventAge::of_message("ingest", &letter), Some(age(at(100), None)));
    assert_eq!(EventAge::of_message("sink", &message("{}", failed_at(at(100), None))), None);
    let announcement = message("{}", Attributes::new());
    assert_eq!(EventAge::of_message("ingest", &announcement), None);
}

#[test]
fn what_a_redrive_has_extended_is_known_by_its_mark_or_by_what_a_stage_passed_on() {
    let mark = RedriveMark {
        letter: "ab".to_owned(),
        run: "r".to_owned(),
        count: 1,
        remembered_until: Some(at(900)),
    };
    let marked = message("{}", failed_at(at(100), Some(mark)));
    let found = EventAge::of_message("ingest", &marked).unwrap();
    assert_eq!(found.extended_to, Some(at(900)));
    let mut attributes = failed_at(at(100), None);
    let earlier = Redriven { run: "q".to_owned(), remembered_until: Some(at(800)) };
    earlier.write(&mut attributes);
    let found = EventAge::of_message("ingest", &message("{}", attributes)).unwrap();
    assert_eq!(found.extended_to, Some(at(800)));
}

#[test]
fn keys_are_extended_in_their_last_fifteen_days_and_are_over_an_hour_early() {
    let catalog = catalog(30);
    let contract = catalog.get("orders").unwrap();
    for (now_h, extended_h, life) in [
        (0, None, KeysLife::Long),
        (15 * 24, None, KeysLife::Long),
        (15 * 24 + 1, None, KeysLife::Short),
        (30 * 24 - 2, None, KeysLife::Short),
        (30 * 24 - 1, None, KeysLife::Over),
        (30 * 24 - 1, Some(60 * 24), KeysLife::Long),
        (59 * 24, Some(60 * 24), KeysLife::Short),
        // The extension ends before the contract's time, so the contract's time counts.
        (1, Some(2), KeysLife::Long),
    ] {
        let age = age(at(0), extended_h.map(at));
        assert_eq!(age.keys_life(contract, at(now_h)), life, "{now_h} {extended_h:?}");
    }
}

/// What happens to one event: time passes, its sinks are asked to write it, and redrives bring it back.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// This many hours pass.
    Wait(i64),
    /// A stage writes it to this sink, if it may. The stage's clock is this many minutes slow.
    Write {
        sink: usize,
        slow_min: i64,
    },
    Redrive,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1_i64..24 * 12).prop_map(Step::Wait),
        2 => (0_usize..2, 0_i64..60).prop_map(|(sink, slow_min)| Step::Write { sink, slow_min }),
        2 => Just(Step::Redrive),
    ];
    proptest::collection::vec(step, 0..40)
}

proptest! {
    /// However often and however late an event is redriven, nothing that was written of it is forgotten while it may
    /// still be written. The sinks are modelled as two expiry times, and a record counts as absent after its time.
    #[test]
    fn nothing_is_forgotten_while_an_event_may_be_written(
        retention_days in 15_u32..60,
        steps in steps(),
    ) {
        let catalog = catalog(retention_days);
        let contract = catalog.get("orders").unwrap();
        let retention_ms = i64::from(retention_days) * DAY_MS;
        let mut now_ms = 0_i64;
        let mut extended_to = None;
        let mut expires_ms: [Option<i64>; 2] = [None, None];
        for step in steps {
            let now = Timestamp::from_unix_ms(now_ms);
            let until = contract.surely_remembered_until(at(0), extended_to);
            match step {
                Step::Wait(hours) => now_ms += hours * HOUR_MS,
                Step::Write { sink, slow_min } => {
                    let its_now_ms = (now_ms - slow_min * 60_000).max(0);
                    if !is_still_remembered(until, Timestamp::from_unix_ms(its_now_ms)) {
                        continue;
                    }
                    for expires in expires_ms.iter().flatten() {
                        prop_assert!(*expires > now_ms, "written {expires_ms:?}, forgotten at {now_ms}");
                    }
                    expires_ms[sink].get_or_insert(its_now_ms + retention_ms);
                }
                Step::Redrive => match age(at(0), extended_to).keys_life(contract, now) {
                    KeysLife::Long | KeysLife::Over => {}
                    KeysLife::Short => {
                        for expires in expires_ms.iter_mut().flatten() {
                            *expires = (*expires).max(now_ms + retention_ms);
                        }
                        extended_to = Some(extended_life(contract, now));
                    }
                },
            }
        }
    }
}
