//! The totals of each airline and day: what the sink added up, and what the flights themselves come to.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::ledger::{assert_inserted_once, plain};
use crate::{Flight, World};

/// What flights come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub flights: i64,
    pub distance: i64,
    pub dep_delay: i64,
}

impl World {
    /// The totals table's rows, by airline and day.
    ///
    /// # Panics
    /// When two rows are of the same, or one is not as rows of totals are.
    #[must_use]
    pub fn totals(&self) -> BTreeMap<(String, String), Totals> {
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
        assert_eq!(self.totals(), totals_of(flights));
        let mut changes = self.emulation().dynamodb().changes(self.name("DedupeTable")).unwrap();
        changes.retain(|change| text(&change.key["pk"]["S"]).starts_with(SINK));
        assert_inserted_once(&changes, flights.len());
    }
}

/// The same from the flights, by the hour that their contract takes as event time.
fn totals_of(flights: &[Flight]) -> BTreeMap<(String, String), Totals> {
    let mut totals = BTreeMap::<_, Totals>::new();
    for Flight { value, .. } in flights {
        let day = text(&value["time_hour"])[..10].to_owned();
        let row = totals.entry((text(&value["carrier"]), day)).or_default();
        row.flights += 1;
        row.distance += value["distance"].as_i64().unwrap();
        // A flight that was cancelled has none.
        row.dep_delay += value["dep_delay"].as_i64().unwrap_or(0);
    }
    totals
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
