//! Merges `Globals.Function` into each function, as SAM does.
//!
//! Mappings are merged key by key, and lists are concatenated with the global one first. Of any
//! other value, intrinsics included, the function's own replaces the global one
//! (<https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-template-anatomy-globals.html>).

use std::collections::BTreeMap;

use super::fields::Fields;
use super::node::{Entry, Node, Value};
use super::report::Report;

/// The properties that SAM does not allow in `Globals`.
const NOT_GLOBAL: [&str; 4] = ["Events", "FunctionName", "Policies", "Role"];
/// The one list that is not concatenated: the function's own list replaces the global one.
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

/// The properties of a function, merged with the shared ones.
pub(super) fn merge(shared: &[Entry], own: &[Entry]) -> Vec<Entry> {
    let mut own_by_key =
        own.iter().map(|entry| (entry.key.as_str(), entry)).collect::<BTreeMap<_, _>>();
    let mut merged = Vec::new();
    for entry in shared {
        merged.push(match own_by_key.remove(entry.key.as_str()) {
            Some(own) => {
                Entry { value: merge_value(&own.key, &entry.value, &own.value), ..own.clone() }
            }
            None => entry.clone(),
        });
    }
    let only_own = own.iter().filter(|entry| own_by_key.contains_key(entry.key.as_str()));
    merged.extend(only_own.cloned());
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
