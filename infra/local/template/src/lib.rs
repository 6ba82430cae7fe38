#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod checks;
mod conditions;
mod declared;
mod fields;
mod globals;
mod graph;
mod model;
mod names;
mod nested;
mod node;
mod outputs;
mod parameters;
mod passed_over;
mod report;
mod resolve;
mod resources;
mod schedule;
mod scope;
mod substitution;
#[cfg(test)]
mod tests;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

pub use model::*;
pub use names::role_id;
pub use report::{Problem, TemplateError};
pub use schedule::Expression;

use declared::Declared;
use fields::Fields;
use names::{IMPLICIT_HTTP_API, Kind};
use node::{Node, Value};
use report::Report;
use resources::{Located, Parts};
use scope::Scope;

const SAM: &str = "AWS::Serverless-2016-10-31";

/// Where a template is started and under which names.
#[derive(Clone, Debug)]
pub struct Options {
    /// The AWS region in ARNs, such as `eu-west-1`.
    pub region: String,
    /// The account id in ARNs and queue URLs: twelve digits.
    pub account: String,
    /// The stack's name, which begins the names of resources that declare none.
    pub stack_name: String,
    /// The beginning of every URL, without a slash at its end: `http://127.0.0.1:4566`.
    pub endpoint: String,
    /// Values for the template's parameters, by their names. They take precedence over defaults.
    pub parameters: BTreeMap<String, String>,
    /// The file name that errors show.
    pub file: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            region: "eu-west-1".to_owned(),
            account: "000000000000".to_owned(),
            stack_name: "sluicegate".to_owned(),
            endpoint: "http://127.0.0.1:4566".to_owned(),
            parameters: BTreeMap::new(),
            file: "template.yaml".to_owned(),
        }
    }
}

/// Reads a SAM or CloudFormation template, in YAML or JSON.
///
/// `root` is the folder that relative paths in the template start from. Templates of nested stacks are read there.
///
/// # Errors
/// Everything that is wrong with the template, with lines: what the emulation does not implement,
/// what AWS would refuse to create, parameters without a value, and invalid YAML.
pub fn read(text: &str, root: &Path, options: &Options) -> Result<Stack, TemplateError> {
    let report = Report::default();
    let stack = yaml::parse(text, &report).and_then(|node| stack(&node, root, options, &report));
    let warnings = report.finish(&options.file)?;
    // If there is no stack, a problem was reported, and `finish` returned it as the error.
    Ok(Stack { warnings, ..stack.unwrap_or_default() })
}

/// The names of the parameters that a template declares. Empty if it cannot be read.
#[must_use]
pub fn parameter_names(text: &str) -> BTreeSet<String> {
    let node = yaml::parse(text, &Report::default());
    let section = node.as_ref().and_then(|node| node.entry("Parameters"));
    let entries = section.and_then(|section| section.value.entries()).unwrap_or_default();
    entries.iter().map(|entry| entry.key.clone()).collect()
}

fn stack(root_node: &Node, root: &Path, options: &Options, report: &Report) -> Option<Stack> {
    let mut sections = Fields::open(report, root_node, "");
    sections.ignore(&["Description", "Metadata"]);
    sections.one_of("AWSTemplateFormatVersion", &["2010-09-09"]);
    let has_transform = transform(&mut sections);
    let globals = sections.value("Globals");
    let outputs = sections.value("Outputs");
    let mut scope = Scope::new(report, options);
    let parameters = sections.value("Parameters");
    scope.parameters = parameters::read(parameters, &options.parameters, report);
    scope.mappings = sections.value("Mappings");
    if let Some(mappings) = scope.mappings {
        check_mappings(mappings, report);
    }
    scope.conditions = conditions::evaluate(sections.value("Conditions"), &scope);
    let resources = sections.required("Resources");
    sections.finish();

    let shared = globals::function(globals, report);
    let declared = declared::read(&resources?.value, shared, has_transform, report, &mut scope);
    declared::name_all(&declared, root, &mut scope);
    let mut parts = read_all(&declared, root, &scope);
    checks::attach_policies(&mut parts, report);
    checks::check(&parts, report);
    let outputs = outputs::read(outputs, &scope);
    Some(Stack {
        functions: items(parts.functions),
        roles: items(parts.roles),
        queues: items(parts.queues),
        tables: parts.tables,
        buckets: items(parts.buckets),
        mappings: items(parts.mappings),
        stream_mappings: items(parts.stream_mappings),
        schedules: parts.schedules,
        http_apis: http_apis(items(parts.routes)),
        outputs,
        warnings: Vec::new(),
    })
}

