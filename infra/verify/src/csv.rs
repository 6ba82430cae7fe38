//! Reads CSV by RFC 4180, and files beyond it as Python's `csv` reads them: a record ends at CR, LF
//! or CRLF, a quote opens a field only at the field's start, and text after a closing quote belongs
//! to the field.

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// The line that it begins on, from 1. CR, LF and CRLF end a line, within quotes too.
    pub(crate) line: u64,
    /// The index of its first byte.
    pub(crate) start: usize,
    /// The index after its last byte, without the line end.
    pub(crate) end: usize,
    pub(crate) fields: Vec<Vec<u8>>,
    /// Whether the quote of its last field was closed before the end of the file.
    pub(crate) is_closed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    FieldStart,
    Plain,
    Quoted,
    /// After a quote within a quoted field. It closes the field, unless another quote follows.
    Quote,
}

/// All records of a file. Empty lines are not records.
#[must_use]
pub(crate) fn rows(bytes: &[u8]) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut reader = Reader { bytes, at: 0, line: 1 };
    while reader.at < bytes.len() {
        rows.extend(reader.row());
    }
    rows
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

impl Reader<'_> {
    /// The next record. `None` for an empty line.
    fn row(&mut self) -> Option<Row> {
        let (line, start) = (self.line, self.at);
        let (mut fields, mut field) = (Vec::new(), Vec::new());
        let mut state = State::FieldStart;
        let end = loop {
            let Some(&byte) = self.bytes.get(self.at) else { break self.at };
            if matches!(byte, b'\r' | b'\n') {
                let (end, line_end) = (self.at, self.line_end());
                if state != State::Quoted {
                    break end;
                }
                field.extend_from_slice(line_end);
                continue;
            }
            self.at += 1;
            state = match (state, byte) {
                (State::Quoted, b'"') => State::Quote,
                (State::Quoted, _) => {
                    field.push(byte);
                    State::Quoted
                }
                (State::FieldStart, b'"') => State::Quoted,
                (State::Quote, b'"') => {
                    field.push(b'"');
                    State::Quoted
                }
                (State::FieldStart | State::Plain | State::Quote, b',') => {
                    fields.push(std::mem::take(&mut field));
                    State::FieldStart
                }
                (State::FieldStart | State::Plain | State::Quote, _) => {
                    field.push(byte);
                    State::Plain
                }
            };
        };
        fields.push(field);
        let is_closed = state != State::Quoted;
        (end > start).then_some(Row { line, start, end, fields, is_closed })
    }

    /// Skips CR, LF or CRLF.
    fn line_end(&mut self) -> &[u8] {
        let start = self.at;
        self.at += if self.bytes[start..].starts_with(b"\r\n") { 2 } else { 1 };
        self.line += 1;
        &self.bytes[start..self.at]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(u64, &[&str])]) {
        let rows = rows(text.as_bytes());
        let found: Vec<(u64, Vec<String>)> = rows
            .iter()
            .map(|row| {
                let fields = row.fields.iter();
                (row.line, fields.map(|field| String::from_utf8(field.clone()).unwrap()).collect())
            })
            .collect();
        let expected: Vec<(u64, Vec<String>)> = expected
            .iter()
            .map(|(line, fields)| (*line, fields.iter().map(|&field| field.to_owned()).collect()))
            .collect();
        assert_eq!(found, expected, "{text:?}");
        assert!(rows.iter().all(|row| row.is_closed), "{text:?}");
    }

    /// The examples of RFC 4180, section 2, 1 to 7.
    #[test]
    fn records_are_read_as_rfc_4180_shows_them() {
        let two: &[(u64, &[&str])] = &[(1, &["aaa", "bbb", "ccc"]), (2, &["zzz", "yyy", "xxx"])];
        check("aaa,bbb,ccc\r\nzzz,yyy,xxx\r\n", two);
        check("aaa,bbb,ccc\r\nzzz,yyy,xxx", two);
        check("\"aaa\",\"bbb\",\"ccc\"\r\nzzz,yyy,xxx", two);
        check(
            "\"aaa\",\"b\r\nbb\",\"ccc\"\r\nzzz,yyy,xxx",
            &[(1, &["aaa", "b\r\nbb", "ccc"]), (3, &["zzz", "yyy", "xxx"])],
        );
        check("\"aaa\",\"b\"\"bb\",\"ccc\"", &[(1, &["aaa", "b\"bb", "ccc"])]);
        check("a, b ,", &[(1, &["a", " b ", ""])]);
    }

    #[test]
    fn a_quote_opens_a_field_only_at_its_start() {
        check(
            "101,5\" pipe,x\n102,6\" pipe,y\n",
            &[(1, &["101", "5\" pipe", "x"]), (2, &["102", "6\" pipe", "y"])],
        );
        check("a,\"b\"c,d\n", &[(1, &["a", "bc", "d"])]);
        check("\"\"\n", &[(1, &[""])]);
    }

    #[test]
    fn every_line_end_ends_a_record_and_counts() {
        check("a\rb\nc\r\nd", &[(1, &["a"]), (2, &["b"]), (3, &["c"]), (4, &["d"])]);
        check("\n\r\na\n\n\nb\n", &[(3, &["a"]), (6, &["b"])]);
        check("\"a\rb\"\rc", &[(1, &["a\rb"]), (3, &["c"])]);
    }

    #[test]
    fn a_quote_that_is_never_closed_is_told_of() {
        let rows = rows(b"a\n\"b,c\nd");
        assert_eq!((rows.len(), rows[0].is_closed, rows[1].is_closed), (2, true, false));
        assert_eq!(rows[1].fields, [b"b,c\nd"]);
    }

    /// Quotes a field in the way of a careful writer.
    fn quoted(field: &str) -> String {
        format!("\"{}\"", field.replace('"', "\"\""))
    }

    proptest! {
        #[test]
        fn what_is_quoted_reads_back(
            table in prop::collection::vec(prop::collection::vec("[a\",\r\n ]{0,6}", 1..4), 1..5),
            line_end in prop_oneof![Just("\n"), Just("\r\n"), Just("\r")],
        ) {
            let lines: Vec<String> = table
                .iter()
                .map(|row| row.iter().map(|field| quoted(field)).collect::<Vec<_>>().join(","))
                .collect();
            let text = lines.join(line_end);
            let found: Vec<Vec<Vec<u8>>> =
                rows(text.as_bytes()).into_iter().map(|row| row.fields).collect();
            let expected: Vec<Vec<Vec<u8>>> = table
                .iter()
                .map(|row| row.iter().map(|field| field.clone().into_bytes()).collect())
                .collect();
            prop_assert_eq!(found, expected);
        }

            /// Every byte is part of a record or of a line end, whatever the file contains.
        #[test]
        fn no_byte_is_in_no_record(bytes in prop::collection::vec(prop_oneof![
            Just(b'"'), Just(b','), Just(b'\r'), Just(b'\n'), any::<u8>()
        ], 0..60)) {
            let mut outside = bytes.clone();
            for row in rows(&bytes).into_iter().rev() {
                outside.drain(row.start..row.end);
            }
            prop_assert!(outside.iter().all(|byte| matches!(byte, b'\r' | b'\n')), "{:?}", outside);
        }
    }
}
