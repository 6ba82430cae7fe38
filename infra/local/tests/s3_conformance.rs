//! S3 as the official SDK sees it, over HTTP.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, ChecksumType, CompletedMultipartUpload, CompletedPart, Delete,
    MetadataDirective, ObjectIdentifier, Tag, Tagging,
};
use bytes::Bytes;
use local::clock::Clock;
use local::s3::{ObjectCreated, S3};

const BUCKET: &str = "lake";
const START_MS: u64 = 1_357_034_400_120;
const PART: usize = 5 << 20;

struct World {
    s3: S3,
    clock: Clock,
    client: Client,
    address: String,
    created: Arc<Mutex<Vec<ObjectCreated>>>,
}

impl World {
    async fn start() -> Self {
        let clock = Clock::manual(START_MS);
        let s3 = S3::new(clock.clone());
        s3.create_bucket(BUCKET).unwrap();
        let created = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&created);
        s3.on_created(Box::new(move |event| sink.lock().unwrap().push(event)));
        let service = s3.service();
        let app = axum::Router::new().fallback(move |request: axum::extract::Request| {
            let service = service.clone();
            async move { service.call(request).await }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("any", "thing", Some("token".into()), None, "t"))
            .endpoint_url(format!("http://{address}"))
            .force_path_style(true)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        Self { s3, clock, client: Client::from_conf(config), address, created }
    }

    async fn put(&self, key: &str, body: &str) -> String {
        let body = ByteStream::from(body.as_bytes().to_vec());
        let put = self.client.put_object().bucket(BUCKET).key(key).body(body).send().await;
        put.unwrap().e_tag.unwrap()
    }

    async fn text(&self, key: &str) -> String {
        let got = self.client.get_object().bucket(BUCKET).key(key).send().await.unwrap();
        let body = got.body.collect().await.unwrap().into_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    async fn exists(&self, key: &str) -> bool {
        self.client.head_object().bucket(BUCKET).key(key).send().await.is_ok()
    }

    /// One request as written, for what no SDK would send; its status and its answer.
    async fn raw(&self, request: &str, body: &str) -> (u16, String) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(&self.address).await.unwrap();
        let (head, length) = (request.replace('\n', "\r\n"), body.len());
        let text = format!("{head}\r\nhost: s3\r\nconnection: close\r\ncontent-length: {length}");
        stream.write_all(format!("{text}\r\n\r\n{body}").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        (answer[9..12].parse().unwrap(), answer)
    }
}

#[track_caller]
fn refused<T: std::fmt::Debug, E>(result: Result<T, SdkError<E>>) -> (u16, String)
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let error = result.unwrap_err();
    let status = error.raw_response().unwrap().status().as_u16();
    (status, error.code().unwrap_or_default().to_owned())
}

#[track_caller]
fn check_refused<T: std::fmt::Debug, E>(result: Result<T, SdkError<E>>, status: u16, code: &str)
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    assert_eq!(refused(result), (status, code.to_owned()));
}

#[tokio::test]
async fn buckets_come_and_go() {
    let world = World::start().await;
    let client = &world.client;
    client.create_bucket().bucket("second").send().await.unwrap();
    let again = client.create_bucket().bucket("second").send().await;
    check_refused(again, 409, "BucketAlreadyOwnedByYou");
    check_refused(client.create_bucket().bucket("No").send().await, 400, "InvalidBucketName");
    client.head_bucket().bucket("second").send().await.unwrap();
    let location = client.get_bucket_location().bucket("second").send().await.unwrap();
    assert_eq!(location.location_constraint.as_ref().map_or("", |each| each.as_str()), "");
    let listed = client.list_buckets().send().await.unwrap();
    let names: Vec<_> = listed.buckets().iter().filter_map(|each| each.name()).collect();
    assert_eq!(names, ["lake", "second"]);
    world.put("k", "v").await;
    check_refused(client.delete_bucket().bucket(BUCKET).send().await, 409, "BucketNotEmpty");
    client.delete_bucket().bucket("second").send().await.unwrap();
    assert_eq!(refused(client.head_bucket().bucket("second").send().await).0, 404);
    let nowhere = client.put_object().bucket("second").key("k").send().await;
    check_refused(nowhere, 404, "NoSuchBucket");
}

