//! Files that are made to exhaust the function: they cost no more memory and calls than any other file may.

use super::outbox::FLUSH;
use super::*;

#[tokio::test]
async fn a_gzip_bomb_of_one_line_is_one_dead_letter() {
    let bomb = gzip(&vec![b'x'; 16 * 1024 * 1024]);
    assert!(bomb.len() < 100_000, "{} bytes", bomb.len());
    let read = read("a.ndjson.gz", &bomb).await;
    read.check(0, 1);
    let (letter, message) = &read.letters[0];
    assert_eq!(letter.code, Code::SizeExceeded);
    assert!(message.body.contains("16777216"), "{}", message.body);
}

#[tokio::test]
async fn a_gzip_bomb_of_empty_lines_costs_no_more_than_reading_it() {
    let mut plain = vec![b'\n'; 1024 * 1024];
    plain.extend(flight(1).as_bytes());
    let read = read("a.ndjson.gz", &gzip(&plain)).await;
    read.check(1, 0);
    assert_eq!(read.ids(), ["e1:1048577"]);
}

#[tokio::test]
async fn what_waits_to_be_sent_is_bounded_however_far_a_slice_inflates() {
    let good: Vec<String> = (0..10_000).map(flight).collect();
    for plain in [good.join("\n"), "{}\n".repeat(10_000)] {
        let queue = MemoryQueue::default();
        queue.refuse(|_, _| Some(Failure::transient(Code::DependencyUnavailable, "away")));
        let read = read_with(queue, "a.ndjson.gz", vec![gzip(plain.as_bytes())]).await;
        assert!(read.result.is_err());
        let tried: usize = [ENRICH, DLQ].iter().flat_map(|url| read.queue.calls_to(url)).sum();
        assert_eq!(tried, FLUSH, "all were made before the first was sent");
    }
}

#[tokio::test]
async fn what_waits_to_be_sent_is_bounded_in_bytes_too() {
    let long = "x".repeat(700 * 1024);
    let good = |n| flight(n).replace("IAH", &long);
    let bad = format!("{{\"dest\":\"{long}\"}}");
    for plain in [(0..40).map(good).collect::<Vec<_>>().join("\n"), [bad.as_str(); 40].join("\n")] {
        let queue = MemoryQueue::default();
        queue.refuse(|_, _| Some(Failure::transient(Code::DependencyUnavailable, "away")));
        let read = read_with(queue, "a.ndjson.gz", vec![gzip(plain.as_bytes())]).await;
        assert!(read.result.is_err());
        let tried: usize = [ENRICH, DLQ].iter().flat_map(|url| read.queue.calls_to(url)).sum();
        assert_eq!(tried, 3, "2 MiB are three events of 700 KiB");
    }
}

#[tokio::test]
async fn an_open_quote_ends_where_an_event_would_have_to() {
    let long = "x".repeat(event::MAX_PAYLOAD_BYTES);
    let csv = format!("{HEADER}\n{}\n\"open,{long}\n{}\n", row(1), row(2));
    let read = read("a.csv", csv.as_bytes()).await;
    read.check(2, 1);
    assert_eq!(read.letters[0].0.code, Code::SizeExceeded);
}

#[tokio::test]
async fn a_quote_that_is_never_closed_is_named_and_kept() {
    let csv = format!("{HEADER}\n{}\n\"open,{}\n", row(1), row(2));
    let read = read("a.csv", csv.as_bytes()).await;
    read.check(1, 1);
    let (letter, message) = &read.letters[0];
    assert_eq!((letter.code, letter.at.as_deref()), (Code::DecodeCsv, Some("line 3")));
    assert_eq!(message.body, format!("\"open,{}\n", row(2)));
}
