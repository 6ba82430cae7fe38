//! Compares records with those of an independent reader, for any bytes in any chunks.

use proptest::collection::vec;
use proptest::prelude::*;
use testkit::csv::{self, Row, RowKind};

use super::super::entry::MAX_FIELDS;
use super::*;

/// The outcome of reading a file.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    rows: Vec<Row>,
    blank_bytes: u64,
    all_bytes: u64,
}

fn read(longest: usize, chunks: &[&[u8]]) -> Read {
    read_delimited(longest, b',', chunks)
}

fn read_delimited(longest: usize, delimiter: u8, chunks: &[&[u8]]) -> Read {
    let mut records = Records::new(longest, delimiter);
    let mut read = Read { rows: Vec::new(), blank_bytes: 0, all_bytes: 0 };
    for chunk in chunks {
        records.push(chunk);
        take_all(&mut records, &mut read);
    }
    records.end();
    take_all(&mut records, &mut read);
    read
}

fn take_all(records: &mut Records, read: &mut Read) {
    while let Some(Entry { place, bytes, content }) = records.next() {
        let Place::Line(line) = place else { panic!("{place:?}") };
        read.all_bytes += bytes;
        let (raw, kind) = match content {
            Content::Blank => {
                read.blank_bytes += bytes;
                continue;
            }
            Content::Record { raw, fields } => {
                let mut start = 0;
                let mut texts = Vec::new();
                for &end in fields.ends {
                    texts.push(fields.text[start..end].to_vec());
                    start = end;
                }
                (raw.to_vec(), RowKind::Whole { fields: texts })
            }
            Content::Unclosed { raw } => (raw.to_vec(), RowKind::Unclosed),
            Content::TooLong { bytes } => (Vec::new(), RowKind::TooLong { bytes }),
            Content::Line(_) | Content::Refused(_) => panic!("no CSV: {content:?}"),
        };
        read.rows.push(Row { line, raw, kind });
    }
}

#[track_caller]
fn check(file: &[u8], expected: &[(u64, &[&str])]) {
    let found = read(1_000, &[file]);
    let rows = found.rows.iter().map(|row| match &row.kind {
        RowKind::Whole { fields } => {
            let texts = fields.iter().map(|field| String::from_utf8(field.clone()).unwrap());
            (row.line, texts.collect::<Vec<_>>())
        }
        other => panic!("{other:?}"),
    });
    let rows: Vec<_> = rows.collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(line, fields)| (*line, fields.iter().map(|&field| field.to_owned()).collect()))
        .collect::<Vec<(u64, Vec<String>)>>();
    assert_eq!(rows, expected);
    assert_eq!(found.all_bytes, file.len() as u64);
}

#[test]
fn each_kind_of_line_end_ends_a_record_and_is_counted_once() {
    check(b"a\rb\nc\r\nd", &[(1, &["a"]), (2, &["b"]), (3, &["c"]), (4, &["d"])]);
    check(b"a\r\rb\n\nc\r\n\r\nd", &[(1, &["a"]), (3, &["b"]), (5, &["c"]), (7, &["d"])]);
    check(b"\"1\r2\n3\r\n4\"\nb", &[(1, &["1\r2\n3\r\n4"]), (5, &["b"])]);
    check(b"\xef\xbb\xbf\na\n", &[(2, &["a"])]);
}

/// A byte order mark at the beginning of a file is dropped; any other is text.
#[test]
fn only_the_files_first_byte_order_mark_is_taken_away() {
    let mark = "\u{feff}";
    check(
        format!("{mark}{mark}a\n{mark}b").as_bytes(),
        &[(1, &["\u{feff}a"]), (2, &["\u{feff}b"])],
    );
    let long = format!("{}\n{mark}b", "x".repeat(20));
    let RowKind::Whole { fields } = &read(9, &[long.as_bytes()]).rows[1].kind else { panic!() };
    assert_eq!(fields[0], "\u{feff}b".as_bytes());
}

#[test]
fn a_quote_opens_a_field_only_at_its_beginning() {
    check(b"5\" pipe,x\n6\" pipe,\"y\"\"\"", &[(1, &["5\" pipe", "x"]), (2, &["6\" pipe", "y\""])]);
    check(b"\"a\"b\"c,d\n", &[(1, &["ab\"c", "d"])]);
}

#[test]
fn what_never_closes_is_unclosed_and_what_does_is_not() {
    let kind = |file: &[u8]| read(100, &[file]).rows.pop().unwrap().kind;
    assert_eq!(kind(b"a\n\"b\nc"), RowKind::Unclosed);
    assert_eq!(kind(b"a\n\"b\"\""), RowKind::Unclosed);
    for closed in [b"a\n\"b\"".as_slice(), b"a\n\"\"", b"a,b\"", b"a,"] {
        assert!(matches!(kind(closed), RowKind::Whole { .. }), "{closed:?}");
    }
}

