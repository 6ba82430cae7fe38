//! Turns a CSV record into a payload, in its file or alone: a dead letter that was redriven has the record and its
//! header.

use contracts::Contract;
use event::{Code, CsvHeader, Failure, MAX_PAYLOAD_BYTES, Payload, too_large};

use super::entry::Content;
use super::records::Records;

/// The payload of one record apart from its file, which has this header.
///
/// # Errors
/// Those that the record would have in its file, also for a header that the contract refuses; and [`Code::DecodeCsv`]
/// if there is more than one record. All are permanent.
pub(crate) fn read_row(
    contract: &Contract,
    header: &CsvHeader,
    bytes: &[u8],
) -> Result<Payload, Failure> {
    let columns = &header.columns;
    contract.check_header(columns)?;
    let mut records = Records::after_header(MAX_PAYLOAD_BYTES, header.delimiter());
    records.push(bytes);
    records.end();
    let mut found = None;
    while let Some(entry) = records.next() {
        if entry.content == Content::Blank {
            continue;
        }
        if found.is_some() {
            let reason = "more than one record, where one was";
            return Err(Failure::permanent(Code::DecodeCsv, reason));
        }
        found = Some(payload_of(contract, columns, &entry.content));
    }
    found.unwrap_or_else(|| Err(no_event()))
}

/// The payload of an entry below the header of a CSV file.
///
/// # Errors
/// A permanent failure when the entry is no record, or when its fields do not fit the columns.
pub(super) fn payload_of(
    contract: &Contract,
    columns: &[String],
    content: &Content<'_>,
) -> Result<Payload, Failure> {
    match content {
        Content::Record { fields, .. } => contract.row(columns, &fields.texts()?),
        Content::TooLong { bytes } => Err(too_long(*bytes)),
        Content::Unclosed { .. } => {
            Err(Failure::permanent(Code::DecodeCsv, "a quote that is never closed"))
        }
        Content::Refused(failure) => Err(failure.clone()),
        Content::Blank | Content::Line(_) => Err(no_event()),
    }
}

pub(super) fn too_long(bytes: u64) -> Failure {
    too_large(usize::try_from(bytes).unwrap_or(usize::MAX))
}

pub(super) fn no_event() -> Failure {
    Failure::permanent(Code::InputEmpty, "nothing where an event was expected")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::records::tests::odd_file;
    use super::*;
    use crate::memory::{HEADER, flight, row};

    fn columns() -> Vec<String> {
        HEADER.split(',').map(str::to_owned).collect()
    }

    fn header() -> CsvHeader {
        CsvHeader::new(&columns(), b',')
    }

    fn read(bytes: &[u8]) -> Result<Payload, Failure> {
        read_row(testkit::contracts().get("flights").unwrap(), &header(), bytes)
    }

    #[test]
    fn a_row_alone_is_the_event_that_it_is_in_its_file() {
        let expected = Payload::parse(flight(7).as_bytes()).unwrap().value;
        for ends in ["", "\n", "\r\n", "\n\n"] {
            let alone = read(format!("{}{ends}", row(7)).as_bytes()).unwrap();
            assert_eq!(alone.value, expected, "{ends:?}");
        }
        let quoted = row(7).replace(",UA,", ",\"U,\n\"\"A\",");
        assert_eq!(read(quoted.as_bytes()).unwrap().value["carrier"], "U,\n\"A");
    }

    #[test]
    fn what_is_not_one_row_is_refused_and_says_why() {
        let two = format!("{}\n{}", row(1), row(2));
        let open = row(1).replace(",UA,", ",\"UA,");
        let long = row(1).replace(",UA,", &format!(",{},", "x".repeat(MAX_PAYLOAD_BYTES)));
        for (bytes, code, reason) in [
            (two.as_str(), Code::DecodeCsv, "more than one record"),
            ("1,2\n3", Code::DecodeCsv, "more than one record"),
            (&open, Code::DecodeCsv, "never closed"),
            ("1,2", Code::DecodeCsv, "expected 9 fields as in the header, found 2"),
            ("", Code::InputEmpty, "nothing"),
            ("\r\n\n", Code::InputEmpty, "nothing"),
            (&long, Code::SizeExceeded, "bytes"),
        ] {
            let failure = read(bytes.as_bytes()).unwrap_err();
            assert_eq!(failure.code, code, "{failure}");
            assert!(failure.reason.contains(reason), "{failure}");
        }
        let without_year = CsvHeader::new(&columns()[1..], b',');
        let few = read_row(testkit::contracts().get("flights").unwrap(), &without_year, b"1");
        assert!(few.unwrap_err().reason.contains("no column `year`"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// The body of a dead letter is the record's bytes. They have the same fields without the file around them.
        #[test]
        fn each_record_of_a_file_has_the_same_fields_alone(file in odd_file()) {
            let mut whole = Records::new(1_000, b',');
            whole.push(&file);
            whole.end();
            while let Some(entry) = whole.next() {
                let raw = match &entry.content {
                    Content::Record { raw, .. } | Content::Unclosed { raw } => raw.to_vec(),
                    Content::Blank
                    | Content::TooLong { .. }
                    | Content::Line(_)
                    | Content::Refused(_) => continue,
                };
                let mut alone = Records::after_header(1_000, b',');
                alone.push(&raw);
                alone.end();
                let found = alone.next().map(|entry| entry.content);
                prop_assert_eq!(found, Some(entry.content));
                prop_assert!(alone.next().is_none());
            }
        }
    }
}