#[tokio::test]
async fn an_object_is_told_as_it_was_written() {
    let world = World::start().await;
    let put = world
        .client
        .put_object()
        .bucket(BUCKET)
        .key("a/b.json")
        .body(ByteStream::from_static(b"hello"))
        .content_type("application/json")
        .content_encoding("gzip")
        .cache_control("no-store")
        .metadata("keys", "[\"a\"]")
        .tagging("stage=raw&note=a%20b")
        .send()
        .await
        .unwrap();
    assert_eq!(put.e_tag(), Some("\"5d41402abc4b2a76b9719d911017c592\""));
    let got = world.client.get_object().bucket(BUCKET).key("a/b.json").send().await.unwrap();
    assert_eq!(got.content_type(), Some("application/json"));
    assert_eq!(got.content_encoding(), Some("gzip"));
    assert_eq!(got.cache_control(), Some("no-store"));
    assert_eq!(got.metadata().unwrap()["keys"], "[\"a\"]");
    assert_eq!(got.content_length(), Some(5));
    assert_eq!(got.tag_count(), Some(2));
    assert_eq!(got.e_tag(), put.e_tag());
    assert_eq!(got.last_modified(), Some(&DateTime::from_secs(1_357_034_400)));
    assert_eq!(got.body.collect().await.unwrap().into_bytes(), "hello");
    let head = world.client.head_object().bucket(BUCKET).key("a/b.json").send().await.unwrap();
    assert_eq!(head.content_length(), Some(5));
    assert_eq!(head.metadata().unwrap()["keys"], "[\"a\"]");
    let tags = world.client.get_object_tagging().bucket(BUCKET).key("a/b.json").send().await;
    let tags = tags.unwrap().tag_set;
    assert_eq!((tags[1].key(), tags[1].value()), ("note", "a b"));
    let missing = world.client.get_object().bucket(BUCKET).key("a/b").send().await;
    check_refused(missing, 404, "NoSuchKey");
    assert_eq!(world.s3.get(BUCKET, "a/b.json").unwrap().body, "hello");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_32_racing_writers_wins() {
    let world = World::start().await;
    for round in 0..10 {
        let key = format!("batch/{round}");
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..32 {
            let put = world.client.put_object().bucket(BUCKET).key(&key).if_none_match("*");
            let put = put.body(ByteStream::from(format!("writer {writer}").into_bytes()));
            writers.spawn(async move { (writer, put.send().await) });
        }
        let mut winners = Vec::new();
        while let Some(done) = writers.join_next().await {
            match done.unwrap() {
                (writer, Ok(_)) => winners.push(writer),
                (_, lost) => check_refused(lost, 412, "PreconditionFailed"),
            }
        }
        let [winner] = winners.as_slice() else { panic!("winners: {winners:?}") };
        assert_eq!(world.text(&key).await, format!("writer {winner}"));
    }
    assert_eq!(world.created.lock().unwrap().len(), 10);
}

#[tokio::test]
async fn writes_hold_to_their_conditions() {
    let world = World::start().await;
    let put = || world.client.put_object().bucket(BUCKET).key("k");
    check_refused(put().if_match("\"x\"").send().await, 404, "NoSuchKey");
    let first = world.put("k", "one").await;
    check_refused(put().if_none_match("*").send().await, 412, "PreconditionFailed");
    check_refused(put().if_none_match(&first).send().await, 501, "NotImplemented");
    let two = || ByteStream::from_static(b"two");
    let second = put().if_match(&first).body(two()).send().await.unwrap().e_tag.unwrap();
    check_refused(put().if_match(&first).send().await, 412, "PreconditionFailed");
    let delete = || world.client.delete_object().bucket(BUCKET).key("k");
    check_refused(delete().if_match(&first).send().await, 412, "PreconditionFailed");
    assert_eq!(world.text("k").await, "two");
    delete().if_match(&second).send().await.unwrap();
    assert!(!world.exists("k").await);
    delete().send().await.unwrap();
    check_refused(delete().if_match("*").send().await, 404, "NoSuchKey");
}

#[tokio::test]
async fn reads_hold_to_their_conditions() {
    let world = World::start().await;
    let e_tag = world.put("k", "v").await;
    let get = || world.client.get_object().bucket(BUCKET).key("k");
    let (before, now) = (DateTime::from_secs(1_357_034_399), DateTime::from_secs(1_357_034_400));
    get().if_match(&e_tag).if_unmodified_since(before).send().await.unwrap();
    get().if_none_match("\"other\"").if_modified_since(now).send().await.unwrap();
    get().if_modified_since(before).send().await.unwrap();
    check_refused(get().if_match("\"other\"").send().await, 412, "PreconditionFailed");
    check_refused(get().if_unmodified_since(before).send().await, 412, "PreconditionFailed");
    assert_eq!(refused(get().if_none_match(&e_tag).send().await).0, 304);
    assert_eq!(refused(get().if_modified_since(now).send().await).0, 304);
    let head = world.client.head_object().bucket(BUCKET).key("k");
    assert_eq!(refused(head.if_none_match(&e_tag).send().await).0, 304);
}

#[tokio::test]
async fn ranges_are_cut_and_bounded() {
    let world = World::start().await;
    world.put("digits", "0123456789").await;
    world.put("empty", "").await;
    let get = |key: &'static str, range: &'static str| {
        world.client.get_object().bucket(BUCKET).key(key).range(range).send()
    };
    for (range, expected, told) in [
        ("bytes=0-3", "0123", Some("bytes 0-3/10")),
        ("bytes=8-", "89", Some("bytes 8-9/10")),
        ("bytes=8-99", "89", Some("bytes 8-9/10")),
        ("bytes=-3", "789", Some("bytes 7-9/10")),
        ("bytes=-99", "0123456789", Some("bytes 0-9/10")),
        ("bytes=5-2", "0123456789", None),
        ("lines=1-2", "0123456789", None),
    ] {
        let got = get("digits", range).await.unwrap();
        assert_eq!(got.content_range(), told, "{range}");
        assert_eq!(got.content_length(), Some(i64::try_from(expected.len()).unwrap()), "{range}");
        assert_eq!(got.body.collect().await.unwrap().into_bytes(), expected, "{range}");
    }
    check_refused(get("digits", "bytes=10-").await, 416, "InvalidRange");
    check_refused(get("digits", "bytes=-0").await, 416, "InvalidRange");
    check_refused(get("empty", "bytes=0-").await, 416, "InvalidRange");
    check_refused(get("empty", "bytes=-1").await, 416, "InvalidRange");
}

#[tokio::test]
async fn any_legal_key_is_kept_as_it_is() {
    let world = World::start().await;
    let long = "k".repeat(1_024);
    let mut keys = [
        "//x",
        "x/",
        "x//",
        "a/../b",
        "./c",
        "..",
        "/",
        "ü/日本",
        "a b+c",
        "day=1/%2F",
        "q?r#s",
        "it's \"&<>",
        "*",
        "~",
        "🛫",
        &long,
    ];
    for key in keys {
        world.put(key, key).await;
    }
    keys.sort_unstable();
    for key in keys {
        assert_eq!(world.text(key).await, key);
    }
    let listed = world.client.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    let found: Vec<_> = listed.contents().iter().filter_map(|each| each.key()).collect();
    assert_eq!(found, keys);
    for key in keys {
        world.client.delete_object().bucket(BUCKET).key(key).send().await.unwrap();
    }
    assert_eq!(world.s3.list(BUCKET, "").unwrap(), []);
    let too_long = "k".repeat(1_025);
    let put = world.client.put_object().bucket(BUCKET).key(too_long).send().await;
    check_refused(put, 400, "KeyTooLongError");
}

#[tokio::test]
async fn listings_page_through_keys_and_common_prefixes() {
    let world = World::start().await;
    for key in ["a", "b/1", "b/2", "b/2/x", "c", "d/1", "e"] {
        world.put(key, "").await;
    }
    let pages = async |prefix: &str, delimiter: Option<&str>, size: i32, start: Option<&str>| {
        let mut stream = world
            .client
            .list_objects_v2()
            .bucket(BUCKET)
            .prefix(prefix)
            .set_delimiter(delimiter.map(str::to_owned))
            .set_start_after(start.map(str::to_owned))
            .max_keys(size)
            .into_paginator()
            .send();
        let mut found = Vec::new();
        while let Some(page) = stream.next().await {
            let page = page.unwrap();
            let count = page.contents().len() + page.common_prefixes().len();
            assert_eq!(page.key_count(), Some(i32::try_from(count).unwrap()));
            assert!(count <= usize::try_from(size).unwrap());
            found.extend(page.contents().iter().filter_map(|each| each.key.clone()));
            found.extend(page.common_prefixes().iter().filter_map(|each| each.prefix.clone()));
        }
        found.sort();
        found
    };
    for size in 1..=8 {
        let all = pages("", None, size, None).await;
        assert_eq!(all, ["a", "b/1", "b/2", "b/2/x", "c", "d/1", "e"], "{size}");
        assert_eq!(pages("", Some("/"), size, None).await, ["a", "b/", "c", "d/", "e"], "{size}");
        assert_eq!(pages("b/", Some("/"), size, None).await, ["b/1", "b/2", "b/2/"], "{size}");
        assert_eq!(pages("", None, size, Some("b/2")).await, ["b/2/x", "c", "d/1", "e"], "{size}");
        assert_eq!(pages("b", None, size, Some("a")).await, ["b/1", "b/2", "b/2/x"], "{size}");
        assert_eq!(pages("x", None, size, None).await, [""; 0], "{size}");
    }
    let none = world.client.list_objects_v2().bucket(BUCKET).max_keys(0).send().await.unwrap();
    assert_eq!((none.key_count(), none.is_truncated()), (Some(0), Some(false)));
    let bad = world.client.list_objects_v2().bucket(BUCKET).continuation_token("!").send().await;
    check_refused(bad, 400, "InvalidArgument");
    let first = world.client.list_objects().bucket(BUCKET).delimiter("/").max_keys(2).send().await;
    let first = first.unwrap();
    assert_eq!(first.next_marker(), Some("b/"));
    let rest = world.client.list_objects().bucket(BUCKET).delimiter("/").marker("b/").send().await;
    let rest = rest.unwrap();
    let found: Vec<_> = rest.contents().iter().filter_map(|each| each.key()).collect();
    assert_eq!((found, rest.is_truncated()), (vec!["c", "e"], Some(false)));
}

#[tokio::test]
async fn checksums_are_verified_and_told() {
    let world = World::start().await;
    let put = || {
        let body = ByteStream::from_static(b"hello world");
        world.client.put_object().bucket(BUCKET).key("k").body(body)
    };
    let head = async || {
        let head = world.client.head_object().bucket(BUCKET).key("k");
        head.checksum_mode(ChecksumMode::Enabled).send().await.unwrap()
    };
    put().send().await.unwrap();
    assert_eq!(head().await.checksum_crc32(), Some("DUoRhQ=="));
    put().checksum_algorithm(ChecksumAlgorithm::Sha256).send().await.unwrap();
    let sha256 = "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=";
    assert_eq!(head().await.checksum_sha256(), Some(sha256));
    assert_eq!(head().await.checksum_crc32(), None);
    put().checksum_algorithm(ChecksumAlgorithm::Crc64Nvme).send().await.unwrap();
    let crc64 = head().await.checksum_crc64_nvme.unwrap();
    assert_eq!(head().await.checksum_type(), Some(&ChecksumType::FullObject));
    put().checksum_sha256(sha256).send().await.unwrap();
    put().content_md5("XrY7u+Ae7tCTyyK7j1rNww==").send().await.unwrap();
    let got = world.client.get_object().bucket(BUCKET).key("k");
    let got = got.checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
    assert_eq!(got.body.collect().await.unwrap().into_bytes(), "hello world");
    check_refused(put().checksum_crc32("AAAAAA==").send().await, 400, "BadDigest");
    let wrong_md5 = put().content_md5("AAAAAAAAAAAAAAAAAAAAAA==").send().await;
    check_refused(wrong_md5, 400, "BadDigest");
    check_refused(put().content_md5("AAAA").send().await, 400, "InvalidDigest");
    let (status, _) = world.raw("PUT /lake/k HTTP/1.1", "hello world").await;
    assert_eq!(status, 200);
    assert_eq!(head().await.checksum_crc64_nvme, Some(crc64));
    let signed = format!("PUT /lake/k HTTP/1.1\nx-amz-content-sha256: {}", "0".repeat(64));
    let (status, answer) = world.raw(&signed, "hello world").await;
    assert!(status == 400 && answer.contains("XAmzContentSHA256Mismatch"), "{answer}");
}

#[tokio::test]
async fn chunked_bodies_are_unwrapped_whoever_signed_them() {
    let world = World::start().await;
    let request = "PUT /lake/k HTTP/1.1\n\
        authorization: AWS4-HMAC-SHA256 Credential=a/20130101/us-east-1/s3/aws4_request, \
        SignedHeaders=host, Signature=00\n\
        x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER\n\
        x-amz-decoded-content-length: 11\n\
        x-amz-trailer: x-amz-checksum-crc32\n\
        content-encoding: gzip, aws-chunked";
    let body = |checksum: &str| {
        format!(
            "5;chunk-signature=00\r\nhello\r\n6;chunk-signature=00\r\n world\r\n\
             0;chunk-signature=00\r\nx-amz-checksum-crc32:{checksum}\r\n\
             x-amz-trailer-signature:00\r\n\r\n"
        )
    };
    let (status, answer) = world.raw(request, &body("DUoRhQ==")).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(world.text("k").await, "hello world");
    let head = world.client.head_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert_eq!(head.content_encoding(), Some("gzip"));
    for (body, code) in [
        (body("AAAAAA=="), "BadDigest"),
        ("5\r\nhello\r\n0\r\n".to_owned(), "IncompleteBody"),
        ("5\r\nhello\r\n6\r\n world\r\n0\r\n".to_owned(), "MalformedTrailerError"),
        ("zz\r\n".to_owned(), "InvalidChunkSizeError"),
    ] {
        let (status, answer) = world.raw(request, &body).await;
        assert!(status == 400 && answer.contains(code), "{code}: {answer}");
    }
}

#[tokio::test]
async fn a_presigned_request_is_answered() {
    let world = World::start().await;
    world.put("k", "v").await;
    let expires = aws_sdk_s3::presigning::PresigningConfig::expires_in(Duration::from_secs(60));
    let get = world.client.get_object().bucket(BUCKET).key("k").presigned(expires.unwrap()).await;
    let uri = get.unwrap().uri().to_owned();
    let path = uri.split_once(&world.address).unwrap().1;
    let (status, answer) = world.raw(&format!("GET {path} HTTP/1.1"), "").await;
    assert!(status == 200 && answer.ends_with("\r\n\r\nv"), "{answer}");
}

#[tokio::test]
async fn copies_keep_or_replace_what_the_source_declares() {
    let world = World::start().await;
    let put = world.client.put_object().bucket(BUCKET).key("from x").metadata("a", "1");
    let put = put.content_type("text/csv").tagging("t=1").body(ByteStream::from_static(b"v"));
    let source = put.send().await.unwrap().e_tag.unwrap();
    let copy = |key: &str| {
        world.client.copy_object().bucket(BUCKET).key(key).copy_source(format!("{BUCKET}/from%20x"))
    };
    let head =
        async |key: &str| world.client.head_object().bucket(BUCKET).key(key).send().await.unwrap();
    let copied = copy("kept").send().await.unwrap().copy_object_result.unwrap();
    assert_eq!(copied.e_tag(), Some(source.as_str()));
    let kept = head("kept").await;
    assert_eq!(
        (kept.content_type(), kept.metadata().unwrap()["a"].as_str()),
        (Some("text/csv"), "1")
    );
    let replace = copy("replaced").metadata_directive(MetadataDirective::Replace);
    replace.metadata("b", "2").send().await.unwrap();
    let replaced = head("replaced").await;
    assert_eq!(replaced.content_type(), Some("binary/octet-stream"));
    assert_eq!(replaced.metadata().unwrap().keys().collect::<Vec<_>>(), ["b"]);
    let tags = world.client.get_object_tagging().bucket(BUCKET).key("replaced").send().await;
    assert_eq!(tags.unwrap().tag_set.len(), 1);
    check_refused(copy("from x").send().await, 400, "InvalidRequest");
    let unmet = copy("other").copy_source_if_match("\"x\"").send().await;
    check_refused(unmet, 412, "PreconditionFailed");
    let missing = world.client.copy_object().bucket(BUCKET).key("k").copy_source("lake/nothing");
    check_refused(missing.send().await, 404, "NoSuchKey");
    let taken = "PUT /lake/kept HTTP/1.1\nx-amz-copy-source: lake/replaced\nif-none-match: *";
    assert_eq!(world.raw(taken, "").await.0, 412);
}

#[tokio::test]
async fn many_objects_are_deleted_at_once() {
    let world = World::start().await;
    for key in ["a", "b", "c"] {
        world.put(key, key).await;
    }
    let id = |key: &str, e_tag: Option<&str>| {
        let id = ObjectIdentifier::builder().key(key);
        id.set_e_tag(e_tag.map(str::to_owned)).build().unwrap()
    };
    let delete = Delete::builder().objects(id("a", None)).objects(id("b", Some("\"x\"")));
    let delete = delete.objects(id("nothing", None)).build().unwrap();
    let done = world.client.delete_objects().bucket(BUCKET).delete(delete).send().await.unwrap();
    let deleted: Vec<_> = done.deleted().iter().filter_map(|each| each.key()).collect();
    assert_eq!(deleted, ["a", "nothing"]);
    let [error] = done.errors() else { panic!("{done:?}") };
    assert_eq!((error.key(), error.code()), (Some("b"), Some("PreconditionFailed")));
    let left: Vec<_> = world.s3.list(BUCKET, "").unwrap();
    assert_eq!(left.iter().map(|each| each.key.as_str()).collect::<Vec<_>>(), ["b", "c"]);
}

#[tokio::test]
async fn tags_are_replaced_without_a_new_object() {
    let world = World::start().await;
    let e_tag = world.put("k", "v").await;
    let tag = |key: &str| Tag::builder().key(key).value("v").build().unwrap();
    let put = |tags: Vec<Tag>| {
        let tagging = Tagging::builder().set_tag_set(Some(tags)).build().unwrap();
        world.client.put_object_tagging().bucket(BUCKET).key("k").tagging(tagging).send()
    };
    put(vec![tag("a"), tag("b")]).await.unwrap();
    check_refused(put(vec![tag("a"), tag("a")]).await, 400, "InvalidTag");
    check_refused(put((0..11).map(|n| tag(&n.to_string())).collect()).await, 400, "InvalidTag");
    let get = || world.client.get_object_tagging().bucket(BUCKET).key("k").send();
    assert_eq!(get().await.unwrap().tag_set.len(), 2);
    world.client.delete_object_tagging().bucket(BUCKET).key("k").send().await.unwrap();
    assert_eq!(get().await.unwrap().tag_set.len(), 0);
    let head = world.client.head_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert_eq!(head.e_tag(), Some(e_tag.as_str()));
    assert_eq!(world.created.lock().unwrap().len(), 1);
}

struct Parts<'a> {
    world: &'a World,
    upload: String,
    algorithm: Option<ChecksumAlgorithm>,
    done: Vec<CompletedPart>,
}

