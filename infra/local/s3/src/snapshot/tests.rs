//! A service that continues from a snapshot gives the same answers as the original.

use std::io::Cursor;
use std::sync::Mutex;
use std::time::Duration;

use http::Request;
use http_body_util::{BodyExt as _, Full};
use proptest::prelude::*;

use super::*;
use clock::Clock;

const PART_BYTES: usize = 5 << 20;

fn service() -> (S3, Clock) {
    let clock = Clock::manual(1_700_000_000_000);
    (S3::new(clock.clone()), clock)
}

fn copy(snapshot: &Snapshot) -> Snapshot {
    let mut bytes = Vec::new();
    snapshot.write(&mut bytes).unwrap();
    Snapshot::read(Cursor::new(bytes)).unwrap()
}

/// A service that continues from the snapshot of another one, half an hour later.
fn resumed(s3: &S3) -> S3 {
    let (next, clock) = service();
    clock.advance(Duration::from_secs(1_800));
    next.restore(copy(&s3.capture(|| ()).0));
    next
}

/// Sends a request, and returns the answer without its request ids.
async fn ask(s3: &S3, request: &str, headers: &[(&str, &str)], body: &Bytes) -> String {
    let (method, path) = request.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(format!("http://localhost{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = s3.service().call(request.body(Full::new(body.clone())).unwrap()).await;
    let (mut parts, body) = answer.into_parts();
    parts.headers.remove("x-amz-request-id");
    let body = body.collect().await.unwrap().to_bytes();
    let mut told: Vec<_> = parts.headers.iter().map(|each| format!("{each:?}")).collect();
    told.sort();
    format!("{} {told:?} {}", parts.status, String::from_utf8_lossy(&body))
}

#[tokio::test]
async fn objects_are_told_as_they_were() {
    let (s3, clock) = service();
    s3.create_bucket("lake").unwrap();
    s3.create_bucket("empty").unwrap();
    let headers = [
        ("cache-control", "no-store"),
        ("content-disposition", "attachment"),
        ("content-encoding", "identity"),
        ("content-language", "de"),
        ("content-type", "text/x-thing"),
        ("expires", "Thu, 01 Dec 2033 16:00:00 GMT"),
        ("x-amz-meta-origin", "JFK"),
        ("x-amz-tagging", "stage=raw&empty="),
        ("x-amz-storage-class", "STANDARD_IA"),
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "key"),
        ("x-amz-server-side-encryption-bucket-key-enabled", "true"),
        ("x-amz-checksum-algorithm", "SHA256"),
        ("x-amz-checksum-sha256", "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek="),
    ];
    let hello = Bytes::from_static(b"hello world");
    let put = ask(&s3, "PUT /lake/all%20of/it", &headers, &hello).await;
    assert!(put.starts_with("200"), "{put}");
    clock.advance(Duration::from_secs(7));
    // Bytes that would end a line, or begin one.
    s3.put("lake", "lines", Bytes::from_static(b"\n{\"object\":{}}\n\0\xff"), "a/b").unwrap();
    s3.put("lake", "nothing", Bytes::new(), "a/b").unwrap();

    let next = resumed(&s3);
    let nothing = Bytes::new();
    for request in [
        "GET /",
        "GET /lake?list-type=2&fetch-owner=true",
        "GET /lake/all%20of/it",
        "HEAD /lake/all%20of/it",
        "GET /lake/all%20of/it?tagging",
        "GET /lake/lines",
        "HEAD /lake/lines",
        "GET /lake/nothing",
        "GET /empty?list-type=2",
    ] {
        let headers = [("x-amz-checksum-mode", "ENABLED")];
        let expected = ask(&s3, request, &headers, &nothing).await;
        assert!(expected.starts_with("200"), "{request}: {expected}");
        assert_eq!(ask(&next, request, &headers, &nothing).await, expected, "{request}");
    }
    assert_eq!(next.list("lake", "").unwrap(), s3.list("lake", "").unwrap());
}

/// The text of an element of an answer.
fn element<'a>(answer: &'a str, name: &str) -> &'a str {
    let text = answer.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("{answer}")).1;
    text.split_once('<').unwrap().0
}

