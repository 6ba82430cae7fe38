//! Judges rows that newer events replace: `upsert`, `merge` and `delete`.

use std::collections::HashMap;

use super::book::{Book, key_of};
use super::{Judged, SeenTable, SinkVerdict, item};
use crate::contract::{Mode, Order, RowKey, Sink, Table, Tombstone};
use crate::decimal::Decimal;
use crate::identity;
use crate::instant::Instant;
use crate::json::Json;

/// The order of an event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Time(Instant),
    Number(Decimal),
}

/// The events of one row.
#[derive(Default)]
struct Row {
    /// Variants that must have taken effect.
    due: Vec<usize>,
    /// Variants that are dead letters, and may or may not have taken effect before.
    possible: Vec<usize>,
}

struct Rows<'a> {
    book: &'a Book<'a>,
    table: &'a Table,
    order: &'a Order,
    tombstone: Option<&'a Tombstone>,
    /// Whether every event is a deletion.
    deletes: bool,
    now: Option<Instant>,
}

pub(super) fn judge(
    book: &Book<'_>,
    sink: &Sink,
    table: &Table,
    seen: &SeenTable,
    now: Option<Instant>,
) -> Judged {
    let mut judged = Judged::new(SinkVerdict::of(sink), book);
    let (order, tombstone, deletes, owner) = match &table.mode {
        Mode::Upsert { order, tombstone } | Mode::Merge { order, tombstone } => {
            (order, tombstone.as_ref(), false, &book.dataset.name)
        }
        Mode::Delete { order, rows_of } => (order, None, true, rows_of),
        Mode::Insert | Mode::Accumulate { .. } => return judged,
    };
    let RowKey::Pointers(pointers) = &table.key else { return judged };
    let rules = Rows { book, table, order, tombstone, deletes, now };
    let mut found = rows_by_key(seen, owner);
    judged.verdict.items = super::number(found.len());
    for (key, row) in rules.rows(sink, pointers, &mut judged) {
        let there = found.remove(&key);
        rules.check(&row, there, &mut judged);
    }
    for (key, _) in found {
        judged.verdict.not_sent += 1;
        judged.verdict.example(format!("a row that nobody sent: {key}"));
    }
    judged
}

/// The rows of a dataset, by the canonical texts of their keys.
fn rows_by_key<'a>(seen: &'a SeenTable, owner: &str) -> HashMap<String, &'a Json> {
    let prefix = format!("{owner}#");
    let keyed = seen.rows.iter().filter_map(|row| {
        let key = item::text(row, "pk").strip_prefix(&prefix)?;
        Some((Json::parse(key)?.canonical(), row))
    });
    keyed.collect()
}

