//! Files that go through `read_file`: their events, their dead letters, and failures of whole files.

mod chunks;
mod formats;
mod hostile;
mod independent;
mod inputs;
mod rows;
mod slices;
mod whole;

use std::time::Duration;

use event::{DeadLetter, Encoding, Envelope};
use testkit::{ManualClock, MemoryQueue};

use runtime::Outgoing;

use super::*;
use crate::memory::{
    ARCHIVE, Chunks, DLQ, ENRICH, HEADER, MemoryObjects, emit, events, flight, gzip, letters, row,
};

/// The outcome of reading a file.
#[derive(Debug)]
struct Read {
    result: Result<EventCounts, Failure>,
    events: Vec<Envelope>,
    letters: Vec<(DeadLetter, Outgoing)>,
    queue: MemoryQueue,
}

async fn read_chunks(name: &str, chunks: Vec<Vec<u8>>) -> Read {
    read_with(MemoryQueue::default(), name, chunks).await
}

async fn read_with(queue: MemoryQueue, name: &str, chunks: Vec<Vec<u8>>) -> Read {
    let contracts = testkit::contracts();
    read_under(contracts.get("flights").unwrap(), queue, name, chunks).await
}

/// An object of this name.
fn announced(name: &str) -> Announced {
    Announced {
        partition: "aws".to_owned(),
        bucket: "landing".to_owned(),
        key: format!("flights/{name}"),
        etag: "e1".to_owned(),
        version: None,
    }
}

async fn read_under(
    contract: &Contract,
    queue: MemoryQueue,
    name: &str,
    chunks: Vec<Vec<u8>>,
) -> Read {
    let object = announced(name);
    let deadline = ManualClock::default().deadline_in(Duration::from_secs(120));
    let content = Content { body: Some(Chunks(chunks.into())), size: 0, from: None };
    let ignored = &IgnoredCounts::default();
    let taken_in = deadline.now();
    let turn = &Mutex::default();
    let file = File { object: &object, contract, taken_in, redriven: None, ignored, turn };
    let objects = MemoryObjects::default();
    let archive = Archive { objects: &objects, bucket: ARCHIVE };
    let limits = SliceLimits::new(u64::MAX, &deadline);
    let read = read_file(&file, content, &emit(&queue), &archive, &limits).await;
    let result = read.map(|read| match read {
        ReadFile::Whole(counts) => counts,
        ReadFile::Part(..) => panic!("a part of the file"),
    });
    Read { result, events: events(&queue), letters: letters(&queue), queue }
}

async fn read(name: &str, bytes: &[u8]) -> Read {
    read_chunks(name, vec![bytes.to_vec()]).await
}

impl Read {
    fn ids(&self) -> Vec<&str> {
        self.events.iter().map(|event| event.id.as_str()).collect()
    }

    #[track_caller]
    fn check(&self, passed: u64, dead_lettered: u64) {
        let taken = passed + dead_lettered;
        let expected = EventCounts { taken, passed, dead_lettered, ..EventCounts::default() };
        assert_eq!(self.result.as_ref().unwrap(), &expected);
        assert_eq!(self.events.len() as u64, passed);
        assert_eq!(self.letters.len() as u64, dead_lettered);
    }
}

fn lines(lines: &[&[u8]]) -> Vec<u8> {
    lines.join(&b'\n')
}

#[tokio::test]
async fn each_format_gives_the_same_events() {
    let ndjson = [flight(1), String::new(), flight(2), flight(3)].join("\n");
    let csv = [HEADER.to_owned(), row(1), row(2), row(3)].join("\r\n");
    let plain = read("a.ndjson", ndjson.as_bytes()).await;
    plain.check(3, 0);
    assert_eq!(plain.ids(), ["e1:1", "e1:3", "e1:4"]);
    for (name, bytes) in [
        ("a.jsonl", ndjson.clone().into_bytes()),
        ("a.ndjson.gz", gzip(ndjson.as_bytes())),
        ("a.csv", csv.clone().into_bytes()),
        ("a.csv.gz", gzip(csv.as_bytes())),
        ("bom.csv", [b"\xef\xbb\xbf", csv.as_bytes()].concat()),
    ] {
        let other = read(name, &bytes).await;
        other.check(3, 0);
        for (one, other) in plain.events.iter().zip(&other.events) {
            assert_eq!(one.idempotencykey, other.idempotencykey, "{name}");
            assert_eq!(one.fingerprint, other.fingerprint, "{name}");
        }
    }
}

#[tokio::test]
async fn an_envelope_says_where_its_event_was_found_and_carries_it_untouched() {
    let text = flight(1545).replace("\"flight\":1545", "\"flight\" : 1545,  \"x\":\"\\u00e9\"");
    let read = read("2013/a.ndjson", text.as_bytes()).await;
    let envelope = &read.events[0];
    assert_eq!(envelope.data.get(), text);
    assert_eq!(envelope.source, "arn:aws:s3:::landing/flights/2013/a.ndjson");
    assert_eq!(envelope.kind, "sluicegate.flights");
    assert_eq!(envelope.dataschema, "flights/1");
    assert_eq!(envelope.subject.as_deref(), Some("UA-1545-EWR"));
    assert_eq!(envelope.time.to_string(), "2013-01-01T10:00:00.000Z");
    assert_eq!(envelope.ingesttime.to_string(), "2026-01-01T00:00:00.000Z");
    let sent = read.queue.sent_to(ENRICH);
    assert_eq!(sent[0].attributes["traceparent"].value, envelope.traceparent);
}

