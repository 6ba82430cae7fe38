//! The totals of each airline and day, over all flights of a file: they are what the file comes to,
//! whatever is delivered twice, is killed or races. Rows and objects are counted, not read: there may be
//! hundreds of thousands.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

use emulation::faults::{Fault, Plan};
use flate2::read::MultiGzDecoder;
use serde_json::{Map, Value};
use sluicegate_tests::{Day, Settings, Totals, World, gzip};

use crate::feed::repeated;
use crate::say;

/// Far beyond what a year takes, in real time.
const PATIENCE: Duration = Duration::from_secs(6 * 60 * 60);
/// Batches of a queue at a time: most of each is waiting for retries, and a year has 34,000 of them.
const CONCURRENCY: usize = 16;
/// Between two words about how far it is.
const WORD: Duration = Duration::from_secs(60);
/// Flights of an object: one that fails is read again whole, and the more calls it takes, the oftener it
/// fails.
const OBJECT: usize = 20;

/// A file of flights.
pub(crate) struct Year {
    /// Gzipped, each with the file's header if that has one.
    objects: Vec<Vec<u8>>,
    /// `csv` or `ndjson`.
    format: &'static str,
    flights: usize,
    totals: BTreeMap<Day, Totals>,
}

impl Year {
    /// # Panics
    /// When the file cannot be read, or holds something else.
    pub(crate) fn read(file: &Path) -> Self {
        let name = file.to_string_lossy();
        let opened = File::open(file).unwrap_or_else(|error| panic!("{name}: {error}"));
        let reader: Box<dyn BufRead> = match name.ends_with(".gz") {
            true => Box::new(BufReader::new(MultiGzDecoder::new(opened))),
            false => Box::new(BufReader::new(opened)),
        };
        let mut lines = reader.lines().map(Result::unwrap);
        let is_csv = name.trim_end_matches(".gz").ends_with(".csv");
        let header = is_csv.then(|| lines.next().unwrap());
        let mut year = Self {
            objects: Vec::new(),
            format: if is_csv { "csv" } else { "ndjson" },
            flights: 0,
            totals: BTreeMap::new(),
        };
        let lines: Vec<String> = lines.collect();
        for chunk in lines.chunks(OBJECT) {
            for line in chunk {
                let flight = match &header {
                    Some(header) => of_csv(header, line),
                    None => serde_json::from_str(line).unwrap(),
                };
                Totals::add(&mut year.totals, &flight);
            }
            year.flights += chunk.len();
            let text: Vec<&str> =
                header.iter().chain(chunk).flat_map(|line| [line.as_str(), "\n"]).collect();
            year.objects.push(gzip(text.concat().as_bytes()));
        }
        year
    }
}

/// As far as totals go, and by nothing of ours: numbers, and texts without quotes; `NA` is no value.
fn of_csv(header: &str, line: &str) -> Value {
    assert!(!line.contains('"'), "quotes are not read here: {line}");
    let field = |text: &str| match (text, text.parse::<i64>()) {
        ("NA", _) => Value::Null,
        (_, Ok(number)) => number.into(),
        (text, Err(_)) => text.into(),
    };
    let members = header.split(',').zip(line.split(','));
    Value::Object(members.map(|(name, text)| (name.to_owned(), field(text))).collect::<Map<_, _>>())
}

/// Answers what was done to the world.
pub(crate) async fn check(seed: u64, year: &Year, copies: u64) -> BTreeMap<Fault, u64> {
    let faults = Plan::storm(seed);
    let (patience, concurrency) = (Some(PATIENCE), Some(CONCURRENCY));
    let settings = Settings { faults, patience, concurrency, ..Settings::default() };
    let world = World::start_with(settings).await;
    let sent = repeated(&year.objects, seed, copies);
    say(&format!("seed {seed}: {} flights, {} objects put", year.flights, sent.len()));
    for (number, object) in sent.into_iter().enumerate() {
        world.land(&format!("flights/{number}.{}.gz", year.format), object);
    }
    let mut words = 0;
    while let Err(busy) = world.emulation().settle(WORD).await {
        words += 1;
        say(&format!("seed {seed}: after {words} min {}", busy.progress));
        assert!(WORD * words < PATIENCE, "it takes too long");
    }
    let faults = world.after_the_storm().await;

    world.assert_totals(&year.totals, year.flights);
    world.assert_counts(year.flights);
    for queue in ["InboxDlq", "EnrichDlq", "SinkDlq", "LakeDlq"] {
        world.assert_letters(queue, &[]);
    }
    world.end().await;
    faults
}
