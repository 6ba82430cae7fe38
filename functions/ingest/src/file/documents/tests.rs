//! Compares documents with those that a file was made of, and with those that `serde_json` finds in it.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// A document as these tests compare it: its offset, and its text; `None` if it is too long.
type Found = (u64, Option<Vec<u8>>);

struct Read {
    documents: Vec<Found>,
    all_bytes: u64,
    is_cut_short: bool,
}

fn read(longest: usize, chunks: &[&[u8]]) -> Read {
    let mut documents = Documents::new(longest);
    let mut read = Read { documents: Vec::new(), all_bytes: 0, is_cut_short: false };
    for chunk in chunks {
        documents.push(chunk);
        take_all(&mut documents, &mut read);
        assert!(
            documents.buffer.bytes.len() - documents.buffer.start <= longest + chunk.len() + 3,
            "kept too much"
        );
    }
    documents.end();
    take_all(&mut documents, &mut read);
    read.is_cut_short = documents.is_in_array();
    read
}

fn take_all(documents: &mut Documents, read: &mut Read) {
    while let Some(entry) = documents.next() {
        let Place::Byte(offset) = entry.place else { panic!("{:?}", entry.place) };
        assert_eq!(offset, read.all_bytes, "entries leave a gap");
        read.all_bytes += entry.bytes;
        match entry.content {
            Content::Blank => {}
            Content::Line(text) => read.documents.push((offset, Some(text.to_vec()))),
            Content::TooLong { .. } => read.documents.push((offset, None)),
            other => panic!("{other:?}"),
        }
    }
}

/// The texts of the documents of a file, all of which are UTF-8 here.
fn texts(file: &str) -> Vec<String> {
    let read = read(1_000, &[file.as_bytes()]);
    assert_eq!(read.all_bytes, file.len() as u64);
    let texts =
        read.documents.into_iter().map(|(_, text)| String::from_utf8(text.unwrap()).unwrap());
    texts.map(|text| text.trim().to_owned()).collect()
}

#[track_caller]
fn check(file: &str, expected: &[&str]) {
    assert_eq!(texts(file), expected, "{file}");
}

