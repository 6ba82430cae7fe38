//! Files that ingest reads in slices, over the real S3 and SQS protocols.

use std::io::Write as _;

use emulation::faults::Plan;
use flate2::Compression;
use flate2::write::GzEncoder;
use sluicegate_tests::{Edit, Flight, Settings, World, flights, gzip, lines, parquet_file};

/// Ingest reads about 1 MiB of a file at a time.
const SMALL: Edit = Edit { old: "SLICE_MIB: '1024'", new: "SLICE_MIB: '1'" };

/// Some of its invocations end at a call, before or after it.
const DEATHS: &str = "
seed: 5
faults:
  - {fault: kill, on: IngestFunction, at: call, chance: 0.2, times: 6}
";

/// A file of NDJSON with these flights, among blank lines that make it long.
fn long_file(flights: &[Flight]) -> Vec<u8> {
    let blank = vec![b'\n'; 400 * 1024];
    let mut file = Vec::new();
    for some in flights.chunks(flights.len().div_ceil(8)) {
        file.extend(lines(some));
        file.extend(&blank);
    }
    file
}

/// A member of gzip as long as its content.
fn gzip_stored(plain: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::none());
    gzip.write_all(plain).unwrap();
    gzip.finish().unwrap()
}

/// Lands files, by their keys, and checks that each of their flights is written once. Returns how many slices ended
/// before the end of a file.
async fn read_files(faults: &str, sample: &[Flight], files: Vec<(&str, Vec<u8>)>) -> usize {
    let faults = Plan::parse(faults).unwrap();
    let world =
        World::start_with(Settings { edits: vec![SMALL], faults, ..Settings::default() }).await;
    for (key, file) in files {
        world.land(key, file);
    }
    world.settle().await;
    world.assert_written_once(sample);
    let slices = world.logs.lines_with("slice of a file read").len();
    world.end().await;
    slices
}

/// Reads three files of texts.
async fn read_long_files(faults: &str) -> usize {
    let sample = flights(0, 240);
    let (plain, packed) = sample.split_at(120);
    // Blank lines pack too well to make it long.
    let mut members = Vec::new();
    for some in packed.chunks(30) {
        members.extend(gzip_stored(&[lines(some), vec![b'\n'; 500 * 1024]].concat()));
    }
    let files = vec![
        ("flights/plain.ndjson", long_file(plain)),
        ("flights/members.ndjson.gz", members),
        ("flights/one-member.ndjson.gz", gzip(&long_file(&sample[..10]))),
    ];
    read_files(faults, &sample, files).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_files_are_read_in_slices_and_each_event_is_written_once() {
    // One file has 3.2 MiB, the other 2 MiB in four members.
    let slices = read_long_files("faults: []").await;
    assert!((3..=4).contains(&slices), "{slices} slices");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invocations_that_are_killed_in_a_slice_lose_nothing() {
    assert!(read_long_files(DEATHS).await >= 3);
}

/// Reads a Parquet file of 2.9 MB.
async fn read_parquet(faults: &str) -> usize {
    let mut sample = Vec::new();
    for (number, flight) in flights(0, 120).iter().enumerate() {
        let padding = format!("{number:08}").repeat(3 * 1024);
        sample.push(flight.with("padding", padding.into()));
    }
    let files = vec![("flights/rows.parquet", parquet_file(&sample, 30))];
    read_files(faults, &sample, files).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parquet_file_is_read_in_slices_and_each_row_is_written_once() {
    let slices = read_parquet("faults: []").await;
    assert!((2..=4).contains(&slices), "{slices} slices");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invocations_that_are_killed_while_they_read_parquet_lose_nothing() {
    assert!(read_parquet(DEATHS).await >= 2);
}