impl Rows<'_> {
    /// All rows that must or may exist.
    fn rows(&self, sink: &Sink, pointers: &[String], judged: &mut Judged) -> HashMap<String, Row> {
        let mut rows = HashMap::<String, Row>::new();
        for group in &self.book.groups {
            let mut due = group.clone();
            due.retain(|variant| !self.book.is_dead(*variant, sink));
            // An identity takes effect once. A second payload under it is a conflict, and must be a
            // dead letter.
            for dropped in due.split_off(due.len().min(1)) {
                judged.lose(self.book, dropped, "dropped for another event under its key");
            }
            judged.verdict.expected += super::number(due.len());
            for variant in group {
                let payload = self.book.variants[*variant].payload;
                let key = key_of(payload, pointers).filter(|_| self.rank(*variant).is_some());
                match (key, due.contains(variant)) {
                    (Some(key), true) => rows.entry(key).or_default().due.push(*variant),
                    (Some(key), false) => rows.entry(key).or_default().possible.push(*variant),
                    (None, true) => {
                        let why = "without a row's key or order, and no dead letter";
                        judged.lose(self.book, *variant, why);
                    }
                    (None, false) => {}
                }
            }
        }
        rows
    }

    fn rank(&self, variant: usize) -> Option<Rank> {
        let payload = self.book.variants[variant].payload;
        match self.order {
            Order::EventTime => self.book.dataset.event_time.of(payload).map(Rank::Time),
            Order::Pointer(pointer) => payload.at(pointer)?.as_decimal().map(Rank::Number),
        }
    }

    fn is_deletion(&self, variant: usize) -> bool {
        let payload = self.book.variants[variant].payload;
        self.deletes
            || self.tombstone.is_some_and(|tombstone| {
                payload.at(&tombstone.at).is_some_and(|found| tombstone.values.contains(found))
            })
    }

    /// The variants that a row may show: the newest of those that are due, and the possible ones
    /// that are not older.
    fn newest(&self, row: &Row, counts: impl Fn(usize) -> bool) -> Vec<usize> {
        let due = row.due.iter().copied().filter(|variant| counts(*variant));
        let rank = due.clone().filter_map(|variant| self.rank(variant)).max();
        let possible = row.possible.iter().copied().filter(|variant| counts(*variant));
        let newest = due.filter(|variant| self.rank(*variant) == rank).collect();
        let newest = self.of_greatest_key(newest).into_iter();
        newest.chain(possible.filter(|variant| self.rank(*variant) >= rank)).collect()
    }

    /// Of several equally new variants, the one with the greatest idempotency key. All of them if
    /// a key is not known.
    fn of_greatest_key(&self, newest: Vec<usize>) -> Vec<usize> {
        let keys: Option<Vec<String>> = newest
            .iter()
            .map(|variant| identity::key(self.book.variants[*variant].payload, self.book.dataset))
            .collect();
        let Some(keys) = keys else { return newest };
        let greatest = keys.iter().max();
        let with_keys = newest.into_iter().zip(&keys);
        with_keys.filter(|(_, key)| Some(*key) == greatest).map(|(variant, _)| variant).collect()
    }

    /// Whether a row may have expired by now, or expired before and was then written again.
    fn may_have_expired(&self, row: &Row) -> bool {
        let (Some(days), Some(now)) = (self.table.ttl_days, self.now) else { return false };
        let times = row.due.iter().chain(&row.possible).filter_map(|variant| {
            let payload = self.book.variants[*variant].payload;
            self.book.dataset.event_time.of(payload)
        });
        times.map(|time| time.plus_days(days)).any(|expires| expires <= now)
    }

    fn check(&self, row: &Row, there: Option<&Json>, judged: &mut Judged) {
        let may_have_expired = self.may_have_expired(row);
        let Some(there) = there else {
            match may_have_expired {
                true => self.count_present(row, judged),
                false => {
                    for variant in &row.due {
                        judged.lose(self.book, *variant, "its row is not there");
                    }
                }
            }
            return;
        };
        let problem = match &self.table.mode {
            Mode::Merge { .. } => self.merged(row, there),
            _ => self.replaced(row, there),
        };
        match problem {
            Some(problem) if !may_have_expired => {
                judged.verdict.wrong += 1;
                let key = item::text(there, "pk");
                judged.verdict.example(format!("{problem}: the row {key}"));
            }
            _ => self.count_present(row, judged),
        }
    }

    fn count_present(&self, row: &Row, judged: &mut Judged) {
        judged.verdict.present += super::number(row.due.len());
        for variant in row.due.iter().chain(&row.possible) {
            judged.is_present[self.book.variants[*variant].group] = true;
        }
    }

    /// What is wrong with a row that its newest event replaced.
    fn replaced(&self, row: &Row, there: &Json) -> Option<String> {
        let mut problem = None;
        for variant in self.newest(row, |_| true) {
            match self.check_as(variant, there) {
                Ok(()) => return None,
                Err(wrong) => problem = problem.or(Some((variant, wrong))),
            }
        }
        let (variant, wrong) = problem?;
        Some(format!("{wrong}; the newest is {}", self.book.about_variant(variant)))
    }

    fn check_as(&self, variant: usize, there: &Json) -> Result<(), String> {
        let payload = self.book.variants[variant].payload;
        let is_deleted = there.member("deleted") == Some(&Json::Bool(true));
        match (self.is_deletion(variant), is_deleted) {
            (true, true) => Ok(()),
            (true, false) => Err("it is not deleted".to_owned()),
            (false, true) => Err("it is deleted".to_owned()),
            (false, false) => item::check(there, self.table, payload, self.book.dataset),
        }
    }

    /// Whether an event sets or deletes the attribute of a pointer.
    fn sets(&self, variant: usize, pointer: &str) -> bool {
        self.is_deletion(variant) || self.book.variants[variant].payload.at(pointer).is_some()
    }

    /// What is wrong with a row of which each attribute comes from the newest event that sets it.
    fn merged(&self, row: &Row, there: &Json) -> Option<String> {
        for (name, pointer) in &self.table.attributes {
            if item::is_enriched(pointer, self.book.dataset) {
                continue;
            }
            let newest = self.newest(row, |variant| self.sets(variant, pointer));
            let expected: Vec<Option<&Json>> = newest
                .iter()
                .map(|variant| match self.is_deletion(*variant) {
                    true => None,
                    false => self.book.variants[*variant].payload.at(pointer),
                })
                .collect();
            let is_due = row.due.iter().any(|variant| self.sets(*variant, pointer));
            let found = there.member(name);
            let is_right = expected.contains(&found) || (!is_due && found.is_none());
            if !is_right {
                let expected = expected.first().copied().flatten();
                return item::check_attribute(there, name, expected).err();
            }
        }
        let newest = self.newest(row, |_| true);
        let is_deleted = there.member("deleted") == Some(&Json::Bool(true));
        let is_right = newest.iter().any(|variant| self.is_deletion(*variant) == is_deleted);
        (!is_right).then(|| "whether it is deleted is wrong".to_owned())
    }
}