impl<'a> Parts<'a> {
    async fn start(world: &'a World, algorithm: Option<ChecksumAlgorithm>) -> Self {
        let create = world.client.create_multipart_upload().bucket(BUCKET).key("big");
        let create = create.metadata("m", "1").set_checksum_algorithm(algorithm.clone());
        let upload = create.send().await.unwrap().upload_id.unwrap();
        Self { world, upload, algorithm, done: Vec::new() }
    }

    async fn add(&mut self, number: i32, body: Vec<u8>) {
        let part = self.world.client.upload_part().bucket(BUCKET).key("big");
        let part = part.upload_id(&self.upload).part_number(number).body(ByteStream::from(body));
        let part = part.set_checksum_algorithm(self.algorithm.clone()).send().await.unwrap();
        let done = CompletedPart::builder().part_number(number).set_e_tag(part.e_tag);
        let done = done.set_checksum_crc32(part.checksum_crc32);
        self.done.push(done.set_checksum_crc64_nvme(part.checksum_crc64_nvme).build());
    }

    fn complete(
        &self,
        parts: Vec<CompletedPart>,
    ) -> aws_sdk_s3::operation::complete_multipart_upload::builders::CompleteMultipartUploadFluentBuilder
    {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let complete = self.world.client.complete_multipart_upload().bucket(BUCKET).key("big");
        complete.upload_id(&self.upload).multipart_upload(parts)
    }
}

