//! A file of flights through ingest, in one environment: how fast, in which memory, and what it calls.

use std::io::{BufRead as _, BufReader};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde_json::json;
use sluicegate_tests::World;
use tokio::time::Instant;

use crate::JANUARY;
use crate::counts::{Counted, float};
use crate::invocation::Messages;
use crate::process::memory_mb;
use crate::table::Figures;

/// A file of flights, and how many it has.
pub(crate) struct Landed {
    pub(crate) key: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) events: usize,
}

impl Landed {
    /// A gzipped file of CSV.
    pub(crate) fn csv(bytes: Vec<u8>) -> Self {
        let lines = BufReader::new(MultiGzDecoder::new(bytes.as_slice())).lines();
        let events = lines.count() - 1;
        Self { key: "flights/all.csv.gz", bytes, events }
    }

    /// The sample's January.
    pub(crate) fn january() -> Self {
        let bytes = testkit::sample_bytes("flights-2013-01.ndjson.gz");
        Self { key: "flights/january.ndjson.gz", bytes, events: JANUARY }
    }
}

/// Lands a file, and has ingest read it.
pub(crate) async fn measure(world: &World, folder: &Path, file: Landed, figures: &mut Figures) {
    let Landed { key, bytes, events } = file;
    let packed = bytes.len();
    world.land(key, bytes);
    let bucket = world.output("LandingBucketName");
    let object = json!({"key": key, "size": packed});
    let announced = json!({"Records": [{
        "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "eventVersion": "2.1",
        "s3": {"bucket": {"name": bucket}, "object": object},
    }]});
    let messages = Messages::of(world, "Inbox", &[]);
    let mut ingest = Counted::start(world, folder, ("ingest", "IngestFunction"), "file").await;
    let event = messages.event(&[announced.to_string()]);
    let begun = Instant::now();
    let taken = ingest.take([(events, event)]).await;
    let seconds = begun.elapsed().as_secs_f64();
    let depth = |queue: &str| world.emulation().sqs().depth(world.name(queue)).unwrap();
    assert_eq!(depth("EnrichQueue").visible, events, "each event is sent on");
    assert_eq!(depth("Inbox").visible, 1, "the announcement of S3 alone: one slice");
    figures.add("events", taken.events, "");
    figures.add("packed", float(packed as u64) / 1e6, "MB");
    figures.add("events a second, one environment", taken.events / seconds, "/s");
    figures.add("CPU an event", taken.cpu_ms, "ms");
    figures.add("calls an event", taken.calls_an_event(), "");
    let (resident, peak) = memory_mb(ingest.side.host.pid());
    figures.add("resident at the end", resident, "MB");
    figures.add("resident at its peak", peak, "MB");
}
