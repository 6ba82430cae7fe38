//! The judgement: what became of each record in each sink, and of all dead letters.

mod book;
mod copies;
mod dead_letters;
mod grounds;
pub mod item;
mod rows;
#[cfg(test)]
mod tests;
mod totals;

use std::collections::{BTreeMap, HashMap};

use self::book::Book;
use crate::contract::{Dataset, Kind, Mode, Sink};
use crate::instant::Instant;
use crate::json::Json;
use crate::lake::LakeRow;
use crate::letters::{Fault, Letter};

/// A record as it was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// What its event is called: `<entity tag>:<line>` in an object, the id of a message.
    pub id: String,
    /// Where it is in an object; none for a message.
    pub place: Option<Place>,
    /// Without its line end.
    pub bytes: Vec<u8>,
    /// None where it is no event.
    pub payload: Option<Json>,
}

/// A line of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub key: String,
    pub line: u64,
}

/// What was seen when all had come to rest.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// By the names of the sinks that have one.
    pub tables: BTreeMap<String, SeenTable>,
    /// By the names of the sinks: the rows of all objects that count.
    pub lakes: BTreeMap<String, Vec<LakeRow>>,
    /// By the names of the sinks whose service can be looked into: what it took.
    pub services: BTreeMap<String, Vec<Delivered>>,
    pub letters: Vec<Letter>,
    /// By stage: the kind of sink that it writes to.
    pub kinds: HashMap<String, String>,
    /// From when on what has expired may be gone.
    pub now: Option<Instant>,
}

#[derive(Clone, Debug, Default)]
pub struct SeenTable {
    /// Items, without DynamoDB's types.
    pub rows: Vec<Json>,
    /// How often each `pk` was inserted or changed.
    pub writes: BTreeMap<String, u64>,
}

/// What a service took, once.
#[derive(Clone, Debug)]
pub struct Delivered {
    pub body: Vec<u8>,
}

/// What came out of all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Records that were sent.
    pub events: u64,
    /// Distinct events that were taken in: of two payloads under one key, each is one.
    pub accepted: u64,
    /// The same as an earlier one.
    pub repeated: u64,
    /// Refused where they came in, through their own fault.
    pub rejected: u64,
    /// Identities that are in a sink, and in each other one too, or dead there by their own fault.
    pub written: u64,
    /// Records about which there is a dead letter.
    pub dead_lettered: u64,
    /// Of these, those with a letter that is the pipeline's fault.
    pub failed: u64,
    /// Events that are not in one of their sinks, nor a dead letter.
    pub lost: u64,
    /// Copies too many, of all sinks.
    pub duplicated: u64,
    /// Rows that say something else than was sent, of all sinks.
    pub wrong: u64,
    /// Rows that no event asked for, of all sinks.
    pub not_sent: u64,
    /// Events that are in a sink and were refused before it, and letters that explain nothing.
    pub contradictions: u64,
    pub sinks: Vec<SinkVerdict>,
    pub letters: Vec<LetterGroup>,
    /// Examples of what is wrong beside the sinks.
    pub examples: Vec<String>,
}

/// One sink.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkVerdict {
    pub name: String,
    /// `table, upsert`.
    pub about: String,
    /// Whether it can be looked into from here; all else is 0 if not.
    pub is_seen: bool,
    /// Events that have to be in it.
    pub expected: u64,
    /// Those of them that are.
    pub present: u64,
    /// Rows, objects' rows, requests.
    pub items: u64,
    pub lost: u64,
    pub duplicated: u64,
    pub wrong: u64,
    pub not_sent: u64,
    /// What is wrong, the first few.
    pub examples: Vec<String>,
}

/// Letters of one stage and code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterGroup {
    pub stage: String,
    pub code: String,
    pub fault: Fault,
    pub count: u64,
    /// The queue, reason, place and id of the first.
    pub queue: String,
    pub reason: String,
    pub at: Option<String>,
    pub id: String,
}

impl Verdict {
    /// Whether each event is in each of its sinks, or a dead letter through its own fault.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        let wrongs = [
            self.lost,
            self.duplicated,
            self.wrong,
            self.not_sent,
            self.contradictions,
            self.failed,
        ];
        wrongs.iter().all(|count| *count == 0) && self.failures().next().is_none()
    }

    /// What is wrong, a line each: counts, dead letters that are the pipeline's fault, and examples.
    #[must_use]
    pub fn broken_promises(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for sink in &self.sinks {
            let counts = [
                (sink.lost, "lost"),
                (sink.duplicated, "duplicated"),
                (sink.wrong, "wrong"),
                (sink.not_sent, "that nobody sent"),
            ];
            for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
                lines.push(format!("{}: {count} {what}", sink.name));
            }
            lines.extend(sink.examples.iter().map(|example| format!("{}: {example}", sink.name)));
        }
        for group in self.failures() {
            let LetterGroup { count, stage, code, reason, id, .. } = group;
            lines.push(format!("{stage}: {count} dead of {code} ({reason}), such as {id}"));
        }
        lines.extend(self.examples.iter().cloned());
        lines
    }

    /// The letters that are the pipeline's fault.
    pub fn failures(&self) -> impl Iterator<Item = &LetterGroup> {
        self.letters.iter().filter(|group| group.fault == Fault::Pipeline)
    }
}

/// Of each sink at most so many.
const MOST_EXAMPLES: usize = 3;

impl SinkVerdict {
    fn of(sink: &Sink) -> Self {
        Self { name: sink.name.clone(), about: sink.about(), is_seen: true, ..Self::default() }
    }

