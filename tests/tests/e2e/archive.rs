//! The archive's adapter against the emulated S3: it holds the bytes that were read, whatever the object.

use std::collections::BTreeMap;

use aws::{CopyLimits, CopySource, Objects, sdk_config};
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use axum::Router;
use emulation::clock::Clock;
use emulation::s3::S3;
use event::{Code, FailureKind};
use tokio::net::TcpListener;

/// Two buckets, and the adapter to them.
struct Buckets {
    s3: S3,
    client: Client,
    objects: Objects,
}

/// What S3 takes as a part: 5 MiB at least.
const PART: u64 = 5 << 20;

impl Buckets {
    async fn start() -> Self {
        let s3 = S3::new(Clock::system());
        s3.create_bucket("landing").unwrap();
        s3.create_bucket("archive").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let service = s3.service();
        let answer = move |request: axum::extract::Request| {
            let service = service.clone();
            async move { service.call(request).await }
        };
        let app = Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let variables = BTreeMap::from([
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "ingest"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ]);
        let sdk = sdk_config(&variables).unwrap();
        let config = aws_sdk_s3::config::Builder::from(&sdk).force_path_style(true).build();
        let client = Client::from_conf(config);
        let limits = CopyLimits { at_once_bytes: PART, part_bytes: PART };
        let objects = Objects::from(client.clone()).with_copy_limits(limits);
        Self { s3, client, objects }
    }

    /// Lands an object with a tag; answers its entity tag.
    async fn land(&self, key: &str, body: &[u8]) -> String {
        let put = self.client.put_object().bucket("landing").key(key).tagging("stage=raw");
        let put = put.body(ByteStream::from(body.to_vec())).send().await.unwrap();
        put.e_tag.unwrap().trim_matches('"').to_owned()
    }

    fn archived(&self, key: &str) -> Option<Vec<u8>> {
        self.s3.get("archive", key).ok().map(|object| object.body.to_vec())
    }
}

fn source<'a>(key: &'a str, etag: &'a str, bytes: usize) -> CopySource<'a> {
    CopySource { bucket: "landing", key, etag, version: None, bytes: bytes as u64 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_of_the_bytes_that_were_announced_and_of_no_tags() {
    let buckets = Buckets::start().await;
    let key = "flights/a b/ü+%.csv";
    let old = buckets.land(key, b"old").await;
    buckets.objects.copy(&source(key, &old, 3), "archive", "copy").await.unwrap();
    assert_eq!(buckets.archived("copy").unwrap(), b"old");
    let tags = buckets.client.get_object_tagging().bucket("archive").key("copy").send().await;
    assert!(tags.unwrap().tag_set.is_empty(), "tags need rights that ingest has not");

    buckets.land(key, b"new").await;
    let failure = buckets.objects.copy(&source(key, &old, 3), "archive", "late").await.unwrap_err();
    assert_eq!((failure.kind, failure.code), (FailureKind::Permanent, Code::InputNotFound));
    assert_eq!(buckets.archived("late"), None);
    let found = buckets.objects.get("landing", key, "", None, 0).await.unwrap();
    assert_eq!((found.bytes, found.etag == old), (3, false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_for_one_call_is_copied_in_parts() {
    let buckets = Buckets::start().await;
    let body: Vec<u8> = (0..2 * PART + 3).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let etag = buckets.land("flights/large.csv", &body).await;
    let large = source("flights/large.csv", &etag, body.len());
    buckets.objects.copy(&large, "archive", "large").await.unwrap();
    assert!(buckets.archived("large").unwrap() == body, "other bytes");

    buckets.land("flights/large.csv", &vec![0; body.len()]).await;
    let failure = buckets.objects.copy(&large, "archive", "late").await.unwrap_err();
    assert_eq!((failure.kind, failure.code), (FailureKind::Permanent, Code::InputNotFound));
    assert_eq!(buckets.archived("late"), None);
    let uploads = buckets.client.list_multipart_uploads().bucket("archive").send().await.unwrap();
    assert!(uploads.uploads().is_empty(), "its parts are still there");
}

/// A file that can be read is not at fault for what is wrong with the archive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_else_keeps_a_copy_from_being_made_may_pass() {
    let buckets = Buckets::start().await;
    let body = vec![b'x'; usize::try_from(PART).unwrap() + 1];
    let etag = buckets.land("flights/a.csv", &body).await;
    for bytes in [1, body.len()] {
        let source = source("flights/a.csv", &etag, bytes);
        let failure = buckets.objects.copy(&source, "nowhere", "copy").await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Transient, "{failure}");
    }
    let gone = buckets.objects.copy(&source("flights/b.csv", "e1", 1), "archive", "copy").await;
    assert_eq!(gone.unwrap_err().code, Code::InputNotFound);
}