#[tokio::test]
async fn an_upload_in_parts_is_seen_once_it_is_complete() {
    let world = World::start().await;
    let mut parts = Parts::start(&world, None).await;
    parts.add(1, vec![b'a'; PART]).await;
    parts.add(7, b"end".to_vec()).await;
    assert!(!world.exists("big").await);
    let listed = world.client.list_parts().bucket(BUCKET).key("big").upload_id(&parts.upload);
    let listed = listed.max_parts(1).into_paginator().items().send();
    let listed: Vec<_> = listed.try_collect().await.unwrap();
    let sizes: Vec<_> = listed.iter().map(|part| (part.part_number(), part.size())).collect();
    assert_eq!(sizes, [(Some(1), Some(5 << 20)), (Some(7), Some(3))]);
    let uploads = world.client.list_multipart_uploads().bucket(BUCKET).send().await.unwrap();
    assert_eq!(uploads.uploads()[0].upload_id(), Some(parts.upload.as_str()));
    world.clock.advance(Duration::from_secs(60));
    let done = parts.complete(parts.done.clone()).if_none_match("*").send().await.unwrap();
    assert!(done.e_tag().unwrap().ends_with("-2\""), "{done:?}");
    let got = world.client.get_object().bucket(BUCKET).key("big").send().await.unwrap();
    assert_eq!(got.metadata().unwrap()["m"], "1");
    assert_eq!(got.last_modified(), Some(&DateTime::from_secs(1_357_034_460)));
    assert_eq!(got.body.collect().await.unwrap().into_bytes().len(), PART + 3);
    let second = world.client.get_object().bucket(BUCKET).key("big").part_number(2).send().await;
    let second = second.unwrap();
    assert_eq!((second.parts_count(), second.content_length()), (Some(2), Some(3)));
    assert_eq!(second.body.collect().await.unwrap().into_bytes(), "end");
    let again = parts.complete(parts.done.clone()).send().await;
    check_refused(again, 404, "NoSuchUpload");
    let uploads = world.client.list_multipart_uploads().bucket(BUCKET).send().await.unwrap();
    assert_eq!(uploads.uploads().len(), 0);
    let events = world.created.lock().unwrap().clone();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].event_name, "ObjectCreated:CompleteMultipartUpload");
    assert_eq!((events[0].size, events[0].time_ms), (PART + 3, START_MS + 60_000));
}

