//! What is on the wire: checksums, chunks, signatures, and what no SDK would send.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, ChecksumType};

use super::{BUCKET, World, check_refused};

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
