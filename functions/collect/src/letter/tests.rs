use event::{Attribute, FailureFingerprint, Parked};

use super::*;
use crate::collector::tests::test_catalog;

fn time(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

const NOW: i64 = 100_000;

const ENVELOPE: &str = r#"{"specversion":"1.0","envelopeversion":2,"id":"e1:1","source":"s","type":"sluicegate.flights","time":"2013-01-01T10:00:00.000Z","dataschema":"flights/3","datacontenttype":"application/json","dataset":"flights","idempotencykey":"ab","fingerprint":"cd","ingesttime":"2026-01-01T00:00:00.000Z","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","data":{}}"#;

fn own() -> Attributes {
    [("dataset".to_owned(), Attribute::string("flights"))].into()
}

/// A message that SQS moved, with its attributes unchanged.
fn moved(attributes: Attributes) -> Record {
    Record {
        message_id: "m0".to_owned(),
        body: "body".to_owned(),
        attributes,
        moved_from: Some("arn:aws:sqs:eu-west-1:000000000000:inbox".to_owned()),
        sent_at: Some(time(5_000)),
        receive_count: 6,
        ..Record::default()
    }
}

fn read(record: Record) -> Received {
    Received::read("ingest", record, time(NOW), &Catalog::default())
}

fn entry(received: &Received) -> Entry {
    let place = Place { object: "o".to_owned(), offset: 0, length: 1 };
    received.entry(&received.message.id, place, time(NOW))
}

#[test]
fn a_letter_with_its_reason_is_kept_as_it_is() {
    let failure = Failure::permanent(Code::KeyMissing, "nothing at `/id`").at("/id");
    let mut letter = DeadLetter::new("ingest", &failure, time(2_000), "m-first");
    (letter.attempts, letter.redrives, letter.taken_in_at) = (7, 2, Some(time(1_000)));
    let record = Record {
        message_id: "d1".to_owned(),
        body: "body".to_owned(),
        attributes: letter.write(own()),
        fair_group: Some("tenant-7".to_owned()),
        sent_at: Some(time(9_000)),
        ..Record::default()
    };
    let received = read(record.clone());
    let message = &received.message;
    assert_eq!((&message.body, &message.attributes), (&record.body, &record.attributes));
    assert_eq!((message.group.as_deref(), message.message_id.as_str()), (Some("tenant-7"), "d1"));
    assert_eq!((message.sent_at, &message.moved_from), (Some(time(9_000)), &None));
    let entry = entry(&received);
    assert_eq!((entry.code, entry.at.as_deref()), (Code::KeyMissing, Some("/id")));
    assert_eq!((entry.message_id.as_str(), entry.collected_as), ("m-first", vec!["d1".to_owned()]));
    assert_eq!((entry.attempts, entry.redrives, entry.is_moved_by_sqs), (7, 2, false));
    let times =
        [entry.taken_in_at, entry.first_failed_at, entry.last_failed_at, entry.collected_at];
    assert_eq!(times, [1_000, 2_000, 2_000, NOW].map(time));
}

#[test]
fn what_sqs_moved_is_kept_with_what_is_known_of_its_life() {
    let received = read(moved(own()));
    let failure = DeadLetter::read(&received.message.attributes).unwrap();
    assert_eq!((failure.message_id.as_str(), failure.code), ("m0", Code::RecordAbandoned));
    assert_eq!((failure.attempts, failure.redrives), (6, 0));
    assert_eq!((failure.taken_in(), failure.dataset.as_deref()), (time(5_000), Some("flights")));
    assert_eq!(failure.original(received.message.attributes.clone()), own());
    let entry = entry(&received);
    assert!(entry.is_moved_by_sqs);
    let times = [entry.taken_in_at, entry.first_failed_at, entry.last_failed_at];
    assert_eq!(times, [5_000, 5_000, NOW].map(time));
}

#[test]
fn where_its_failure_does_not_fit_a_message_stays_as_it_is() {
    let body = "x".repeat(MAX_BATCH_BYTES - 100);
    let received = read(Record { body: body.clone(), ..moved(own()) });
    assert_eq!((received.message.body, &received.message.attributes), (body, &own()));
    assert_eq!(received.failure.code, Code::RecordAbandoned);
}

/// A producer's claims about an earlier life are ignored.
#[test]
fn what_sqs_moved_is_believed_only_if_a_function_had_sent_it() {
    let failure = Failure::permanent(Code::KeyMissing, "nothing at `/id`");
    let mut letter = DeadLetter::new("ingest", &failure, time(1_000), "m-first");
    letter.redrives = 3;
    let (run, count) = ("r".to_owned(), 2);
    letter.redrive =
        Some(RedriveMark { letter: "ab".to_owned(), run, count, remembered_until: None });
    let attributes = letter.write(own());
    for (is_from_untrusted, id, redrives) in [(true, "m0", 0), (false, "m-first", 3)] {
        let received = read(Record { is_from_untrusted, ..moved(attributes.clone()) });
        let failure = DeadLetter::read(&received.message.attributes).unwrap();
        assert_eq!((failure.message_id.as_str(), failure.redrives), (id, redrives));
        assert_eq!(failure.code, Code::RecordAbandoned, "it is what happened last");
        assert_eq!(failure.original(received.message.attributes.clone()), own());
        assert_eq!(received.mark().is_some(), !is_from_untrusted);
    }
}

/// The event itself is too large for the message, and is not read for the entry.
#[test]
fn a_large_event_is_known_by_its_reference() {
    let claim = ClaimCheck::of(
        &ENVELOPE.replace("{}", &format!("{{\"a\":\"{}\"}}", "x".repeat(3_000_000))),
    );
    let mut attributes = Attributes::new();
    claim.mark(&mut attributes);
    for (is_from_untrusted, dataset) in [(false, Some("flights")), (true, None)] {
        let record =
            Record { body: claim.to_json(), is_from_untrusted, ..moved(attributes.clone()) };
        let received = Received::read("sink", record, time(NOW), &Catalog::default());
        let entry = entry(&received);
        let bytes = if is_from_untrusted { claim.to_json().len() } else { claim.digest.bytes };
        assert_eq!((entry.dataset.as_deref(), entry.bytes), (dataset, bytes as u64));
        let marked = received.message.attributes.contains_key(CLAIM_ATTRIBUTE);
        assert_eq!((marked, &received.message.body), (!is_from_untrusted, &claim.to_json()));
    }
}

/// All receives of a parked copy ended in a crash. The letter is that of the message that was sent first.
#[test]
fn a_parked_copy_that_sqs_moved_is_the_message_that_it_stood_for() {
    let why = Failure::transient(Code::DependencyUnavailable, "away");
    let mut parked = Parked::new("m-first", Some(time(1_000)), &why, time(2_000));
    (parked.attempts, parked.parks) = (7, 3);
    parked.unavailable_since = Some(time(3_000));
    let attributes = parked.clone().write_within(own(), usize::MAX);
    for (is_from_untrusted, id, attempts, parks) in [(false, "m-first", 13, 3), (true, "m0", 6, 0)]
    {
        let received = read(Record { is_from_untrusted, ..moved(attributes.clone()) });
        assert_eq!(received.message.message_id, "m0", "as SQS knows it");
        let failure = DeadLetter::read(&received.message.attributes).unwrap();
        let said = (failure.message_id.as_str(), failure.attempts, failure.parks);
        assert_eq!(said, (id, attempts, parks));
        assert_eq!(failure.original(received.message.attributes.clone()), own());
        if !is_from_untrusted {
            assert_eq!((failure.taken_in(), failure.first_failed_at), (time(1_000), time(2_000)));
            assert_eq!(failure.unavailable_since, parked.unavailable_since);
        }
    }
}

/// A plan decides by this time which letters may be forgotten. The body of a producer's message is not trusted.
#[test]
fn an_event_of_a_later_stage_was_taken_in_when_its_envelope_says() {
    let taken_in = Timestamp::from_unix_ms(1_767_225_600_000);
    let sent_at = taken_in.plus(std::time::Duration::from_secs(20 * 24 * 3_600));
    for (stage, body, expected) in
        [("sink", ENVELOPE, taken_in), ("sink", "{", sent_at), ("ingest", ENVELOPE, sent_at)]
    {
        let record =
            Record { body: body.to_owned(), sent_at: Some(sent_at), ..moved(Attributes::new()) };
        let received = Received::read(stage, record, sent_at, &Catalog::default());
        assert_eq!(entry(&received).taken_in_at, expected, "{stage} {body}");
    }
}

/// The payload is the body, or the data of the envelope. A body without a payload has no tenant.
#[test]
fn whose_event_it_is_is_read_from_the_payload_as_its_contract_says() {
    let contracts = test_catalog("flights", "tenant: /carrier");
    let enveloped = |data: &str| ENVELOPE.replace("\"data\":{}", &format!("\"data\":{data}"));
    let with_dataset = |dataset: &str| -> Attributes {
        [("dataset".to_owned(), Attribute::string(dataset))].into()
    };
    for (body, attributes, tenant) in [
        (r#"{"carrier":"UA"}"#.to_owned(), with_dataset("flights"), Some("UA")),
        (r#"{"carrier":7.0,"id":"#.to_owned(), with_dataset("flights"), None),
        (r#"{"carrier":["UA"]}"#.to_owned(), with_dataset("flights"), None),
        (r#"{"carrier":"UA"}"#.to_owned(), with_dataset("weather"), None),
        (r#"{"carrier":"UA"}"#.to_owned(), Attributes::new(), None),
        (enveloped(r#"{"carrier":"UA","weather":null}"#), Attributes::new(), Some("UA")),
        (enveloped(r#"{"carrier":null}"#), Attributes::new(), None),
    ] {
        let record = Record { body: body.clone(), ..moved(attributes) };
        let received = Received::read("ingest", record, time(NOW), &contracts);
        assert_eq!(entry(&received).tenant.as_deref(), tenant, "{body}");
    }
    let long = format!(r#"{{"carrier":"{}"}}"#, "u".repeat(100_000));
    let record = Record { body: long, ..moved(with_dataset("flights")) };
    let tenant = entry(&Received::read("ingest", record, time(NOW), &contracts)).tenant;
    assert!(tenant.is_some_and(|tenant| tenant.len() < 10_000));
}

/// Only its stage and its contract are known.
#[test]
fn what_sqs_moved_is_grouped_by_stage_and_contract() {
    let newer = ENVELOPE.replace("flights/3", "flights/4");
    for (body, dataset, version) in [
        (ENVELOPE, Some("flights"), Some(3)),
        (&newer, Some("flights"), Some(4)),
        ("{", None, None),
    ] {
        let received = read(Record { body: body.to_owned(), ..moved(Attributes::new()) });
        let code = Code::RecordAbandoned;
        let expected = FailureFingerprint::of("ingest", code, None, dataset, version);
        let entry = entry(&received);
        assert_eq!((entry.group, entry.contract_version), (expected, version), "{body}");
    }
}

/// A hundred entries must fit into one call, whatever their messages say.
#[test]
fn what_the_index_says_of_a_letter_is_bounded() {
    let failure = Failure::permanent(Code::KeyMissing, "why");
    let mut letter = DeadLetter::new("ingest", &failure, time(1_000), &"ü".repeat(500_000));
    (letter.reason, letter.at) = ("\u{1}".repeat(9_000), Some("/a".repeat(9_000)));
    letter.kind = "k".repeat(9_000);
    let attributes = letter.write(own());
    let received = read(Record { attributes, ..Record::default() });
    let written = serde_json::to_string(&entry(&received)).unwrap();
    assert!(written.len() < 20_000, "{} bytes", written.len());
}

/// Redrive sends the letter to the inbox, so that ingest has to know who sent the message. Only functions send to the
/// queues of other stages.
#[test]
fn a_letter_that_sqs_moved_out_of_the_inbox_keeps_the_sender_of_its_message() {
    let producer = || Some("AROAPRODUCER:session".to_owned());
    let letter_of = |stage: &str, record: Record| {
        let received = Received::read(stage, record, time(NOW), &Catalog::default());
        DeadLetter::read(&received.message.attributes).unwrap()
    };
    let record = Record { sender: producer(), ..moved(own()) };
    assert_eq!(letter_of("ingest", record.clone()).sender, producer());
    assert_eq!(letter_of("sink", record).sender, None);
    let why = Failure::transient(Code::DependencyUnavailable, "away");
    let mut parked = Parked::new("m-first", Some(time(1_000)), &why, time(2_000));
    parked.sender = producer();
    let attributes = parked.write_within(own(), usize::MAX);
    let copy = Record { sender: Some("AROAINGEST:function".to_owned()), ..moved(attributes) };
    assert_eq!(letter_of("ingest", copy).sender, producer());
}
