//! The forecast of a plan, from what its sinks hold now.

use std::time::Duration;

use serde_json::Value;

use super::counts::counts;
use crate::output::colour::{RED, YELLOW};
use crate::output::escape::escape;
use crate::output::members::{number, text};
use crate::output::page::Page;
use crate::output::table::{Cell, Column, Table};
use crate::output::text::{group_digits, pluralize};
use crate::output::times::format_duration;

/// The possible outcomes in a sink: the words for each, its name in the answer, and its colour.
const OUTCOMES: [(&str, &str, Option<&str>); 6] = [
    ("written", "written", None),
    ("duplicate", "duplicate", None),
    ("stale", "stale", None),
    ("conflict", "conflict", Some(RED)),
    ("refused", "refused", Some(RED)),
    ("not known", "not_known", Some(YELLOW)),
];

/// The lines of the forecast. Empty if the function's version makes none.
pub(super) fn format_forecast(page: &Page, answer: &Value) -> Vec<String> {
    if answer["forecast_problem"].is_string() {
        let why = format!("not known: {}", text(&answer["forecast_problem"]));
        return page.line("forecast", &why);
    }
    let forecast = &answer["forecast"];
    if !forecast.is_object() {
        return Vec::new();
    }
    let (looked_at, all) = (number(&forecast["looked_at"]), number(&forecast["letters"]));
    let of = match looked_at < all {
        true => format!("of {} looked at, which were chosen at random", group_digits(looked_at)),
        false => format!("of {}", pluralize(all, "letter")),
    };
    let mut lines = page.line("forecast", &format!("{of}, by what sinks hold now"));
    lines.extend(sinks(page, &forecast["sinks"]));
    let refused = counts(&forecast["refused"]);
    if !refused.is_empty() {
        lines.extend(page.line("fail again", &refused));
    }
    let not_known = number(&forecast["not_known"]);
    if not_known > 0 {
        let said = format!("{}: of files, or rows of CSV files", pluralize(not_known, "letter"));
        lines.extend(page.line("not known", &said));
    }
    lines.extend(estimate(page, &forecast["estimate"]));
    lines
}

/// One line for each sink, below the line of headings.
fn sinks(page: &Page, sinks: &Value) -> Vec<String> {
    let mut columns = vec![Column::words("    sink", 24)];
    columns.extend(OUTCOMES.map(|(head, ..)| Column::number(head)));
    let mut table = Table::new(columns);
    let mut is_empty = true;
    for (sink, outcomes) in sinks.as_object().into_iter().flatten() {
        let mut row = vec![Cell::from(format!("    {}", escape(sink)))];
        for (_, name, colour) in OUTCOMES {
            let count = number(&outcomes[name]);
            row.push(Cell::coloured(group_digits(count), colour.filter(|_| count > 0)));
        }
        table.add(row);
        is_empty = false;
    }
    if is_empty {
        return Vec::new();
    }
    let (head, rows) = table.lines(page);
    std::iter::once(head).chain(rows).collect()
}

/// The estimate for all letters of the plan.
fn estimate(page: &Page, estimate: &Value) -> Vec<String> {
    let all = pluralize(number(&estimate["letters"]), "letter");
    let by_sample = match estimate["is_scaled"].as_bool() {
        Some(true) => format!(", for all {all} by those looked at"),
        _ => String::new(),
    };
    let writes = format!(
        "about {} items by sinks and {} claims of letters in DynamoDB{by_sample}",
        group_digits(number(&estimate["writes"])),
        group_digits(number(&estimate["claims"])),
    );
    let mut lines = page.line("writes", &writes);
    let time = Duration::from_millis(number(&estimate["duration_ms"]));
    let takes = format!("{} at its default pace, and longer where it waits", format_duration(time));
    lines.extend(page.line("takes", &takes));
    let costs = format!(
        "about ${} by {}",
        dollars(number(&estimate["cost_micro_usd"])),
        text(&estimate["prices"])
    );
    lines.extend(page.line("costs", &costs));
    lines
}

/// An amount in millionths of a dollar, rounded up to a cent, or below a dollar to a hundredth of
/// a cent.
fn dollars(micro: u64) -> String {
    match micro.div_ceil(100) {
        below @ ..10_000 => format!("0.{below:04}"),
        _ => {
            let cents = micro.div_ceil(10_000);
            format!("{}.{:02}", group_digits(cents / 100), cents % 100)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plan_without_a_forecast_says_why_if_it_can() {
        let page = Page::plain(80);
        let answer = json!({ "forecast": null, "forecast_problem": "the table is\u{1b} away" });
        let lines = format_forecast(&page, &answer);
        assert_eq!(lines, ["  forecast       not known: the table is\\u{1b} away"]);
        assert!(format_forecast(&page, &json!({ "plan": "p" })).is_empty());
    }

    #[test]
    fn letters_of_files_alone_have_no_sinks() {
        let forecast = json!({
            "looked_at": 1, "letters": 1, "sinks": {}, "refused": {}, "not_known": 1,
            "estimate": { "letters": 1, "is_scaled": false },
        });
        let text = format_forecast(&Page::plain(80), &json!({ "forecast": forecast })).join("\n");
        assert!(text.contains("of 1 letter, by") && !text.contains("written"), "{text}");
        assert!(text.contains("1 letter: of files"), "{text}");
    }

    #[test]
    fn dollars_are_rounded_up_and_never_none() {
        for (micro, expected) in [
            (0, "0.0000"),
            (1, "0.0001"),
            (4_321, "0.0044"),
            (999_900, "0.9999"),
            (999_901, "1.00"),
            (1_230_001, "1.24"),
            (1_234_560_000, "1,234.56"),
        ] {
            assert_eq!(dollars(micro), expected);
        }
    }
}
