//! What concerns a file as a whole: its failure is the one dead letter, and says what to look for.

use event::FailureKind;

use super::*;

async fn check(name: &str, bytes: &[u8], code: Code, reason: &str) {
    let read = read(name, bytes).await;
    let failure = read.result.unwrap_err();
    assert_eq!((failure.kind, failure.code), (FailureKind::Permanent, code), "{failure}");
    assert!(failure.reason.contains(reason), "{failure}");
    assert_eq!((read.events.len(), read.letters.len()), (0, 0), "sent before it was known");
}

#[tokio::test]
async fn a_file_without_an_event_is_empty() {
    check("a.ndjson", b"", Code::InputEmpty, "no event").await;
    check("a.ndjson", b"\n \r\n\n", Code::InputEmpty, "no event").await;
    check("a.csv", HEADER.as_bytes(), Code::InputEmpty, "no event").await;
    check("a.ndjson.gz", &gzip(b""), Code::InputEmpty, "no event").await;
}

#[tokio::test]
async fn a_file_that_is_not_what_its_name_says_sends_nothing() {
    let rows: Vec<String> = (1..100).map(row).collect();
    let csv = format!("{HEADER}\n{}", rows.join("\n"));
    check("a.ndjson", csv.as_bytes(), Code::DecodeFormat, "first 16 lines").await;
    check("a.ndjson.gz", &gzip(csv.as_bytes()), Code::DecodeFormat, "first 16 lines").await;
    check("a.ndjson.gz", csv.as_bytes(), Code::DecodeFormat, "not gzip").await;
    check("a.ndjson", &gzip(csv.as_bytes()), Code::DecodeFormat, "it is gzip").await;
    check("a.csv", flight(1).as_bytes(), Code::DecodeFormat, "no column").await;
    let long = vec!["x".repeat(500 * 1024); 16].join("\n");
    check("a.ndjson", long.as_bytes(), Code::DecodeFormat, "first 16 lines").await;
    check("a.parquet", b"PAR1", Code::DecodeFormat, ".ndjson").await;
    check("a.ndjson", b"PAR1\n{}", Code::DecodeFormat, "Parquet").await;
}

#[tokio::test]
async fn a_gzip_stream_that_breaks_off_is_named() {
    let whole = gzip(flight(1).as_bytes());
    let cut = &whole[..whole.len() - 9];
    let mut wrong = whole.clone();
    let crc = whole.len() - 8;
    wrong[crc] ^= 0xff;
    for bytes in [cut, &wrong, &whole[..3]] {
        let failure = read("a.ndjson.gz", bytes).await.result.unwrap_err();
        assert_eq!((failure.kind, failure.code), (FailureKind::Permanent, Code::DecodeGzip));
    }
}

#[tokio::test]
async fn members_of_gzip_one_after_another_are_one_file() {
    let bytes = [gzip(format!("{}\n", flight(1)).as_bytes()), gzip(flight(2).as_bytes())].concat();
    let read = read("a.ndjson.gz", &bytes).await;
    read.check(2, 0);
    assert_eq!(read.ids(), ["e1:1", "e1:2"]);
}

#[tokio::test]
async fn a_queue_that_is_away_fails_the_file_and_it_may_succeed() {
    for url in [ENRICH, DLQ] {
        let queue = MemoryQueue::default();
        queue.refuse(move |to, _| {
            (to == url).then(|| Failure::transient(Code::DependencyUnavailable, "away"))
        });
        let bytes = format!("{}\n{{", flight(1));
        let read = read_with(queue, "a.ndjson", vec![bytes.into_bytes()]).await;
        assert_eq!(read.result.unwrap_err().kind, FailureKind::Transient);
    }
}

/// Real events, all of them: 27,004 lines, of which the contract refuses none.
#[tokio::test]
async fn the_sample_of_real_flights_is_taken_in_whole() {
    let bytes = testkit::sample_bytes("flights-2013-01.ndjson.gz");
    let read = read("flights-2013-01.ndjson.gz", &bytes).await;
    read.check(27_004, 0);
    let keys: std::collections::BTreeSet<_> =
        read.events.iter().map(|event| &event.idempotencykey).collect();
    assert_eq!(keys.len(), 27_004);
    assert_eq!(read.queue.calls_to(ENRICH).len(), 2_701, "calls of ten");
}