    fn example(&mut self, text: impl Into<String>) {
        if self.examples.len() < MOST_EXAMPLES {
            self.examples.push(text.into());
        }
    }
}

/// What one sink has, and for each identity whether it is as it must be there.
struct Judged {
    verdict: SinkVerdict,
    /// The variants that are neither in it nor dead.
    lost: Vec<usize>,
    /// Records that are in it, though they were refused before it.
    refused: Vec<usize>,
    /// By identity: whether it is in it.
    is_present: Vec<bool>,
}

impl Judged {
    fn new(verdict: SinkVerdict, book: &Book<'_>) -> Self {
        let is_present = vec![false; book.groups.len()];
        Self { verdict, lost: Vec::new(), refused: Vec::new(), is_present }
    }

    fn lose(&mut self, book: &Book<'_>, variant: usize, why: &str) {
        self.verdict.lost += 1;
        self.verdict.example(format!("{why}: {}", book.about_variant(variant)));
        self.lost.push(variant);
    }
}

/// Judges all that was sent by all that was seen.
#[must_use]
pub fn judge(dataset: &Dataset, sent: &[Sent], seen: &Observed) -> Verdict {
    let book = Book::of(dataset, sent, seen);
    let mut verdict = Verdict { events: number(sent.len()), ..Verdict::default() };
    let mut is_whole = vec![true; book.groups.len()];
    let mut is_anywhere = vec![false; book.groups.len()];
    let mut is_lost = vec![false; book.variants.len()];
    for sink in &dataset.sinks {
        let judged = judge_sink(&book, sink, seen);
        for (group, variants) in book.groups.iter().enumerate() {
            let is_present = judged.is_present[group];
            let is_dead = variants.iter().all(|variant| book.is_dead_by_itself(*variant, sink));
            is_whole[group] &= is_present || is_dead;
            is_anywhere[group] |= is_present;
        }
        judged.lost.iter().for_each(|variant| is_lost[*variant] = true);
        for record in &judged.refused {
            verdict.contradictions += 1;
            let what = book.about(*record);
            note(&mut verdict, format!("in `{}`, and a dead letter as well: {what}", sink.name));
        }
        verdict.duplicated += judged.verdict.duplicated;
        verdict.wrong += judged.verdict.wrong;
        verdict.not_sent += judged.verdict.not_sent;
        verdict.sinks.push(judged.verdict);
    }
    let is_written = is_whole.iter().zip(&is_anywhere).map(|(whole, anywhere)| *whole && *anywhere);
    verdict.written = number(is_written.filter(|is_written| *is_written).count());
    verdict.lost = number(is_lost.iter().filter(|is_lost| **is_lost).count());
    count_records(&book, &mut verdict);
    dead_letters::check(&book, &mut verdict);
    verdict.letters = dead_letters::groups(&seen.letters);
    verdict
}

fn judge_sink(book: &Book<'_>, sink: &Sink, seen: &Observed) -> Judged {
    match &sink.kind {
        Kind::Table(table) => {
            let nothing = SeenTable::default();
            let found = seen.tables.get(&sink.name).unwrap_or(&nothing);
            match &table.mode {
                Mode::Insert => copies::inserted(book, sink, table, found, seen.now),
                Mode::Accumulate { .. } => totals::judge(book, sink, table, found, seen.now),
                Mode::Upsert { .. } | Mode::Merge { .. } | Mode::Delete { .. } => {
                    rows::judge(book, sink, table, found, seen.now)
                }
            }
        }
        Kind::Lake => {
            let rows = seen.lakes.get(&sink.name).map(Vec::as_slice).unwrap_or_default();
            copies::in_lake(book, sink, rows)
        }
        Kind::Http { sends_envelope, .. } => match seen.services.get(&sink.name) {
            Some(delivered) => copies::delivered(book, sink, delivered, *sends_envelope),
            None => unseen(book, sink),
        },
        Kind::Custom { .. } => unseen(book, sink),
    }
}

/// A sink that nobody here can look into: only its dead letters are counted.
fn unseen(book: &Book<'_>, sink: &Sink) -> Judged {
    let verdict = SinkVerdict { is_seen: false, ..SinkVerdict::of(sink) };
    let is_present =
        book.groups.iter().map(|group| group.iter().any(|variant| !book.is_dead(*variant, sink)));
    Judged { is_present: is_present.collect(), ..Judged::new(verdict, book) }
}

/// What became of each record where it came in.
fn count_records(book: &Book<'_>, verdict: &mut Verdict) {
    for (record, sent) in book.sent.iter().enumerate() {
        let letters = book.letters_of[record].iter().map(|letter| &book.letters[*letter]);
        let is_failed = letters.clone().any(|letter| letter.fault() == Fault::Pipeline);
        verdict.dead_lettered += u64::from(letters.clone().next().is_some());
        verdict.failed += u64::from(is_failed);
        match book.variant_of[record] {
            Some(variant) if book.variants[variant].records[0] != record => verdict.repeated += 1,
            Some(variant) if book.is_refused(variant) => verdict.rejected += 1,
            Some(_) => verdict.accepted += 1,
            None if letters.clone().next().is_some() => verdict.rejected += 1,
            // A line of blanks alone may be taken for an empty one.
            None if sent.bytes.trim_ascii().is_empty() => {}
            None => {
                verdict.lost += 1;
                note(verdict, format!("no event, and no dead letter: {}", book.about(record)));
            }
        }
    }
}

fn note(verdict: &mut Verdict, example: String) {
    if verdict.examples.len() < MOST_EXAMPLES {
        verdict.examples.push(example);
    }
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