#[tokio::test]
async fn an_upload_that_does_not_hold_together_is_refused_and_stays() {
    let world = World::start().await;
    let mut parts = Parts::start(&world, None).await;
    parts.add(1, b"small".to_vec()).await;
    parts.add(2, b"end".to_vec()).await;
    let [one, two] = [parts.done[0].clone(), parts.done[1].clone()];
    let wrong = CompletedPart::builder().part_number(1).e_tag("\"x\"").build();
    let absent = CompletedPart::builder().part_number(3).e_tag("\"x\"").build();
    for (listed, code) in [
        (vec![two.clone(), one.clone()], "InvalidPartOrder"),
        (vec![one.clone(), one.clone()], "InvalidPartOrder"),
        (vec![wrong], "InvalidPart"),
        (vec![one.clone(), absent], "InvalidPart"),
        (vec![one.clone(), two], "EntityTooSmall"),
        (vec![], "MalformedXML"),
    ] {
        check_refused(parts.complete(listed).send().await, 400, code);
    }
    world.put("big", "first").await;
    let late = parts.complete(vec![one.clone()]).if_none_match("*").send().await;
    check_refused(late, 412, "PreconditionFailed");
    assert_eq!(world.text("big").await, "first");
    let bad = world.client.upload_part().bucket(BUCKET).key("big").upload_id(&parts.upload);
    check_refused(bad.part_number(10_001).send().await, 400, "InvalidArgument");
    parts.complete(vec![one]).send().await.unwrap();
    assert_eq!(world.text("big").await, "small");
    let parts = Parts::start(&world, None).await;
    let abort = world.client.abort_multipart_upload().bucket(BUCKET).key("big");
    abort.upload_id(&parts.upload).send().await.unwrap();
    let late = world.client.upload_part().bucket(BUCKET).key("big").upload_id(&parts.upload);
    check_refused(late.part_number(1).send().await, 404, "NoSuchUpload");
}

