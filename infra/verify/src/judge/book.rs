//! Finds out which records are the same event, and which letters are about which record.

use std::collections::{HashMap, HashSet};

use super::{Observed, Sent};
use crate::contract::{Dataset, Kind, Mode, RowKey, Sink, Table};
use crate::json::Json;
use crate::lake::check_payload;
use crate::letters::{Fault, Letter};
use crate::shown;

/// Records with the same identity and the same payload.
pub(super) struct Variant<'a> {
    pub(super) group: usize,
    pub(super) payload: &'a Json,
    pub(super) records: Vec<usize>,
}

/// Which records are the same event, and which letters are about which records.
///
/// Records, variants, groups and letters are referred to by their indexes.
pub(super) struct Book<'a> {
    pub(super) dataset: &'a Dataset,
    pub(super) sent: &'a [Sent],
    pub(super) letters: &'a [Letter],
    kinds: &'a HashMap<String, String>,
    pub(super) variants: Vec<Variant<'a>>,
    /// The variants of each identity.
    pub(super) groups: Vec<Vec<usize>>,
    /// The variant of each record. `None` for a record without a payload or an identity.
    pub(super) variant_of: Vec<Option<usize>>,
    /// The letters about each record.
    pub(super) letters_of: Vec<Vec<usize>>,
    /// Letters that are about nothing that was sent.
    pub(super) stray: Vec<usize>,
    by_id: HashMap<&'a str, Vec<usize>>,
    by_identity: HashMap<String, usize>,
    /// Variants that share a row with another identity. Which of them is inserted first is open.
    sharing: HashSet<usize>,
}

impl<'a> Book<'a> {
    pub(super) fn of(dataset: &'a Dataset, sent: &'a [Sent], seen: &'a Observed) -> Self {
        let mut book = Self {
            dataset,
            sent,
            letters: &seen.letters,
            kinds: &seen.kinds,
            variants: Vec::new(),
            groups: Vec::new(),
            variant_of: Vec::with_capacity(sent.len()),
            letters_of: vec![Vec::new(); sent.len()],
            stray: Vec::new(),
            by_id: HashMap::new(),
            by_identity: HashMap::new(),
            sharing: HashSet::new(),
        };
        book.enter_records();
        book.enter_letters();
        book.sharing = book.sharing();
        book
    }

    fn enter_records(&mut self) {
        let mut variants: HashMap<(usize, String), usize> = HashMap::new();
        for (record, sent) in self.sent.iter().enumerate() {
            self.by_id.entry(&sent.id).or_default().push(record);
            let payload = sent.payload.as_ref();
            let Some((payload, identity)) =
                payload.and_then(|it| Some((it, key_of(it, &self.dataset.identity)?)))
            else {
                self.variant_of.push(None);
                continue;
            };
            let group = *self.by_identity.entry(identity).or_insert_with(|| {
                self.groups.push(Vec::new());
                self.groups.len() - 1
            });
            let variant = *variants.entry((group, payload.canonical())).or_insert_with(|| {
                self.variants.push(Variant { group, payload, records: Vec::new() });
                self.groups[group].push(self.variants.len() - 1);
                self.variants.len() - 1
            });
            self.variants[variant].records.push(record);
            self.variant_of.push(Some(variant));
        }
    }

    fn enter_letters(&mut self) {
        for (number, letter) in self.letters.iter().enumerate() {
            let about = self.records_of(letter);
            if about.is_empty() {
                self.stray.push(number);
            }
            for record in about {
                self.letters_of[record].push(number);
            }
        }
    }

    fn records_of(&self, letter: &Letter) -> Vec<usize> {
        if !letter.objects.is_empty() {
            let all = 0..self.sent.len();
            return all.filter(|record| is_in_objects(&self.sent[*record], letter)).collect();
        }
        for id in &letter.ids {
            let found = self.with_id(id, letter.source.as_deref());
            if !found.is_empty() {
                return found;
            }
        }
        // A message that SQS itself moved, and that was sent back, has another id now.
        match &letter.data {
            Some(data) => self.with_data(data).into_iter().collect(),
            None => self.with_bytes(&letter.body).into_iter().collect(),
        }
    }

    /// The records with this id. If two objects have the same bytes, those of the object that
    /// `source` names.
    fn with_id(&self, id: &str, source: Option<&str>) -> Vec<usize> {
        let all = self.by_id.get(id).cloned().unwrap_or_default();
        let mut named = all.clone();
        named.retain(|record| match (&self.sent[*record].place, source) {
            (Some(place), Some(source)) => source.ends_with(&format!("/{}", place.key)),
            _ => true,
        });
        if named.is_empty() { all } else { named }
    }

    fn with_data(&self, data: &Json) -> Option<usize> {
        let group = &self.groups[self.identity(data)?];
        let variant = group.iter().find(|variant| {
            check_payload(self.variants[**variant].payload, data, self.dataset).is_ok()
        });
        let mut records = self.variants[*variant?].records.clone();
        records.sort_by_key(|record| self.letters_of[*record].len());
        records.first().copied()
    }

