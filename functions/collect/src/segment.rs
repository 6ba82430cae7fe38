//! A segment is an object with the messages of letters that are collected together, one in each line.

use event::{Code, Failure, Timestamp};
use letters::{Place, StoredMessage};
use runtime::unique_name;

/// An object with messages, and the place of each.
pub(crate) struct Segment {
    pub(crate) key: String,
    pub(crate) body: Vec<u8>,
    pub(crate) places: Vec<Place>,
}

impl Segment {
    /// The segment of these messages, with a unique key `dead-letters/<stage>/<yyyy>/<mm>/<dd>/<name>.ndjson`.
    ///
    /// # Errors
    /// When a message cannot be written as JSON.
    pub(crate) fn of(
        stage: &str,
        messages: &[StoredMessage],
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let time = now.to_string();
        let date = time.get(..10).unwrap_or("1970-01-01").replace('-', "/");
        let key = format!("dead-letters/{stage}/{date}/{}.ndjson", unique_name(now));
        let (mut body, mut places) = (Vec::new(), Vec::with_capacity(messages.len()));
        for message in messages {
            let offset = body.len();
            serde_json::to_writer(&mut body, message).map_err(|error| {
                Failure::permanent(Code::DependencyRefused, format!("writing a message: {error}"))
            })?;
            let length = body.len() - offset;
            places.push(Place {
                object: key.clone(),
                offset: offset as u64,
                length: length as u64,
            });
            body.push(b'\n');
        }
        Ok(Self { key, body, places })
    }
}

#[cfg(test)]
mod tests {
    use letters::LetterId;

    use super::*;

    fn message(body: &str) -> StoredMessage {
        StoredMessage {
            message_format: 1,
            id: LetterId(format!("of {}", body.len())),
            stage: "sink".to_owned(),
            body: body.to_owned(),
            attributes: event::Attributes::new(),
            group: None,
            message_id: "m".to_owned(),
            sent_at: None,
            receive_count: 1,
            moved_from: None,
        }
    }

    #[test]
    fn each_message_is_a_line_at_its_place() {
        let bodies = ["plain", "two\nlines\r\n", "“quoted” \"x\"", ""];
        let messages: Vec<StoredMessage> = bodies.into_iter().map(message).collect();
        let now = Timestamp::from_unix_ms(1_795_946_701_000);
        let segment = Segment::of("sink", &messages, now).unwrap();
        assert!(segment.key.starts_with("dead-letters/sink/2026/11/29/"), "{}", segment.key);
        assert!(segment.key.ends_with(".ndjson"), "{}", segment.key);
        assert_ne!(segment.key, Segment::of("sink", &messages, now).unwrap().key);
        assert_eq!(segment.body.split(|byte| *byte == b'\n').count(), bodies.len() + 1);
        for (message, place) in messages.iter().zip(&segment.places) {
            let (from, length) = (place.offset as usize, place.length as usize);
            let line = &segment.body[from..from + length];
            assert_eq!(serde_json::from_slice::<StoredMessage>(line).unwrap(), *message);
            assert_eq!((segment.body[from + length], &place.object), (b'\n', &segment.key));
        }
    }
}
