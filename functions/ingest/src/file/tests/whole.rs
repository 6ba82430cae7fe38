//! Failures of a file as a whole. The announcement becomes the only dead letter, and its reason says what is wrong.

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
async fn a_file_without_an_event_is_a_night_without_data() {
    let marked = [b"\xef\xbb\xbf", HEADER.as_bytes(), b"\r\n\r\n"].concat();
    for (name, bytes) in [
        ("a.csv", HEADER.as_bytes()),
        ("a.csv", &marked),
        ("a.csv.gz", &gzip(HEADER.as_bytes())),
        ("a.ndjson", b""),
        ("a.ndjson", b"\n \r\n\n"),
        ("a.ndjson", b"\xef\xbb\xbf"),
        ("a.ndjson.gz", &gzip(b"")),
    ] {
        read(name, bytes).await.check(0, 0);
    }
}

/// The producer wrote nothing: not even a header, or not even an empty gzip stream.
#[tokio::test]
async fn a_file_that_was_not_written_is_empty() {
    check("a.csv", b"", Code::InputEmpty, "without a header").await;
    check("a.csv", b"\xef\xbb\xbf\r\n  \n", Code::InputEmpty, "without a header").await;
    check("a.csv.gz", &gzip(b""), Code::InputEmpty, "without a header").await;
    check("a.csv.gz", b"", Code::InputEmpty, "no byte").await;
    check("a.ndjson.gz", b"", Code::InputEmpty, "no byte").await;
}

#[tokio::test]
async fn a_header_that_names_no_columns_is_one_refusal() {
    let rows: Vec<String> = (1..40).map(row).collect();
    let unnamed = format!(",{HEADER}\n{}", rows.join("\n"));
    check("a.csv", unnamed.as_bytes(), Code::DecodeFormat, "column 1 of the header").await;
    let open = format!("\"{HEADER}\n{}", rows.join("\n"));
    check("a.csv", open.as_bytes(), Code::DecodeFormat, "never closed").await;
    let long = format!("{}\n{}", "x".repeat(5_000_000), rows.join("\n"));
    check("a.csv", long.as_bytes(), Code::DecodeFormat, "5000000 bytes").await;
    check("a.csv", b"year,caf\xe9\n", Code::DecodeUtf8, "field 2").await;
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
    check("a.parquet", csv.as_bytes(), Code::DecodeFormat, "it is not Parquet").await;
    check("a.ndjson", b"PAR1\x15\x04\x15\x10", Code::DecodeFormat, "Parquet").await;
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
        assert!(failure.reason.contains("cut short"), "{failure}");
    }
}

/// A line without an end may be only the beginning of a line, and half of a row would be read as another row.
#[tokio::test]
async fn what_came_before_a_gzip_stream_breaks_off_is_passed_on_and_half_a_line_is_not() {
    let csv = format!("{HEADER}\n{}\n1,2\n{}", row(1), row(2));
    let whole = gzip(csv.as_bytes());
    let read = read("a.csv.gz", &whole[..whole.len() - 1]).await;
    assert_eq!(read.result.as_ref().unwrap_err().code, Code::DecodeGzip);
    assert_eq!(read.ids(), ["e1:2"]);
    assert_eq!(read.letters[0].0.at.as_deref(), Some("line 3"));
    assert_eq!(read.letters.len(), 1);
}

#[tokio::test]
async fn zeros_after_gzip_are_padding() {
    let (one, two) = (gzip(format!("{}\n", flight(1)).as_bytes()), gzip(flight(2).as_bytes()));
    let zeros = vec![0; 5_000];
    for (events, bytes) in [
        (1, [one.as_slice(), &zeros].concat()),
        (2, [one.as_slice(), &two, &[0]].concat()),
        (2, [one.as_slice(), &[0; 3], &two, &zeros].concat()),
    ] {
        read("a.ndjson.gz", &bytes).await.check(events, 0);
        let single = bytes.iter().map(|&byte| vec![byte]).collect();
        read_chunks("a.ndjson.gz", single).await.check(events, 0);
    }
}

/// gzip(1) warns of such bytes and ignores them. Here they are a failure, but the events before them are sent on.
#[tokio::test]
async fn what_follows_gzip_and_is_none_is_told_and_the_events_before_are_passed_on() {
    for garbage in [b"garbage".as_slice(), b"garbage that is longer than a header", b"\0\0x"] {
        let whole = gzip(format!("{}\n{}", flight(1), flight(2)).as_bytes());
        let read = read("a.ndjson.gz", &[&whole, garbage].concat()).await;
        let failure = read.result.as_ref().unwrap_err();
        assert_eq!((failure.kind, failure.code), (FailureKind::Permanent, Code::DecodeGzip));
        assert!(failure.reason.contains("neither gzip nor zeros"), "{failure}");
        assert_eq!(read.ids(), ["e1:1", "e1:2"]);
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

/// 27,004 lines of real events, all of which are valid.
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
