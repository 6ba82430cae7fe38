//! Reads dead letters: SQS messages with a JSON attribute `sluicegate.failure`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::decimal::Decimal;
use crate::instant::Instant;
use crate::json::Json;

/// The code of a letter without a failure: SQS itself moved the message.
pub const UNEXPLAINED: &str = "sqs.max-receive-count";

/// The code of an event in the late queue, to which its contract diverts it. It is no dead letter, and like one it is in
/// no sink.
pub const DIVERTED: &str = "diverted";

const FAILURE: &str = "sluicegate.failure";

/// A message of a dead-letter queue.
#[derive(Clone, Debug, PartialEq)]
pub struct Letter {
    /// The name of the queue.
    pub queue: String,
    /// The stage that gave up. If the letter does not say, the one whose dead-letter queue it is
    /// in.
    pub stage: String,
    /// The code of the failure, or [`UNEXPLAINED`].
    pub code: String,
    /// A sentence for people; empty if the letter has none.
    pub reason: String,
    /// Where in the event it failed: the line of a file, a JSON Pointer, or both.
    pub at: Option<String>,
    /// When its event was taken in. `None` if the letter does not say.
    pub taken_in: Option<Instant>,
    /// Whether it was redriven before, and has failed again as a message of its own.
    pub was_redriven: bool,
    /// The body as it was before it was encoded for a message.
    pub body: Vec<u8>,
    /// Possible ids of its event, the likeliest first.
    pub ids: Vec<String>,
    /// The ARN of the object that it was in, `arn:aws:s3:::bucket/key`. `None` if the letter does
    /// not say.
    pub source: Option<String>,
    /// The objects that it announces, if it is a notification of S3.
    pub objects: Vec<AnnouncedObject>,
    /// The payload, if it is an envelope.
    pub data: Option<Json>,
}

/// An object in a notification of S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnouncedObject {
    /// The decoded key.
    pub key: String,
    /// The entity tag without quotes; empty if the notification has none.
    pub e_tag: String,
}

/// Whose fault it is that an event is a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The event's: it cannot be read, breaks its contract, or is in conflict with another event.
    Event,
    /// The pipeline's, or that of something it depends on.
    Pipeline,
}

impl Letter {
    /// Reads a message by its id, its body, and the texts of its attributes. `stage` is the one
    /// whose dead-letter queue is `queue`.
    #[must_use]
    pub fn read(
        queue: &str,
        stage: &str,
        message_id: &str,
        body: &str,
        attributes: &BTreeMap<String, String>,
    ) -> Self {
        let failure = attributes.get(FAILURE).and_then(|text| Json::parse(text));
        let failure = failure.as_ref();
        let body = match text_member(failure, "encoding").as_deref() {
            Some("base64") => STANDARD.decode(body).unwrap_or_else(|_| body.as_bytes().to_vec()),
            _ => body.as_bytes().to_vec(),
        };
        let redrives = failure.and_then(|it| it.member("redrives")?.as_decimal());
        let json = str::from_utf8(&body).ok().and_then(Json::parse);
        let envelope = json.as_ref().filter(|it| it.member("specversion").is_some());
        let ids = [
            text_member(envelope, "id"),
            attributes.get("eventid").cloned(),
            text_member(failure, "message_id"),
            Some(message_id.to_owned()),
        ];
        Self {
            queue: queue.to_owned(),
            stage: text_member(failure, "stage").unwrap_or_else(|| stage.to_owned()),
            code: text_member(failure, "code").unwrap_or_else(|| UNEXPLAINED.to_owned()),
            reason: text_member(failure, "reason").unwrap_or_default(),
            at: text_member(failure, "at"),
            taken_in: text_member(failure, "taken_in_at")
                .or_else(|| text_member(envelope, "ingesttime"))
                .and_then(|time| Instant::parse(&time)),
            was_redriven: redrives.is_some_and(|count| count > Decimal::zero()),
            ids: ids.into_iter().flatten().collect(),
            source: text_member(envelope, "source").or_else(|| attributes.get("source").cloned()),
            objects: json.as_ref().map(announced_objects).unwrap_or_default(),
            data: envelope.and_then(|it| it.member("data")).cloned(),
            body,
        }
    }

    /// Reads a message of the late queue.
    #[must_use]
    pub fn diverted(
        queue: &str,
        message_id: &str,
        body: &str,
        attributes: &BTreeMap<String, String>,
    ) -> Self {
        let read = Self::read(queue, "ingest", message_id, body, attributes);
        Self { code: DIVERTED.to_owned(), ..read }
    }

