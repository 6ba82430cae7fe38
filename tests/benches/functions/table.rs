//! The results: a table for people, and a line of JSON for machines.

use serde_json::{Value, json};

/// What a metric may be.
#[derive(Clone, Copy)]
pub(crate) enum Budget {
    /// Ours is at most so many times the bare one.
    Ratio(f64),
    /// Ours is below so much.
    Below(f64),
    /// It is shown, and judged by nobody.
    None,
}

struct Row {
    stage: &'static str,
    metric: String,
    ours: f64,
    bare: f64,
    budget: Budget,
}

impl Row {
    fn is_within(&self) -> bool {
        match self.budget {
            Budget::Ratio(most) => self.ours / self.bare <= most,
            Budget::Below(limit) => self.ours < limit,
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
}

#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

impl Table {
    pub(crate) fn add(
        &mut self,
        stage: &'static str,
        metric: impl Into<String>,
        (ours, bare): (f64, f64),
        budget: Budget,
    ) {
        self.rows.push(Row { stage, metric: metric.into(), ours, bare, budget });
    }

    pub(crate) fn is_within_budgets(&self) -> bool {
        self.rows.iter().all(Row::is_within)
    }

    #[expect(clippy::print_stdout, reason = "the benchmark's results")]
    pub(crate) fn print(&self) {
        println!(
            "{:<8} {:<34} {:>9} {:>9} {:>7} {:>8}",
            "stage", "metric", "ours", "bare", "ratio", "budget"
        );
        for row in &self.rows {
            println!(
                "{:<8} {:<34} {:>9.3} {:>9.3} {:>6.2}x {:>8} {}",
                row.stage,
                row.metric,
                row.ours,
                row.bare,
                row.ours / row.bare,
                row.budget(),
                if row.is_within() { "" } else { "EXCEEDED" },
            );
        }
        println!("{}", json!({ "benchmark": "functions", "rows": self.rows() }));
    }

    fn rows(&self) -> Vec<Value> {
        let row = |row: &Row| {
            let budget = match row.budget {
                Budget::Ratio(most) => json!({ "ratio": most }),
                Budget::Below(limit) => json!({ "below": limit }),
                Budget::None => Value::Null,
            };
            json!({
                "stage": row.stage,
                "metric": row.metric,
                "ours": row.ours,
                "bare": row.bare,
                "budget": budget,
                "within": row.is_within(),
            })
        };
        self.rows.iter().map(row).collect()
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
