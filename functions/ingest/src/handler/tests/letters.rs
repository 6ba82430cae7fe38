//! Messages that were dead letters before: which of their attributes are believed, and what is kept.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event::Parked;
use runtime::MAX_BATCH_BYTES;

use super::*;
use crate::memory::ARCHIVE;

pub(super) const REDRIVE: &str = "AROAREDRIVE:sluicegate-RedriveFunction";

/// A dead letter as redrive sends it to the inbox.
pub(super) fn redriven(letter: &Outgoing) -> Record {
    let room = MAX_BATCH_BYTES - letter.body.len();
    Record {
        attributes: DeadLetter::revive(letter.attributes.clone(), room, None),
        sender: Some(REDRIVE.to_owned()),
        ..message("m9", &letter.body, &[])
    }
}

/// A message with this failure, as redrive sends it to the inbox.
fn written(letter: DeadLetter, body: &str, attributes: &[(&str, &str)]) -> Record {
    let attributes = letter.write(message("m1", body, attributes).attributes);
    redriven(&Outgoing { body: body.to_owned(), attributes, ..Outgoing::default() })
}

fn a_failure() -> Failure {
    Failure::permanent(Code::UnknownDataset, "no contract for `flights`")
}

#[tokio::test]
async fn a_refused_line_comes_back_as_the_event_that_it_was() {
    let queue = MemoryQueue::default();
    let line = b"{\"caf\xe9\":1}";
    let objects = MemoryObjects::default().with("landing", "flights/a.ndjson", "e1", line);
    run(&objects, &queue, vec![announcement(&["flights/a.ndjson"])]).await;
    let (letter, sent) = letters(&queue).remove(0);
    assert_eq!(letter.code, Code::DecodeUtf8);

    // Redrive sends it to the inbox.
    let revived = redriven(&sent);
    let again = MemoryQueue::default();
    run(&objects, &again, vec![revived.clone()]).await;
    let (letter, sent) = letters(&again).remove(0);
    assert_eq!((letter.code, letter.redrives), (Code::DecodeUtf8, 1));
    assert_eq!(letter.at.as_deref(), Some("line 1"));
    assert_eq!(letter.message_id, "e1:1", "its id is lost");
    assert_eq!(letter.encoding.decode(&sent.body).unwrap(), line);

    // After an operator has mended the bytes, it becomes the event that its line would have been.
    let body = STANDARD.encode(flight(1));
    let mended = Record { body, ..revived };
    let last = MemoryQueue::default();
    run(&objects, &last, vec![mended]).await;
    let event = &events(&last)[0];
    assert_eq!((event.id.as_str(), event.data.get()), ("e1:1", flight(1).as_str()));
    assert_eq!(event.source, "arn:aws:s3:::landing/flights/a.ndjson");
}

#[tokio::test]
async fn a_message_that_comes_back_keeps_the_id_of_its_first_life() {
    let (objects, queue) = Default::default();
    let why = Failure::permanent(Code::UnknownDataset, "no contract for `flights`");
    let letter = DeadLetter::new("ingest", &why, Timestamp::from_unix_ms(0), "m1");
    let record = written(letter, &flight(1), &[("dataset", "flights")]);
    assert!(run(&objects, &queue, vec![record]).await.is_empty());
    assert_eq!(events(&queue)[0].id, "m1");
}

#[tokio::test]
async fn a_dead_letter_that_says_base64_and_is_not_is_refused() {
    let (objects, queue) = Default::default();
    let why = Failure::permanent(Code::DecodeUtf8, "invalid");
    let mut letter = DeadLetter::new("ingest", &why, Timestamp::from_unix_ms(0), "e1:1");
    letter.encoding = event::Encoding::Base64;
    let record = written(letter, "not base64!", &[("dataset", "flights")]);
    run(&objects, &queue, vec![record]).await;
    assert_eq!(letters(&queue)[0].0.code, Code::DecodeUtf8);
    assert_eq!(letters(&queue)[0].1.body, "not base64!");
}

