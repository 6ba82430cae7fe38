//! Reports what an operator's action has changed, or would change.

use event::Timestamp;
use serde_json::Value;

use super::audit::audit;
use super::run::lines as run_lines;
use crate::dlq::state::paint_state;
use crate::output::members::{members, number, text};
use crate::output::page::Page;
use crate::output::text::{group_digits, pluralize};
use crate::output::times::Times;

/// `dlq discard`, `restore` and `release`.
pub(in crate::dlq) fn format_letter_change(page: &Page, verb: &str, answer: &Value) -> String {
    let count = number(&answer["letters"]);
    let done = match verb {
        "discard" => "discarded",
        "restore" => "restored",
        _ => "released",
    };
    if answer["applied"] != true {
        let mut lines =
            vec![format!("{} would be {done}; nothing is changed", pluralize(count, "letter"))];
        let next = match count {
            0 => "`sluicegate dlq list` shows where letters are",
            _ => "the same again with --apply does it",
        };
        lines.extend(page.line("next", next));
        return lines.join("\n");
    }
    let was = if count == 1 { "was" } else { "were" };
    let mut lines = vec![format!("{} {was} {done}", pluralize(count, "letter"))];
    let left = number(&answer["left"]);
    if left > 0 {
        let left = format!("{}, since others changed them meanwhile", group_digits(left));
        lines.extend(page.line("left alone", &left));
    }
    lines.extend(audit(page, answer));
    let next = match verb {
        "discard" => "`sluicegate dlq restore --reason …` undoes it, with the same options",
        _ => "`sluicegate dlq groups` shows what is dead now",
    };
    lines.extend(page.line("next", next));
    lines.join("\n")
}

/// `dlq pause`, `resume` and `cancel`.
pub(in crate::dlq) fn format_run_change(page: &Page, answer: &Value, now: Timestamp) -> String {
    let mut lines = run_lines(page, &answer["run"], &Times::of_or(answer, now));
    lines.extend(audit(page, answer));
    if matches!(text(&answer["run"]["state"]).as_str(), "cancelling" | "cancelled") {
        let what = "what it has sent and no stage has processed yet is given back: as the letter that it was, or, \
                    where it had come further, as one of `--code redrive.cancelled`; what is written stays";
        lines.extend(page.line("on its way", what));
    }
    lines.join("\n")
}

/// `dlq stop`.
pub(in crate::dlq) fn format_stop(page: &Page, answer: &Value) -> String {
    let stopped = members(&answer["stopped"]);
    let mut lines = Vec::new();
    if stopped.is_empty() {
        lines.push("no run was running".to_owned());
    }
    for run in stopped {
        let id = text(&run["run"]);
        let (sent, all) = (number(&run["sent"]), pluralize(number(&run["letters"]), "letter"));
        let state = paint_state(page, &text(&run["state"]));
        lines.push(format!("{id} is {state}: {} of {all} sent", group_digits(sent)));
        if run["is_worked_on"] == true {
            lines.extend(page.line("", "what its worker has begun to send is still sent"));
        }
    }
    if answer["triage_is_halted"] == true {
        lines.extend(page.line("rules", "halted, those of all contracts"));
    }
    lines.extend(audit(page, answer));
    if let Some(first) = stopped.first() {
        let run = text(&first["run"]);
        let next = format!("`sluicegate dlq resume {run} --reason …` lets one go on");
        lines.extend(page.line("next", &next));
    }
    if answer["triage_is_halted"] == true {
        let next = "`sluicegate dlq start-triage --reason …` lets the rules act again";
        lines.extend(page.line("next", next));
    }
    lines.join("\n")
}

/// `dlq start-triage`.
pub(in crate::dlq) fn format_triage_start(page: &Page, answer: &Value) -> String {
    let mut lines =
        vec!["the rules of contracts act again; runs that were paused stay paused".to_owned()];
    lines.extend(audit(page, answer));
    lines.join("\n")
}

/// `dlq acknowledge` and `mute`.
pub(in crate::dlq) fn format_note(page: &Page, answer: &Value, now: Timestamp) -> String {
    let note = &answer["note"];
    let count = pluralize(number(&note["letters"]), "letter");
    let (group, state) = (text(&note["group"]), text(&note["state"]));
    let mut lines = vec![format!("group {group} is {state}, with {count}")];
    if let Some(until) = Times::of_or(answer, now).at(&note["until"]) {
        lines.extend(page.line("until", &until));
    }
    lines.extend(audit(page, answer));
    lines.join("\n")
}

/// `dlq unmute`.
pub(in crate::dlq) fn format_unmute(page: &Page, answer: &Value) -> String {
    let group = text(&answer["note"]["group"]);
    let mut lines = vec![format!("group {group} is no longer muted, and is acknowledged")];
    lines.extend(audit(page, answer));
    lines.join("\n")
}
