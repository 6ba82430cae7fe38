//! The sample events of a new dataset. Personal values in them are replaced.

use std::collections::BTreeSet;
use std::path::Path;

use contracts::{ANY_TOKEN, Contract, pointer_tokens};
use event::Payload;
use serde_json::{Value, json};

use super::answers::Answers;
use super::example::event_of;
use crate::contract::events::{SampleEvent, each_event};
use crate::contract::infer::Shape;
use crate::failure::Failure;
use crate::output::text::{group_digits, pluralize};

/// How many events are kept as samples.
const MOST_SAMPLES: usize = 10;

/// The longest sample, in bytes, so that the files can be read by people.
const LONGEST_SAMPLE: usize = 16 * 1024;

/// How many keys are compared with each other.
const MOST_KEYS: usize = 1_000_000;

pub(super) struct Samples {
    /// One event a line.
    pub(super) text: String,
    pub(super) count: usize,
    /// What the events show about the contract.
    pub(super) notes: Vec<String>,
}

impl Samples {
    /// The one event that follows from the answers.
    pub(super) fn of_example(contract: &Contract, answers: &Answers) -> Result<Self, Failure> {
        let text = event_of(answers)?.to_string();
        let payload = Payload::parse(text.as_bytes());
        payload.and_then(|payload| contract.accept(&payload)).map_err(|failure| {
            Failure::new(format!("the example event would be a dead letter: {failure}"))
        })?;
        Ok(Self { text: format!("{text}\n"), count: 1, notes: Vec::new() })
    }

    /// The first events of a file that the contract takes, with other values at these places.
    ///
    /// # Errors
    /// If the file cannot be read, or the contract takes none of its events.
    pub(super) fn of_file(
        path: &Path,
        contract: &Contract,
        personal: &[String],
    ) -> Result<Self, Failure> {
        let mut trial = Trial::new(contract, personal);
        each_event(path, &mut |sample| {
            if let Ok(event) = sample.event {
                trial.add(&sample.place, event);
            }
            Ok(())
        })?;
        trial.finish(path)
    }
}

/// All events of a file against the contract.
struct Trial<'a> {
    contract: &'a Contract,
    personal: &'a [String],
    text: String,
    count: usize,
    events: u64,
    refused: u64,
    first_refused: Option<String>,
    /// The first 64 bits of the keys.
    keys: BTreeSet<u64>,
    repeated: u64,
    first_repeated: Option<String>,
}

impl<'a> Trial<'a> {
    fn new(contract: &'a Contract, personal: &'a [String]) -> Self {
        Self {
            contract,
            personal,
            text: String::new(),
            count: 0,
            events: 0,
            refused: 0,
            first_refused: None,
            keys: BTreeSet::new(),
            repeated: 0,
            first_repeated: None,
        }
    }

    fn add(&mut self, place: &str, event: SampleEvent) {
        self.events += 1;
        let payload = match event {
            SampleEvent::Json(payload) => Ok(payload),
            SampleEvent::Row { header, fields } => {
                let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
                self.contract.row(&header, &fields)
            }
        };
        let accepted =
            payload.and_then(|payload| self.contract.accept(&payload).map(|it| (payload, it)));
        match accepted {
            Err(failure) => {
                self.refused += 1;
                self.first_refused.get_or_insert_with(|| format!("{place}: {failure}"));
            }
            Ok((payload, accepted)) => {
                let print = accepted.key.as_str().get(..16);
                let print = print.and_then(|digits| u64::from_str_radix(digits, 16).ok());
                if let Some(print) = print.filter(|_| self.keys.len() < MOST_KEYS)
                    && !self.keys.insert(print)
                {
                    self.repeated += 1;
                    self.first_repeated.get_or_insert_with(|| place.to_owned());
                }
                self.keep(payload.value);
            }
        }
    }

