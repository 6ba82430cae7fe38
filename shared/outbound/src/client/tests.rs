//! Answers of a service on this machine, whose bodies are short, long, late, broken or coded.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, Method};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::body::MAX_ANSWER_BYTES;

const LIMIT: Duration = Duration::from_secs(10);

/// The URL of a service, and a future of the connection of its first request, after the request was read.
async fn service() -> (String, impl Future<Output = TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let asked = async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut question = Vec::new();
        while !question.ends_with(b"\r\n\r\n") {
            question.push(connection.read_u8().await.unwrap());
        }
        connection
    };
    (url, asked)
}

async fn ask(url: String) -> Result<Answer, RequestError> {
    ask_within(Reach::AndLoopback, url).await
}

async fn ask_within(reach: Reach, url: String) -> Result<Answer, RequestError> {
    let (headers, body) = (HeaderMap::new(), Bytes::new());
    let request = Request { method: Method::GET, url, headers, body };
    Client::new(reach).ask(request, LIMIT).await
}

/// The service answers with `sent` bytes, and a `content-length` of `length`.
async fn check(status: u16, length: usize, sent: usize, body: Result<&str, BodyError>) {
    let (url, asked) = service().await;
    tokio::spawn(async move {
        let mut connection = asked.await;
        let head = format!("HTTP/1.1 {status} S\r\nretry-after: 7\r\ncontent-length: {length}\r\n");
        // The client may close the connection when the body is too long.
        let _ = connection.write_all(format!("{head}\r\n{}", "x".repeat(sent)).as_bytes()).await;
    });
    let answer = ask(url).await.unwrap();
    assert_eq!((answer.status, answer.retry_after), (status, Some(Duration::from_secs(7))));
    assert_eq!(answer.body, body.map(|text| Bytes::from(text.to_owned())));
}

#[tokio::test]
async fn a_short_body_is_read() {
    check(200, 5, 5, Ok("xxxxx")).await;
}

#[tokio::test]
async fn a_body_that_is_too_long_takes_no_success_away() {
    let too_long = Err(BodyError::TooLong { limit: MAX_ANSWER_BYTES });
    check(200, 300 * 1024, 300 * 1024, too_long).await;
}

#[tokio::test]
async fn a_body_that_is_too_long_takes_no_refusal_away() {
    let too_long = Err(BodyError::TooLong { limit: MAX_ANSWER_BYTES });
    check(422, 300 * 1024, 300 * 1024, too_long).await;
}

#[tokio::test]
async fn a_body_that_breaks_off_takes_no_status_away() {
    check(200, 1_000, 10, Err(BodyError::BrokenOff)).await;
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_end_in_time_takes_no_status_away() {
    // Time passes in small steps, so that bytes arrive in between.
    tokio::spawn(async {
        loop {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let (url, asked) = service().await;
    tokio::spawn(async move {
        let mut connection = asked.await;
        let _ = connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").await;
        while connection.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let answer = ask(url).await.unwrap();
    let late = BodyError::TimedOut { limit_ms: LIMIT.as_millis() };
    assert_eq!((answer.status, answer.body), (200, Err(late)));
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// The service sends a body with this `content-encoding`.
async fn check_coded(coding: &str, sent: Vec<u8>, expected: Result<&[u8], BodyError>) {
    let (url, asked) = service().await;
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\ncontent-length: {}\r\n\r\n",
        sent.len()
    );
    tokio::spawn(async move {
        let mut connection = asked.await;
        let _ = connection.write_all(&[head.as_bytes(), &sent].concat()).await;
    });
    let answer = ask(url).await.unwrap();
    assert_eq!((answer.status, answer.body), (200, expected.map(Bytes::copy_from_slice)));
}

#[tokio::test]
async fn gzip_is_decoded() {
    let (one, other) = (gzip(b"{\"temp\":"), gzip(b"39.02}"));
    check_coded("gzip", [one, other].concat(), Ok(b"{\"temp\":39.02}")).await;
    check_coded("identity", b"as it is".to_vec(), Ok(b"as it is")).await;
    check_coded("gzip", Vec::new(), Ok(b"")).await;
}

#[tokio::test]
async fn what_unpacks_to_too_much_is_refused() {
    let bomb = gzip(&vec![0; 100 << 20]);
    assert!(bomb.len() < MAX_ANSWER_BYTES);
    check_coded("gzip", bomb, Err(BodyError::TooLong { limit: MAX_ANSWER_BYTES })).await;
    let longest = vec![b'x'; MAX_ANSWER_BYTES];
    check_coded("gzip", gzip(&longest), Ok(&longest)).await;
}

#[tokio::test]
async fn what_cannot_be_decoded_takes_no_status_away() {
    let coded = |coding: &str| Err(BodyError::Coding { coding: coding.to_owned() });
    check_coded("br", b"brotli".to_vec(), coded("br")).await;
    check_coded("gzip", b"no gzip".to_vec(), coded("gzip")).await;
    let mut cut = gzip(&[b'x'; 1_000]);
    cut.truncate(cut.len() - 4);
    check_coded("gzip", cut, coded("gzip")).await;
}

#[tokio::test]
async fn gzip_is_asked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let asking = tokio::spawn(ask(format!("http://{}/", listener.local_addr().unwrap())));
    let (mut connection, _) = listener.accept().await.unwrap();
    let mut question = Vec::new();
    while !question.ends_with(b"\r\n\r\n") {
        question.push(connection.read_u8().await.unwrap());
    }
    let question = String::from_utf8(question).unwrap().to_ascii_lowercase();
    assert!(question.contains("\r\naccept-encoding: gzip\r\n"), "{question}");
    drop(connection);
    asking.await.unwrap().unwrap_err();
}

/// No spelling of an address of this machine leads to a connection.
#[tokio::test]
async fn this_machine_is_not_asked_however_it_is_written() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "0.0.0.0",
        "0",
        "[::]",
        "169.254.169.254",
        "0xa9fea9fe",
        "[fd00:ec2::254]",
    ] {
        let url = format!("http://{host}:{port}/");
        let refused = ask_within(Reach::BeyondThisMachine, url).await.unwrap_err();
        assert!(matches!(refused, RequestError::Forbidden { .. }), "{host}: {refused:?}");
    }
    let nobody = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
    assert!(nobody.is_err(), "somebody has connected");
}

#[tokio::test]
async fn this_machine_is_not_asked_over_tls_either() {
    let (headers, body) = (HeaderMap::new(), Bytes::new());
    let url = "https://127.0.0.1:1/".to_owned();
    let request = Request { method: Method::GET, url, headers, body };
    let client = Client::new(Reach::BeyondThisMachine);
    let refused = client.ask(request, LIMIT).await.unwrap_err();
    assert_eq!(refused, RequestError::Forbidden { address: "127.0.0.1".parse().unwrap() });
}