    /// Whose fault it is, by the code.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self.code.as_str() {
            "contract.violation" | "dedupe.conflict" | "key.missing" | "time.invalid"
            | "time.late" | "time.early" | DIVERTED => Fault::Event,
            // Nobody deletes the demo's objects or sends to the queues between stages, so that only
            // the pipeline can have caused these.
            "decode.envelope" | "input.not-found" | "claim.not-found" => Fault::Pipeline,
            code => match code.split('.').next() {
                Some("decode" | "input" | "size" | "depth" | "number") => Fault::Event,
                _ => Fault::Pipeline,
            },
        }
    }
}

fn text_member(value: Option<&Json>, name: &str) -> Option<String> {
    value?.member(name)?.as_text().map(str::to_owned)
}

/// The objects of an S3 notification.
fn announced_objects(body: &Json) -> Vec<AnnouncedObject> {
    let Some(Json::List(records)) = body.member("Records") else { return Vec::new() };
    let mut objects = Vec::new();
    for record in records {
        if let Some(key) = record.at("/s3/object/key").and_then(Json::as_text) {
            let e_tag = record.at("/s3/object/eTag").and_then(Json::as_text).unwrap_or_default();
            objects.push(AnnouncedObject { key: unescape(key), e_tag: e_tag.to_owned() });
        }
    }
    objects
}

/// Decodes a key. Spaces are `+`, and other characters are percent-encoded.
fn unescape(key: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), key.as_bytes());
    while let Some((first, others)) = rest.split_first() {
        let hex = others.get(..2).and_then(|hex| str::from_utf8(hex).ok());
        let escaped = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (first, escaped) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &others[2..];
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = others;
            }
            _ => {
                bytes.push(*first);
                rest = others;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(body: &str, attributes: &[(&str, &str)]) -> Letter {
        let attributes = attributes.iter().map(|&(name, text)| (name.to_owned(), text.to_owned()));
        Letter::read("InboxDlq", "ingest", "m-2", body, &attributes.collect())
    }

    #[test]
    fn a_letter_says_why_where_and_what_it_was() {
        let failure = r#"{"stage":"ingest","code":"decode.json","kind":"permanent","reason":"no JSON",
            "at":"line 3","message_id":"tag:3","encoding":"base64","attempts":1}"#;
        let attributes = [
            (FAILURE, failure),
            ("eventid", "tag:3"),
            ("source", "arn:aws:s3:::landing/probe/a.csv"),
        ];
        let read = letter("/w==", &attributes);
        assert_eq!(read.body, [0xff]);
        assert_eq!((read.code.as_str(), read.at.as_deref()), ("decode.json", Some("line 3")));
        assert_eq!(read.ids, ["tag:3", "tag:3", "m-2"]);
        assert_eq!(read.fault(), Fault::Event);
    }

    #[test]
    fn what_sqs_moved_itself_is_nobody_s_fault_but_the_pipeline_s() {
        let body = r#"{"Records":[{"s3":{"object":{"key":"probe/a+b%2Bc.csv","eTag":"tag"}}}]}"#;
        let read = letter(body, &[("dataset", "probe")]);
        assert_eq!((read.stage.as_str(), read.code.as_str()), ("ingest", UNEXPLAINED));
        let (key, e_tag) = ("probe/a b+c.csv".to_owned(), "tag".to_owned());
        assert_eq!(read.objects, [AnnouncedObject { key, e_tag }]);
        assert_eq!(
            (read.ids.as_slice(), read.fault()),
            (["m-2".to_owned()].as_slice(), Fault::Pipeline)
        );
    }

    #[test]
    fn an_envelope_is_known_by_its_own_id() {
        let read =
            letter(r#"{"specversion":"1.0","id":"tag:7","source":"s","data":{"id":1}}"#, &[]);
        assert_eq!(
            (read.ids[0].as_str(), read.data.unwrap().to_string()),
            ("tag:7", r#"{"id":1}"#.to_owned())
        );
    }

    #[test]
    fn codes_say_whose_fault_it_is() {
        for code in [
            "decode.csv",
            "input.empty",
            "size.exceeded",
            "depth.exceeded",
            "number.out-of-range",
            "contract.violation",
            "key.missing",
            "time.invalid",
            "dedupe.conflict",
        ] {
            let letter = Letter { code: code.to_owned(), ..letter("", &[]) };
            assert_eq!(letter.fault(), Fault::Event, "{code}");
        }
        for code in [
            "dependency.refused",
            "record.panicked",
            "contract.unknown-dataset",
            "delivery.refused",
            "dedupe.forgotten",
            "decode.envelope",
            "what.ever",
        ] {
            let letter = Letter { code: code.to_owned(), ..letter("", &[]) };
            assert_eq!(letter.fault(), Fault::Pipeline, "{code}");
        }
    }
}
