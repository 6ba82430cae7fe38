use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

/// The observations that the service starts with.
fn file() -> Vec<u8> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    std::fs::read(format!("{root}/{}", crate::WEATHER_FILE)).unwrap()
}

async fn start(weather: &Weather) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(weather.clone().serve(listener));
    address
}

async fn call(address: SocketAddr, method: &str, path: &str) -> (u16, String) {
    send(address, method, path, "", "").await
}

async fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    header: &str,
    body: &str,
) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: w\r\nconnection: close\r\n\
         content-length: {length}\r\n{header}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

#[tokio::test]
async fn an_hour_is_answered_with_its_numbers_and_gaps() {
    let weather = Weather::load(&file()).unwrap();
    assert_eq!(weather.observations(), 2_226);
    let address = start(&weather).await;
    let observed = r#"{"origin":"EWR","time_hour":"2013-01-01T06:00:00Z","temp":39.02,
        "dewp":26.06,"humid":59.37,"wind_dir":270,"wind_speed":10.357019999999999,
        "wind_gust":null,"precip":0,"pressure":1012,"visib":10}"#;
    let observed: Value = serde_json::from_str(observed).unwrap();
    for path in ["2013-01-01T06:00:00Z", "2013-01-01T06%3A00%3A00Z"] {
        let (status, body) = call(address, "GET", &format!("/v1/stations/EWR/hours/{path}")).await;
        assert_eq!(status, 200, "{path}");
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), observed, "{path}");
    }
    assert_eq!(weather.calls(), 2);
}

#[tokio::test]
async fn what_is_not_held_or_no_hour_is_refused() {
    let weather = Weather::load(&file()).unwrap();
    let address = start(&weather).await;
    for (path, expected) in [
        ("/v1/stations/EWR/hours/2013-01-01T17:00:00Z", 404),
        ("/v1/stations/XXX/hours/2013-01-01T06:00:00Z", 404),
        ("/v1/stations/EWR/hours/2013-01-01T06:30:00Z", 400),
        ("/v1/stations/EWR/hours/2013-02-30T06:00:00Z", 400),
        ("/v1/stations/EWR/hours/2013-01-01T06:00:00", 400),
        ("/v1/stations/EWR/hours/yesterday", 400),
        ("/v1/stations/EWR/hours/%ff", 400),
    ] {
        assert_eq!(call(address, "GET", path).await.0, expected, "{path}");
    }
    let (_, body) = call(address, "GET", "/v1/stations/XXX/hours/2013-01-01T06:00:00Z").await;
    assert_eq!(body, r#"{"error":"no observation"}"#);
    assert_eq!(call(address, "GET", "/v1/stations/EWR").await.0, 404);
    assert_eq!(call(address, "POST", "/v1/stations/EWR/hours/yesterday").await.0, 405);
}

#[test]
fn plain_lines_are_read_as_well_and_bad_ones_named() {
    let line = r#"{"origin":"A","time_hour":"2013-01-01T06:00:00Z","temp":1}"#;
    let weather = Weather::load(format!("{line}\n\n{line}\n").as_bytes()).unwrap();
    assert_eq!(weather.observations(), 1);
    let bad = Weather::load(format!("{line}\n{{}}\n").as_bytes());
    assert!(matches!(bad, Err(WeatherError::Parse { line: 2, .. })));
    assert!(matches!(Weather::load(&file()[..1_000]), Err(WeatherError::Unpack(_))));
}

#[tokio::test]
async fn what_is_put_takes_effect_once_under_its_key() {
    const PATH: &str = "/v1/stations/EWR/hours/2013-01-01T06:00:00Z";
    let weather = Weather::load(&file()).unwrap();
    let address = start(&weather).await;
    let put = async |key: &str, temp: u32| {
        let body =
            format!(r#"{{"origin":"EWR","time_hour":"2013-01-01T06:00:00Z","temp":{temp}}}"#);
        let header = format!("idempotency-key: {key}\r\n");
        send(address, "PUT", PATH, &header, &body).await.0
    };
    assert_eq!((put("\"a\"", 1).await, put("\"a\"", 1).await), (201, 200));
    assert_eq!((put("\"a\"", 2).await, put("\"b\"", 3).await), (422, 201));
    let first = &weather.deliveries()["\"a\""];
    assert_eq!((first.times, first.conflicts), (2, 1));
    let (_, body) = call(address, "GET", PATH).await;
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["temp"], 3);
    assert_eq!(send(address, "PUT", PATH, "", "{}").await.0, 400);
    let elsewhere = r#"{"origin":"JFK","time_hour":"2013-01-01T06:00:00Z"}"#;
    assert_eq!(send(address, "PUT", PATH, "idempotency-key: c\r\n", elsewhere).await.0, 422);
}
