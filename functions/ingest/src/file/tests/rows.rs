//! Parquet files through `read_file`: each row is an event or a dead letter of its own, also in slices.

use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::*;
use crate::archive::copy_of;

const SCHEMA: &str = "
message flights {
    required int32 year; required int32 month; required int32 day; required int32 sched_dep_time;
    required binary carrier (STRING); required int32 flight; required binary origin (STRING);
    required binary dest (STRING); required binary time_hour (STRING); required double fare;
}
";

/// A flight of this number, with a fare that JSON may not be able to hold.
#[derive(Clone)]
struct Row {
    flight: i32,
    carrier: &'static [u8],
    time: &'static [u8],
    fare: f64,
}

fn rows(flights: std::ops::Range<i32>) -> Vec<Row> {
    let time = b"2013-01-01T10:00:00Z";
    flights.map(|flight| Row { flight, carrier: b"UA", time, fare: 99.5 }).collect()
}

fn write_ints(group: &mut SerializedRowGroupWriter<'_, &mut Vec<u8>>, values: &[i32]) {
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int32Type>().write_batch(values, None, None).unwrap();
    column.close().unwrap();
}

fn write_texts(group: &mut SerializedRowGroupWriter<'_, &mut Vec<u8>>, values: &[&[u8]]) {
    let values: Vec<ByteArray> = values.iter().map(|text| text.to_vec().into()).collect();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&values, None, None).unwrap();
    column.close().unwrap();
}

