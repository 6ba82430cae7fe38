//! What writing once costs in AWS calls and write units, beside the least that is possible.
//!
//! Calls are those that the emulation counted, units those of its database ([`crate::units`]). Both are
//! the same in each run. The least is that of one call: fewest calls and fewest units exclude each
//! other, since it is transactions that take a hundred items, and they cost each twice.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use axum::body::Bytes;
use sluicegate_tests::World;

use crate::events::{ATTRIBUTES, Events, day_and_airline};
use crate::invocation::{Messages, variables};
use crate::meter::Meter;
use crate::process::memory_mb;
use crate::side::Side;
use crate::table::{Budget, Table};
use crate::units::Units;

/// What some events took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taken {
    pub(crate) events: f64,
    pub(crate) calls: BTreeMap<String, u64>,
    /// By table.
    pub(crate) units: Units,
    pub(crate) cpu_ms: f64,
}

impl Taken {
    /// With what more events took; CPU time aside.
    pub(crate) fn add(&mut self, more: Self) {
        self.events += more.events;
        for (operation, count) in more.calls {
            *self.calls.entry(operation).or_default() += count;
        }
        for (table, units) in more.units {
            *self.units.entry(table).or_default() += units;
        }
    }

    pub(crate) fn calls_an_event(&self) -> f64 {
        float(self.calls.values().sum()) / self.events
    }

    pub(crate) fn units_an_event(&self) -> f64 {
        float(self.units.values().sum()) / self.events
    }

    /// Of one table, by a part of its name.
    pub(crate) fn units_of(&self, table: &str) -> f64 {
        let of_table = self.units.iter().filter(|(name, _)| name.contains(table));
        float(of_table.map(|(_, units)| units).sum()) / self.events
    }

    pub(crate) fn calls_of(&self, operation: &str) -> f64 {
        float(self.calls.get(operation).copied().unwrap_or(0)) / self.events
    }
}

/// A function that is counted.
pub(crate) struct Counted<'a> {
    world: &'a World,
    caller: String,
    meter: Meter,
    pub(crate) side: Side,
}

impl<'a> Counted<'a> {
    /// `caller` is nobody else's.
    pub(crate) async fn start(
        world: &'a World,
        folder: &Path,
        (binary, function): (&str, &str),
        caller: &str,
    ) -> Self {
        let meter = Meter::start(world.emulation().endpoint()).await;
        let env = variables(world, function, caller, meter.endpoint());
        let side = Side::start(&folder.join(binary), &env).await;
        Self { world, caller: caller.to_owned(), meter, side }
    }

    /// Has it work off batches of so many events each.
    pub(crate) async fn take(
        &mut self,
        batches: impl IntoIterator<Item = (usize, Bytes)>,
    ) -> Taken {
        let before = self.calls();
        let mut events = 0;
        self.side.begin();
        for (count, event) in batches {
            self.side.work_off(count, event).await;
            events += count;
        }
        self.side.end();
        let mut calls = self.calls();
        for (operation, count) in before {
            calls.entry(operation).and_modify(|all| *all -= count);
        }
        calls.retain(|_, count| *count > 0);
        let cpu_ms = self.side.cpu_ms.pop().unwrap();
        Taken { events: float(events as u64), calls, units: self.meter.take(), cpu_ms }
    }

    fn calls(&self) -> BTreeMap<String, u64> {
        let calls = self.world.emulation().calls().into_iter();
        let of_it = calls.filter(|(call, _)| call.caller == self.caller);
        of_it.map(|(call, count)| (call.operation, count)).collect()
    }
}

/// What is needed to tell what it costs.
pub(crate) struct Counts {
    pub(crate) table: Taken,
    /// A full batch.
    pub(crate) lake: Taken,
}

const SINK: (&str, &str) = ("sink", "SinkFunction");
const LAKE: (&str, &str) = ("lake", "LakeFunction");
/// The most that the template lets Lambda hand to the lake.
const MOST: usize = 10_000;

pub(crate) async fn measure(
    world: &World,
    folder: &Path,
    events: &Events,
    table: &mut Table,
) -> Counts {
    let sink = of_table(world, folder, &events.of_january(0, 500), table).await;
    let all = events.of_january(1_000, 6_000);
    let messages = Messages::of(world, "LakeQueue", ATTRIBUTES);
    let mut rest = all.as_slice();
    let full = messages.fitting(&rest[1_110..], MOST);
    let mut last = None;
    for size in [10, 100, 1_000, full] {
        let (batch, later) = rest.split_at(size);
        rest = later;
        let name =
            if size == full { format!("full batch ({size})") } else { format!("batch of {size}") };
        last = Some(of_lake(world, folder, &messages, batch, &name, table).await);
    }
    table.note(REASONS);
    Counts { table: sink, lake: last.unwrap() }
}