#[tokio::test]
async fn an_upload_in_progress_can_be_completed() {
    let (s3, _) = service();
    s3.create_bucket("lake").unwrap();
    let (nothing, part) = (Bytes::new(), Bytes::from(vec![7; PART_BYTES]));
    let headers = [("x-amz-checksum-algorithm", "CRC32C"), ("x-amz-meta-origin", "JFK")];
    let made = ask(&s3, "POST /lake/big?uploads", &headers, &nothing).await;
    let id = element(&made, "UploadId").to_owned();
    let path = |number: u8| format!("PUT /lake/big?partNumber={number}&uploadId={id}");
    let first = ask(&s3, &path(1), &[], &part).await;
    assert!(first.starts_with("200"), "{first}");

    let next = resumed(&s3);
    for asked in ["GET /lake?uploads".to_owned(), format!("GET /lake/big?uploadId={id}")] {
        let expected = ask(&s3, &asked, &[], &nothing).await;
        assert!(expected.starts_with("200"), "{expected}");
        assert_eq!(ask(&next, &asked, &[], &nothing).await, expected);
    }
    let mut answers = Vec::new();
    for each in [&s3, &next] {
        let second = ask(each, &path(2), &[], &Bytes::from_static(b"the end")).await;
        assert!(second.starts_with("200"), "{second}");
        let listed = ask(each, &format!("GET /lake/big?uploadId={id}"), &[], &nothing).await;
        let parts: String = listed
            .split("<Part>")
            .skip(1)
            .zip(1..)
            .map(|(part, number)| {
                let (tag, crc) = (element(part, "ETag"), element(part, "ChecksumCRC32C"));
                format!(
                    "<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag>\
                     <ChecksumCRC32C>{crc}</ChecksumCRC32C></Part>"
                )
            })
            .collect();
        let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        let asked = format!("POST /lake/big?uploadId={id}");
        let done = ask(each, &asked, &[], &Bytes::from(body)).await;
        assert!(done.starts_with("200"), "{done}");
        answers.push(done);
        let object = each.get("lake", "big").unwrap();
        assert_eq!(object.body.len(), PART_BYTES + 7);
        assert_eq!(object.metadata["origin"], "JFK");
    }
    assert_eq!(answers[0], answers[1]);
}

#[test]
fn nothing_is_announced_again_and_what_is_written_next_comes_after() {
    let (s3, _) = service();
    s3.create_bucket("lake").unwrap();
    let sequencers = |s3: &S3| {
        let told = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&told);
        s3.on_created(Box::new(move |event| to.lock().unwrap().push(event.sequencer)));
        told
    };
    let before = sequencers(&s3);
    for key in ["a", "b"] {
        s3.put("lake", key, Bytes::new(), "a/b").unwrap();
    }
    let (next, _) = service();
    let after = sequencers(&next);
    next.restore(copy(&s3.capture(|| ()).0));
    assert!(after.lock().unwrap().is_empty());
    next.put("lake", "a", Bytes::new(), "a/b").unwrap();
    assert!(after.lock().unwrap()[0] > before.lock().unwrap()[1]);
}

#[test]
fn whatever_changes_changes_the_mark_and_a_look_does_not() {
    let (s3, _) = service();
    s3.create_bucket("lake").unwrap();
    s3.put("lake", "a", Bytes::new(), "a/b").unwrap();
    let mark = s3.mark();
    assert_eq!(s3.capture(|| ()).0.mark(), mark);
    let _ = (s3.get("lake", "a"), s3.list("lake", ""), s3.bucket_names());
    assert_eq!(s3.mark(), mark);
    s3.put("lake", "a", Bytes::new(), "a/b").unwrap();
    assert_ne!(s3.mark(), mark);
}

#[track_caller]
fn check_unreadable(bytes: &[u8], told: &str) {
    let error = Snapshot::read(Cursor::new(bytes)).err().unwrap().to_string();
    assert!(error.contains(told), "{error}");
}

#[test]
fn what_is_no_snapshot_is_told_with_its_part() {
    let (s3, _) = service();
    s3.create_bucket("lake").unwrap();
    s3.put("lake", "a", Bytes::from_static(b"body"), "a/b").unwrap();
    let mut bytes = Vec::new();
    s3.capture(|| ()).0.write(&mut bytes).unwrap();
    check_unreadable(&bytes[..bytes.len() - 1], "part 3: it ends after 3 of 4 bytes");
    let object = bytes.windows(9).position(|window| window == b"{\"object\"").unwrap();
    check_unreadable(&bytes[object..], "part 1: it belongs to a bucket");
    check_unreadable(b"{\"planet\":{}}", "planet");
    let vast = String::from_utf8_lossy(&bytes).replace("\"length\":4", "\"length\":9999999999999");
    check_unreadable(vast.as_bytes(), "it ends after 4 of 9999999999999 bytes");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_under_any_keys_come_back(
        objects in proptest::collection::btree_map("\\PC{1,9}", any::<Vec<u8>>(), 0..9)
    ) {
        let (s3, _) = service();
        s3.create_bucket("lake").unwrap();
        for (key, body) in objects {
            s3.put("lake", &key, body.into(), "a/b").unwrap();
        }
        prop_assert_eq!(resumed(&s3).list("lake", "").unwrap(), s3.list("lake", "").unwrap());
    }
}
