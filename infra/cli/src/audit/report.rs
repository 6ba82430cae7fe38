//! The actions of operators as text, the earliest first.

use serde_json::Value;

use super::entries::{Act, Outcome, acts as acts_of, subject};
use crate::output::colour::{GREEN, RED, YELLOW};
use crate::output::escape::escape;
use crate::output::members::text;
use crate::output::page::Page;
use crate::output::table::{Cell, Column, Table};
use crate::output::text::{operator_name, pluralize, truncate};

/// One line for each act, and its reason.
pub(super) fn acts(page: &Page, days: &[String], entries: &[Value]) -> String {
    let acts = acts_of(entries);
    let span = match days {
        [day] => format!("on {day} (UTC)"),
        [first, .., last] => format!("from {first} to {last} (UTC)"),
        [] => String::new(),
    };
    if acts.is_empty() {
        return format!("nothing of that was done by hand {span}");
    }
    let wide = table(&acts, days.len() > 1, true);
    let is_wide = wide.whole_width() <= page.width;
    let table = if is_wide { wide } else { table(&acts, days.len() > 1, false) };
    let (head, rows) = table.lines(page);
    let mut lines = vec![head];
    for (row, act) in rows.into_iter().zip(&acts) {
        lines.push(row);
        if !is_wide {
            lines.push(truncate(&format!("    {}", text(&act.entry()["why"])), page.width));
        }
        if let Some(reason) = act.reason() {
            lines.push(truncate(&format!("    because: {}", text(reason)), page.width));
        }
    }
    lines.push(String::new());
    let count = pluralize(acts.len(), "act");
    lines.push(format!("{count} {span}"));
    if acts.iter().any(|act| matches!(act.outcome(), Outcome::Missing | Outcome::Unknown)) {
        let next = "what has no known outcome may have been done: `sluicegate dlq history`, `dlq list` and \
                    `breaker list` tell how it is now";
        lines.extend(page.line("next", next));
    }
    lines.join("\n")
}

