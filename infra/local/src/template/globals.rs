//! `Globals.Function`, merged into each function as SAM does.
//!
//! Mappings are merged key by key, lists are concatenated with the global one first, and anything
//! else, intrinsics included, is the function's where it says so
//! (docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-template-anatomy-globals.html).

use super::fields::Fields;
use super::node::{Entry, Node, Value};
use super::report::Report;

/// What a function must say for itself.
const NOT_GLOBAL: [&str; 4] = ["Events", "FunctionName", "Policies", "Role"];
/// The function's own list replaces the global one, unlike every other list.
const REPLACED: &str = "Architectures";

/// The properties that all functions share.
pub(super) fn function<'a>(section: Option<&'a Node>, report: &'a Report) -> &'a [Entry] {
    let Some(section) = section else { return &[] };
    let mut globals = Fields::open(report, section, "Globals");
    let shared = globals.fields("Function");
    globals.finish();
    let shared = shared.map_or(&[][..], Fields::into_entries);
    for entry in shared {
        if NOT_GLOBAL.contains(&entry.key.as_str()) {
            let message = format!("Globals.Function.{} is not allowed by SAM", entry.key);
            report.problem(entry.line, message);
        }
    }
    shared
}

/// A function's properties, with the shared ones where it has none of its own.
pub(super) fn merge(shared: &[Entry], own: &[Entry]) -> Vec<Entry> {
    let mut merged = shared.to_vec();
    for entry in own {
        match merged.iter_mut().find(|known| known.key == entry.key) {
            Some(known) => {
                known.value = merge_value(&entry.key, &known.value, &entry.value);
                known.line = entry.line;
            }
            None => merged.push(entry.clone()),
        }
    }
    merged
}

fn merge_value(key: &str, shared: &Node, own: &Node) -> Node {
    if shared.intrinsic().is_some() || own.intrinsic().is_some() {
        return own.clone();
    }
    match (&shared.value, &own.value) {
        (Value::Mapping(shared), Value::Mapping(entries)) => {
            own.with(Value::Mapping(merge(shared, entries)))
        }
        (Value::Sequence(shared), Value::Sequence(items)) if key != REPLACED => {
            own.with(Value::Sequence(shared.iter().chain(items).cloned().collect()))
        }
        _ => own.clone(),
    }
}
