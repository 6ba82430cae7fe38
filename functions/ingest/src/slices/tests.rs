use super::*;
use crate::memory::{ARCHIVE, MemoryObjects};

fn time() -> Timestamp {
    Timestamp::from_unix_ms(1_000)
}

#[test]
fn progress_comes_back_from_the_attributes_of_a_message() {
    let copy = ArchivedCopy { etag: "é\u{ffff}".to_owned(), size: 9, from: None };
    let progress = Progress::new("m-1", time()).after_slice(3, Some(copy));
    let mut attributes = Attributes::new();
    progress.write(&mut attributes).unwrap();
    let value = &attributes[PROGRESS_ATTRIBUTE].value;
    assert!(value.chars().all(|c| c >= ' ' && c != '\u{ffff}'), "SQS takes it: {value}");
    assert_eq!(Progress::read(&attributes), Some(progress));
}

/// It may be written by a later deployment, while this one still runs.
#[test]
fn what_a_newer_version_wrote_is_not_read() {
    for text in [
        "",
        r#"{"progress_format":2,"message_id":"m","taken_in":"2026-01-01T00:00:00.000Z","slice":1,"object":0}"#,
    ] {
        let attributes = [(PROGRESS_ATTRIBUTE.to_owned(), Attribute::string(text))].into();
        assert_eq!(Progress::read(&attributes), None, "{text}");
    }
}

/// This text is in the messages of version 1.
#[test]
fn the_text_of_version_1_is_read_as_it_was_written() {
    let text = concat!(
        r#"{"progress_format":1,"message_id":"m-1","taken_in":"1970-01-01T00:00:01.000Z","slice":2,"object":1,"#,
        r#""copy":{"etag":"e1","size":900,"from":{"offset":10,"skipped":4,"format":"csv","packing":"plain","#,
        r#""encoding":"utf-8","columns":["a","b"],"entries":{"record":{"line":7,"is_after_cr":true,"delimiter":44}}}}}"#
    );
    let attributes: Attributes = [(PROGRESS_ATTRIBUTE.to_owned(), Attribute::string(text))].into();
    let progress = Progress::read(&attributes).unwrap();
    let mut written = Attributes::new();
    progress.write(&mut written).unwrap();
    assert_eq!(written[PROGRESS_ATTRIBUTE].value, text);
}

#[tokio::test]
async fn a_slice_is_marked_for_its_announcement_its_run_and_itself_alone() {
    let objects = MemoryObjects::default();
    let marks = Marks { objects: &objects, bucket: ARCHIVE };
    let first = Progress::new("m-1", time());
    let second = first.after_slice(0, None);
    marks.add(&first, Some("run-1")).await.unwrap();
    assert_eq!(marks.has(&first, Some("run-1")).await, Ok(true));
    for (progress, run) in [
        (&first, None),
        (&first, Some("run-2")),
        (&second, Some("run-1")),
        (&Progress::new("m-2", time()), Some("run-1")),
    ] {
        assert_eq!(marks.has(progress, run).await, Ok(false), "{progress:?} {run:?}");
    }
}