/// A producer may set any attribute of a message to the inbox.
#[tokio::test]
async fn what_a_stranger_says_of_an_earlier_life_is_not_believed_and_archived_raw() {
    let (objects, queue) = Default::default();
    let mut forged = DeadLetter::new("ingest", &a_failure(), Timestamp::from_unix_ms(7), "forged");
    forged.redrives = 9;
    forged.encoding = Encoding::Base64;
    let attributes = [("dataset", "flights"), ("eventid", "forged"), ("source", "elsewhere")];
    for sender in [None, Some("AIDAPRODUCER"), Some("AROAPRODUCER:AROAREDRIVE")] {
        let good = Record {
            sender: sender.map(str::to_owned),
            message_id: "m1".to_owned(),
            ..written(forged.clone(), &flight(1), &attributes)
        };
        let bad = Record { body: "{".to_owned(), message_id: "m2".to_owned(), ..good.clone() };
        run(&objects, &queue, vec![good, bad]).await;
    }
    for event in events(&queue) {
        assert_eq!(event.id, "m1");
        assert_eq!(event.source, "arn:aws:sqs:eu-west-1:123456789012:inbox");
        assert_ne!(event.ingesttime, Timestamp::from_unix_ms(7));
    }
    assert_eq!(events(&queue).len(), 3);
    for (letter, _) in letters(&queue) {
        assert_eq!((letter.message_id.as_str(), letter.redrives), ("m2", 0));
        assert_eq!((letter.code, letter.encoding), (Code::DecodeJson, Encoding::Text));
        assert_ne!(letter.first_failed_at, Timestamp::from_unix_ms(7));
    }
    let archived = unzipped(objects.archived().first_key_value().unwrap().1);
    assert!(archived.contains("forged") && archived.contains("sluicegate.failure"), "{archived}");

    // A redrive does not make the forged attributes true: they were dropped, and the forged id is not the letter's.
    let (_, dead) = letters(&queue).remove(0);
    let mended = Record { body: flight(2), ..redriven(&dead) };
    let again = MemoryQueue::default();
    run(&objects, &again, vec![mended]).await;
    let event = &events(&again)[0];
    assert_eq!(event.id, "m2");
    assert_eq!(event.source, "arn:aws:sqs:eu-west-1:123456789012:inbox");
}

#[tokio::test]
async fn what_comes_back_was_taken_in_when_it_was_first_sent() {
    let (objects, queue) = Default::default();
    let first = Record {
        sent_at: Some(Timestamp::from_unix_ms(1_000)),
        ..message("m1", "{", &[("dataset", "flights")])
    };
    run(&objects, &queue, vec![first]).await;
    for life in 1..=2 {
        let (letter, dead) = letters(&queue).pop().unwrap();
        assert_eq!(letter.redrives, life - 1);
        let again = Record { sent_at: Some(Timestamp::from_unix_ms(9_000_000)), ..redriven(&dead) };
        run(&objects, &queue, vec![again]).await;
    }
    let (_, dead) = letters(&queue).pop().unwrap();
    let mended = Record { body: flight(1), ..redriven(&dead) };
    run(&objects, &queue, vec![mended]).await;
    assert_eq!(events(&queue)[0].ingesttime, Timestamp::from_unix_ms(1_000));

    // A letter of an earlier version lacks the time of receipt, so that of its first failure is used.
    let older = DeadLetter::new("ingest", &a_failure(), Timestamp::from_unix_ms(5_000), "m1");
    run(&objects, &queue, vec![written(older, &flight(2), &[("dataset", "flights")])]).await;
    assert_eq!(events(&queue)[1].ingesttime, Timestamp::from_unix_ms(5_000));
}

/// The first try may already have written some effects, so the time of receipt must stay that of the first try.
#[tokio::test]
async fn what_was_parked_keeps_its_id_and_was_taken_in_when_it_was_first_sent() {
    let (objects, queue): (MemoryObjects, MemoryQueue) = Default::default();
    let hour = Some(Duration::from_secs(3_600));
    queue.refuse(move |url, _| (url == ENRICH).then(|| Failure::throttled(hour, "later")));
    let first = Record {
        sent_at: Some(Timestamp::from_unix_ms(1_000)),
        ..message("m1", &flight(1), &[("dataset", "flights")])
    };
    assert!(run(&objects, &queue, vec![first]).await.is_empty());
    let copy = queue.sent_to(INBOX).remove(0);
    queue.refuse(|_, _| None);
    // The message is due, as it would be after an hour.
    let mut due = Parked::read(&copy.attributes).unwrap();
    due.not_before = None;
    let received = Record {
        attributes: due.write_within(copy.attributes.clone(), usize::MAX),
        sent_at: Some(Timestamp::from_unix_ms(9_000_000)),
        sender: Some(REDRIVE.to_owned()),
        ..message("m2", &copy.body, &[])
    };
    assert!(run(&objects, &queue, vec![received]).await.is_empty());
    let event = &events(&queue)[0];
    assert_eq!((event.id.as_str(), event.ingesttime), ("m1", Timestamp::from_unix_ms(1_000)));
}

