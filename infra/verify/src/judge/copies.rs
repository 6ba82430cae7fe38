//! Judges sinks that keep each event separately: inserted rows, rows of a lake, requests.

use std::collections::HashMap;

use super::book::{Book, key_of};
use super::timeliness::is_rejected;
use super::{Delivered, Judged, SeenTable, SinkVerdict, item, number};
use crate::contract::{Dataset, RowKey, Sink, Table};
use crate::input::object;
use crate::instant::Instant;
use crate::json::Json;
use crate::lake::{LakeRow, check_payload};
use crate::{identity, shown};

/// Places that hold at most one variant each: those of one identity, or of one row.
struct Places {
    of: Vec<Option<usize>>,
    variants: Vec<Vec<usize>>,
    /// What was found in each place.
    found: Vec<Found>,
}

#[derive(Clone, Default)]
struct Found {
    times: u64,
    variants: Vec<usize>,
}

/// A row or request that was found.
struct Copy<'a> {
    event_id: &'a str,
    /// Its payload, as far as it is needed to find the event.
    payload: Option<Json>,
    about: String,
}

pub(super) fn inserted(book: &Book<'_>, sink: &Sink, table: &Table, seen: &SeenTable) -> Judged {
    let mut places = match &table.key {
        RowKey::Identity => Places::of_identities(book),
        RowKey::Pointers(pointers) => Places::of_rows(book, pointers),
    };
    let mut judged = Judged::new(SinkVerdict::of(sink), book);
    let own = seen.rows.iter().filter(|row| item::text(row, "dataset") == book.dataset.name);
    for row in own {
        let copy = Copy {
            event_id: item::text(row, "event_id"),
            payload: row.member("payload").cloned(),
            about: item::text(row, "pk").to_owned(),
        };
        places.enter(book, &copy, |sent| check_row(row, table, sent, book.dataset), &mut judged);
    }
    for (pk, times) in seen.writes.iter().filter(|(_, times)| **times > 1) {
        judged.verdict.duplicated += times - 1;
        judged.verdict.example(format!("written {times} times: {pk}"));
    }
    places.close(book, sink, &mut judged);
    judged
}

/// What is wrong with a row of a table, compared with the payload that was sent.
fn check_row(row: &Json, table: &Table, sent: &Json, dataset: &Dataset) -> Result<(), String> {
    item::check(row, table, sent, dataset)?;
    let taken_in = Instant::parse(item::text(row, "ingest_time"));
    if let Some((time, taken_in)) = dataset.event_time.of(sent).zip(taken_in)
        && is_rejected(time, taken_in, dataset)
    {
        return Err(format!("it was taken in at {taken_in}, when the contract rejects its time"));
    }
    let found = item::text(row, "idempotency_key");
    match identity::key(sent, dataset) {
        Some(key) if key != found && !found.is_empty() => {
            Err(format!("its idempotency key is {found}, and must be {key}"))
        }
        _ => Ok(()),
    }
}

/// What is wrong with a row of a lake, compared with the payload that was sent.
fn check_lake_row(row: &LakeRow, sent: &Json, dataset: &Dataset) -> Result<(), String> {
    row.check(sent, dataset)?;
    match dataset.event_time.of(sent).map(Instant::date) {
        Some(date) if date != row.date() => {
            Err(format!("it is of {date}, and in the partition of {}", row.date()))
        }
        _ => Ok(()),
    }
}

pub(super) fn in_lake(book: &Book<'_>, sink: &Sink, rows: &[LakeRow]) -> Judged {
    let mut places = Places::of_identities(book);
    let mut judged = Judged::new(SinkVerdict::of(sink), book);
    for row in rows {
        let copy = Copy {
            event_id: &row.event_id,
            payload: Some(row.payload()),
            about: format!("{} in {}", row.event_id, row.object),
        };
        places.enter(book, &copy, |sent| check_lake_row(row, sent, book.dataset), &mut judged);
    }
    places.close(book, sink, &mut judged);
    judged
}

pub(super) fn delivered(
    book: &Book<'_>,
    sink: &Sink,
    all: &[Delivered],
    sends_envelope: bool,
) -> Judged {
    let mut places = Places::of_identities(book);
    let mut judged = Judged::new(SinkVerdict::of(sink), book);
    for delivered in all {
        let body = object(&delivered.body).unwrap_or(Json::Null);
        let payload = if sends_envelope { body.member("data") } else { Some(&body) };
        let copy = Copy {
            event_id: if sends_envelope { item::text(&body, "id") } else { "" },
            payload: payload.cloned(),
            about: shown(&String::from_utf8_lossy(&delivered.body)),
        };
        let found = payload.unwrap_or(&Json::Null);
        places.enter(book, &copy, |sent| check_payload(sent, found, book.dataset), &mut judged);
    }
    places.close(book, sink, &mut judged);
    judged
}

