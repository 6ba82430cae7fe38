//! Judges totals: counters and sums of each key and window, which have to be exact to the last
//! digit.

use std::collections::{BTreeMap, HashMap};

use super::book::{Book, key_of};
use super::{Judged, SeenTable, SinkVerdict, item, number};
use crate::contract::{Mode, RowKey, Sink, Table, Window};
use crate::decimal::Decimal;
use crate::instant::Instant;
use crate::json::Json;

/// The canonical text of the key, and the name of the window.
type RowName = (String, String);

type Sums = BTreeMap<String, Decimal>;

/// What an event adds, and to which row.
#[derive(Clone, Debug)]
struct Addition {
    row: RowName,
    sums: Sums,
    ends: Option<Instant>,
}

/// The possible additions of an identity, if dead letters leave open which of them took effect.
struct Open {
    group: usize,
    choices: Vec<Option<Addition>>,
}

/// The most combinations that are tried for additions that are open.
const MOST_WAYS: usize = 1 << 14;

pub(super) fn judge(
    book: &Book<'_>,
    sink: &Sink,
    table: &Table,
    seen: &SeenTable,
    now: Option<Instant>,
) -> Judged {
    let mut judged = Judged::new(SinkVerdict::of(sink), book);
    let adding = Adding { book, table };
    let mut rows = HashMap::<RowName, Sums>::new();
    let mut groups_of = HashMap::<RowName, Vec<usize>>::new();
    let mut expiring = HashMap::<RowName, Instant>::new();
    let mut open = Vec::new();
    for (group, variants) in book.groups.iter().enumerate() {
        let mut due = variants.clone();
        due.retain(|variant| !book.is_dead(*variant, sink));
        for dropped in due.split_off(due.len().min(1)) {
            judged.lose(book, dropped, "dropped for another event under its key");
        }
        judged.verdict.expected += number(due.len());
        if let Some(variant) = due.first() {
            match adding.addition(*variant) {
                Some(addition) => {
                    groups_of.entry(addition.row.clone()).or_default().push(group);
                    expiring.extend(addition.ends.map(|ends| (addition.row.clone(), ends)));
                    add(rows.entry(addition.row).or_default(), &addition.sums);
                }
                None => judged.lose(book, *variant, "cannot be added, and is no dead letter"),
            }
            continue;
        }
        let choices = variants.iter().filter_map(|variant| adding.addition(*variant)).map(Some);
        open.push(Open { group, choices: std::iter::once(None).chain(choices).collect() });
    }
    let found = found(book, table, seen);
    judged.verdict.items = number(found.len());
    for (group, addition) in settle(&open, &rows, &found) {
        groups_of.entry(addition.row.clone()).or_default().push(group);
        add(rows.entry(addition.row).or_default(), &addition.sums);
    }
    for (row, expected) in &rows {
        let groups = groups_of.get(row).map(Vec::as_slice).unwrap_or_default();
        let is_right = match found.get(row) {
            Some(found) => expected.iter().all(|(name, sum)| found.get(name) == Some(sum)),
            None => false,
        };
        let may_have_expired =
            matches!((expiring.get(row), now), (Some(ends), Some(now)) if *ends <= now);
        if is_right || may_have_expired {
            judged.verdict.present += number(groups.len());
            groups.iter().for_each(|group| judged.is_present[*group] = true);
            continue;
        }
        judged.verdict.wrong += 1;
        judged.verdict.example(difference(row, expected, found.get(row)));
    }
    for row in found.keys().filter(|row| !rows.contains_key(*row)) {
        judged.verdict.not_sent += 1;
        judged.verdict.example(format!("a total of nothing that was sent: {} {}", row.0, row.1));
    }
    judged
}

fn difference(row: &RowName, expected: &Sums, found: Option<&Sums>) -> String {
    let found = found.map_or("not there".to_owned(), format_sums);
    format!("{} {}: {found}; it must be {}", row.0, row.1, format_sums(expected))
}

fn format_sums(sums: &Sums) -> String {
    sums.iter().map(|(name, sum)| format!("{name} {sum}")).collect::<Vec<_>>().join(", ")
}

struct Adding<'a> {
    book: &'a Book<'a>,
    table: &'a Table,
}