fn table(acts: &[Act<'_>], has_days: bool, is_wide: bool) -> Table {
    let mut columns = vec![
        Column::words("time", 19),
        Column::words("who", if is_wide { 32 } else { 16 }),
        Column::words("act", 15),
        Column::words("outcome", 10),
    ];
    if is_wide {
        columns.push(Column::words("subject", 48));
        columns.push(Column::words("why", 80));
    } else {
        columns.push(Column::words("subject", usize::MAX));
    }
    let mut table = Table::new(columns);
    for act in acts {
        let entry = act.entry();
        let (outcome, colour) = match act.outcome() {
            Outcome::Done => ("done", Some(GREEN)),
            Outcome::NotDone => ("not done", Some(YELLOW)),
            Outcome::Unknown => ("unknown", Some(RED)),
            Outcome::Missing => ("no outcome", Some(RED)),
            Outcome::Noted => ("noted", None),
        };
        let mut row: Vec<Cell> = vec![
            time(&text(&entry["at"]), has_days).into(),
            operator_name(&text(&entry["operator"]["arn"])).into(),
            text(&entry["act"]).into(),
            Cell::coloured(outcome, colour),
            subject(entry)
                .map(|(kind, name)| format!("{kind} {}", escape(name)))
                .unwrap_or_default()
                .into(),
        ];
        if is_wide {
            row.push(text(&entry["why"]).into());
        }
        table.add(row);
    }
    table
}

/// `03:15:00`, with the day before it if there are several.
fn time(at: &str, has_days: bool) -> String {
    let Some((day, time)) = at.split_once('T') else { return at.to_owned() };
    let time: String = time.chars().take(8).collect();
    if has_days { format!("{day} {time}") } else { time }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ARN: &str = "arn:aws:sts::123456789012:assumed-role/Operators/ada@example.com";

    fn entry(key: &str, phase: &str, act: &str, subject: (&str, &str)) -> Value {
        let mut entry = json!({
            "audit_format": 1, "phase": phase, "at": "2026-11-29T03:15:00.123Z", "operator": { "arn": ARN },
            "act": act, "why": "the contract is mended", "before": null, "after": null, "reason": null,
        });
        entry[subject.0] = json!(subject.1);
        json!({ "key": format!("audit/2026/11/29/{key}.json"), "entry": entry })
    }

    fn entries() -> Vec<Value> {
        let run = ("run", "20261129T031500Z-6f6a8f");
        let mut refused = entry("031502.000Z-c-outcome", "not-done", "cancel", run);
        refused["entry"]["reason"] = json!("it is done\u{1b}[2J");
        vec![
            entry("031500.123Z-a-intent", "intent", "redrive", run),
            entry("031500.123Z-a-outcome", "done", "redrive", run),
            entry("031501.000Z-b-intent", "intent", "force-open", ("breaker", "weather")),
            entry("031502.000Z-c-intent", "intent", "cancel", run),
            refused,
            entry("031503.000Z-d-intent", "intent", "show-revealed", ("letter", "a1b2")),
            entry(
                "031504.000Z-e-intent",
                "intent",
                "discard",
                ("letters", r#"{"stages":["sink"]}"#),
            ),
            entry(
                "031504.000Z-e-outcome",
                "unknown",
                "discard",
                ("letters", r#"{"stages":["sink"]}"#),
            ),
        ]
    }

    #[test]
    fn intent_and_outcome_are_one_act_and_what_has_no_outcome_is_shown() {
        let days = ["2026-11-29".to_owned()];
        let report = acts(&Page::plain(80), &days, &entries());
        let expected = "\
time      who              act            outcome     subject
03:15:00  ada@example.com  redrive        done        run 20261129T031500Z-6f6a…
    the contract is mended
03:15:00  ada@example.com  force-open     no outcome  breaker weather
    the contract is mended
03:15:00  ada@example.com  cancel         not done    run 20261129T031500Z-6f6a…
    the contract is mended
    because: it is done\\u{1b}[2J
03:15:00  ada@example.com  show-revealed  noted       letter a1b2
    the contract is mended
03:15:00  ada@example.com  discard        unknown     letters {\"stages\":[\"sink\"…
    the contract is mended

5 acts on 2026-11-29 (UTC)
  next           what has no known outcome may have been done: `sluicegate dlq
                 history`, `dlq list` and `breaker list` tell how it is now";
        assert_eq!(report, expected);
        let wide = acts(&Page::plain(160), &days, &entries());
        assert!(wide.lines().all(|line| line.chars().count() <= 160), "{wide}");
        assert!(wide.contains("run 20261129T031500Z-6f6a8f  the contract is mended"), "{wide}");
        let two_days = ["2026-11-28".to_owned(), "2026-11-29".to_owned()];
        let report = acts(&Page::plain(80), &two_days, &entries());
        assert!(report.contains("\n2026-11-29 03:15:00  ada@example.com"), "{report}");
        assert!(acts(&Page::plain(80), &days, &[]).contains("nothing"));
    }

    #[test]
    fn colours_are_beside_the_columns() {
        let days = ["2026-11-29".to_owned()];
        let page = Page { is_coloured: true, ..Page::plain(80) };
        let mut report = acts(&page, &days, &entries());
        assert!(report.contains("\x1b[1;31mno outcome\x1b[0m"), "{report}");
        for colour in ["\x1b[1;31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"] {
            report = report.replace(colour, "");
        }
        assert_eq!(report, acts(&Page::plain(80), &days, &entries()));
    }

    #[test]
    fn who_is_the_end_of_an_arn() {
        for (arn, expected) in [
            (ARN, "ada@example.com"),
            ("arn:aws:iam::123456789012:user/ada", "ada"),
            ("arn:aws:iam::123456789012:root", "root"),
            ("invoked directly", "invoked directly"),
        ] {
            assert_eq!(operator_name(arn), expected);
        }
    }
}
