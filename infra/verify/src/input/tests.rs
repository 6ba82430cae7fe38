use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn dataset() -> Dataset {
    let yaml = "
dataset: probe
schema: {version: 1, file: s}
keys: {idempotency: [/id], business: [/id], event_time: /at}
csv: {missing: [NA]}
sinks: [{name: records, kind: table}]
";
    let schema = r#"{"properties": {"id": {"type": "integer"}, "size": {"type": "string"},
        "amount": {"type": ["number", "null"]}, "ok": {"type": ["boolean", "string"]}}}"#;
    Dataset::read(yaml, |_| Some(schema.to_owned())).unwrap()
}

#[track_caller]
fn check(format: Format, text: &str, expected: &[(u64, Option<&str>)]) {
    let (dataset, file) = (dataset(), File::read(format, text.as_bytes().to_vec()).unwrap());
    let mut found: Vec<(u64, Option<String>)> = Vec::new();
    for record in &file.records {
        let payload = file.payload(record, &dataset);
        found.push((record.place.number(), payload.map(|payload| payload.to_string())));
    }
    let expected: Vec<(u64, Option<String>)> =
        expected.iter().map(|(line, text)| (*line, text.map(str::to_owned))).collect();
    assert_eq!(found, expected, "{text:?}");
}

#[test]
fn csv_fields_take_the_schema_s_types_and_keep_their_digits() {
    check(
        Format::Csv,
        "\u{feff}id,size,amount,ok,more\r\n7,007,12345678901234567.890,true,x\r\n8,,NA,yes,\r\n",
        &[
            (
                2,
                Some(
                    r#"{"amount":12345678901234567.890,"id":7,"more":"x","ok":true,"size":"007"}"#,
                ),
            ),
            (3, Some(r#"{"amount":null,"id":8,"more":null,"ok":"yes","size":null}"#)),
        ],
    );
}

/// Files of this kind were sent, and other readers lost rows of them.
#[test]
fn every_row_of_an_odd_file_is_there() {
    check(
        Format::Csv,
        "id,size\n101,5\" pipe\n102,6\" pipe\n103,x\n",
        &[
            (2, Some(r#"{"id":101,"size":"5\" pipe"}"#)),
            (3, Some(r#"{"id":102,"size":"6\" pipe"}"#)),
            (4, Some(r#"{"id":103,"size":"x"}"#)),
        ],
    );
    for text in ["id\r1\r2\r3\r", "id\n1\r2\r3\n", "id\r\n1\n2\r3"] {
        let expected =
            [(2, Some(r#"{"id":1}"#)), (3, Some(r#"{"id":2}"#)), (4, Some(r#"{"id":3}"#))];
        check(Format::Csv, text, &expected);
    }
    check(Format::Csv, "id,size\n1\n2,a,b\n3,\"open\n", &[(2, None), (3, None), (4, None)]);
    check(Format::Csv, "id,id\n1,2\n", &[(2, None)]);
    check(Format::Csv, "id,size\n", &[]);
    check(Format::Csv, "", &[]);
}

#[test]
fn lines_end_at_lf_and_blank_ones_are_none() {
    let text = "\u{feff}{\"id\":1}\r\n\n  \n{\"id\":2.50}\n[1]\n{";
    let expected = [(1, Some(r#"{"id":1}"#)), (4, Some(r#"{"id":2.50}"#)), (5, None), (6, None)];
    check(Format::Ndjson, text, &expected);
}

#[test]
fn documents_are_told_by_the_byte_at_which_they_begin() {
    let text = "\u{feff}{\"id\":1}{\"id\":2} [\n {\"id\":3},7, {\"a\":\"]}\"}]\n[]";
    let expected = [
        (3, Some(r#"{"id":1}"#)),
        (11, Some(r#"{"id":2}"#)),
        (23, Some(r#"{"id":3}"#)),
        (32, None),
        (35, Some(r#"{"a":"]}"}"#)),
    ];
    check(Format::Json, text, &expected);
    let file = File::read(Format::Json, text.as_bytes().to_vec()).unwrap();
    assert_eq!(file.part(1, 3), b"{\"id\":2}\n{\"id\":3}\n");
    assert_eq!(file.records[1].place.id(), "@11");
}

#[test]
fn what_is_not_json_is_told_with_its_byte() {
    for (text, at) in [("{\"id\":1} {\"id\":", 9), ("[{},", 4), ("[{} {}]", 4), ("{} x", 3)] {
        let failure = File::read(Format::Json, text.as_bytes().to_vec()).unwrap_err();
        assert_eq!(failure, NotJson { at }, "{text}");
    }
}

#[test]
fn parts_are_the_file_s_own_bytes_below_its_header() {
    let text = b"\xef\xbb\xbfid,size\r\n\r\n1,\"a\nb\"\r2,c\n\n3,d".to_vec();
    let file = File::read(Format::Csv, text.clone()).unwrap();
    assert_eq!(file.part(0, 3), text);
    assert_eq!(file.part(0, 1), b"\xef\xbb\xbfid,size\r\n\r\n1,\"a\nb\"\r");
    assert_eq!(file.part(1, 3), b"\xef\xbb\xbfid,size\r\n2,c\n\n3,d");
    let lines = File::read(Format::Ndjson, b"{}\n\n{}\n".to_vec()).unwrap();
    assert_eq!((lines.part(0, 1), lines.part(1, 2)), (b"{}\n\n".to_vec(), b"{}\n".to_vec()));
}

fn packed(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn zeros_after_gzip_are_padding_and_members_follow_each_other() {
    let file = [packed(b"a\n"), packed(b"b\n"), vec![0; 300]].concat();
    assert_eq!(gunzip(&file).unwrap(), b"a\nb\n");
    assert!(gunzip(&packed(b"a")[..8]).is_err());
    assert!(gunzip(b"no gzip").is_err());
}

#[test]
fn a_name_says_what_is_read() {
    for (name, expected) in [
        ("a.csv", Some(Format::Csv)),
        ("a.b.csv.gz", Some(Format::Csv)),
        ("a.jsonl.gz", Some(Format::Ndjson)),
        ("a.ndjson", Some(Format::Ndjson)),
        ("a.json.gz", Some(Format::Json)),
        ("a.xml", None),
        ("csv", None),
        ("a.gz", None),
    ] {
        assert_eq!(Format::of_name(name), expected, "{name}");
    }
}