#[tokio::test]
async fn a_file_read_again_gives_the_same_ids_keys_and_traces() {
    let bytes = [flight(1), flight(2)].join("\n");
    let (one, two) =
        (read("a.ndjson", bytes.as_bytes()).await, read("a.ndjson", bytes.as_bytes()).await);
    let known = |read: &Read| -> Vec<_> {
        let of = |e: &Envelope| (e.id.clone(), e.idempotencykey.clone(), e.traceparent.clone());
        read.events.iter().map(of).collect()
    };
    assert_eq!(known(&one), known(&two));
    assert_ne!(one.events[0].traceparent, one.events[1].traceparent);
}

/// Checks that a bad line among good ones becomes a dead letter of its own.
async fn check_bad_line(bad: &[u8], code: Code, at: &str) {
    let (one, three) = (flight(1), flight(3));
    let read = read("a.ndjson", &lines(&[one.as_bytes(), bad, three.as_bytes()])).await;
    read.check(2, 1);
    assert_eq!(read.ids(), ["e1:1", "e1:3"]);
    let (letter, message) = &read.letters[0];
    assert_eq!((letter.code, letter.at.as_deref()), (code, Some(at)), "{}", letter.reason);
    assert_eq!((letter.stage.as_str(), letter.message_id.as_str()), ("ingest", "e1:2"));
    assert_eq!(letter.encoding.decode(&message.body).unwrap(), bad, "not byte for byte");
    assert_eq!(message.attributes["dataset"].value, "flights");
    assert_eq!(message.attributes["eventid"].value, "e1:2");
    assert_eq!(message.attributes["source"].value, "arn:aws:s3:::landing/flights/a.ndjson");
}

#[tokio::test]
async fn a_bad_line_is_a_dead_letter_with_its_place_and_the_rest_goes_on() {
    let good = flight(2);
    check_bad_line(b"{\"year\":", Code::DecodeJson, "line 2").await;
    check_bad_line(b"[1,2]", Code::DecodeJson, "line 2").await;
    let wrong = good.replace("\"flight\":2", "\"flight\":\"two\"");
    check_bad_line(wrong.as_bytes(), Code::ContractViolation, "line 2, /flight").await;
    let keyless = good.replace("\"carrier\":\"UA\",", "");
    check_bad_line(keyless.as_bytes(), Code::KeyMissing, "line 2, /carrier").await;
    let timeless = good.replace("T10:00:00Z", " noon");
    check_bad_line(timeless.as_bytes(), Code::TimeInvalid, "line 2, /time_hour").await;
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(50_000), "]".repeat(50_000));
    check_bad_line(deep.as_bytes(), Code::DepthExceeded, "line 2").await;
    check_bad_line(b"{\"a\":\"caf\xe9\"}", Code::DecodeUtf8, "line 2").await;
    check_bad_line(b"{\"a\":\"\x01\"}", Code::DecodeJson, "line 2").await;
}

#[tokio::test]
async fn a_bad_row_is_a_dead_letter_with_its_place_and_the_rest_goes_on() {
    let quoted = row(2).replace("IAH", "\"I\nAH\"");
    for (bad, code, at) in [
        ("2013,1,1", Code::DecodeCsv, "line 3"),
        (&row(2).replace("515", "early"), Code::ContractViolation, "line 3, /sched_dep_time"),
        (&quoted.replace(",UA,", ",,"), Code::KeyMissing, "line 3, /carrier"),
    ] {
        let csv = [HEADER, &row(1), bad, &row(3)].join("\n");
        let read = read("a.csv", csv.as_bytes()).await;
        read.check(2, 1);
        let (letter, message) = &read.letters[0];
        assert_eq!((letter.code, letter.at.as_deref()), (code, Some(at)), "{}", letter.reason);
        assert_eq!(message.body, bad);
    }
}

#[tokio::test]
async fn a_line_that_is_too_long_for_an_event_is_a_dead_letter_that_says_where_it_is() {
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(5 * 1024 * 1024));
    let read = read("a.ndjson", [flight(1), long.clone(), flight(3)].join("\n").as_bytes()).await;
    read.check(2, 1);
    let (letter, message) = &read.letters[0];
    assert_eq!((letter.code, letter.at.as_deref()), (Code::SizeExceeded, Some("line 2")));
    let place: serde_json::Value = serde_json::from_str(&message.body).unwrap();
    assert_eq!(place["source"], "arn:aws:s3:::landing/flights/a.ndjson");
    assert_eq!((&place["etag"], &place["line"]), (&"e1".into(), &2.into()));
    assert_eq!(place["bytes"], long.len());
}

#[tokio::test]
async fn what_a_message_could_not_hold_in_base64_is_kept_in_the_archive() {
    let bytes = [b"{\"a\":\"\xff", "x".repeat(800 * 1024).as_bytes(), b"\"}"].concat();
    let (one, three) = (flight(1), flight(3));
    let read = read("a.ndjson", &lines(&[one.as_bytes(), &bytes, three.as_bytes()])).await;
    read.check(2, 1);
    let (letter, message) = &read.letters[0];
    assert_eq!((letter.code, letter.encoding), (Code::DecodeUtf8, Encoding::Claim));
    let claim: serde_json::Value = serde_json::from_str(&message.body).unwrap();
    assert_eq!((&claim["encoding"], letter.at.as_deref()), (&"base64".into(), Some("line 2")));
}

#[tokio::test]
async fn a_first_line_that_is_none_is_one_dead_letter() {
    let mut all = vec!["not json".to_owned()];
    all.extend((2..40).map(flight));
    let read = read("a.ndjson", all.join("\n").as_bytes()).await;
    read.check(38, 1);
    assert_eq!(read.letters[0].0.at.as_deref(), Some("line 1"));
}
