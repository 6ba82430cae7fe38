//! The results: a table for people, and a line of JSON for machines.

use serde_json::{Value, json};

/// What a metric may be.
#[derive(Clone, Copy)]
pub(crate) enum Budget {
    /// The left is at most so many times the right.
    Ratio(f64),
    /// The left is below so much.
    Below(f64),
    /// It is shown, and judged by nobody.
    None,
}

struct Row {
    stage: String,
    metric: String,
    left: f64,
    right: f64,
    budget: Budget,
}

impl Row {
    fn is_within(&self) -> bool {
        match self.budget {
            Budget::Ratio(most) => self.left <= most * self.right,
            Budget::Below(limit) => self.left < limit,
            Budget::None => true,
        }
    }

    fn budget(&self) -> String {
        match self.budget {
            Budget::Ratio(most) => format!("{most:.2}x"),
            Budget::Below(limit) => format!("< {limit}"),
            Budget::None => String::new(),
        }
    }

    /// Of nothing to nothing there is none.
    fn ratio(&self) -> String {
        if self.right == 0.0 { "-".to_owned() } else { format!("{:.2}x", self.left / self.right) }
    }
}

/// Two sides of each metric.
pub(crate) struct Table {
    title: &'static str,
    sides: [&'static str; 2],
    rows: Vec<Row>,
    notes: Vec<String>,
}

impl Table {
    pub(crate) fn new(title: &'static str, sides: [&'static str; 2]) -> Self {
        Self { title, sides, rows: Vec::new(), notes: Vec::new() }
    }

    pub(crate) fn add(
        &mut self,
        stage: &str,
        metric: impl Into<String>,
        (left, right): (f64, f64),
        budget: Budget,
    ) {
        let (stage, metric) = (stage.to_owned(), metric.into());
        self.rows.push(Row { stage, metric, left, right, budget });
    }

    /// Said below the rows.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    pub(crate) fn is_within_budgets(&self) -> bool {
        self.rows.iter().all(Row::is_within)
    }

    #[expect(clippy::print_stdout, reason = "the benchmark's results")]
    pub(crate) fn print(&self) {
        let [left, right] = self.sides;
        println!("\n{}", self.title);
        println!(
            "{:<8} {:<50} {left:>9} {right:>9} {:>7} {:>8}",
            "stage", "metric", "ratio", "budget"
        );
        for row in &self.rows {
            println!(
                "{:<8} {:<50} {:>9.4} {:>9.4} {:>7} {:>8} {}",
                row.stage,
                row.metric,
                row.left,
                row.right,
                row.ratio(),
                row.budget(),
                if row.is_within() { "" } else { "EXCEEDED" },
            );
        }
        self.notes.iter().for_each(|note| println!("{note}"));
        println!("{}", json!({ "benchmark": self.title, "rows": self.rows() }));
    }

    fn rows(&self) -> Vec<Value> {
        let [left, right] = self.sides;
        let row = |row: &Row| {
            let budget = match row.budget {
                Budget::Ratio(most) => json!({ "ratio": most }),
                Budget::Below(limit) => json!({ "below": limit }),
                Budget::None => Value::Null,
            };
            json!({
                "stage": row.stage,
                "metric": row.metric,
                left: row.left,
                right: row.right,
                "budget": budget,
                "within": row.is_within(),
            })
        };
        self.rows.iter().map(row).collect()
    }
}

/// Figures without another side.
pub(crate) struct Figures {
    title: String,
    rows: Vec<(String, f64, &'static str)>,
}

impl Figures {
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), rows: Vec::new() }
    }

    pub(crate) fn add(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.rows.push((name.into(), value, unit));
    }

    #[expect(clippy::print_stdout, reason = "the benchmark's results")]
    pub(crate) fn print(&self) {
        println!("\n{}", self.title);
        for (name, value, unit) in &self.rows {
            println!("{name:<44} {value:>14.4} {unit}");
        }
        let figures = self.rows.iter().map(|(name, value, unit)| json!([name, value, unit]));
        println!("{}", json!({ "benchmark": self.title, "figures": figures.collect::<Vec<_>>() }));
    }
}

/// Of an odd or even number of them; there is at least one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}