/// The same holds for the lines of a file: some of them may have been sent on before the file failed.
#[tokio::test]
async fn a_file_that_comes_back_was_taken_in_when_it_was_first_announced() {
    let queue = MemoryQueue::default();
    let file = format!("{}\n{{", flight(1));
    let objects =
        MemoryObjects::default().with("landing", "flights/a.ndjson", "e1", file.as_bytes());
    let announced = announcement(&["flights/a.ndjson"]);
    let letter = DeadLetter::new("ingest", &a_failure(), Timestamp::from_unix_ms(5_000), "n1");
    run(&objects, &queue, vec![written(letter, &announced.body, &[])]).await;
    assert_eq!(events(&queue)[0].ingesttime, Timestamp::from_unix_ms(5_000));
    let (line, _) = letters(&queue).remove(0);
    assert_eq!(line.taken_in(), Timestamp::from_unix_ms(5_000));
    assert_ne!(line.first_failed_at, line.taken_in());
}

/// AWS's own redrive moves a message unchanged, with the attribute that has its failure.
#[tokio::test]
async fn an_attribute_that_was_displaced_is_the_message_s_again() {
    let mut attributes: Vec<(String, &str)> = (0..8).map(|n| (format!("a{n}"), "x")).collect();
    attributes.push(("dataset".to_owned(), "flights"));
    attributes.push(("traceparent".to_owned(), "not a trace"));
    let attributes: Vec<(&str, &str)> = attributes.iter().map(|(n, v)| (n.as_str(), *v)).collect();
    let (objects, queue) = Default::default();
    let sent = message("m1", &flight(1), &attributes);
    let letter = DeadLetter::new("ingest", &a_failure(), Timestamp::from_unix_ms(0), "m1");
    let mut moved = written(letter.clone(), &flight(1), &attributes);
    moved.attributes = letter.write(sent.attributes.clone());
    assert_eq!(moved.attributes.len(), 10);
    assert!(run(&objects, &queue, vec![moved.clone()]).await.is_empty());
    assert_eq!(events(&queue).len(), 1);
    let archived = unzipped(objects.archived().first_key_value().unwrap().1);
    let archived: serde_json::Value = serde_json::from_str(&archived).unwrap();
    assert_eq!(archived["attributes"].as_object().unwrap().len(), 10, "{archived}");

    // Earlier versions displaced the attribute with the last name, whichever it was.
    let failure = moved.attributes.get_mut("sluicegate.failure").unwrap();
    let mut told: serde_json::Value = serde_json::from_str(&failure.value).unwrap();
    told["displaced"] = json!(["dataset", {"type": "String", "value": "flights"}]);
    failure.value = told.to_string();
    moved.attributes.remove("dataset");
    assert!(run(&objects, &queue, vec![moved]).await.is_empty());
    assert_eq!(events(&queue).len(), 2);
}

#[tokio::test]
async fn a_line_that_is_too_long_for_an_event_keeps_its_reason_too() {
    let queue = MemoryQueue::default();
    let file = format!("{}\n{{\"a\":\"{}\"}}\n", flight(1), "x".repeat(5_000_000));
    let objects =
        MemoryObjects::default().with("landing", "flights/a.ndjson", "e1", file.as_bytes());
    run(&objects, &queue, vec![announcement(&["flights/a.ndjson"])]).await;
    let (_, dead) = letters(&queue).remove(0);
    let again = MemoryQueue::default();
    run(&objects, &again, vec![redriven(&dead)]).await;
    let (letter, _) = letters(&again).remove(0);
    assert_eq!((letter.code, letter.at.as_deref()), (Code::SizeExceeded, Some("line 2")));
    assert_eq!(letter.redrives, 1);
}

/// A flight whose message has the largest size that SQS allows, most of it in an attribute.
fn full_message(body: &str) -> Record {
    let others = body.len() + "datasetStringflightsnoteString".len();
    let note = "\"é".repeat((MAX_BATCH_BYTES - others) / 3);
    message("m1", body, &[("dataset", "flights"), ("note", &note)])
}

