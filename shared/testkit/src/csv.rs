//! A reader of CSV that tests compare others with. It reads a whole file, byte by byte, by RFC 4180.
//!
//! It is slow and simple on purpose, and shares no code with any other reader. Its rules are those of section 2 of
//! <https://www.rfc-editor.org/rfc/rfc4180>. Where files deviate from them, it reads as spreadsheets and Python's `csv`
//! do: CR and LF end a record too, an empty line is no record, a quote within an unquoted field is text, and so is what
//! follows a closing quote.

/// A record of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The line on which it begins, counted from 1. CR, LF and CRLF each end a line.
    pub line: u64,
    /// Its bytes without the line end; empty if the record is too long.
    pub raw: Vec<u8>,
    /// Its fields, or why it has none.
    pub kind: RowKind,
}

/// The content of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// A complete record.
    Whole {
        /// The bytes of its fields, without quotes.
        fields: Vec<Vec<u8>>,
    },
    /// The file ends within quotes.
    Unclosed,
    /// The record is longer than the limit. It ends with the line in which it exceeds the limit.
    TooLong {
        /// Its length in bytes, without the line end.
        bytes: u64,
    },
}

/// All records of a file, with the header. A record of more than `longest` bytes is [`RowKind::TooLong`].
#[must_use]
pub fn read(file: &[u8], longest: usize) -> Vec<Row> {
    let has_byte_order_mark = file.starts_with(&[0xef, 0xbb, 0xbf]);
    let mut at = if has_byte_order_mark { 3 } else { 0 };
    let mut rows = Vec::new();
    while at < file.len() {
        if ends_line(file[at]) {
            at += 1;
            continue;
        }
        let (row, end) = row_at(file, at, longest);
        rows.push(row);
        at = end;
    }
    rows
}

fn ends_line(byte: u8) -> bool {
    byte == 10 || byte == 13
}

/// The record that begins at a position, and the position after it.
fn row_at(file: &[u8], begin: usize, longest: usize) -> (Row, usize) {
    let line = line_of(file, begin);
    let (mut fields, mut field) = (Vec::new(), Vec::new());
    let mut at = begin;
    let mut is_quoted = false;
    let mut begins_field = true;
    loop {
        if at - begin > longest {
            let rest = file[at..].iter().position(|&byte| ends_line(byte));
            let end = rest.map_or(file.len(), |rest| at + rest);
            let kind = RowKind::TooLong { bytes: (end - begin) as u64 };
            return (Row { line, raw: Vec::new(), kind }, end);
        }
        let Some(&byte) = file.get(at) else { break };
        if is_quoted {
            if byte != b'"' {
                field.push(byte);
            } else if file.get(at + 1) == Some(&b'"') {
                field.push(b'"');
                at += 1;
            } else {
                is_quoted = false;
            }
        } else if ends_line(byte) {
            break;
        } else if byte == b',' {
            fields.push(std::mem::take(&mut field));
        } else if byte == b'"' && begins_field {
            is_quoted = true;
        } else {
            field.push(byte);
        }
        begins_field = !is_quoted && byte == b',';
        at += 1;
    }
    fields.push(field);
    let kind = if is_quoted { RowKind::Unclosed } else { RowKind::Whole { fields } };
    (Row { line, raw: file[begin..at].to_vec(), kind }, at)
}

/// The line of a position, which is one more than the number of line ends before it.
fn line_of(file: &[u8], place: usize) -> u64 {
    let before = &file[..place];
    let ends = (0..place).filter(|&at| match before[at] {
        13 => true,
        10 => at == 0 || before[at - 1] != 13,
        _ => false,
    });
    1 + ends.count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(file: &[u8]) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        for row in read(file, 1_000) {
            let RowKind::Whole { fields } = row.kind else { panic!("{row:?}") };
            rows.push(fields.into_iter().map(|field| String::from_utf8(field).unwrap()).collect());
        }
        rows
    }

    fn lines(file: &[u8]) -> Vec<u64> {
        read(file, 9).iter().map(|row| row.line).collect()
    }

    /// The examples of RFC 4180, section 2, and what Python's `csv.reader` returns for other files.
    #[test]
    fn rows_are_what_the_rfc_says() {
        assert_eq!(fields(b"aaa,bbb\r\nzzz,yyy"), [["aaa", "bbb"], ["zzz", "yyy"]]);
        assert_eq!(fields(b"\"aaa\",\"b\r\nbb\"\r\n"), [["aaa", "b\r\nbb"]]);
        assert_eq!(fields(b"\"b\"\"bb\",\"\""), [["b\"bb", ""]]);
        assert_eq!(fields(b"5\" pipe,x\r6,\n"), [["5\" pipe", "x"], ["6", ""]]);
        assert_eq!(fields(b"\"a\"b\"c\n"), [["ab\"c"]]);
        assert_eq!(fields(b"\xef\xbb\xbfa\n\n\r\nb"), [["a"], ["b"]]);
    }

    #[test]
    fn rows_know_their_lines() {
        assert_eq!(lines(b"a\rb\n\nc\r\n\"d\r\n\n\"\ne"), [1, 2, 4, 5, 8]);
        let long = read(b"0123456789\nb", 9);
        assert_eq!(long[0].kind, RowKind::TooLong { bytes: 10 });
        assert_eq!((long[1].line, read(b"\"a\nb", 9)[0].kind.clone()), (2, RowKind::Unclosed));
    }
}