/// Checks once that each mapping is a small map of maps. `FindInMap` then looks up single keys
/// only.
fn check_mappings(section: &Node, report: &Report) {
    for map in Fields::open(report, section, "Mappings").into_few_entries() {
        let path = format!("Mappings.{}", map.key);
        for entry in Fields::open(report, &map.value, &path).into_few_entries() {
            let path = format!("{path}.{}", entry.key);
            Fields::open(report, &entry.value, path).into_few_entries();
        }
    }
}

fn items<T>(located: Vec<Located<T>>) -> Vec<T> {
    located.into_iter().map(|located| located.item).collect()
}

/// SAM makes one API of all routes, and none if there are no routes.
fn http_apis(routes: Vec<HttpRoute>) -> Vec<HttpApi> {
    if routes.is_empty() {
        return Vec::new();
    }
    vec![HttpApi { logical_id: IMPLICIT_HTTP_API.to_owned(), routes }]
}

/// Whether the template declares SAM's transform. Any other transform is a problem.
fn transform(sections: &mut Fields<'_>) -> bool {
    let Some(entry) = sections.entry("Transform") else { return false };
    let names = match entry.value.items() {
        Some(_) => sections.texts("Transform"),
        None => sections.text("Transform").map(|name| (name, entry.line)).into_iter().collect(),
    };
    for (name, line) in &names {
        if *name != SAM {
            sections.problem(*line, "Transform", format!("{name} is not emulated (only {SAM})"));
        }
    }
    names.iter().any(|(name, _)| *name == SAM)
}

/// Reads every resource's properties and checks that no resource depends on itself.
fn read_all(declared: &[Declared<'_>], root: &Path, scope: &Scope<'_>) -> Parts {
    let known = declared.iter().map(|one| one.logical_id).collect::<BTreeSet<_>>();
    let mut needs = graph::Needs::new();
    let mut resolved = Vec::new();
    for one in declared {
        let (properties, mut needed) = resolve_properties(one, scope);
        for (name, line) in &one.depends_on {
            let made_by_sam = scope.resources.get(*name).map(|made| &made.owners);
            if known.contains(name) {
                needed.insert((*name).to_owned());
            } else if let Some(owners) = made_by_sam {
                needed.extend(owners.iter().cloned());
            } else if !scope.absent.contains(*name) {
                let message = format!("{}: DependsOn: there is no resource {name}", one.logical_id);
                scope.problem(*line, message);
            }
        }
        needs.insert(one.logical_id.to_owned(), needed);
        resolved.push((one, properties));
    }
    let circular = graph::circular(&needs);
    if let Some(first) = declared.iter().find(|one| circular.contains(one.logical_id)) {
        let names = circular.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        scope.problem(first.line, format!("circular dependency between resources: {names}"));
    }
    // Layers are read first, because functions refer to them.
    let mut parts = Parts::default();
    resolved.sort_by_key(|(one, _)| one.kind != Kind::Layer);
    for (one, properties) in &resolved {
        resources::read(one, properties, root, scope, &mut parts);
    }
    parts
}

/// Properties of a function that SAM makes resources of their own of, which are made after the function. The function
/// does not need what they refer to.
const MADE_AFTER: [&str; 2] = ["DeploymentPreference", "Events"];

/// A resource's resolved properties, and the resources that have to be made before it.
fn resolve_properties(one: &Declared<'_>, scope: &Scope<'_>) -> (Node, BTreeSet<String>) {
    let mut made_after = Vec::new();
    let mut node = one.properties.clone();
    if one.kind == Kind::Function
        && let Value::Mapping(entries) = &mut node.value
    {
        made_after.extend(entries.extract_if(.., |entry| MADE_AFTER.contains(&entry.key.as_str())));
    }
    scope.take_used();
    let mut properties = scope.resolve(&node).unwrap_or_else(|| node.with(Value::Broken));
    let needed = scope.take_used();
    for mut entry in made_after {
        if let Some(value) = scope.resolve(&entry.value)
            && let Value::Mapping(entries) = &mut properties.value
        {
            entry.value = value;
            entries.push(entry);
        }
    }
    (properties, needed)
}
