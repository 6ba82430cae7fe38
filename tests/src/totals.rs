//! The totals of each airline and day: what the sink added up, and what the flights themselves come to.

use std::collections::{BTreeMap, BTreeSet};

use emulation::dynamodb::{Change, ChangeEvent};
use serde_json::{Value, json};

use crate::ledger::{assert_inserted_once, plain};
use crate::{Flight, World};

/// An airline, and a day in UTC.
pub type Day = (String, String);

/// What flights come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub flights: i64,
    pub distance: i64,
    pub dep_delay: i64,
}

impl Totals {
    /// Adds a flight to those of its airline and day: by the hour that its contract takes as event time.
    ///
    /// # Panics
    /// When it has no airline, hour or distance.
    pub fn add(totals: &mut BTreeMap<Day, Self>, flight: &Value) {
        let day = text(&flight["time_hour"])[..10].to_owned();
        let row = totals.entry((text(&flight["carrier"]), day)).or_default();
        row.flights += 1;
        row.distance += flight["distance"].as_i64().unwrap();
        // A flight that was cancelled has none.
        row.dep_delay += flight["dep_delay"].as_i64().unwrap_or(0);
    }
}

impl World {
    /// The totals table's rows, by airline and day.
    ///
    /// # Panics
    /// When two rows are of the same, or one is not as rows of totals are.
    #[must_use]
    pub fn totals(&self) -> BTreeMap<Day, Totals> {
        let items = self.emulation().dynamodb().scan_all(self.name("TotalsTable")).unwrap();
        let mut totals = BTreeMap::new();
        for item in &items {
            let row = plain(&json!({ "M": item }));
            let number = |name: &str| row[name].as_i64().unwrap_or_else(|| panic!("{name}: {row}"));
            let (airline, day) = (text(&row["key"][0]), text(&row["window"]));
            assert_eq!(row["pk"], format!("flights#[\"{airline}\"]#{day}"), "{row}");
            let row = Totals {
                flights: number("flights"),
                distance: number("distance"),
                dep_delay: number("dep_delay"),
            };
            let other = totals.insert((airline, day), row);
            assert_eq!(other, None, "two rows of one airline and day");
        }
        totals
    }
}

/// What idempotency keys are remembered under.
const SINK: &str = "totals#";

impl World {
    /// The totals' part of the promises: they are those of these flights, each of which has a dedupe
    /// record that was written once.
    ///
    /// # Panics
    /// With what differs.
    #[track_caller]
    pub fn assert_in_totals(&self, flights: &[Flight]) {
        let mut totals = BTreeMap::new();
        flights.iter().for_each(|flight| Totals::add(&mut totals, &flight.value));
        self.assert_totals(&totals, flights.len());
    }

    /// The same, where a redrive may have extended what is remembered: of each flight there is one dedupe record, which
    /// was inserted once.
    ///
    /// # Panics
    /// With what differs.
    #[track_caller]
    pub fn assert_in_totals_whatever_was_extended(&self, flights: &[Flight]) {
        let mut totals = BTreeMap::new();
        flights.iter().for_each(|flight| Totals::add(&mut totals, &flight.value));
        self.assert_sums(&totals);
        let mut changes = self.changes_of_keys();
        changes.retain(|change| change.event != ChangeEvent::Modify);
        assert_inserted_once(&changes, flights.len());
    }

    /// The same of so many flights, by what they come to.
    ///
    /// # Panics
    /// With what differs.
    #[track_caller]
    pub fn assert_totals(&self, expected: &BTreeMap<Day, Totals>, flights: usize) {
        self.assert_sums(expected);
        assert_inserted_once(&self.changes_of_keys(), flights);
    }

    #[track_caller]
    fn assert_sums(&self, expected: &BTreeMap<Day, Totals>) {
        let found = self.totals();
        let days: BTreeSet<&Day> = found.keys().chain(expected.keys()).collect();
        let differ = days.into_iter().filter(|day| found.get(day) != expected.get(day));
        let differ: Vec<_> =
            differ.map(|day| (day, found.get(day), expected.get(day))).take(10).collect();
        assert!(differ.is_empty(), "(day, found, expected), the first ten: {differ:#?}");
    }

    /// What happened to the totals' dedupe records.
    fn changes_of_keys(&self) -> Vec<Change> {
        let mut changes = self.emulation().dynamodb().changes(self.name("DedupeTable")).unwrap();
        changes.retain(|change| text(&change.key["pk"]["S"]).starts_with(SINK));
        changes
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