impl Places {
    fn of_identities(book: &Book<'_>) -> Self {
        let of = book.variants.iter().map(|variant| Some(variant.group)).collect();
        Self::new(of, book.groups.clone())
    }

    fn of_rows(book: &Book<'_>, pointers: &[String]) -> Self {
        let mut rows = HashMap::<String, usize>::new();
        let (mut of, mut variants) = (Vec::new(), Vec::<Vec<usize>>::new());
        for (number, variant) in book.variants.iter().enumerate() {
            let place = key_of(variant.payload, pointers).map(|key| {
                *rows.entry(key).or_insert_with(|| {
                    variants.push(Vec::new());
                    variants.len() - 1
                })
            });
            if let Some(place) = place {
                variants[place].push(number);
            }
            of.push(place);
        }
        Self::new(of, variants)
    }

    fn new(of: Vec<Option<usize>>, variants: Vec<Vec<usize>>) -> Self {
        let found = vec![Found::default(); variants.len()];
        Self { of, variants, found }
    }

    /// Finds the event of a copy, and compares them.
    fn enter(
        &mut self,
        book: &Book<'_>,
        copy: &Copy<'_>,
        check: impl Fn(&Json) -> Result<(), String>,
        judged: &mut Judged,
    ) {
        judged.verdict.items += 1;
        let record = book.record(copy.event_id);
        if let Some(record) = record.filter(|record| book.variant_of[*record].is_none()) {
            judged.verdict.wrong += 1;
            let what = book.about(record);
            judged.verdict.example(format!("it is no event, and is there: {what}"));
            return;
        }
        let variant = match record.and_then(|record| book.variant_of[record]) {
            Some(variant) => {
                if let Err(problem) = check(book.variants[variant].payload) {
                    judged.verdict.wrong += 1;
                    let what = book.about_variant(variant);
                    judged.verdict.example(format!("{problem}: {what}"));
                }
                Some(variant)
            }
            None => self.by_content(book, copy, &check),
        };
        let Some(variant) = variant else {
            judged.verdict.not_sent += 1;
            judged.verdict.example(format!("nobody sent it: {}", copy.about));
            return;
        };
        if let Some(record) = record.filter(|record| book.is_record_refused(*record)) {
            judged.refused.push(record);
        }
        if let Some(place) = self.of[variant] {
            self.found[place].times += 1;
            self.found[place].variants.push(variant);
        }
    }

    /// Finds the event by its content. A message that SQS moved and that was sent back has
    /// another id.
    fn by_content(
        &self,
        book: &Book<'_>,
        copy: &Copy<'_>,
        check: &impl Fn(&Json) -> Result<(), String>,
    ) -> Option<usize> {
        let group = copy.payload.as_ref().and_then(|payload| book.identity(payload));
        let candidates = match group {
            Some(group) => book.groups[group].clone(),
            None => (0..book.variants.len()).filter(|variant| self.is_free(*variant)).collect(),
        };
        candidates.into_iter().find(|variant| check(book.variants[*variant].payload).is_ok())
    }

    /// Whether nothing was found yet in the place of a variant.
    fn is_free(&self, variant: usize) -> bool {
        self.of[variant].is_some_and(|place| self.found[place].times == 0)
    }

    /// Counts what is missing and what was found twice.
    fn close(&self, book: &Book<'_>, sink: &Sink, judged: &mut Judged) {
        for (place, variants) in self.variants.iter().enumerate() {
            let found = &self.found[place];
            let mut due = variants.clone();
            due.retain(|variant| !book.is_dead(*variant, sink));
            judged.verdict.expected += u64::from(!due.is_empty());
            judged.verdict.present += u64::from(!due.is_empty() && found.times > 0);
            if found.times > 1 {
                judged.verdict.duplicated += found.times - 1;
                let what = book.about_variant(found.variants[0]);
                judged.verdict.example(format!("there {} times: {what}", found.times));
            }
            for variant in due.iter().filter(|variant| !found.variants.contains(variant)) {
                let why = match found.times {
                    0 => "neither there nor a dead letter",
                    _ => "dropped for another event under its key",
                };
                judged.lose(book, *variant, why);
            }
            for variant in &found.variants {
                judged.is_present[book.variants[*variant].group] = true;
            }
        }
        let placeless = (0..book.variants.len()).filter(|variant| self.of[*variant].is_none());
        for variant in placeless.filter(|variant| !book.is_dead(*variant, sink)) {
            judged.verdict.expected += 1;
            judged.lose(book, variant, "without a row's key, and no dead letter");
        }
        debug_assert!(
            judged.verdict.items >= number(self.found.iter().filter(|it| it.times > 0).count())
        );
    }
}
