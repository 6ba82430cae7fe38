//! What a record of a CSV file is read by, kept in a message attribute of its dead letter: without the header
//! of its file, a record says nothing.

use serde::{Deserialize, Serialize};

use crate::noncharacters::escape_noncharacters;
use crate::{Attribute, Attributes};

/// The message attribute that holds a [`CsvHeader`] as JSON.
pub const CSV_ATTRIBUTE: &str = "sluicegate.csv";

/// The version of what is written. A reader of a version reads the one before, too.
const FORMAT: u32 = 1;

/// The names of a CSV file's columns, and how its records are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CsvHeader {
    csv_format: u32,
    dialect: Dialect,
    /// In the order of the fields.
    pub columns: Vec<String>,
}

/// How fields are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Dialect {
    /// Commas between fields; a field in quotes may hold commas and line ends, and a quote twice:
    /// <https://www.rfc-editor.org/rfc/rfc4180#section-2>. The only one that is read so far.
    #[serde(rename = "rfc4180")]
    Rfc4180,
}

impl CsvHeader {
    #[must_use]
    pub fn new(columns: &[String]) -> Self {
        Self { csv_format: FORMAT, dialect: Dialect::Rfc4180, columns: columns.to_vec() }
    }

    /// What a dead letter's attributes say; `None` if they say nothing, or what this deployment cannot read.
    #[must_use]
    pub fn read(attributes: &Attributes) -> Option<Self> {
        let header: Self = serde_json::from_str(&attributes.get(CSV_ATTRIBUTE)?.value).ok()?;
        (header.csv_format <= FORMAT).then_some(header)
    }

    /// It is texts and a number: serde cannot fail on them.
    #[must_use]
    pub fn attribute(&self) -> Attribute {
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
        let attribute = CsvHeader::new(&columns).attribute();
        assert!(attribute.value.chars().all(|c| c >= ' ' && c != '\u{ffff}'), "{attribute:?}");
        assert_eq!(read(&attribute.value).unwrap().columns, columns);
    }

    #[test]
    fn what_cannot_be_read_is_none() {
        assert_eq!(CsvHeader::read(&Attributes::new()), None);
        for text in [
            "",
            "[]",
            r#"{"csv_format":1,"dialect":"rfc4180"}"#,
            r#"{"csv_format":1,"dialect":"tabs","columns":["a"]}"#,
            r#"{"csv_format":2,"dialect":"rfc4180","columns":["a"]}"#,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
