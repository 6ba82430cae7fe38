//! The sample input: real flights, and the weather that is known.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::sync::OnceLock;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::root;

/// One flight: its line of the sample, and what that says.
#[derive(Clone, Debug)]
pub struct Flight {
    pub line: String,
    pub value: Value,
}

impl Flight {
    /// # Panics
    /// When the line is no JSON.
    #[must_use]
    pub fn new(line: &str) -> Self {
        let value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        Self { line: line.to_owned(), value }
    }

    /// The same flight with one member of it set.
    #[must_use]
    pub fn with(&self, name: &str, member: Value) -> Self {
        let mut value = self.value.clone();
        value[name] = member;
        Self { line: value.to_string(), value }
    }

    /// What makes a flight one, in the words of its contract; not the key that is derived from it.
    #[must_use]
    pub fn id(&self) -> String {
        id_of(&self.value)
    }
}

pub(crate) fn id_of(flight: &Value) -> String {
    let part = |name: &&str| flight[*name].to_string().replace('"', "");
    ["carrier", "flight", "origin", "year", "month", "day"]
        .iter()
        .map(part)
        .collect::<Vec<_>>()
        .join("-")
}

/// `count` flights of the sample after the first `skip`.
#[must_use]
pub fn flights(skip: usize, count: usize) -> Vec<Flight> {
    let file = std::fs::File::open(root().join("events/flights-2013-01.ndjson.gz")).unwrap();
    let all = BufReader::new(MultiGzDecoder::new(file)).lines();
    let flights: Vec<Flight> =
        all.skip(skip).take(count).map(|line| Flight::new(&line.unwrap())).collect();
    assert_eq!(flights.len(), count, "the sample has fewer flights");
    flights
}

/// The weather's file, as the emulation serves it.
#[must_use]
pub fn weather() -> Vec<u8> {
    std::fs::read(root().join("events/weather.ndjson.gz")).unwrap()
}

/// Whether the hour of a flight has weather.
#[must_use]
pub fn has_weather(flight: &Value) -> bool {
    static HOURS: OnceLock<BTreeSet<(String, String)>> = OnceLock::new();
    let key = |value: &Value| {
        let part = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        (part("origin"), part("time_hour"))
    };
    let hours = HOURS.get_or_init(|| {
        let mut text = String::new();
        MultiGzDecoder::new(weather().as_slice()).read_to_string(&mut text).unwrap();
        text.lines().map(|line| key(&serde_json::from_str(line).unwrap())).collect()
    });
    hours.contains(&key(flight))
}

/// NDJSON.
#[must_use]
pub fn lines(flights: &[Flight]) -> Vec<u8> {
    flights.iter().flat_map(|flight| [flight.line.as_bytes(), b"\n"].concat()).collect()
}

#[must_use]
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
