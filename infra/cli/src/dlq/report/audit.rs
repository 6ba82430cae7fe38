//! The lines that say where an act is recorded.

use serde_json::Value;

use crate::output::members::text;
use crate::output::page::Page;

/// The lines that name the records of an act in the audit log.
pub(super) fn audit(page: &Page, answer: &Value) -> Vec<String> {
    let audit = &answer["audit"];
    if !audit.is_object() {
        return Vec::new();
    }
    let mut lines = page.line("audit log", &text(&audit["intent"]));
    match audit["outcome"].is_string() {
        true => lines.extend(page.line("", &text(&audit["outcome"]))),
        false => lines.extend(page.line("", "the outcome could not be written down")),
    }
    lines
}
