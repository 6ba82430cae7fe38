//! What becomes of each kind of failure, and that it concerns its own record only.

use event::{Attribute, Attributes, DeadLetter};

use super::*;
use crate::panics::tests::note_places;

const PERMANENT: Act = Act::Fail(FailureKind::Permanent);
const TRANSIENT: Act = Act::Fail(FailureKind::Transient);

/// One record fails, and two others pass.
async fn among(act: Act, receive_count: u32) -> (Rig, Ends) {
    let acts = [Act::Pass, act, Act::Pass];
    let rig = Rig::of(&acts);
    let mut batch = records(&acts);
    batch[1].receive_count = receive_count;
    let ends = rig.run(batch).await;
    (rig, ends)
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_dead_letter_of_its_record_alone() {
    note_places();
    let (rig, found) = among(Act::Panic, 1).await;
    assert_eq!(found, ends(&["m0", "m2"], &["m1"], &[]));
    let (_, letter) = &rig.letters()[0];
    assert_eq!((letter.code, letter.kind.as_str()), (Code::RecordPanicked, "permanent"));
    assert!(!letter.reason.contains("as the test says"), "a panic's message may quote a payload");
    let place = letter.at.as_deref().unwrap();
    assert!(place.starts_with("shared/runtime/src/batch/tests.rs:"), "{place}");
}

#[tokio::test(start_paused = true)]
async fn a_letter_names_the_contract_of_its_envelope() {
    const ENVELOPE: &str = r#"{"specversion":"1.0","envelopeversion":2,"id":"e1:1","source":"s","type":"sluicegate.flights","time":"2013-01-01T10:00:00.000Z","dataschema":"flights/3","datacontenttype":"application/json","dataset":"flights","idempotencykey":"ab","fingerprint":"cd","ingesttime":"2026-01-01T00:00:00.000Z","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","data":{}}"#;
    let acts = [PERMANENT, PERMANENT, PERMANENT];
    let rig = Rig::of(&acts);
    let mut batch = records(&acts);
    batch[0].body = ENVELOPE.to_owned();
    batch[1].body = ENVELOPE.replace("flights/3", "flights/4");
    rig.run(batch).await;
    let letters = rig.letters();
    let contracts: Vec<_> = letters
        .iter()
        .map(|(_, letter)| (letter.dataset.as_deref(), letter.contract_version))
        .collect();
    assert_eq!(contracts, [(Some("flights"), Some(3)), (Some("flights"), Some(4)), (None, None)]);
    assert_ne!(letters[0].1.fingerprint(), letters[1].1.fingerprint());
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_is_a_dead_letter_whose_body_is_untouched() {
    for act in [PERMANENT, Act::CommitFails(FailureKind::Permanent)] {
        let (rig, found) = among(act, 1).await;
        assert_eq!(found, ends(&["m0", "m2"], &["m1"], &[]), "{act:?}");
        let (_, message) = &rig.batches.queue.sent.lock().unwrap()[0];
        assert_eq!(message.body, record(1).body);
        let letter = DeadLetter::read(&message.attributes).unwrap();
        assert_eq!((letter.stage.as_str(), letter.attempts), ("script", 1));
        assert_eq!((letter.code, &*letter.reason), (Code::ContractViolation, "as the test says"));
        assert_eq!(letter.first_failed_at, Timestamp::from_unix_ms(START_MS));
        assert!(rig.hidden().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_keeps_the_attributes_and_what_an_earlier_life_told() {
    let acts = [PERMANENT];
    let rig = Rig::of(&acts);
    let mut batch = records(&acts);
    let why = Failure::permanent(Code::KeyMissing, "nothing at `/id`");
    let earlier = DeadLetter::new("script", &why, Timestamp::from_unix_ms(7), "first-id");
    batch[0].attributes = DeadLetter::revive(
        earlier.write([("dataset".to_owned(), Attribute::string("flights"))].into()),
        usize::MAX,
        None,
    );
    rig.run(batch).await;
    let (_, message) = rig.batches.queue.sent.lock().unwrap()[0].clone();
    let letter = DeadLetter::read(&message.attributes).unwrap();
    assert_eq!(message.attributes["dataset"].value, "flights");
    assert_eq!((letter.message_id.as_str(), letter.redrives), ("first-id", 1));
    assert_eq!(letter.first_failed_at, Timestamp::from_unix_ms(7));
    assert_eq!(letter.last_failed_at, Timestamp::from_unix_ms(START_MS));
}

#[tokio::test(start_paused = true)]
async fn what_may_succeed_is_returned_and_hidden_by_its_receive_count() {
    for (act, receives) in [(TRANSIENT, 1), (TRANSIENT, 4), (Act::CommitFails(transient()), 3)] {
        let (rig, found) = among(act, receives).await;
        assert_eq!(found, ends(&["m0", "m2"], &[], &["m1"]));
        let expected = retry_delay(receives, "m1");
        assert_eq!(rig.hidden(), [("r1".to_owned(), expected)].into());
    }
}

fn transient() -> FailureKind {
    FailureKind::Transient
}

#[tokio::test(start_paused = true)]
async fn on_the_last_receive_a_failure_is_a_dead_letter_with_its_reason() {
    let throttled = FailureKind::Throttled { retry_after: None };
    for (act, kind) in [
        (TRANSIENT, "transient"),
        (Act::Fail(throttled), "throttled"),
        (Act::CommitFails(FailureKind::Transient), "transient"),
    ] {
        for receives in [MAX_RECEIVES, MAX_RECEIVES + 1] {
            let (rig, found) = among(act, receives).await;
            assert_eq!(found, ends(&["m0", "m2"], &["m1"], &[]), "{act:?}");
            let (_, letter) = &rig.letters()[0];
            assert_eq!((letter.kind.as_str(), letter.attempts), (kind, receives));
            assert_eq!(letter.reason, "as the test says");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_cannot_be_sent_leaves_its_message_where_it_is() {
    let acts = [PERMANENT, Act::Pass, PERMANENT];
    let queue = Memory { refused: vec![record(0).body], ..Memory::default() };
    let rig = Rig::new(&acts, Commit::Each, queue);
    let found = rig.run(records(&acts)).await;
    assert_eq!(found, ends(&["m1"], &["m2"], &["m0"]));
    assert_eq!(rig.hidden().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_panics_or_miscounts_settles_nothing() {
    for commit in [Commit::Panics, Commit::OneTooFew] {
        let acts = [Act::Pass, PERMANENT, Act::Pass];
        let rig = Rig::new(&acts, commit, Memory::default());
        let found = rig.run(records(&acts)).await;
        assert_eq!(found, ends(&[], &["m1"], &["m0", "m2"]), "{commit:?}");
        assert_eq!(rig.hidden().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_panics_each_time_says_where() {
    note_places();
    let acts = [Act::Pass];
    let rig = Rig::new(&acts, Commit::Panics, Memory::default());
    let mut batch = records(&acts);
    batch[0].receive_count = MAX_RECEIVES;
    assert_eq!(rig.run(batch).await, ends(&[], &["m0"], &[]));
    let (_, letter) = &rig.letters()[0];
    let place = letter.at.as_deref().unwrap();
    assert!(place.starts_with("shared/runtime/src/batch/tests.rs:"), "{place}");
}

#[tokio::test(start_paused = true)]
async fn more_than_ten_dead_letters_and_retries_go_in_calls_of_ten() {
    let acts: Vec<Act> = (0..50).map(|n| if n < 25 { PERMANENT } else { TRANSIENT }).collect();
    let rig = Rig::of(&acts);
    let found = rig.run(records(&acts)).await;
    assert_eq!((found.dead.len(), found.returned.len(), rig.hidden().len()), (25, 25, 25));
}

#[test]
fn the_response_is_what_lambda_reads() {
    let failures = vec![BatchItemFailure { message_id: "m1".to_owned() }];
    let json = serde_json::to_string(&BatchResponse { failures }).unwrap();
    assert_eq!(json, r#"{"batchItemFailures":[{"itemIdentifier":"m1"}]}"#);
    let none = serde_json::to_string(&BatchResponse::default()).unwrap();
    assert_eq!(none, r#"{"batchItemFailures":[]}"#);
}

/// The stage has no other place for the body. The reason is shortened, and nothing else is.
#[tokio::test(start_paused = true)]
async fn a_failure_takes_the_room_that_its_message_leaves() {
    let mut room = 600;
    for expected in ["as the test says", "as the t…"] {
        let rig = Rig::of(&[PERMANENT]);
        let body = "x".repeat(crate::MAX_BATCH_BYTES - room);
        rig.run(vec![Record { body: body.clone(), ..record(0) }]).await;
        let (_, message) = rig.batches.queue.sent.lock().unwrap()[0].clone();
        let letter = DeadLetter::read(&message.attributes).unwrap();
        assert_eq!(letter.reason, expected, "in {room} bytes");
        assert_eq!((letter.code, letter.stage.as_str()), (Code::ContractViolation, "script"));
        assert_eq!(message.body, body);
        let size = message.size() - body.len();
        assert!(size <= room, "{size} bytes in {room}");
        room = size - 5;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stranger_s_word_of_an_earlier_life_is_not_carried_on() {
    let why = Failure::permanent(Code::KeyMissing, "forged");
    let forged = DeadLetter::new("script", &why, Timestamp::from_unix_ms(7), "forged");
    let attributes = DeadLetter::revive(forged.write(Attributes::new()), usize::MAX, None);
    for (sender, expected) in [("AROASELF:function", ("forged", 1)), ("AIDAOTHER", ("m0", 0))] {
        let mut rig = Rig::of(&[PERMANENT]);
        let variables = BTreeMap::from([("TRUSTED_SENDERS", "AROASELF")]);
        rig.batches.policy.trusted_senders = Some(TrustedSenders::read(&variables).unwrap());
        let sender = Some(sender.to_owned());
        rig.run(vec![Record { sender, attributes: attributes.clone(), ..record(0) }]).await;
        let (_, letter) = &rig.letters()[0];
        assert_eq!((letter.message_id.as_str(), letter.redrives), expected);
    }
}

/// A dead letter keeps its message group, so that tenants share the dead-letter queue as fairly as the queue before it.
#[tokio::test(start_paused = true)]
async fn a_dead_letter_of_a_fair_queue_keeps_its_group() {
    let rig = Rig::of(&[PERMANENT, Act::Pass]);
    let tenant = |place| Record { fair_group: Some("tenant".to_owned()), ..record(place) };
    assert_eq!(rig.run(vec![tenant(0), tenant(1)]).await, ends(&["m1"], &["m0"], &[]));
    let (_, message) = rig.batches.queue.sent.lock().unwrap()[0].clone();
    assert_eq!((message.group.as_deref(), message.deduplication_id), (Some("tenant"), None));
}
