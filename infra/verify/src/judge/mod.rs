//! Judges what became of each record in each sink, and checks all dead letters.

mod book;
mod copies;
mod dead_letters;
mod grounds;
pub mod item;
mod rows;
#[cfg(test)]
mod tests;
mod timeliness;
mod totals;

use std::collections::{BTreeMap, HashMap};

use self::book::Book;
use crate::contract::{Dataset, Kind, Mode, Sink};
use crate::instant::Instant;
use crate::json::Json;
use crate::lake::LakeRow;
use crate::letters::{Fault, Letter};

/// A record that was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The id of its event: `<entity tag>:<line>` in an object, or the id of a message.
    pub id: String,
    /// Where it is in an object. `None` for a message.
    pub place: Option<Place>,
    /// Its bytes without the line end.
    pub bytes: Vec<u8>,
    /// Its payload. `None` if it is not an event.
    pub payload: Option<Json>,
}

/// A place in an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The key of the object.
    pub key: String,
    /// Where in it the record begins.
    pub at: crate::input::Place,
}

/// What was found when no work was left.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The tables, by the names of the sinks that write to them.
    pub tables: BTreeMap<String, SeenTable>,
    /// The rows of all objects that manifests list, by the names of the sinks.
    pub lakes: BTreeMap<String, Vec<LakeRow>>,
    /// The requests that services accepted, by the names of the sinks. A service that cannot be
    /// read has no entry.
    pub services: BTreeMap<String, Vec<Delivered>>,
    /// All dead letters.
    pub letters: Vec<Letter>,
    /// The kind of sink that each stage writes to, by the stage's name.
    pub kinds: HashMap<String, String>,
    /// The time from which on expired rows may be missing. `None` means that none may.
    pub now: Option<Instant>,
}

/// A table that a sink writes to.
#[derive(Clone, Debug, Default)]
pub struct SeenTable {
    /// All items, without DynamoDB's types.
    pub rows: Vec<Json>,
    /// How often each `pk` was inserted or changed.
    pub writes: BTreeMap<String, u64>,
}

/// A request that a service accepted.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// The body of the request.
    pub body: Vec<u8>,
}

/// What the judge found. All numbers are 0 if they are not counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// The records that were sent.
    pub events: u64,
    /// Distinct events that were accepted. Two payloads under one key are two events.
    pub accepted: u64,
    /// Records that are the same event as an earlier record.
    pub repeated: u64,
    /// Events that were refused before the sinks through their own fault.
    pub rejected: u64,
    /// Identities that are in at least one sink and, unless they are a dead letter there by their
    /// own fault, in each of the others.
    pub written: u64,
    /// Records with a dead letter.
    pub dead_lettered: u64,
    /// Records with a dead letter that is the pipeline's fault.
    pub failed: u64,
    /// Events that are missing in one of their sinks and are not a dead letter.
    pub lost: u64,
    /// Surplus copies in all sinks.
    pub duplicated: u64,
    /// Rows in all sinks whose content is not what was sent.
    pub wrong: u64,
    /// Rows in all sinks that no event explains.
    pub not_sent: u64,
    /// Events that are in a sink though they were refused before it, and letters that explain
    /// nothing.
    pub contradictions: u64,
    /// One entry for each sink of the contract, in its order.
    pub sinks: Vec<SinkVerdict>,
    /// The dead letters by stage and code.
    pub letters: Vec<LetterGroup>,
    /// Sentences about a few things that are wrong outside of the sinks.
    pub examples: Vec<String>,
}

/// What the judge found in one sink.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkVerdict {
    /// The name of the sink.
    pub name: String,
    /// A description such as `table, upsert`.
    pub about: String,
    /// Whether the content of the sink can be read here. If not, all numbers are 0.
    pub is_seen: bool,
    /// Events that have to be in it.
    pub expected: u64,
    /// Events that have to be in it and are.
    pub present: u64,
    /// The rows or requests that were found.
    pub items: u64,
    /// Events that are missing and are not a dead letter.
    pub lost: u64,
    /// Surplus copies.
    pub duplicated: u64,
    /// Rows whose content is not what was sent.
    pub wrong: u64,
    /// Rows that no event explains.
    pub not_sent: u64,
    /// Sentences about the first few things that are wrong.
    pub examples: Vec<String>,
}

/// The dead letters with one stage and one code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterGroup {
    /// The stage that gave up.
    pub stage: String,
    /// The code of the failure.
    pub code: String,
    /// Whose fault it is.
    pub fault: Fault,
    /// The number of letters.
    pub count: u64,
    /// The queue of the first letter.
    pub queue: String,
    /// The reason of the first letter.
    pub reason: String,
    /// The place of the first letter's failure in its event; `None` if it has none.
    pub at: Option<String>,
    /// The likeliest event id of the first letter.
    pub id: String,
}

impl Verdict {
    /// Whether each event is in each of its sinks, or is a dead letter through its own fault, and
    /// nothing else is wrong.
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

    /// What is wrong, one line each: numbers, dead letters that are the pipeline's fault, and
    /// examples.
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

    /// The groups of letters that are the pipeline's fault.
    pub fn failures(&self) -> impl Iterator<Item = &LetterGroup> {
        self.letters.iter().filter(|group| group.fault == Fault::Pipeline)
    }
}

/// The most examples that are kept for each sink.
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

/// The verdict on one sink, and what the overall verdict needs of it.
struct Judged {
    verdict: SinkVerdict,
    /// The variants that are neither in the sink nor dead letters.
    lost: Vec<usize>,
    /// The records that are in the sink though they were refused before it.
    refused: Vec<usize>,
    /// Whether each identity is in the sink.
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

/// Compares everything that was sent with everything that was found.
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
                Mode::Insert => copies::inserted(book, sink, table, found),
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

/// The verdict on a sink whose content cannot be read: only its dead letters count.
fn unseen(book: &Book<'_>, sink: &Sink) -> Judged {
    let verdict = SinkVerdict { is_seen: false, ..SinkVerdict::of(sink) };
    let is_present =
        book.groups.iter().map(|group| group.iter().any(|variant| !book.is_dead(*variant, sink)));
    Judged { is_present: is_present.collect(), ..Judged::new(verdict, book) }
}

/// Counts what became of each record before the sinks.
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
            // A line of blanks may be read as an empty line.
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
