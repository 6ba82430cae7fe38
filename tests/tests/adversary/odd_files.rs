//! Odd files in a storm: each of their records is written as it is, or is a dead letter with its line and
//! its reason, and nothing else is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use emulation::faults::{Fault, Plan};
use event::Code;
use sluicegate_tests::{Flight, Settings, World, gzip};

use crate::oddities::{Fate, OddFile, csv, ndjson};

/// Far beyond what one seed takes, in real time and with others beside it.
const PATIENCE: Duration = Duration::from_secs(1_200);
/// A letter that came late in the storm may need as many.
const REDRIVES: u32 = 3;

/// Why a record is in the dead-letter queue: its code, and where it says that it is.
type Told = BTreeMap<String, BTreeSet<(Code, String)>>;

/// Answers what was done to the world.
pub(crate) async fn check(seed: u64) -> BTreeMap<Fault, u64> {
    let files = [csv(seed), ndjson(seed)];
    let settings =
        Settings { faults: Plan::storm(seed), patience: Some(PATIENCE), ..Settings::default() };
    let world = World::start_with(settings).await;
    let etags: Vec<String> = files.iter().map(|file| land(&world, file, seed)).collect();
    world.settle().await;
    let faults = world.emulation().adversary().tally();
    world.emulation().adversary().clear();
    let mut told = Told::new();
    collect(&world, &etags, &mut told);
    // A file whose announcement died in the storm is read now.
    for _ in 0..REDRIVES {
        world.redrive_once().await;
        collect(&world, &etags, &mut told);
    }

    let mut expected = Told::new();
    let mut written: Vec<Flight> = Vec::new();
    for (file, etag) in files.iter().zip(&etags) {
        let count = file.records.len();
        assert_eq!(file.count_independently(), count, "the generator miscounts {}", file.name);
        for record in &file.records {
            match &record.fate {
                Fate::Written(flight) => written.push(flight.clone()),
                Fate::Refused(code, pointer) => {
                    let at = match pointer {
                        Some(pointer) => format!("line {}, {pointer}", record.line),
                        None => format!("line {}", record.line),
                    };
                    let id = format!("{etag}:{}", record.line);
                    expected.insert(id, [(*code, at)].into());
                }
            }
        }
    }
    assert_eq!(told, expected, "dead letters, by entity tag and line");
    world.assert_in_table(&written);
    world.assert_in_totals(&written);
    world.assert_in_lake(&written);
    let counted: usize = files.iter().map(OddFile::count_independently).sum();
    assert_eq!(counted, world.records().len() + told.len(), "written plus dead letters");
    world.end().await;
    faults
}

/// Plain or gzipped, perhaps padded; answers the entity tag.
fn land(world: &World, file: &OddFile, seed: u64) -> String {
    let (suffix, bytes) = match seed % 3 {
        0 => ("", file.bytes.clone()),
        1 => (".gz", gzip(&file.bytes)),
        _ => (".gz", [gzip(&file.bytes), vec![0; 777]].concat()),
    };
    let key = format!("flights/odd \u{ffff} {seed}.{}{suffix}", file.name);
    let bucket = world.output("LandingBucketName");
    world.emulation().s3().put(bucket, &key, bytes.into(), "application/octet-stream").unwrap()
}

/// What the letters of lines say that have not been redriven yet.
fn collect(world: &World, etags: &[String], told: &mut Told) {
    for failure in world.letters("InboxDlq").into_iter().filter_map(|letter| letter.failure) {
        let is_of_line = etags.iter().any(|etag| failure.message_id.starts_with(etag.as_str()));
        if is_of_line && failure.redrives == 0 {
            assert!(!failure.reason.is_empty(), "{failure:?}");
            let why = (failure.code, failure.at.unwrap_or_default());
            told.entry(failure.message_id).or_default().insert(why);
        }
    }
}