    /// The group of a payload that was found somewhere.
    pub(super) fn identity(&self, payload: &Json) -> Option<usize> {
        self.by_identity.get(&key_of(payload, &self.dataset.identity)?).copied()
    }

    /// The first record without a letter that has these bytes, alone or below its CSV header.
    fn with_bytes(&self, body: &[u8]) -> Option<usize> {
        let body = body.trim_ascii();
        let mut found = Vec::new();
        for (record, sent) in self.sent.iter().enumerate() {
            let bytes = sent.bytes.trim_ascii();
            if body == bytes || (!bytes.is_empty() && below_a_line(body) == Some(bytes)) {
                found.push(record);
            }
        }
        found.sort_by_key(|record| self.letters_of[*record].len());
        found.first().copied()
    }

    /// The first record with this event id.
    pub(super) fn record(&self, event_id: &str) -> Option<usize> {
        self.by_id.get(event_id).and_then(|records| records.first()).copied()
    }

    /// Whether a letter can be about an event's write to this sink.
    fn concerns(&self, letter: &Letter, sink: &Sink) -> bool {
        if is_before_sinks(letter) {
            return true;
        }
        match self.kinds.get(&letter.stage) {
            Some(kind) => *kind == sink.kind_name(),
            None => true,
        }
    }

    fn has_letter(&self, record: usize, is_meant: impl Fn(&Letter) -> bool) -> bool {
        self.letters_of[record].iter().any(|letter| is_meant(&self.letters[*letter]))
    }

    /// Whether all records of a variant are dead letters as far as this sink is concerned.
    pub(super) fn is_dead(&self, variant: usize, sink: &Sink) -> bool {
        let mut records = self.variants[variant].records.iter();
        records.all(|record| self.has_letter(*record, |letter| self.concerns(letter, sink)))
    }

    /// [`Book::is_dead`], and only through faults of the records.
    pub(super) fn is_dead_by_itself(&self, variant: usize, sink: &Sink) -> bool {
        self.variants[variant].records.iter().all(|record| {
            self.has_letter(*record, |letter| {
                self.concerns(letter, sink) && letter.fault() == Fault::Event
            })
        })
    }

    /// Whether a record was refused before the sinks through its own fault.
    pub(super) fn is_record_refused(&self, record: usize) -> bool {
        self.has_letter(record, |it| is_before_sinks(it) && it.fault() == Fault::Event)
    }

    /// Whether all records of a variant were.
    pub(super) fn is_refused(&self, variant: usize) -> bool {
        self.variants[variant].records.iter().all(|record| self.is_record_refused(*record))
    }

    /// Whether an event of another identity may have taken the variant's row, in a table whose
    /// rows are only inserted.
    pub(super) fn shares_row(&self, variant: usize) -> bool {
        self.sharing.contains(&variant)
    }

    fn sharing(&self) -> HashSet<usize> {
        let mut sharing = HashSet::new();
        for sink in &self.dataset.sinks {
            let Kind::Table(Table { key: RowKey::Pointers(key), mode: Mode::Insert, .. }) =
                &sink.kind
            else {
                continue;
            };
            let mut rows = HashMap::<String, Vec<usize>>::new();
            for (number, variant) in self.variants.iter().enumerate() {
                if let Some(row) = key_of(variant.payload, key) {
                    rows.entry(row).or_default().push(number);
                }
            }
            sharing.extend(rows.into_values().filter(|row| row.len() > 1).flatten());
        }
        sharing
    }

    /// A short description of a record: where it comes from, and the beginning of its content.
    pub(super) fn about(&self, record: usize) -> String {
        let sent = &self.sent[record];
        let text = shown(&String::from_utf8_lossy(&sent.bytes));
        match &sent.place {
            Some(place) => format!("{} of {}: {text}", place.at, place.key),
            None => format!("message {}: {text}", sent.id),
        }
    }

    pub(super) fn about_variant(&self, variant: usize) -> String {
        self.about(self.variants[variant].records[0])
    }
}

/// Whether the letter's stage comes before the sinks. Then no sink has the event.
fn is_before_sinks(letter: &Letter) -> bool {
    matches!(letter.stage.as_str(), "ingest" | "enrich")
}

/// The canonical text of the values at these pointers. `None` if one is missing or null.
pub(super) fn key_of(payload: &Json, pointers: &[String]) -> Option<String> {
    let values = pointers.iter().map(|pointer| payload.at(pointer).filter(|it| !it.is_null()));
    let values: Option<Vec<Json>> = values.map(|value| value.cloned()).collect();
    values.map(|values| Json::List(values).canonical())
}

fn below_a_line(body: &[u8]) -> Option<&[u8]> {
    let end = body.iter().position(|byte| matches!(byte, b'\r' | b'\n'))?;
    Some(body[end..].trim_ascii())
}

/// Whether a record is in one of the objects that a letter announces.
fn is_in_objects(sent: &Sent, letter: &Letter) -> bool {
    sent.place.as_ref().is_some_and(|place| {
        letter.objects.iter().any(|object| {
            let has_tag = object.e_tag.is_empty() || sent.id.starts_with(object.e_tag.as_str());
            object.key == place.key && has_tag
        })
    })
}