#[tokio::test]
async fn parts_have_checksums_that_make_the_whole_s() {
    let world = World::start().await;
    let mut parts = Parts::start(&world, Some(ChecksumAlgorithm::Crc32)).await;
    parts.add(1, vec![b'a'; PART]).await;
    parts.add(2, b"end".to_vec()).await;
    let done = parts.complete(parts.done.clone()).send().await.unwrap();
    assert!(done.checksum_crc32().unwrap().ends_with("-2"), "{done:?}");
    assert_eq!(done.checksum_type(), Some(&ChecksumType::Composite));
    let mut parts = Parts::start(&world, Some(ChecksumAlgorithm::Crc32)).await;
    parts.add(1, b"hello world".to_vec()).await;
    let e_tag = parts.done[0].e_tag.clone();
    let bare = CompletedPart::builder().part_number(1).set_e_tag(e_tag).build();
    check_refused(parts.complete(vec![bare]).send().await, 400, "InvalidRequest");
    let other = world.client.upload_part().bucket(BUCKET).key("big").upload_id(&parts.upload);
    let other = other.part_number(2).checksum_algorithm(ChecksumAlgorithm::Sha256);
    check_refused(other.send().await, 400, "InvalidRequest");
    let mut parts = Parts::start(&world, Some(ChecksumAlgorithm::Crc64Nvme)).await;
    parts.add(1, b"hello world".to_vec()).await;
    let done = parts.complete(parts.done.clone()).send().await.unwrap();
    assert_eq!(done.checksum_type(), Some(&ChecksumType::FullObject));
    world.put("whole", "hello world").await;
    let copy = world.client.copy_object().bucket(BUCKET).key("copy").copy_source("lake/whole");
    let copy = copy.checksum_algorithm(ChecksumAlgorithm::Crc64Nvme).send().await.unwrap();
    assert_eq!(
        copy.copy_object_result().unwrap().checksum_crc64_nvme(),
        done.checksum_crc64_nvme()
    );
}

