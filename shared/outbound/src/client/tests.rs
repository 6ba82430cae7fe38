//! Answers that begin well, by a service on this machine.

use std::time::Duration;

use http::{HeaderMap, Method};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const LIMIT: Duration = Duration::from_secs(10);

/// Where a service is, and its first request's connection, once that was read.
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

async fn ask(url: String) -> Result<Answer, AskError> {
    let (headers, body) = (HeaderMap::new(), Bytes::new());
    let request = Request { method: Method::GET, url, headers, body };
    Client::new(false).unwrap().ask(request, LIMIT).await
}

/// An answer of `sent` bytes that says it has `length`.
async fn check(status: u16, length: usize, sent: usize, body: Result<&str, BodyError>) {
    let (url, asked) = service().await;
    tokio::spawn(async move {
        let mut connection = asked.await;
        let head = format!("HTTP/1.1 {status} S\r\nretry-after: 7\r\ncontent-length: {length}\r\n");
        // The client may hang up on what is too long.
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
    // Time passes in small steps, between which what was sent arrives.
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
