use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

/// The events of a file with this name and content: `line 1: {"id":1}`, or the reason why it is none.
fn read(name: &str, content: &[u8]) -> Result<Vec<String>, Failure> {
    let path = std::env::temp_dir().join(format!("events-{}-{name}", std::process::id()));
    std::fs::write(&path, content).unwrap();
    let mut found = Vec::new();
    let result = each_event(&path, &mut |sample| {
        let text = match sample.event {
            Ok(SampleEvent::Json(payload)) => payload.text.get().to_owned(),
            Ok(SampleEvent::Row { header, fields }) => {
                format!("{}={}", header.join("|"), fields.join("|"))
            }
            Err(reason) => format!("no event: {}", reason.split(':').next().unwrap()),
        };
        found.push(format!("{}: {text}", sample.place));
        Ok(())
    });
    std::fs::remove_file(&path).unwrap();
    result.map(|()| found)
}

#[track_caller]
fn check(name: &str, content: &str, expected: &[&str]) {
    assert_eq!(read(name, content.as_bytes()).unwrap(), expected, "{name}");
}

#[test]
fn each_event_comes_with_its_place() {
    check(
        "a.ndjson",
        "\u{feff}{\"id\":1}\r\n\n{\"id\":2.50}\n[1]\n{",
        &[
            "line 1: {\"id\":1}",
            "line 3: {\"id\":2.50}",
            "line 4: no event: expected a JSON object, found an array",
            "line 5: no event: malformed JSON",
        ],
    );
    check(
        "b.json",
        " [ {\"a\":\"]},{\\\"\"} ,\n{\"b\":[{}]}, 7 , \"x,\"]",
        &[
            "event 1: {\"a\":\"]},{\\\"\"}",
            "event 2: {\"b\":[{}]}",
            "event 3: no event: expected a JSON object, found an integer",
            "event 4: no event: expected a JSON object, found a string",
        ],
    );
    check(
        "c.json",
        "{\n  \"id\": 1\n}{\"id\":2}\n7",
        &[
            "event 1: {\n  \"id\": 1\n}",
            "event 2: {\"id\":2}",
            "event 3: no event: expected a JSON object, found an integer",
        ],
    );
    check(
        "d.csv",
        "\u{feff}id,name\n1,\"a\nb\"\n2\n3,c\n",
        &[
            "line 2: id|name=1|a\nb",
            "line 4: no event: 1 fields, and the header has 2",
            "line 5: id|name=3|c",
        ],
    );
    check("e.ndjson", "", &[]);
    check("f.json", "[]", &[]);
    check("g.csv", "id\n", &[]);
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn gzip_is_unpacked_whatever_its_members_and_padding() {
    let file = [packed("{\"id\":1}\n"), packed("{\"id\":2}\n"), vec![0; 300]].concat();
    let expected = ["line 1: {\"id\":1}", "line 2: {\"id\":2}"];
    assert_eq!(read("h.ndjson.gz", &file).unwrap(), expected);
    let cut = packed("{\"id\":1}\n")[..12].to_vec();
    assert!(read("i.ndjson.gz", &cut).unwrap_err().to_string().contains("cannot be read"));
}

#[test]
fn what_is_too_long_is_no_event_and_what_follows_is_read() {
    let long = "x".repeat(2 * MAX_PAYLOAD_BYTES);
    let lines = format!("{{\"a\":\"{long}\"}}\n{{\"id\":2}}\n");
    let found = read("j.ndjson", lines.as_bytes()).unwrap();
    assert!(found[0].starts_with("line 1: no event") && found.len() == 2, "{}", found.len());
    assert_eq!(found[1], "line 2: {\"id\":2}");
    let array = format!("[{{\"a\":\"{long}\"}},{{\"id\":2}}]");
    let found = read("k.json", array.as_bytes()).unwrap();
    assert!(found[0].starts_with("event 1: no event") && found.len() == 2, "{}", found.len());
    let failure = read("l.csv", format!("id\n\"{long}").as_bytes()).unwrap_err().to_string();
    assert!(failure.contains("is a quote not closed?"), "{failure}");
}

#[test]
fn a_header_that_gives_no_event_is_refused() {
    for (header, part) in [("id,id\n1,2\n", "called `id`"), ("id,\n1,2\n", "column 2")] {
        let failure = read("m.csv", header.as_bytes()).unwrap_err().to_string();
        assert!(failure.contains(part), "{failure}");
    }
    let failure = each_event(Path::new("/nowhere/a.csv"), &mut |_| Ok(())).unwrap_err();
    assert!(failure.to_string().contains("give the path"), "{failure}");
}

#[test]
fn a_row_of_parquet_comes_with_its_number() {
    let file = include_bytes!("../../../../../shared/parquet-rows/tests/files/nan.parquet");
    let expected = [
        "row 1: {\"id\":1,\"x\":0.5}",
        "row 2: no event: JSON has no number NaN",
        "row 3: no event: JSON has no number inf",
    ];
    assert_eq!(read("a.parquet", file).unwrap(), expected);
    let cut = read("b.parquet", &file[..file.len() - 1]).unwrap_err();
    assert!(cut.to_string().contains("no Parquet file"), "{cut}");
}