#[tokio::test]
async fn observers_hear_of_every_write_in_order() {
    let world = World::start().await;
    world.put("k", "one").await;
    world.s3.put(BUCKET, "k", Bytes::from_static(b"two"), "text/plain").unwrap();
    let copy = world.client.copy_object().bucket(BUCKET).key("c").copy_source("lake/k");
    copy.send().await.unwrap();
    world.client.delete_object().bucket(BUCKET).key("k").send().await.unwrap();
    let events = world.created.lock().unwrap().clone();
    let told: Vec<_> = events.iter().map(|each| (each.key.as_str(), each.event_name)).collect();
    let put = "ObjectCreated:Put";
    assert_eq!(told, [("k", put), ("k", put), ("c", "ObjectCreated:Copy")]);
    assert!(events.windows(2).all(|pair| pair[0].sequencer < pair[1].sequencer), "{events:?}");
    assert_eq!(events[0].e_tag, "f97c5d29941bfb1b2fdab0874906ab82");
    assert_eq!((events[0].size, events[0].time_ms), (3, START_MS));
}

#[tokio::test]
async fn what_is_not_emulated_is_refused_by_name() {
    let world = World::start().await;
    world.put("k", "v").await;
    for request in [
        "GET /lake?versioning HTTP/1.1",
        "GET /lake?policy HTTP/1.1",
        "GET /lake/k?acl HTTP/1.1",
        "GET /lake/k?versionId=3 HTTP/1.1",
        "GET /lake?uploads&delimiter=/ HTTP/1.1",
        "PUT /lake/k HTTP/1.1\nx-amz-object-lock-mode: GOVERNANCE",
        "PUT /lake/k HTTP/1.1\nx-amz-acl: public-read",
        "PUT /lake/k HTTP/1.1\nx-amz-server-side-encryption-customer-algorithm: AES256",
        "PATCH /lake/k HTTP/1.1",
    ] {
        let (status, answer) = world.raw(request, "").await;
        let refused = status == 501 && answer.contains("<Code>NotImplemented</Code>");
        assert!(refused, "{request}: {answer}");
    }
    assert_eq!(world.text("k").await, "v");
}