impl Adding<'_> {
    /// The addition of a variant. `None` if no total can accept it: it has no key, no time, or a
    /// summand that is no number.
    fn addition(&self, variant: usize) -> Option<Addition> {
        let Mode::Accumulate { window, count, sums } = &self.table.mode else { return None };
        let RowKey::Pointers(pointers) = &self.table.key else { return None };
        let payload = self.book.variants[variant].payload;
        let time = self.book.dataset.event_time.of(payload)?;
        let mut all: Sums = count.iter().map(|name| (name.clone(), Decimal::whole(1))).collect();
        for (name, pointer) in sums {
            let summand = match payload.at(pointer) {
                None | Some(Json::Null) => Decimal::zero(),
                Some(value) => value.as_decimal()?,
            };
            all.insert(name.clone(), summand);
        }
        let row = (key_of(payload, pointers)?, window_of(*window, time));
        // This is the earliest possible time. The days count from the end of the window, which is
        // up to 31 days after the event.
        let ends = self.table.ttl_days.map(|days| time.plus_days(days));
        Some(Addition { row, sums: all, ends })
    }
}

fn window_of(window: Window, time: Instant) -> String {
    let date = time.date();
    match window {
        Window::Hour => format!("{date}T{:02}", time.hour()),
        Window::Month => date.rsplit_once('-').map_or(String::new(), |(month, _)| month.to_owned()),
        Window::Day => date,
        Window::None => String::new(),
    }
}

fn add(to: &mut Sums, sums: &Sums) {
    for (name, sum) in sums {
        let total = to.get(name).cloned().unwrap_or_else(Decimal::zero);
        // A sum with too many digits is left out. The pipeline refuses such events, so that a total
        // which includes one differs from this one.
        let total = total.plus(sum).unwrap_or(total);
        to.insert(name.clone(), total);
    }
}

/// The totals of the dataset that were found.
fn found(book: &Book<'_>, table: &Table, seen: &SeenTable) -> HashMap<RowName, Sums> {
    let Mode::Accumulate { count, sums, .. } = &table.mode else { return HashMap::new() };
    let names: Vec<&String> = count.iter().chain(sums.keys()).collect();
    let own = seen.rows.iter().filter(|row| item::text(row, "dataset") == book.dataset.name);
    let rows = own.map(|row| {
        let key = row.member("key").map(Json::canonical).unwrap_or_default();
        let of = names
            .iter()
            .filter_map(|name| Some(((*name).clone(), row.member(name)?.as_decimal()?)));
        ((key, item::text(row, "window").to_owned()), of.collect())
    });
    rows.collect()
}

/// The additions of one combination, by its number.
fn choose(open: &[Open], mut way: usize) -> Vec<(usize, Addition)> {
    let mut chosen = Vec::new();
    for open in open {
        let choice = &open.choices[way % open.choices.len()];
        chosen.extend(choice.clone().map(|addition| (open.group, addition)));
        way /= open.choices.len();
    }
    chosen
}

/// Chooses what each open identity has added, so that it explains the totals that were found.
/// Empty if no combination does.
fn settle(
    open: &[Open],
    rows: &HashMap<RowName, Sums>,
    found: &HashMap<RowName, Sums>,
) -> Vec<(usize, Addition)> {
    let ways = open.iter().try_fold(1_usize, |ways, open| ways.checked_mul(open.choices.len()));
    let ways = ways.unwrap_or(usize::MAX);
    for way in 0..ways.min(MOST_WAYS) {
        let mut touched = HashMap::<&RowName, Sums>::new();
        let additions = choose(open, way);
        for choice in open.iter().flat_map(|open| open.choices.iter().flatten()) {
            let before = rows.get(&choice.row).cloned().unwrap_or_default();
            touched.entry(&choice.row).or_insert(before);
        }
        for (_, addition) in &additions {
            if let Some(row) = touched.get_mut(&addition.row) {
                add(row, &addition.sums);
            }
        }
        let is_right = touched.iter().all(|(row, sums)| match found.get(*row) {
            Some(found) => sums.iter().all(|(name, sum)| found.get(name) == Some(sum)),
            None => sums.is_empty(),
        });
        if is_right {
            return additions;
        }
    }
    Vec::new()
}