/// A file with so many rows in each row group.
fn file(rows: &[Row], in_group: usize) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let properties = Arc::new(WriterProperties::builder().build());
    let mut file = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut file, schema, properties).unwrap();
    for rows in rows.chunks(in_group) {
        let mut group = writer.next_row_group().unwrap();
        let count = rows.len();
        for value in [2013, 1, 1, 515] {
            write_ints(&mut group, &vec![value; count]);
        }
        write_texts(&mut group, &rows.iter().map(|row| row.carrier).collect::<Vec<_>>());
        write_ints(&mut group, &rows.iter().map(|row| row.flight).collect::<Vec<_>>());
        for text in ["EWR", "IAH"] {
            write_texts(&mut group, &vec![text.as_bytes(); count]);
        }
        write_texts(&mut group, &rows.iter().map(|row| row.time).collect::<Vec<_>>());
        let mut column = group.next_column().unwrap().unwrap();
        let fares: Vec<f64> = rows.iter().map(|row| row.fare).collect();
        column.typed::<DoubleType>().write_batch(&fares, None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.close().unwrap();
    file
}

/// What reading a file came to, and by how many invocations.
struct Outcome {
    read: Read,
    slices: usize,
}

/// Reads a file whose copy is in the archive. An invocation ends after `slice` bytes.
async fn read_parquet(name: &str, bytes: &[u8], slice: u64) -> Outcome {
    let (object, contracts) = (announced(name), testkit::contracts());
    let contract = contracts.get("flights").unwrap();
    let deadline = ManualClock::default().deadline_in(Duration::from_secs(120));
    let (ignored, turn, taken_in) = (&IgnoredCounts::default(), &Mutex::default(), deadline.now());
    let file = File { object: &object, contract, taken_in, redriven: None, ignored, turn };
    let (objects, queue) = (MemoryObjects::default(), MemoryQueue::default());
    objects.overwrite(&copy_of(&object, ARCHIVE).key, bytes);
    let archive = Archive { objects: &objects, bucket: ARCHIVE };
    let limits = SliceLimits::new(slice, &deadline);
    let (mut counts, mut slices, mut from) = (EventCounts::default(), 0, None::<Next>);
    let result = loop {
        slices += 1;
        let is_begun = from.is_some();
        let body = (!is_begun).then(|| Chunks(vec![bytes.to_vec()].into()));
        let content = Content { body, size: bytes.len() as u64, from };
        match read_file(&file, content, &emit(&queue), &archive, &limits).await {
            Ok(ReadFile::Whole(last)) => {
                counts += last;
                break Ok(counts);
            }
            Ok(ReadFile::Part(part, next)) => {
                counts += part;
                let text = serde_json::to_string(&next.unwrap()).unwrap();
                from = serde_json::from_str(&text).unwrap();
            }
            Err(failure) => break Err(failure),
        }
    };
    let read = Read { result, events: events(&queue), letters: letters(&queue), queue };
    Outcome { read, slices }
}

#[tokio::test]
async fn a_row_is_the_event_that_a_line_would_be() {
    let file = file(&rows(1..4), 2);
    let Outcome { read: rows, slices } = read_parquet("a.parquet", &file, u64::MAX).await;
    rows.check(3, 0);
    assert_eq!(slices, 1);
    assert_eq!(rows.ids(), ["e1:#1", "e1:#2", "e1:#3"]);
    let line = |number| flight(number).replace('}', ",\"fare\":99.5}");
    let lines = read("a.ndjson", [line(1), line(2), line(3)].join("\n").as_bytes()).await;
    for (row, line) in rows.events.iter().zip(&lines.events) {
        assert_eq!(row.data.get(), line.data.get());
        assert_eq!(row.idempotencykey, line.idempotencykey);
    }
}

#[tokio::test]
async fn a_bad_row_is_a_dead_letter_with_its_place_and_the_rest_goes_on() {
    let mut all = rows(1..6);
    all[1].time = b"noon";
    all[2].fare = f64::NAN;
    all[3].carrier = b"U\xff";
    let Outcome { read, .. } = read_parquet("a.parquet", &file(&all, 2), u64::MAX).await;
    read.check(2, 3);
    let mut found = Vec::new();
    for (letter, message) in &read.letters {
        assert_eq!(message.attributes["dataset"].value, "flights");
        found.push((letter.code, letter.at.as_deref().unwrap(), letter.form));
    }
    assert_eq!(
        found,
        [
            (Code::TimeInvalid, "row 2, /time_hour", event::Form::Message),
            (Code::DecodeParquet, "row 3, /fare", event::Form::Place),
            (Code::DecodeUtf8, "row 4, /carrier", event::Form::Place),
        ]
    );
    // The first can be mended and redriven. The others have no text that says what they are.
    let row: serde_json::Value = serde_json::from_str(&read.letters[0].1.body).unwrap();
    assert_eq!((&row["flight"], &row["time_hour"]), (&2.into(), &"noon".into()));
    let place: serde_json::Value = serde_json::from_str(&read.letters[1].1.body).unwrap();
    assert_eq!(
        place,
        serde_json::json!({
            "source": "arn:aws:s3:::landing/flights/a.parquet", "etag": "e1", "row": 3,
        })
    );
}

#[tokio::test]
async fn slices_give_what_one_invocation_gives() {
    let mut all = rows(0..40);
    all[7].fare = f64::INFINITY;
    all[30].time = b"noon";
    let file = file(&all, 7);
    let whole = read_parquet("a.parquet", &file, u64::MAX).await;
    whole.read.check(38, 2);
    // An invocation ends after a row, in the middle of a row group too.
    for (slice, least) in [(1, 40), (3_000, 6)] {
        let parts = read_parquet("a.parquet", &file, slice).await;
        parts.read.check(38, 2);
        assert!(parts.slices > least, "{} slices", parts.slices);
        for url in [ENRICH, DLQ] {
            assert_eq!(parts.read.queue.sent_to(url), whole.read.queue.sent_to(url));
        }
    }
}

#[tokio::test]
async fn what_precedes_a_broken_row_group_is_sent_on() {
    let mut file = file(&rows(0..2_000), 1_000);
    // The second row group is in the second half of what precedes the footer, with the index of its pages.
    let footer = u32::from_le_bytes(file[file.len() - 8..][..4].try_into().unwrap());
    let data = file.len() - 8 - usize::try_from(footer).unwrap();
    file[data * 3 / 5..data].fill(0xff);
    let Outcome { read, .. } = read_parquet("a.parquet", &file, u64::MAX).await;
    assert_eq!(read.result.unwrap_err().code, Code::DecodeParquet);
    assert_eq!(read.events.len(), 1_000);
}

#[tokio::test]
async fn contract_name_and_first_bytes_say_that_a_file_is_parquet() {
    let bytes = file(&rows(1..2), 1);
    for name in ["a.parquet", "part-0.snappy.parquet", "20261201_unload_7c1e"] {
        read_parquet(name, &bytes, u64::MAX).await.read.check(1, 0);
    }
    for (name, bytes, reason) in [
        ("a.ndjson", bytes.as_slice(), "it is Parquet"),
        ("a.parquet", b"{\"a\":1}", "it is not Parquet"),
        ("a.parquet", b"", "it is not Parquet"),
        ("a.parquet", b"\x1f\x8b\x08", "it is gzip, not Parquet"),
    ] {
        let failure = read(name, bytes).await.result.unwrap_err();
        assert_eq!(failure.code, Code::DecodeFormat, "{name}");
        assert!(failure.reason.contains(reason), "{failure}");
    }
    let cut = read_parquet("a.parquet", &bytes[..bytes.len() - 9], u64::MAX).await;
    assert_eq!(cut.read.result.unwrap_err().code, Code::DecodeParquet);
}
