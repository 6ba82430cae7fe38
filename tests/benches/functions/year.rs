//! A year's flights through the lake: how fast, and what objects they become.

use std::path::Path;
use std::time::Duration;

use lake_storage::compact::Tally;
use runtime::{Clock, SystemClock};
use serde_json::Value;
use sluicegate_tests::World;
use testkit::ManualClock;
use tokio::time::Instant;

use crate::counts::{Counted, Taken, float};
use crate::events::ATTRIBUTES;
use crate::invocation::Messages;
use crate::process::memory_mb;
use crate::table::{Figures, median};

/// Messages that Lambda hands over at once, at most, by the template.
const MOST: usize = 10_000;
/// More than fit into 6 MB.
const WINDOW: usize = 6_000;

/// Through one environment, batch after batch, each as large as Lambda makes it where there is a backlog.
pub(crate) async fn measure(
    world: &World,
    folder: &Path,
    events: impl Iterator<Item = String>,
    figures: &mut Figures,
) {
    let messages = Messages::of(world, "LakeQueue", ATTRIBUTES);
    let mut lake = Counted::start(world, folder, ("lake", "LakeFunction"), "year-lake").await;
    let mut events = events.fuse();
    let (mut waiting, mut all) = (Vec::new(), Taken::default());
    let (mut working, mut cpu, mut sizes) = (Duration::ZERO, Vec::new(), Vec::new());
    loop {
        waiting.extend(events.by_ref().take(WINDOW - waiting.len()));
        if waiting.is_empty() {
            break;
        }
        let count = messages.fitting(&waiting, MOST);
        let batch: Vec<String> = waiting.drain(..count).collect();
        let event = messages.event(&batch);
        let begun = Instant::now();
        let taken = lake.take([(count, event)]).await;
        working += begun.elapsed();
        cpu.push(taken.cpu_ms);
        sizes.push(float(count as u64));
        all.add(taken);
    }
    figures.add("events", all.events, "");
    figures.add("batches", float(sizes.len() as u64), "");
    figures.add("events a batch, median", median(sizes), "");
    figures.add("events a second, one environment", all.events / working.as_secs_f64(), "/s");
    figures.add("CPU an event, median of batches", median(cpu), "ms");
    figures.add("calls an event", all.calls_an_event(), "");
    figures.add("units an event", all.units_an_event(), "");
    for operation in ["TransactWriteItems", "PutObject", "GetObject"] {
        figures.add(format!("{operation} an event"), all.calls_of(operation), "");
    }
    let (resident, peak) = memory_mb(lake.side.host.pid());
    figures.add("resident at the end", resident, "MB");
    figures.add("resident at its peak", peak, "MB");
    objects(world, figures);
    compact(world, figures).await;
}

/// Puts the objects of each day together, once no writer can be at work.
async fn compact(world: &World, figures: &mut Figures) {
    let tomorrow = ManualClock::at(SystemClock.now().plus(Duration::from_secs(24 * 3_600)));
    let calls = || -> u64 { world.emulation().calls().values().sum() };
    let (before, begun) = (calls(), Instant::now());
    let Tally { before: size, after, .. } = world.compact(&tomorrow).await;
    let took = begun.elapsed();
    assert_eq!(after.rows, size.rows, "no row is lost");
    figures.add("compacted: objects before", float(size.objects as u64), "");
    figures.add("compacted: objects after", float(after.objects as u64), "");
    figures.add("compacted: together before", float(size.bytes as u64) / 1e6, "MB");
    figures.add("compacted: together after", float(after.bytes as u64) / 1e6, "MB");
    figures.add("compacted: rows a second", float(after.rows as u64) / took.as_secs_f64(), "/s");
    let calls = float(calls() - before);
    figures.add("compacted: calls an object before", calls / float(size.objects as u64), "");
}

/// The objects that the manifests list.
fn objects(world: &World, figures: &mut Figures) {
    let stored = world.emulation().s3().list(world.output("LakeBucketName"), "").unwrap();
    let manifests = stored.iter().filter(|object| object.key.ends_with("/_manifest.json"));
    let (mut rows, mut bytes) = (Vec::new(), Vec::new());
    for manifest in manifests {
        let entries: Vec<Value> = serde_json::from_slice(&manifest.body).unwrap();
        for entry in entries {
            rows.push(float(entry["rows"].as_u64().unwrap()));
            bytes.push(float(entry["bytes"].as_u64().unwrap()));
        }
    }
    let total: f64 = bytes.iter().sum();
    figures.add("objects", float(rows.len() as u64), "");
    figures.add("objects together", total / 1e6, "MB");
    for (name, values) in [("rows", rows), ("bytes", bytes)] {
        let extreme = |of: fn(f64, f64) -> f64| values.iter().copied().reduce(of).unwrap();
        let (least, most) = (extreme(f64::min), extreme(f64::max));
        figures.add(format!("{name} of an object, least"), least, "");
        figures.add(format!("{name} of an object, median"), median(values.clone()), "");
        figures.add(format!("{name} of an object, most"), most, "");
    }
}