#[tokio::test]
async fn a_message_that_leaves_no_room_keeps_its_reason_and_comes_back_byte_for_byte() {
    let (objects, queue): (MemoryObjects, MemoryQueue) = Default::default();
    queue.refuse(|url, _| {
        (url == ENRICH).then(|| Failure::transient(Code::DependencyUnavailable, "away \u{1f525}"))
    });
    let first = Record { receive_count: 5, ..full_message(&flight(1)) };
    assert!(run(&objects, &queue, vec![first.clone()]).await.is_empty());
    let (letter, dead) = letters(&queue).remove(0);
    assert_eq!((letter.code, letter.attempts), (Code::DependencyUnavailable, 5));
    assert_eq!(letter.reason, "away \u{1f525}");
    assert_eq!(letter.encoding, Encoding::Claim);
    assert_eq!(dead.attributes["dataset"].value, "flights");
    let claim: serde_json::Value = serde_json::from_str(&dead.body).unwrap();
    assert_eq!((&claim["bucket"], &claim["bytes"]), (&ARCHIVE.into(), &flight(1).len().into()));
    let key = claim["key"].as_str().unwrap();
    assert!(key.starts_with("letters/2026-01-01/m1-") && key.ends_with(".ndjson.gz"), "{key}");

    // It fails once more, and its letter still has the place in the archive.
    run(&objects, &queue, vec![Record { receive_count: 5, ..redriven(&dead) }]).await;
    let (letter, dead) = letters(&queue).pop().unwrap();
    assert_eq!((letter.redrives, letter.encoding), (1, Encoding::Claim));

    let again = MemoryQueue::default();
    assert!(run(&objects, &again, vec![redriven(&dead)]).await.is_empty());
    let event = &events(&again)[0];
    assert_eq!((event.data.get(), event.id.as_str()), (flight(1).as_str(), "m1"));
    let last = objects.archived().into_iter().rfind(|(key, _)| key.starts_with("messages/"));
    let last: serde_json::Value = serde_json::from_str(&unzipped(&last.unwrap().1)).unwrap();
    assert_eq!(last["body"], first.body);
    assert_eq!(last["attributes"], serde_json::to_value(&first.attributes).unwrap());

    // If another object is in its place, that one is not accepted.
    let other = crate::archive::encode(&[Raw {
        id: "m1".to_owned(),
        source: "ingest".to_owned(),
        received_at: Timestamp::from_unix_ms(0),
        attributes: first.attributes.clone(),
        body: flight(2),
    }]);
    for bytes in [other.unwrap(), b"not gzip".to_vec(), gzip(b"{}")] {
        objects.overwrite(key, &bytes);
        let last = MemoryQueue::default();
        run(&objects, &last, vec![redriven(&dead)]).await;
        assert!(events(&last).is_empty());
        let (letter, _) = letters(&last).remove(0);
        assert_eq!((letter.code, letter.encoding), (Code::InputNotFound, Encoding::Claim));
    }
}

/// The displaced attribute is in the failure, which is JSON. Each quotation mark of it takes two bytes there.
#[tokio::test]
async fn an_attribute_that_takes_more_room_when_it_is_displaced_leaves_no_room_either() {
    let (objects, queue): (MemoryObjects, MemoryQueue) = Default::default();
    let body = "x".repeat(700_000);
    let quotes = "\"".repeat(200_000);
    let names: Vec<String> = (0..8).map(|n| format!("a{n}")).collect();
    let mut attributes: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
    attributes.extend([("dataset", "flights"), ("z", quotes.as_str())]);
    let sent = message("m1", &body, &attributes);
    assert!(run(&objects, &queue, vec![sent]).await.is_empty(), "it waits without a reason");
    let (letter, dead) = letters(&queue).remove(0);
    assert_eq!((letter.code, letter.encoding), (Code::DecodeJson, Encoding::Claim));
    assert!(dead.size() <= MAX_BATCH_BYTES);
    let (_, kept) = objects.archived().pop_first().unwrap();
    let kept: serde_json::Value = serde_json::from_str(&unzipped(&kept)).unwrap();
    assert_eq!(kept["attributes"]["z"]["value"], quotes);
}

#[tokio::test]
async fn a_letter_that_almost_fits_has_a_shorter_reason_instead() {
    let (objects, queue): (MemoryObjects, MemoryQueue) = Default::default();
    let dataset = "d".repeat(64);
    let reason_bytes = 600;
    let body = "x".repeat(MAX_BATCH_BYTES - "datasetString".len() - 64 - reason_bytes);
    run(&objects, &queue, vec![message("m1", &body, &[("dataset", &dataset)])]).await;
    let (letter, dead) = letters(&queue).remove(0);
    assert_eq!((letter.code, letter.encoding), (Code::UnknownDataset, Encoding::Text));
    assert!(letter.reason.starts_with("no contract for `ddd"), "{}", letter.reason);
    assert_eq!(dead.body, body);
    assert!(dead.size() <= MAX_BATCH_BYTES && objects.archived().is_empty());
}

/// A claim is read only if it names a place for letters in the archive.
#[tokio::test]
async fn a_claim_of_something_else_is_refused() {
    let (objects, queue) = Default::default();
    let mut letter = DeadLetter::new("ingest", &a_failure(), Timestamp::from_unix_ms(0), "m1");
    letter.encoding = Encoding::Claim;
    for body in [
        "{}",
        r#"{"bucket":"b","key":"messages/a","bytes":1,"sha256":"","encoding":"text"}"#,
        r#"{"bucket":"b","key":"letters/../a","bytes":1,"sha256":"","encoding":"text"}"#,
    ] {
        run(&objects, &queue, vec![written(letter.clone(), body, &[("dataset", "flights")])]).await;
    }
    let codes: Vec<_> = letters(&queue).iter().map(|(letter, _)| letter.code).collect();
    assert_eq!(codes, [Code::DecodeJson; 3]);
}
