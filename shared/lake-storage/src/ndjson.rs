//! Writes events as lines of JSON that are compressed together, and reads the keys of such an object.
//!
//! A line has the envelope's attributes under the names of the Parquet columns, and the unchanged payload as the member
//! `payload`, so that their names cannot collide.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read, Write};

use bytes::Bytes;
use contracts::Compression;
use event::{Code, Envelope, Failure, Fingerprint, IdempotencyKey, Timestamp};
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The compression level that Parquet objects have too.
const ZSTD_LEVEL: i32 = 3;

#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "_event_id")]
    event_id: &'a str,
    #[serde(rename = "_event_time")]
    event_time: Timestamp,
    #[serde(rename = "_ingest_time")]
    ingest_time: Timestamp,
    #[serde(rename = "_idempotency_key")]
    idempotency_key: &'a IdempotencyKey,
    #[serde(rename = "_fingerprint")]
    fingerprint: &'a Fingerprint,
    #[serde(rename = "_subject")]
    subject: Option<&'a str>,
    #[serde(rename = "_degraded")]
    degraded: Option<&'a str>,
    payload: &'a RawValue,
}

/// The part of a line that is read back.
#[derive(Deserialize)]
struct LineKey {
    #[serde(rename = "_idempotency_key")]
    key: IdempotencyKey,
}

/// The line of an event, without a line end.
///
/// # Errors
/// Never for an envelope that was read from JSON.
pub(crate) fn line(envelope: &Envelope) -> Result<String, Failure> {
    let payload = match on_one_line(envelope.data.get()) {
        Cow::Borrowed(_) => Cow::Borrowed(&*envelope.data),
        Cow::Owned(text) => {
            Cow::Owned(RawValue::from_string(text).map_err(|error| unusable_envelope(&error))?)
        }
    };
    let line = Line {
        event_id: &envelope.id,
        event_time: envelope.time,
        ingest_time: envelope.ingesttime,
        idempotency_key: &envelope.idempotencykey,
        fingerprint: &envelope.fingerprint,
        subject: envelope.subject.as_deref(),
        degraded: envelope.degraded.as_deref(),
        payload: &payload,
    };
    serde_json::to_string(&line).map_err(|error| unusable_envelope(&error))
}

fn unusable_envelope(error: &serde_json::Error) -> Failure {
    Failure::permanent(Code::DecodeEnvelope, error.to_string())
}

/// Replaces the line ends of a JSON text by spaces. They are only between tokens, since a JSON string has none (RFC
/// 8259, section 7).
fn on_one_line(json: &str) -> Cow<'_, str> {
    if json.contains(['\n', '\r']) {
        Cow::Owned(json.replace(['\n', '\r'], " "))
    } else {
        Cow::Borrowed(json)
    }
}

/// The object of these lines.
///
/// # Errors
/// When the compressor fails, which does not happen in memory.
pub(crate) fn write(lines: &[&str], compression: Compression) -> io::Result<Vec<u8>> {
    write_with(compression, |writer| {
        for line in lines {
            writer.write_all(line.as_bytes())?;
            writer.write_all(b"\n")?;
        }
        Ok(())
    })
}

fn write_with(
    compression: Compression,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<Vec<u8>> {
    match compression {
        Compression::Gzip => {
            let mut writer = GzEncoder::new(Vec::new(), flate2::Compression::default());
            write(&mut writer)?;
            writer.finish()
        }
        Compression::Zstd => {
            let mut writer = zstd::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
            write(&mut writer)?;
            writer.finish()
        }
    }
}

/// The keys of an object's lines.
///
/// # Errors
/// When the object is not one that [`write`] makes.
pub(crate) fn keys(object: &[u8], compression: Compression) -> io::Result<Vec<IdempotencyKey>> {
    let mut keys = Vec::new();
    for line in text(object, compression)?.lines() {
        let LineKey { key } = serde_json::from_str(&line?)?;
        keys.push(key);
    }
    Ok(keys)
}

/// The body of one object with all lines of these objects, and the number of lines of each.
///
/// # Errors
/// The position of an object that cannot be read, and why.
pub(crate) fn merge(
    objects: &[Bytes],
    compression: Compression,
) -> Result<(Vec<u8>, Vec<usize>), (usize, io::Error)> {
    let mut rows = Vec::with_capacity(objects.len());
    let body = write_with(compression, |writer| {
        for object in objects {
            rows.push(copy_lines(object, compression, writer)?);
        }
        Ok(())
    });
    match body {
        Ok(body) => Ok((body, rows)),
        // The object that failed is the one after those that have been counted.
        Err(error) => Err((rows.len(), error)),
    }
}

fn copy_lines(
    object: &[u8],
    compression: Compression,
    writer: &mut dyn Write,
) -> io::Result<usize> {
    let mut lines = text(object, compression)?;
    let (mut line, mut rows) = (Vec::new(), 0);
    while lines.read_until(b'\n', &mut line)? > 0 {
        if !line.ends_with(b"\n") {
            line.push(b'\n');
        }
        writer.write_all(&line)?;
        line.clear();
        rows += 1;
    }
    Ok(rows)
}

/// The decompressed text of an object. Several gzip members or ZSTD frames in a row are one text.
fn text(object: &[u8], compression: Compression) -> io::Result<BufReader<Box<dyn Read + '_>>> {
    let text: Box<dyn Read + '_> = match compression {
        Compression::Gzip => Box::new(MultiGzDecoder::new(object)),
        Compression::Zstd => Box::new(zstd::Decoder::new(object)?),
    };
    Ok(BufReader::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::envelope;

    #[track_caller]
    fn check(compression: Compression) {
        let events: Vec<Envelope> =
            (0..3).map(|n| envelope(&format!("k{n}"), r#"{"a": 1.50}"#)).collect();
        let lines: Vec<String> = events.iter().map(|event| line(event).unwrap()).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let object = write(&lines, compression).unwrap();
        let expected: Vec<_> = events.iter().map(|event| event.idempotencykey.clone()).collect();
        assert_eq!(keys(&object, compression).unwrap(), expected);
        let none = write(&[], compression).unwrap();
        assert_eq!(keys(&none, compression).unwrap(), []);
        assert!(keys(&object[..object.len() - 4], compression).is_err(), "cut short");
        assert!(keys(b"PAR1", compression).is_err());
        let twice = [object.as_slice(), &object].concat();
        let both = [expected.as_slice(), &expected].concat();
        assert_eq!(keys(&twice, compression).unwrap(), both, "members in a row are one object");
    }

    #[test]
    fn an_object_tells_its_keys() {
        check(Compression::Gzip);
        check(Compression::Zstd);
    }

    #[test]
    fn a_line_is_the_envelope_and_the_payload_as_it_came() {
        let pretty = "{\n  \"weather\": {\"t\": 1.0},\r\n  \"note\": \"a\\nb\"\n}";
        let line = line(&envelope("k", pretty)).unwrap();
        assert_eq!(line.lines().count(), 1);
        let expected = r#""_idempotency_key":"k","_fingerprint":"cd","_subject":"UA-1545","_degraded":null,"payload":{   "weather": {"t": 1.0},    "note": "a\nb" }}"#;
        assert!(line.ends_with(expected), "{line}");
    }
}
