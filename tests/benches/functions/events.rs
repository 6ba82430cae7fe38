//! Events as enrich passes them on, made here: there are far more of them than the stages before could
//! make in a benchmark's time.

use std::collections::HashMap;
use std::fmt::Display;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use contracts::{Catalog, Contract};
use event::{ENVELOPE_VERSION, Envelope, Payload, SPEC_VERSION, Timestamp, TraceParent};
use flate2::read::MultiGzDecoder;
use serde_json::Value;
use serde_json::value::RawValue;
use sluicegate_tests::{Flight, weather};

const SOURCE: &str = "arn:aws:s3:::sluicegate-landing-123456789012/flights/flights.ndjson.gz";

/// What an enriched message of ours has.
pub(crate) const ATTRIBUTES: &[(&str, &str)] =
    &[("traceparent", "00-1c257f69aaba1ff36caec321e75f67ab-11ed09cb33cba789-00")];

pub(crate) struct Events {
    contracts: Catalog,
    /// Observations by airport and hour, of January.
    weather: HashMap<(String, String), String>,
}

impl Events {
    pub(crate) fn new() -> Self {
        let mut text = String::new();
        MultiGzDecoder::new(weather().as_slice()).read_to_string(&mut text).unwrap();
        let observation = |line: &str| {
            let value: Value = serde_json::from_str(line).unwrap();
            let part = |name: &str| value[name].as_str().unwrap().to_owned();
            ((part("origin"), part("time_hour")), line.to_owned())
        };
        Self { contracts: testkit::contracts(), weather: text.lines().map(observation).collect() }
    }

    /// Of January's flights, in their order.
    pub(crate) fn of_january(&self, skip: usize, count: usize) -> Vec<String> {
        let flights = sluicegate_tests::flights(skip, count);
        flights
            .iter()
            .map(|flight| self.event(Payload::parse(flight.line.as_bytes()).unwrap()))
            .collect()
    }

    /// Of January's first flights, as enrich gets them.
    pub(crate) fn before_enrichment(&self, count: usize) -> Vec<String> {
        let flight = |(number, flight): (usize, &Flight)| {
            let payload = Payload::parse(flight.line.as_bytes()).unwrap();
            envelope(self.flights(), &payload, &number, payload.text.clone(), None)
        };
        sluicegate_tests::flights(0, count).iter().enumerate().map(flight).collect()
    }

    /// Of a file with a header and unquoted fields, gzipped or not, in its order.
    pub(crate) fn of_csv(&self, file: &Path) -> impl Iterator<Item = String> {
        let contract = self.flights();
        let open = File::open(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let is_gzipped = file.extension().is_some_and(|extension| extension == "gz");
        let reader: Box<dyn std::io::Read> =
            if is_gzipped { Box::new(MultiGzDecoder::new(open)) } else { Box::new(open) };
        let mut lines = BufReader::new(reader).lines().map(Result::unwrap);
        let header: Vec<String> = lines.next().unwrap().split(',').map(str::to_owned).collect();
        lines.map(move |line| {
            let fields: Vec<&str> = line.split(',').collect();
            self.event(contract.row(&header, &fields).unwrap())
        })
    }

    /// January's observations, in their order, as deliver gets them.
    pub(crate) fn of_weather(&self, count: usize) -> Vec<String> {
        let contract = self.contracts.get("weather").unwrap();
        let lines = testkit::sample_lines("weather.ndjson.gz");
        let observed = |(number, line): (usize, &String)| {
            let payload = Payload::parse(line.as_bytes()).unwrap();
            envelope(contract, &payload, &number, payload.text.clone(), None)
        };
        lines.iter().take(count).enumerate().map(observed).collect()
    }

    fn flights(&self) -> &Contract {
        self.contracts.get("flights").unwrap()
    }

    /// With the weather of that airport and hour in January, whichever month it is of.
    fn event(&self, payload: Payload) -> String {
        let text = |name: &str| payload.value[name].as_str().unwrap();
        let hour = format!("2013-01-{}", &text("time_hour")["2013-01-".len()..]);
        let observed = self.weather.get(&(text("origin").to_owned(), hour));
        let data = payload.text.get().strip_suffix('}').unwrap();
        let weather = observed.map_or("null", String::as_str);
        let degraded = observed.is_none().then(|| "weather".to_owned());
        let data = RawValue::from_string(format!("{data},\"weather\":{weather}}}")).unwrap();
        envelope(self.flights(), &payload, &payload.value["flight"], data, degraded)
    }
}

/// What ingest takes in as line `number` of an object, as the message of what became of it.
fn envelope(
    contract: &Contract,
    payload: &Payload,
    number: &dyn Display,
    data: Box<RawValue>,
    degraded: Option<String>,
) -> String {
    let accepted = contract.accept(payload).unwrap();
    let id = format!("9b2cf535f27731c974343645a3985328:{number}");
    let envelope = Envelope {
        specversion: SPEC_VERSION.to_owned(),
        envelopeversion: ENVELOPE_VERSION,
        traceparent: TraceParent::of_event(SOURCE, &id).as_str().to_owned(),
        id,
        source: SOURCE.to_owned(),
        kind: format!("sluicegate.{}", contract.dataset),
        time: accepted.event_time,
        subject: accepted.subject,
        dataschema: contract.dataschema(),
        datacontenttype: "application/json".to_owned(),
        dataset: contract.dataset.clone(),
        idempotencykey: accepted.key,
        fingerprint: accepted.fingerprint,
        // In 2100: a sink takes no event that is older than its key is remembered.
        ingesttime: Timestamp::from_unix_ms(4_102_444_800_000),
        timeliness: None,
        region: None,
        operation: None,
        sequence: None,
        degraded,
        data,
    };
    envelope.to_json().unwrap()
}

/// The day (UTC) of an event, which is its partition in the lake, and its airline: with the day, whose
/// total it is in.
pub(crate) fn day_and_airline(event: &str) -> (String, String) {
    let envelope = Envelope::from_json(event).unwrap();
    let data: Value = serde_json::from_str(envelope.data.get()).unwrap();
    (envelope.time.date(), data["carrier"].as_str().unwrap().to_owned())
}
