//! Resolves the `Outputs` section.

use std::collections::BTreeMap;

use super::fields::Fields;
use super::node::Node;
use super::scope::Scope;

/// The value of each output by its name, without the outputs whose condition is false.
pub(super) fn read(section: Option<&Node>, scope: &Scope<'_>) -> BTreeMap<String, String> {
    let mut outputs = BTreeMap::new();
    let Some(section) = section else { return outputs };
    for entry in Fields::open(scope.report, section, "Outputs").into_few_entries() {
        let path = format!("Outputs.{}", entry.key);
        let mut fields = Fields::open(scope.report, &entry.value, &path);
        let value = fields.required("Value");
        let condition = fields.text("Condition");
        fields.ignore(&["Description"]);
        fields.harmless(&entry.key, &[("Export", "an output's export")]);
        fields.finish();
        if let Some(name) = condition {
            match scope.conditions.get(name) {
                Some(Some(true)) => {}
                Some(_) => continue,
                None => {
                    scope.problem(entry.line, format!("{path}: there is no condition {name}"));
                }
            }
        }
        let Some(value) = value else { continue };
        match scope.resolve(&value.value) {
            Some(node) if node.is_broken() => {}
            Some(node) if node.text().is_some() => {
                outputs.insert(entry.key.clone(), node.text().unwrap_or_default().to_owned());
            }
            _ => {
                scope.problem(value.line, format!("{path}.Value must be a string"));
            }
        }
    }
    outputs
}
