//! `dlq reconcile`: one line that adds up, and details below it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::output::members::{members, number, number_or_unknown, text};
use crate::output::page::Page;
use crate::output::text::{group_digits, pluralize};

/// The most lines of a file that are listed.
const MOST_LINES: usize = 10;

/// The most causes that are listed for the letters of a state.
const MOST_CAUSES: usize = 3;

/// The fates of events as the answer names them, and the words for them.
const PARTS: [(&str, &str); 8] = [
    ("in_sinks", "in their sinks"),
    ("in_seen_sinks", "in the sinks that can be seen"),
    ("dead", "dead"),
    ("quarantined", "quarantined"),
    ("discarded", "discarded"),
    ("on_their_way", "on their way"),
    ("unseen", "that no sink tells of"),
    ("not_found", "not found"),
];

/// `200 sent = 194 in their sinks + 6 dead`, and what to do about the rest.
pub(in crate::dlq) fn format_reconciliation(page: &Page, answer: &Value) -> String {
    let mut lines = sum(page, answer);
    for state in ["dead", "quarantined", "discarded"] {
        lines.extend(causes(page, answer, state));
    }
    let repeats = number(&answer["repeats"]);
    if repeats > 0 {
        let repeat = if repeats == 1 { "repeats another" } else { "repeat others" };
        lines.extend(page.line("repeated", &format!("{} {repeat} of them", group_digits(repeats))));
    }
    let mended = number(&answer["mended"]);
    if mended > 0 {
        let words =
            format!("{} of those in their sinks, as redriven letters", group_digits(mended));
        lines.extend(page.line("mended", &words));
    }
    let copies = number(&answer["with_letters_of_copies"]);
    if copies > 0 {
        let words =
            format!("{} of those in their sinks have a dead letter, too", group_digits(copies));
        lines.extend(page.line("copies", &words));
    }
    lines.extend(not_found(page, answer));
    lines.extend(next(page, answer));
    lines.join("\n")
}

/// One line, or more if the page is too narrow. All but the last end with a plus sign.
fn sum(page: &Page, answer: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = format!("{} sent =", group_digits(number(&answer["sent"])));
    let mut is_first = true;
    for (name, words) in PARTS {
        let count = number(&answer[name]);
        if count == 0 {
            continue;
        }
        if !is_first {
            line.push_str(" +");
        }
        is_first = false;
        let part = format!(" {} {words}", group_digits(count));
        // The line needs room for a plus sign after the part.
        if line.chars().count() + part.chars().count() + 2 > page.words {
            lines.push(std::mem::replace(&mut line, " ".to_owned()));
        }
        line.push_str(&part);
    }
    lines.push(line);
    lines
}

/// The causes of the letters in this state, the most frequent first.
fn causes(page: &Page, answer: &Value, state: &str) -> Vec<String> {
    let mut causes: BTreeMap<(String, String), u64> = BTreeMap::new();
    for letter in members(&answer["letters"]).iter().filter(|letter| letter["state"] == state) {
        let cause = (text(&letter["code"]), text(&letter["stage"]));
        *causes.entry(cause).or_default() += 1;
    }
    if causes.is_empty() {
        return Vec::new();
    }
    let mut causes: Vec<_> = causes.into_iter().collect();
    causes.sort_by(|(one, few), (other, many)| many.cmp(few).then_with(|| one.cmp(other)));
    let more = causes.len().saturating_sub(MOST_CAUSES);
    let named = causes.into_iter().take(MOST_CAUSES);
    let mut named: Vec<String> = named
        .map(|((code, stage), count)| {
            format!("{} with {code} at {stage}", pluralize(count, "letter"))
        })
        .collect();
    if more > 0 {
        named.push(format!("and {}", pluralize(more, "other cause")));
    }
    page.line(state, &named.join(", "))
}

/// The first lines of the files that were not found, and possible reasons.
fn not_found(page: &Page, answer: &Value) -> Vec<String> {
    let lost = members(&answer["not_found_lines"]);
    if lost.is_empty() {
        return Vec::new();
    }
    let has_many_files = members(&answer["files"]).len() > 1;
    let mut named = Vec::new();
    for line in lost.iter().take(MOST_LINES) {
        let number = number(&line["line"]);
        named.push(match has_many_files {
            true => format!("{}:{number}", text(&line["file"])),
            false => number.to_string(),
        });
    }
    let word = if lost.len() == 1 { "line" } else { "lines" };
    let more = match lost.len() > MOST_LINES {
        true => ", … (all are in --format json)",
        false => "",
    };
    let mut lines = page.line("not found", &format!("{word} {}{more}", named.join(", ")));
    let unseen = number(&answer["unseen"]);
    if unseen > 0 {
        let words = format!(
            "{} cannot be asked for: too large, or only in sinks of your own",
            group_digits(unseen)
        );
        lines.extend(page.line("", &words));
    }
    let refused = number(&answer["refused_now"]);
    if refused > 0 {
        let words = format!(
            "{} of them the contract refuses as it is now, so that no key tells where they are",
            group_digits(refused)
        );
        lines.extend(page.line("", &words));
    }
    let files = members(&answer["letters_of_files"]);
    if let Some(first) = files.first() {
        let words = format!(
            "{} of whole files, each a letter for all that is in it, such as {}",
            pluralize(files.len() as u64, "letter"),
            text(first)
        );
        lines.extend(page.line("files", &words));
    }
    lines
}

fn next(page: &Page, answer: &Value) -> Vec<String> {
    let dataset = text(&answer["dataset"]);
    let mut lines = Vec::new();
    let waiting = &answer["waiting"];
    if waiting.is_object() {
        let held = [&waiting["in_queues"], &waiting["not_collected"]];
        let words = format!(
            "about {} in queues and {} in dead-letter queues",
            number_or_unknown(held[0]),
            number_or_unknown(held[1])
        );
        lines.extend(page.line("waiting", &words));
        let is_empty = held.iter().all(|count| count.as_u64() == Some(0));
        let days = number(&answer["remembered_days"]);
        let next = match (is_empty, answer["is_accounted_for"] == true) {
            (false, _) => "ask again when the queues are empty: events may be on their way, and \
                           letters are not collected yet"
                .to_owned(),
            (true, false) => format!(
                "nothing is on its way: see whether the lines were sent, and within the last {days} \
                 days, for which keys are remembered"
            ),
            (true, true) => "ask again in a moment: the queues are empty".to_owned(),
        };
        lines.extend(page.line("next", &next));
        return lines;
    }
    if number(&answer["dead"]) > 0 {
        let next =
            format!("`sluicegate dlq groups --dataset {dataset}` shows what failed, and why");
        lines.extend(page.line("next", &next));
    } else if number(&answer["quarantined"]) > 0 {
        let next = "`sluicegate dlq groups --state quarantined` shows what came back too often";
        lines.extend(page.line("next", next));
    }
    lines
}