const REASONS: &str = "\
table, fresh: ten events cannot be written in less than one call. A row that is only inserted is its own
  dedupe record: one item, 2 units in a transaction. A sum is not idempotent: its dedupe record is in one
  transaction with it, one item more an event, and one for each airline and day that they add up to.
  Possible beside it: one record for both sinks, 2 units less, but neither could then be written without
  the other; the rows outside the transaction, 1 unit less each, for one call more a batch.
table, duplicates: the environment that wrote them knows so. Another one learns it from the store, in one
  call; that is the write itself, cancelled, since to ask first would cost each fresh batch a call more.
lake, fresh: a record an event, written twice: claimed before the object is written, or two invocations
  would both write it; completed after it, or nobody would know that it was. A hundred to a call, 2 units
  each in a transaction. An object for each day, and its list read and written.
  Possible beside it: claims need not be one transaction. BatchExecuteStatement takes 25 conditional
  writes at 1 unit each: half the units in four times the calls.
lake, duplicates: the claims, cancelled.";

async fn of_table(world: &World, folder: &Path, events: &[String], table: &mut Table) -> Taken {
    let messages = Messages::of(world, "SinkQueue", ATTRIBUTES);
    let batches = || events.chunks(10).map(|batch| (batch.len(), messages.event(batch)));
    let totals: usize = events.chunks(10).map(|batch| distinct(batch, |event| event)).sum();
    let calls = 1.0 / 10.0;
    let units = 2.0 * (2.0 + float(totals as u64) / float(events.len() as u64));

    let mut one = Counted::start(world, folder, SINK, "counted-sink").await;
    let fresh = one.take(batches()).await;
    add(table, "table", "fresh batch of 10", &fresh, (calls, units));
    let known = one.take(batches()).await;
    add(table, "table", "10 duplicates, same environment", &known, (0.0, 0.0));
    let mut other = Counted::start(world, folder, SINK, "counted-other-sink").await;
    let found = other.take(batches()).await;
    add(table, "table", "10 duplicates, another one", &found, (calls, units));
    for name in ["RecordsTable", "DedupeTable", "TotalsTable"] {
        let units = fresh.units_of(name);
        table.add("table", format!("units an event, {name}"), (units, units), Budget::None);
    }
    fresh
}

async fn of_lake(
    world: &World,
    folder: &Path,
    messages: &Messages,
    batch: &[String],
    name: &str,
    table: &mut Table,
) -> Taken {
    let caller = format!("counted-lake-{}", batch.len());
    let mut lake = Counted::start(world, folder, LAKE, &caller).await;
    let days = float(distinct(batch, |(day, _)| day) as u64);
    let (events, transactions) =
        (float(batch.len() as u64), float(batch.len().div_ceil(100) as u64));
    let event = messages.event(batch);
    let fresh = lake.take([(batch.len(), event.clone())]).await;
    let calls = (2.0 * transactions + 3.0 * days) / events;
    add(table, "lake", &format!("fresh {name}"), &fresh, (calls, 4.0));
    let peak = memory_mb(lake.side.host.pid()).1;
    let again = lake.take([(batch.len(), event)]).await;
    add(table, "lake", &format!("duplicates, {name}"), &again, (transactions / events, 2.0));
    table.add("lake", format!("resident at its peak, MB, {name}"), (peak, peak), Budget::None);
    fresh
}

fn add(table: &mut Table, stage: &str, what: &str, taken: &Taken, (calls, units): (f64, f64)) {
    let budget = Budget::Ratio(1.1);
    table.add(stage, format!("calls an event, {what}"), (taken.calls_an_event(), calls), budget);
    table.add(stage, format!("units an event, {what}"), (taken.units_an_event(), units), budget);
}

/// How many different ones these events are of.
fn distinct<T: Ord>(events: &[String], of: impl Fn((String, String)) -> T) -> usize {
    events.iter().map(|event| of(day_and_airline(event))).collect::<BTreeSet<T>>().len()
}

/// Far below what a double holds exactly.
pub(crate) fn float(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}
