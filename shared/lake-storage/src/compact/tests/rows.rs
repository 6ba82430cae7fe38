//! A merged object has all rows of its sources, in their order and value for value.

use std::sync::Arc;

use contracts::{Catalog, Compression};
use parquet::basic::Compression as Codec;
use parquet::file::reader::{FileReader, SerializedFileReader};
use proptest::prelude::*;
use serde_json::json;

use super::super::merge::{Source, group_by_schema, merge_sources};
use crate::lake::{Lake, Lakes, Row, keys};
use crate::manifest::Entry;
use crate::testing::envelope;
use bytes::Bytes;
use contracts::LakeFormat;

/// The lake of a dataset whose schema has these properties.
fn lake(format: &str, properties: &str) -> Arc<Lake> {
    let yaml = format!(
        "
dataset: flights
description: Flights
owner: airport-operations
schema: {{version: 1, file: s.json}}
keys: {{idempotency: [/n], business: [/n], event_time: /at}}
sinks: [{{name: lake, kind: lake, {format}}}]
"
    );
    let schema = format!(r#"{{"additionalProperties": true, "properties": {{{properties}}}}}"#);
    let mut contracts = Catalog::default();
    let files = std::collections::BTreeMap::from([("s.json".to_owned(), schema)]);
    contracts.add("flights", &yaml, &files).unwrap();
    Arc::clone(&Lakes::new(contracts).of("flights").unwrap()["lake"])
}

const PROPERTIES: &str = r#""flag": {"type": ["boolean", "null"]}, "n": {"type": "integer"},
    "share": {"type": ["number", "null"]}, "name": {"type": ["string", "null"]},
    "day": {"type": "string", "format": "date"}, "made": {"type": "string", "format": "date-time"},
    "price": {"type": "integer"}"#;

/// A Parquet lake with a column of each type that a sink can name.
const NAMED: &str =
    "format: parquet, decimals: {price: 2}, dates: [day], timestamps: {made: microseconds}";

fn rows(lake: &Lake, object: usize, values: &[(i64, Option<f64>, Option<String>)]) -> Vec<Row> {
    let row = |(at, (n, share, name)): (usize, &(i64, Option<f64>, Option<String>))| {
        let flag = share.map(|share| share > 0.0);
        let day = format!("2013-01-{:02}", n.rem_euclid(31) + 1);
        let made = format!("{day}T10:00:00.{:06}Z", n.rem_euclid(1_000_000));
        let data = json!({
            "n": n, "share": share, "name": name, "flag": flag, "x": [n], "day": day, "made": made, "price": n,
        });
        lake.row(&envelope(&format!("k{object}-{at}"), &data.to_string())).unwrap()
    };
    values.iter().enumerate().map(row).collect()
}

fn source(lake: &Lake, format: LakeFormat, rows: &[Row]) -> Source {
    let body: Bytes = lake.object(format, &rows.iter().collect::<Vec<_>>()).unwrap().into();
    Source { entry: Entry::new("k".to_owned(), rows.len(), body.len()), body }
}

/// An object's rows as text.
fn row_texts(format: LakeFormat, body: Bytes) -> Vec<String> {
    match format {
        LakeFormat::Parquet => {
            let reader = SerializedFileReader::new(body).unwrap();
            let rows = reader.get_row_iter(None).unwrap();
            rows.map(|row| row.unwrap().to_string()).collect()
        }
        LakeFormat::Ndjson(compression) => {
            let mut text = String::new();
            let mut reader: Box<dyn std::io::Read> = match compression {
                Compression::Gzip => Box::new(flate2::read::GzDecoder::new(&body[..])),
                Compression::Zstd => {
                    Box::new(zstd::Decoder::new(&body[..]).unwrap().single_frame())
                }
            };
            reader.read_to_string(&mut text).unwrap();
            text.lines().map(str::to_owned).collect()
        }
    }
}

type Values = Vec<Vec<(i64, Option<f64>, Option<String>)>>;

fn check(format: LakeFormat, words: &str, values: &Values) {
    let lake = lake(words, PROPERTIES);
    let of_object =
        |(at, values): (usize, &Vec<_>)| source(&lake, format, &rows(&lake, at, values));
    let sources: Vec<Source> = values.iter().enumerate().map(of_object).collect();
    let expected: Vec<String> =
        sources.iter().flat_map(|source| row_texts(format, source.body.clone())).collect();
    let (body, count) = merge_sources(format, &sources).unwrap();
    let body = Bytes::from(body);
    assert_eq!(row_texts(format, body.clone()), expected);
    assert_eq!((count, keys(format, body).unwrap().len()), (expected.len(), expected.len()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_object_of_several_has_their_rows(values in prop::collection::vec(
        prop::collection::vec(
            (any::<i64>(), prop::option::of(-1e9_f64..1e9), prop::option::of(".{0,20}")), 1..20),
        2..6,
    )) {
        check(LakeFormat::Parquet, "format: parquet", &values);
        check(LakeFormat::Parquet, NAMED, &values);
        let lines = LakeFormat::Ndjson;
        check(lines(Compression::Gzip), "format: ndjson", &values);
        check(lines(Compression::Zstd), "format: ndjson, compression: zstd", &values);
    }
}

#[test]
fn many_row_groups_become_one_with_statistics_and_compression() {
    let lake = lake("format: parquet", PROPERTIES);
    let of_object = |at: usize| {
        let values: Vec<_> = (0..50).map(|n| (n, None, Some(format!("name {at}")))).collect();
        source(&lake, LakeFormat::Parquet, &rows(&lake, at, &values))
    };
    let sources: Vec<Source> = (0..20).map(of_object).collect();
    let before: usize = sources.iter().map(|source| source.body.len()).sum();
    let (body, _) = merge_sources(LakeFormat::Parquet, &sources).unwrap();
    assert!(body.len() * 3 < before, "{} of {before} bytes", body.len());
    let reader = SerializedFileReader::new(Bytes::from(body)).unwrap();
    let [group] = reader.metadata().row_groups() else { panic!("not one row group") };
    assert_eq!(group.num_rows(), 1_000);
    for column in group.columns() {
        assert!(column.statistics().is_some(), "{:?}", column.column_path());
        assert!(matches!(column.compression(), Codec::ZSTD(_)), "{:?}", column.compression());
    }
}

/// After its contract has changed, a lake has objects with other columns.
#[test]
fn objects_of_other_columns_are_not_put_together() {
    let (old, new) = (
        lake("format: parquet", PROPERTIES),
        lake("format: parquet", r#""n": {"type": "integer"}"#),
    );
    let of =
        |lake: &Lake, at| source(lake, LakeFormat::Parquet, &rows(lake, at, &[(1, None, None)]));
    let sources = vec![of(&old, 0), of(&new, 1), of(&old, 2), of(&new, 3)];
    let groups = group_by_schema(LakeFormat::Parquet, sources.clone()).unwrap();
    assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
    let with_dates = lake(NAMED, PROPERTIES);
    let mixed =
        group_by_schema(LakeFormat::Parquet, vec![of(&old, 4), of(&with_dates, 5)]).unwrap();
    assert_eq!(mixed.len(), 2, "a column that is text in one of them and a date in the other");
    for group in groups {
        assert_eq!(merge_sources(LakeFormat::Parquet, &group).unwrap().1, 2);
    }
}

#[test]
fn an_object_that_is_not_as_it_is_listed_is_named() {
    for (format, words) in [
        (LakeFormat::Parquet, "format: parquet"),
        (LakeFormat::Ndjson(Compression::Gzip), "format: ndjson"),
        (LakeFormat::Ndjson(Compression::Zstd), "format: ndjson, compression: zstd"),
    ] {
        let lake = lake(words, PROPERTIES);
        let good = source(&lake, format, &rows(&lake, 0, &[(1, None, None)]));
        let mut short = source(&lake, format, &rows(&lake, 1, &[(1, None, None)]));
        short.entry.key = "short".to_owned();
        short.entry.rows = 2;
        let mut broken = short.clone();
        broken.body = broken.body.slice(..broken.body.len() - 6);
        for bad in [short, broken] {
            let failure = merge_sources(format, &[good.clone(), bad]).unwrap_err();
            assert!(failure.reason.starts_with("short cannot be put"), "{failure}");
        }
    }
}
