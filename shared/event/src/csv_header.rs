//! The header of a CSV file, which is stored in a message attribute of the dead letter of one of its records. A record
//! cannot be read without the header of its file.

use serde::{Deserialize, Serialize};

use crate::noncharacters::escape_noncharacters;
use crate::{Attribute, Attributes};

/// The message attribute that holds a [`CsvHeader`] as JSON.
pub const CSV_ATTRIBUTE: &str = "sluicegate.csv";

/// The newest version, in which `delimiter` is new. A header with commas is written in the version before, so that a
/// deployment that knows no other delimiter reads it.
const FORMAT: u32 = 2;

/// The names of a CSV file's columns, and how its records are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CsvHeader {
    csv_format: u32,
    dialect: Dialect,
    /// The character between two fields; absent for a comma.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delimiter: Option<char>,
    /// The names of the columns, in the order of the fields.
    pub columns: Vec<String>,
}

/// How a record is divided into fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Dialect {
    /// A field in quotes may contain delimiters and line ends, and a quote in it is doubled:
    /// <https://www.rfc-editor.org/rfc/rfc4180#section-2>. This is the only dialect that is read so far.
    #[serde(rename = "rfc4180")]
    Rfc4180,
}

impl CsvHeader {
    /// A header with these column names. `delimiter` is the ASCII character between two fields.
    #[must_use]
    pub fn new(columns: &[String], delimiter: u8) -> Self {
        let delimiter = Some(char::from(delimiter)).filter(|delimiter| *delimiter != ',');
        let csv_format = if delimiter.is_some() { FORMAT } else { FORMAT - 1 };
        Self { csv_format, dialect: Dialect::Rfc4180, delimiter, columns: columns.to_vec() }
    }

    /// The character between two fields.
    #[must_use]
    pub fn delimiter(&self) -> u8 {
        self.delimiter.and_then(|delimiter| u8::try_from(delimiter).ok()).unwrap_or(b',')
    }

    /// The header in a dead letter's attributes. `None` if there is none, or this deployment cannot read it.
    #[must_use]
    pub fn read(attributes: &Attributes) -> Option<Self> {
        let header: Self = serde_json::from_str(&attributes.get(CSV_ATTRIBUTE)?.value).ok()?;
        (header.csv_format <= FORMAT).then_some(header)
    }

    /// The header as the value of [`CSV_ATTRIBUTE`].
    #[must_use]
    pub fn attribute(&self) -> Attribute {
        // The header has texts and a number only, for which serde cannot fail.
        let json = serde_json::to_string(self).map(escape_noncharacters);
        Attribute::string(json.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<CsvHeader> {
        CsvHeader::read(&[(CSV_ATTRIBUTE.to_owned(), Attribute::string(text))].into())
    }

    /// SQS takes neither control characters nor U+FFFF in an attribute.
    #[test]
    fn any_column_comes_back_from_an_attribute_that_sqs_takes() {
        let columns = ["id", "a,b", "\"", "é\u{ffff}\u{1}\n", ""].map(str::to_owned);
        for delimiter in [b',', b';', b'\t'] {
            let attribute = CsvHeader::new(&columns, delimiter).attribute();
            let all_are_taken = attribute.value.chars().all(|c| c >= ' ' && c != '\u{ffff}');
            assert!(all_are_taken, "{attribute:?}");
            let header = read(&attribute.value).unwrap();
            assert_eq!((header.delimiter(), header.columns), (delimiter, columns.to_vec()));
        }
    }

    /// Both are stored in dead letters. A deployment of version 1 reads the first, and refuses the second.
    #[test]
    fn only_another_delimiter_than_a_comma_needs_version_2() {
        let columns = ["a".to_owned()];
        for (delimiter, expected) in [
            (b',', r#"{"csv_format":1,"dialect":"rfc4180","columns":["a"]}"#),
            (b';', r#"{"csv_format":2,"dialect":"rfc4180","delimiter":";","columns":["a"]}"#),
        ] {
            assert_eq!(CsvHeader::new(&columns, delimiter).attribute().value, expected);
            assert_eq!(read(expected), Some(CsvHeader::new(&columns, delimiter)));
        }
    }

    #[test]
    fn what_cannot_be_read_is_none() {
        assert_eq!(CsvHeader::read(&Attributes::new()), None);
        for text in [
            "",
            "[]",
            r#"{"csv_format":1,"dialect":"rfc4180"}"#,
            r#"{"csv_format":1,"dialect":"tabs","columns":["a"]}"#,
            r#"{"csv_format":3,"dialect":"rfc4180","columns":["a"]}"#,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