    /// Keeps an event as a sample, if it still fits with other values where it is personal.
    fn keep(&mut self, mut value: Value) {
        if self.count == MOST_SAMPLES {
            return;
        }
        for pointer in self.personal {
            let tokens = pointer_tokens(pointer).unwrap_or_default();
            replace(&mut value, &tokens, self.count + 1);
        }
        let text = value.to_string();
        let payload = Payload::parse(text.as_bytes());
        let is_taken = payload.is_ok_and(|payload| self.contract.accept(&payload).is_ok());
        if is_taken && text.len() <= LONGEST_SAMPLE {
            self.text.push_str(&text);
            self.text.push('\n');
            self.count += 1;
        }
    }

    fn finish(self, path: &Path) -> Result<Samples, Failure> {
        if self.count == 0 {
            let what = format!("no event of {} can be a sample of this contract", path.display());
            let why = self.first_refused.unwrap_or_else(|| "all of them are too long".to_owned());
            return Err(Failure::new(format!("{what}: {why}")));
        }
        let mut notes = Vec::new();
        if let Some(first) = &self.first_refused {
            notes.push(format!(
                "note: {} of {} would be dead letters; the first is {first}",
                group_digits(self.refused),
                pluralize(self.events, "event")
            ));
        }
        if let Some(first) = &self.first_repeated {
            notes.push(format!(
                "note: {} of {} have the key of one before, and would be taken for repetitions; the first is {first}",
                group_digits(self.repeated),
                pluralize(self.events, "event")
            ));
        }
        if !self.personal.is_empty() {
            notes.push(format!(
                "note: samples have other values at {}",
                self.personal
                    .iter()
                    .collect::<BTreeSet<_>>()
                    .into_iter()
                    .cloned()
                    .collect::<Vec<_>>()
                    .join(", ")
            ));
        }
        Ok(Samples { text: self.text, count: self.count, notes })
    }
}

/// Replaces the values at a place, in which `*` stands for each item and each member.
fn replace(value: &mut Value, tokens: &[String], number: usize) {
    let Some((token, rest)) = tokens.split_first() else { return overwrite(value, number) };
    match value {
        Value::Object(members) if token == ANY_TOKEN => {
            members.values_mut().for_each(|member| replace(member, rest, number));
        }
        Value::Object(members) => {
            if let Some(member) = members.get_mut(token) {
                replace(member, rest, number);
            }
        }
        Value::Array(items) if token == ANY_TOKEN => {
            items.iter_mut().for_each(|item| replace(item, rest, number));
        }
        Value::Array(items) => {
            let item = contracts::pointer_index(token).and_then(|index| items.get_mut(index));
            if let Some(item) = item {
                replace(item, rest, number);
            }
        }
        _ => {}
    }
}

/// Replaces a value and all within it by others of the same type and shape.
fn overwrite(value: &mut Value, number: usize) {
    match value {
        Value::Object(members) => members.values_mut().for_each(|it| overwrite(it, number)),
        Value::Array(items) => items.iter_mut().for_each(|it| overwrite(it, number)),
        Value::String(text) => *text = example_like(text, number),
        Value::Number(_) => *value = json!(number),
        Value::Bool(_) | Value::Null => {}
    }
}

/// A made-up text of the same shape. The addresses are reserved for documentation (RFC 2606, 5737 and 3849).
fn example_like(text: &str, number: usize) -> String {
    let shape = Shape::ALL.into_iter().find(|shape| shape.matches(text));
    match shape {
        Some(Shape::DateTime) => "1970-01-01T00:00:00Z".to_owned(),
        Some(Shape::Date) => "1970-01-01".to_owned(),
        Some(Shape::Time) => "00:00:00Z".to_owned(),
        Some(Shape::Email) => format!("someone-{number}@example.com"),
        Some(Shape::Uuid) => format!("00000000-0000-4000-8000-{number:012}"),
        Some(Shape::Uri) => format!("https://example.com/{number}"),
        Some(Shape::Ipv4) => format!("192.0.2.{number}"),
        Some(Shape::Ipv6) => format!("2001:db8::{number}"),
        Some(Shape::Decimal) => number.to_string(),
        None => format!("example-{number}"),
    }
}