#[tokio::test]
async fn hostile_requests_are_answered() {
    let world = World::start().await;
    let shown: BTreeMap<_, _> = [
        ("GET /%ff HTTP/1.1", 400),
        ("GET /lake/%ff HTTP/1.1", 400),
        ("PUT /lake/k HTTP/1.1\nif-match: \u{1}", 400),
        ("GET /lake?list-type=2&max-keys=-1 HTTP/1.1", 400),
        ("GET /lake?list-type=2&max-keys=99999999999999 HTTP/1.1", 400),
        ("GET /lake/k?uploadId=x&part-number-marker=-1 HTTP/1.1", 404),
        ("PUT /lake/k?partNumber=-1&uploadId=x HTTP/1.1", 400),
        ("POST /lake?delete HTTP/1.1", 400),
        ("PUT /lake/k HTTP/1.1\nx-amz-copy-source: /", 400),
        ("PUT /lake/k HTTP/1.1\ncontent-encoding: aws-chunked", 400),
    ]
    .into();
    for (request, expected) in shown {
        let (status, answer) = world.raw(request, "").await;
        assert_eq!(status, expected, "{request}: {answer}");
    }
    let nested = format!("<Delete>{}", "<a>".repeat(100_000));
    let (status, answer) = world.raw("POST /lake?delete HTTP/1.1", &nested).await;
    assert_eq!(status, 400, "{answer}");
}