#[test]
fn a_record_that_is_too_long_ends_at_the_next_line_end_and_the_next_ones_go_on() {
    let file = b"a\n\"open\n1234567890\nb\n";
    let found = read(8, &[file]);
    let kinds: Vec<_> = found.rows.iter().map(|row| (row.line, &row.kind)).collect();
    let whole = |text: &str| RowKind::Whole { fields: vec![text.as_bytes().to_vec()] };
    // The limit is reached within line 3, so the record ends with that line.
    assert_eq!(kinds, [(1, &whole("a")), (2, &RowKind::TooLong { bytes: 16 }), (4, &whole("b"))]);
    assert_eq!(found.all_bytes, file.len() as u64);
}

#[test]
fn more_fields_than_any_table_has_are_told_and_the_next_record_is_whole() {
    for (fields, are_too_many) in [(MAX_FIELDS, false), (MAX_FIELDS + 1, true), (20_000, true)] {
        let file = [",".repeat(fields - 1).as_bytes(), b"\nb,c\n"].concat();
        let mut records = Records::new(100_000, b',');
        records.push(&file);
        let told = |entry: Entry<'_>| match entry.content {
            Content::Record { raw, fields } => (raw.len(), fields.texts().map(|all| all.len())),
            other => panic!("{other:?}"),
        };
        let (raw, texts) = told(records.next().unwrap());
        assert_eq!((raw, texts.is_err()), (fields - 1, are_too_many), "{fields} fields");
        assert_eq!(told(records.next().unwrap()).1.unwrap(), 2);
    }
}

#[test]
fn a_field_that_is_no_utf_8_is_named() {
    let mut records = Records::new(100, b',');
    records.push(b"abc,d\xff\n");
    let Content::Record { fields, .. } = records.next().unwrap().content else { panic!() };
    assert!(fields.texts().unwrap_err().reason.contains("byte 1 of field 2"));
}

fn odd_piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => Just(b"\"".to_vec()),
        3 => Just(b",".to_vec()),
        2 => Just(b"\r".to_vec()),
        2 => Just(b"\n".to_vec()),
        1 => Just(BYTE_ORDER_MARK.to_vec()),
        1 => prop_oneof![Just(vec![0xef]), Just(vec![0]), Just(vec![0xff])],
        2 => prop_oneof![Just(b"a".to_vec()), Just(b" ".to_vec())],
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ]
}

/// Any bytes, often after a byte order mark.
pub(in super::super) fn odd_file() -> impl Strategy<Value = Vec<u8>> {
    let mark = prop_oneof![3 => Just(b"".as_slice()), 1 => Just(BYTE_ORDER_MARK)];
    (mark, vec(odd_piece(), 0..100)).prop_map(|(mark, pieces)| [mark, &pieces.concat()].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_chunks_give_what_an_independent_reader_finds_in_the_whole(
        file in odd_file(),
        cuts in vec(0_usize..120, 0..10),
        longest in prop_oneof![3 => Just(1_000_usize), 2 => 1_usize..30],
    ) {
        let found = read(longest, &testkit::cut(&file, &cuts));
        prop_assert_eq!(&found.rows, &csv::read(&file, longest));
        prop_assert_eq!(found.all_bytes, file.len() as u64, "bytes are missing");
        prop_assert_eq!(found, read(longest, &[&file]), "chunks matter");
    }

    /// The independent reader knows commas alone. It gets the file with commas and the other delimiter exchanged, and
    /// its answer is exchanged back.
    #[test]
    fn another_delimiter_divides_as_a_comma_does(
        file in odd_file(),
        delimiter in prop_oneof![Just(b';'), Just(b'\t'), Just(b'|'), Just(b'x')],
    ) {
        let exchange = |bytes: &[u8]| -> Vec<u8> {
            let one = |byte: &u8| match *byte {
                b',' => delimiter,
                other if other == delimiter => b',',
                other => other,
            };
            bytes.iter().map(one).collect()
        };
        let found = read_delimited(100, delimiter, &[&file]);
        let mut expected = csv::read(&exchange(&file), 100);
        for row in &mut expected {
            row.raw = exchange(&row.raw);
            if let RowKind::Whole { fields } = &mut row.kind {
                fields.iter_mut().for_each(|field| *field = exchange(field));
            }
        }
        prop_assert_eq!(found.rows, expected);
    }
}
