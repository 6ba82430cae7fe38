//! CSV rows as payloads, by the contract's types.

use contracts::Contract;
use csv_core::{ReadRecordResult, Reader};
use event::{Code, Failure, Payload};

/// The header, once it has come.
#[derive(Default)]
pub(super) struct Rows {
    header: Option<Vec<String>>,
}

/// More columns than any table has.
const MAX_FIELDS: usize = 4_096;

impl Rows {
    /// One record; `None` for the header.
    ///
    /// # Errors
    /// When the header cannot carry the dataset: that concerns the file. What is wrong with a row is
    /// inside.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        contract: &Contract,
    ) -> Result<Option<Result<Payload, Failure>>, Failure> {
        match &self.header {
            Some(header) => Ok(Some(split(bytes).and_then(|fields| {
                let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
                contract.row(header, &fields)
            }))),
            None => {
                let unmarked = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
                let header = split(unmarked)?;
                contract.check_header(&header)?;
                self.header = Some(header);
                Ok(None)
            }
        }
    }
}

/// The fields of one record.
fn split(bytes: &[u8]) -> Result<Vec<String>, Failure> {
    let mut text = vec![0; bytes.len() + 1];
    let mut ends = vec![0; MAX_FIELDS];
    let mut reader = Reader::new();
    let (result, read, _, mut fields) = reader.read_record(bytes, &mut text, &mut ends);
    if result == ReadRecordResult::InputEmpty {
        let written = fields;
        let start = written.checked_sub(1).map_or(0, |last| ends[last]);
        let (_, _, _, more) =
            reader.read_record(&bytes[read..], &mut text[start..], &mut ends[fields..]);
        fields += more;
    } else if result == ReadRecordResult::OutputEndsFull {
        let reason = format!("more than {MAX_FIELDS} fields");
        return Err(Failure::permanent(Code::DecodeCsv, reason));
    }
    let mut start = 0;
    ends[..fields]
        .iter()
        .map(|&end| {
            let field = &text[start..end];
            start = end;
            String::from_utf8(field.to_vec()).map_err(|error| {
                let at = error.utf8_error().valid_up_to();
                let reason = format!("invalid UTF-8 at byte {at} of a field");
                Failure::permanent(Code::DecodeUtf8, reason)
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_split_as_rfc_4180_says() {
        assert_eq!(split(b"a,\"b,\"\"c\"\"\",,d").unwrap(), ["a", "b,\"c\"", "", "d"]);
        assert_eq!(split(b"a").unwrap(), ["a"]);
        assert_eq!(split(b"a,\xff").unwrap_err().code, Code::DecodeUtf8);
        let many = vec![b','; MAX_FIELDS + 1];
        assert_eq!(split(&many).unwrap_err().code, Code::DecodeCsv);
    }
}