#[test]
fn documents_are_found_with_and_without_anything_between_them() {
    for file in [
        r#"{"a":1}{"a":2}{"a":{"b":[]}}"#,
        "{\"a\":1}\n{\"a\":2}\r\n\r\n{\"a\":{\"b\":[]}}\n",
        r#"[{"a":1},{"a":2},{"a":{"b":[]}}]"#,
        "\u{feff} [ {\"a\":1}\n, {\"a\":2},\t{\"a\":{\"b\":[]}} ] \n",
        r#"[{"a":1}][{"a":2}] [] {"a":{"b":[]}}"#,
    ] {
        check(file, &[r#"{"a":1}"#, r#"{"a":2}"#, r#"{"a":{"b":[]}}"#]);
    }
    check("", &[]);
    check("\u{feff}", &[]);
    check(" [ ] ", &[]);
    check(r#"{"a":"}{[\"\\"}{"b":"]},{"}"#, &[r#"{"a":"}{[\"\\"}"#, r#"{"b":"]},{"}"#]);
    check(r#"[1,"a,]b",null,[{}],{}]"#, &["1", r#""a,]b""#, "null", "[{}]", "{}"]);
}

#[test]
fn an_array_that_is_not_closed_is_cut_short() {
    for (file, is_cut_short) in [
        (r#"[{"a":1}"#, true),
        (r#"[{"a":1},"#, true),
        ("[", true),
        (r#"[{"a":1}]"#, false),
        (r#"{"a":[1"#, false),
        ("", false),
    ] {
        assert_eq!(read(100, &[file.as_bytes()]).is_cut_short, is_cut_short, "{file}");
    }
}

/// Each is a document that lacks something, between two good ones.
#[test]
fn a_broken_document_harms_itself_alone() {
    for broken in [
        r#"{"a":{"b":1}"#,
        r#"{"a":"x,"b":1}"#,
        r#"{"a":[1}"#,
        r#"{"a":1"#,
        r#""a":1}"#,
        r#"{"a":1}}"#,
        "garbage",
        "}",
    ] {
        let one_a_line = texts(&format!("{{\"n\":1}}\n{broken}\n{{\"n\":3}}\n{{\"n\":4}}\n"));
        assert_eq!(one_a_line[0], r#"{"n":1}"#);
        assert_eq!(one_a_line[one_a_line.len() - 2..], [r#"{"n":3}"#, r#"{"n":4}"#], "{broken}");
        assert!(one_a_line.len() > 3, "{broken} is gone");
    }
    // Without line ends, a missing or a surplus bracket at the end of a document is found.
    let (one, three) = (r#"{"n":1}"#, r#"{"n":3}"#);
    check(&format!("{one}{{\"a\":{{\"b\":1}}{three}"), &[one, r#"{"a":{"b":1}"#, three]);
    check(&format!("{one}}}{three}"), &[one, "}", three]);
    check(&format!("[{one},{{\"a\":{{\"b\":1}},{three}]"), &[one, r#"{"a":{"b":1},"#, three]);
}

/// A part of a broken document is no event, even if it looks like one.
#[test]
fn no_part_of_a_document_is_taken_for_one() {
    for broken in [
        r#"{"rows":[{"n":1} {"n":2}],"x":1}"#,
        r#"{"rows":[{"n":1},{"n":2}],"x" 1}"#,
        r#""rows":[{"n":1},{"n":2}],"x":1}"#,
        r#"{"rows":{"n":1},{"n":2}}"#,
        "{\n  \"rows\": [\n    {\"n\": 1}}\n    {\"n\": 2}\n  ]\n}",
    ] {
        for text in texts(&format!("{broken}\n")) {
            let value: Option<Value> = serde_json::from_str(&text).ok();
            assert!(value.is_none_or(|value| value.get("n").is_none()), "{broken}: {text}");
        }
    }
}

#[test]
fn a_document_that_is_too_long_is_measured_and_the_next_ones_go_on() {
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(300));
    for (before, after) in [("{\"n\":1}", "{\"n\":2}"), ("[{\"n\":1},", ",{\"n\":2}]")] {
        let file = format!("{before}{long}{after}");
        for size in [1, 7, 100, 1_000] {
            let chunks: Vec<&[u8]> = file.as_bytes().chunks(size).collect();
            let found = read(50, &chunks).documents;
            let texts: Vec<_> = found.iter().map(|(_, text)| text.clone()).collect();
            let expected = [Some(b"{\"n\":1}".to_vec()), None, Some(b"{\"n\":2}".to_vec())];
            assert_eq!(texts, expected, "{before}");
        }
    }
    // A string that is never closed takes as much as an event may have, and then what is up to the next document.
    let file = format!("{{\"a\":\"x{}{{\"n\":3}}", "{\"n\":2}".repeat(20));
    let found = read(50, &[file.as_bytes()]).documents;
    assert_eq!(found[0].1, None);
    assert_eq!(found.last().unwrap().1, Some(b"{\"n\":3}".to_vec()));
    assert!(found.len() > 5, "{}", found.len());
}

#[test]
fn a_bomb_of_brackets_is_bounded() {
    let bomb = "[{\"a\":".repeat(1_000_000);
    let chunks: Vec<&[u8]> = bomb.as_bytes().chunks(4_096).collect();
    let found = read(1_000, &chunks);
    assert_eq!(found.all_bytes, bomb.len() as u64);
    assert!(found.documents.len() < 10, "{}", found.documents.len());
}

/// A JSON object with strings that look like structure.
fn object() -> impl Strategy<Value = Value> {
    let text = || "[{}\\[\\]\",:\\\\a\n é]{0,6}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 12, 3, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            vec((text(), inner), 0..3).prop_map(|members| members.into_iter().collect()),
        ]
    });
    (0_u32..1_000, value).prop_map(|(id, value)| json!({ "id": id, "value": value }))
}

fn written(value: &Value, is_pretty: bool) -> String {
    if is_pretty { serde_json::to_string_pretty(value).unwrap() } else { value.to_string() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_documents_of_a_file_are_those_that_it_was_made_of(
        values in vec((object(), any::<bool>()), 0..8),
        between in "[ \n\r\t]{0,3}",
        is_array in any::<bool>(),
        cuts in vec(0_usize..400, 0..8),
    ) {
        let texts: Vec<String> = values.iter().map(|(value, pretty)| written(value, *pretty)).collect();
        let file = match is_array {
            true => format!("{between}[{}]", texts.join(&format!("{between},{between}"))),
            false => texts.join(&between),
        };
        let found = read(10_000, &testkit::cut(file.as_bytes(), &cuts));
        prop_assert_eq!(found.all_bytes, file.len() as u64);
        prop_assert!(!found.is_cut_short);
        let found: Vec<String> = found.documents.into_iter().map(|(offset, text)| {
            let text = String::from_utf8(text.unwrap()).unwrap();
            let start = usize::try_from(offset).unwrap();
            assert_eq!(&file[start..start + text.len()], text);
            text
        }).collect();
        prop_assert_eq!(&found, &texts);
        let stream = serde_json::Deserializer::from_str(&file).into_iter::<Value>();
        let read: Result<Vec<Value>, _> = stream.collect();
        let read = if is_array { read.unwrap()[0].as_array().unwrap().clone() } else { read.unwrap() };
        let own: Vec<Value> = found.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        prop_assert_eq!(own, read);
    }

    /// One byte of one document is missing. All others are found, wherever the chunks are cut.
    #[test]
    fn a_document_that_lacks_a_byte_harms_itself_alone(
        values in vec(object(), 1..6),
        is_pretty_array in any::<bool>(),
        which in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        cuts in vec(0_usize..400, 0..8),
    ) {
        let indented = |value: &Value| format!("  {}", written(value, true).replace('\n', "\n  "));
        let mut texts: Vec<String> = values
            .iter()
            .map(|value| if is_pretty_array { indented(value) } else { written(value, false) })
            .collect();
        let broken = which.index(texts.len());
        let text = &mut texts[broken];
        let places: Vec<usize> = text.char_indices().map(|(place, _)| place).collect();
        // The white space before a document is not the document's.
        let first = if is_pretty_array { 2 } else { 0 };
        text.remove(places[first + place.index(places.len() - first)]);
        let file = match is_pretty_array {
            true => format!("[\n{}\n]\n", texts.join(",\n")),
            false => texts.join("\n"),
        };
        let found = read(10_000, &testkit::cut(file.as_bytes(), &cuts));
        prop_assert_eq!(found.all_bytes, file.len() as u64);
        let found: Vec<Vec<u8>> = found.documents.into_iter().filter_map(|(_, text)| text).collect();
        for (index, text) in texts.iter().enumerate() {
            let is_there = found.iter().any(|found| found == text.trim().as_bytes());
            prop_assert!(index == broken || is_there, "{} is gone from {}", text, file);
        }
    }

    #[test]
    fn any_bytes_in_any_chunks_are_the_same_entries(
        file in vec(prop_oneof![Just(b'{'), Just(b'}'), Just(b'['), Just(b']'), Just(b'"'), Just(b','),
            Just(b':'), Just(b'\\'), Just(b'\n'), Just(b' '), any::<u8>()], 0..120),
        cuts in vec(0_usize..120, 0..8),
        longest in 1_usize..40,
    ) {
        let (one, many) = (read(longest, &[&file]), read(longest, &testkit::cut(&file, &cuts)));
        prop_assert_eq!(one.documents, many.documents);
        prop_assert_eq!((one.all_bytes, many.all_bytes), (file.len() as u64, file.len() as u64));
    }
}
