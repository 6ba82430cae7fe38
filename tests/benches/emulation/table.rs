//! The results: a table for people, and a line of JSON for machines.

use serde_json::{Value, json};

use crate::ledger::Ledger;

/// What a figure is meant to be.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    AtLeast(f64),
    /// It is shown, and judged by nobody.
    None,
}

struct Row {
    measure: String,
    value: f64,
    unit: &'static str,
    goal: Goal,
}

#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
    messages: usize,
    lost: usize,
    repeated: usize,
}

impl Row {
    fn is_met(&self) -> Option<bool> {
        match self.goal {
            Goal::AtLeast(least) => Some(self.value >= least),
            Goal::None => None,
        }
    }
}

impl Table {
    pub(crate) fn add(
        &mut self,
        measure: impl Into<String>,
        value: f64,
        unit: &'static str,
        goal: Goal,
    ) {
        self.rows.push(Row { measure: measure.into(), value, unit, goal });
    }

    /// Accounts for messages that were sent: those that came, and those that are still in the queue
    /// and should not.
    pub(crate) fn account(&mut self, sent: usize, ledger: &Ledger, left: usize) {
        let came = ledger.taken() - ledger.repeated();
        self.account_counts(sent, came, left);
        self.repeated += ledger.repeated();
    }

    /// As [`Table::account`], where only counts are known.
    pub(crate) fn account_counts(&mut self, sent: usize, came: usize, left: usize) {
        self.messages += sent;
        self.lost += sent.saturating_sub(came).max(left);
        self.repeated += came.saturating_sub(sent);
    }

    /// Whether every message came once.
    pub(crate) fn is_exact(&self) -> bool {
        self.lost == 0 && self.repeated == 0
    }

    #[expect(clippy::print_stdout, reason = "the benchmark's results")]
    pub(crate) fn print(&self) {
        println!("{:<68} {:>12} {:<13} {:>9}", "measure", "median", "", "goal");
        for row in &self.rows {
            let goal = match row.goal {
                Goal::AtLeast(least) => format!(">= {least}"),
                Goal::None => String::new(),
            };
            let verdict = match row.is_met() {
                Some(true) => "met",
                Some(false) => "MISSED",
                None => "",
            };
            println!(
                "{:<68} {:>12.2} {:<13} {goal:>9} {verdict}",
                row.measure, row.value, row.unit
            );
        }
        let (messages, lost, repeated) = (self.messages, self.lost, self.repeated);
        println!("{messages} messages, {lost} lost, {repeated} delivered twice");
        println!("{}", self.json());
    }

    fn json(&self) -> Value {
        let row = |row: &Row| {
            let goal = match row.goal {
                Goal::AtLeast(least) => json!({ "at_least": least }),
                Goal::None => Value::Null,
            };
            json!({
                "measure": row.measure,
                "value": row.value,
                "unit": row.unit,
                "goal": goal,
                "met": row.is_met(),
            })
        };
        json!({
            "benchmark": "emulation",
            "rows": self.rows.iter().map(row).collect::<Vec<_>>(),
            "messages": self.messages,
            "lost": self.lost,
            "repeated": self.repeated,
        })
    }
}

/// Of an odd number of them.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
