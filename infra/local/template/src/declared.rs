//! The `Resources` section: which resources it declares, under which conditions and names.
//!
//! Properties are kept as they are written. The module of each resource type reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::fields::Fields;
use super::globals;
use super::graph;
use super::names::{IMPLICIT_HTTP_API, Kind, Physical};
use super::node::{Entry, Node, Value};
use super::report::Report;
use super::scope::Scope;

/// The most resources that CloudFormation allows in a template.
const MAX_RESOURCES: usize = 500;
const DELETION_POLICIES: &[&str] = &["Delete", "Retain", "RetainExceptOnCreate", "Snapshot"];

/// A resource as the template declares it, merged with `Globals`.
pub(super) struct Declared<'a> {
    pub(super) logical_id: &'a str,
    pub(super) line: usize,
    pub(super) kind: Kind,
    pub(super) properties: Node,
    pub(super) metadata: Option<&'a Node>,
    pub(super) depends_on: Vec<(&'a str, usize)>,
}

impl Declared<'_> {
    /// The unresolved property that decides its physical name.
    fn declared_name(&self) -> Option<&Node> {
        let property = self.kind.name_property()?;
        self.properties.entry(property).map(|entry| &entry.value)
    }
}

/// Reads the section. Resources whose condition is false are added to `scope.absent`.
pub(super) fn read<'a>(
    section: &'a Node,
    shared: &[Entry],
    has_transform: bool,
    report: &'a Report,
    scope: &mut Scope<'_>,
) -> Vec<Declared<'a>> {
    let entries = Fields::open(report, section, "Resources").into_entries();
    if entries.is_empty() {
        report.problem(section.line, "Resources must declare at least one resource");
    }
    if entries.len() > MAX_RESOURCES {
        let message = format!("a template has at most {MAX_RESOURCES} resources");
        report.problem(section.line, message);
        return Vec::new();
    }
    let mut declared = Vec::new();
    for entry in entries {
        let id = entry.key.as_str();
        if id.is_empty() || id.len() > 255 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            report.problem(entry.line, format!("{id}: a logical id is letters and digits"));
        }
        if scope.parameters.contains_key(id) {
            report.problem(entry.line, format!("{id} is both a parameter and a resource"));
        }
        let Some((resource, condition)) = resource(entry, shared, report, scope) else {
            continue;
        };
        if resource.kind.type_name().starts_with("AWS::Serverless::") && !has_transform {
            let message = format!("{id} needs Transform: AWS::Serverless-2016-10-31");
            report.problem(entry.line, message);
        }
        let exists = condition.is_none_or(|(name, line)| match scope.conditions.get(name) {
            Some(value) => value.unwrap_or(true),
            None => {
                report.problem(line, format!("{id}: there is no condition {name}"));
                true
            }
        });
        if exists {
            declared.push(resource);
        } else {
            scope.absent.insert(id.to_owned());
        }
    }
    declared
}

/// A resource, and the name and the line of its condition.
fn resource<'a>(
    entry: &'a Entry,
    shared: &[Entry],
    report: &'a Report,
    scope: &Scope<'_>,
) -> Option<(Declared<'a>, Option<(&'a str, usize)>)> {
    let id = entry.key.as_str();
    let mut fields = Fields::open(report, &entry.value, id);
    let type_name = fields.required_text("Type");
    let properties = fields.entry("Properties");
    let metadata = fields.entry("Metadata").map(|entry| &entry.value);
    let condition_line = fields.entry("Condition").map_or(entry.line, |entry| entry.line);
    let condition = fields.text("Condition").map(|name| (name, condition_line));
    let depends_on = match fields.entry("DependsOn") {
        Some(entry) if entry.value.items().is_some() => fields.texts("DependsOn"),
        Some(entry) => {
            fields.text("DependsOn").map(|name| (name, entry.line)).into_iter().collect()
        }
        None => Vec::new(),
    };
    for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
        fields.one_of(policy, DELETION_POLICIES);
    }
    fields.finish();

    let type_name = type_name?;
    let Some(kind) = Kind::of(type_name) else {
        report.problem(entry.line, format!("{id}: the type {type_name} is not emulated"));
        return None;
    };
    let mut node = match properties {
        Some(properties) => properties.value.clone(),
        None => entry.value.with(Value::Mapping(Vec::new())),
    };
    if kind == Kind::Function
        && node.tag.is_none()
        && let Value::Mapping(own) = &node.value
    {
        let weight = shared.iter().map(Entry::weight).sum();
        if scope.afford(weight, entry.line) {
            node.value = Value::Mapping(globals::merge(shared, own));
        }
    }
    let declared =
        Declared { logical_id: id, line: entry.line, kind, properties: node, metadata, depends_on };
    Some((declared, condition))
}

/// Gives every resource its physical name, in `scope.resources`.
///
/// A name can contain other resources' names. Names are therefore resolved in the order of their
/// dependencies.
pub(super) fn name_all(declared: &[Declared<'_>], root: &Path, scope: &mut Scope<'_>) {
    let by_id = declared.iter().map(|one| (one.logical_id, one)).collect::<BTreeMap<_, _>>();
    let mut needs = graph::Needs::new();
    for one in declared {
        let mut names = BTreeSet::new();
        if let Some(node) = one.declared_name() {
            graph::mentions(node, &mut names);
        }
        names.retain(|name| by_id.contains_key(name.as_str()));
        needs.insert(one.logical_id.to_owned(), names);
    }
    let (order, circular) = graph::order(&needs);
    for one in declared.iter().filter(|one| circular.contains(one.logical_id)) {
        let message = format!("{}: its name needs itself to be known", one.logical_id);
        scope.problem(one.line, message);
    }
    for id in order.iter().chain(&circular) {
        let Some(one) = by_id.get(id.as_str()) else { continue };
        let resolved = match one.declared_name() {
            Some(_) if circular.contains(id) => None,
            Some(node) => scope.resolve(node).and_then(|node| node.text().map(str::to_owned)),
            None => None,
        };
        let fifo = one.properties.entry("FifoQueue").is_some_and(|entry| {
            let fifo = scope.resolve(&entry.value);
            fifo.and_then(|node| node.text().map(|text| text.eq_ignore_ascii_case("true")))
                .unwrap_or(false)
        });
        let name = scope.options.physical_name(root, one.kind, id, resolved.as_deref(), fifo);
        if let Err(rule) = one.kind.check_name(&name) {
            scope.problem(one.line, format!("{id}: its name {name} {rule}"));
        }
        let owners = vec![id.clone()];
        let has_stream = one.kind == Kind::Table && declares_stream(one, scope);
        let physical = Physical { kind: one.kind, name, owners, has_stream };
        scope.resources.insert(id.clone(), physical);
    }
    refuse_twins(declared, scope);
    add_what_sam_adds(declared, scope);
    // References in names are dropped here. They count as dependencies when the properties that
    // hold the names are resolved.
    scope.take_used();
}

/// Whether a table has a `StreamSpecification`. A condition may make that `AWS::NoValue`.
fn declares_stream(one: &Declared<'_>, scope: &Scope<'_>) -> bool {
    let Some(entry) = one.properties.entry("StreamSpecification") else { return false };
    entry.value.intrinsic().is_none() || scope.resolve(&entry.value).is_some()
}

/// Reports resources of one type that have the same name. Two layers may share a folder.
fn refuse_twins(declared: &[Declared<'_>], scope: &Scope<'_>) {
    let mut taken = BTreeSet::new();
    for one in declared.iter().filter(|one| one.kind != Kind::Layer) {
        let name = scope.resources.get(one.logical_id).map(|physical| &physical.name);
        if let Some(name) = name
            && !taken.insert((one.kind.type_name(), name))
        {
            let message = format!("{}: the name {name} is already taken", one.logical_id);
            scope.problem(one.line, message);
        }
    }
}

/// Adds what SAM makes for functions, so that references to it resolve: roles, URLs, event source
/// mappings, aliases and versions, and the HTTP API.
fn add_what_sam_adds(declared: &[Declared<'_>], scope: &mut Scope<'_>) {
    // The API comes after every function that it calls.
    let routed = declared.iter().filter(|one| events(one, &["HttpApi"]).next().is_some());
    let owners: Vec<String> = routed.map(|one| one.logical_id.to_owned()).collect();
    if !owners.is_empty() {
        let id = IMPLICIT_HTTP_API.to_owned();
        let physical = Physical::new(Kind::HttpApi, id.clone(), owners);
        scope.resources.entry(id).or_insert(physical);
    }
    for one in declared.iter().filter(|one| one.kind == Kind::Function) {
        let id = one.logical_id;
        let Some(name) = scope.resources.get(id).map(|physical| physical.name.clone()) else {
            continue;
        };
        if one.properties.entry("Role").is_none() {
            let role = format!("{id}Role");
            let name = format!("{}-{role}", scope.options.stack_name);
            let physical = Physical::new(Kind::Role, name, Vec::new());
            scope.resources.entry(role).or_insert(physical);
        }
        for event in events(one, &["SQS", "DynamoDB"]) {
            let (id, owners) = (format!("{id}{event}"), vec![id.to_owned()]);
            let uuid = scope.options.mapping_uuid(&id);
            let physical = Physical::new(Kind::Mapping, uuid, owners);
            scope.resources.entry(id).or_insert(physical);
        }
        if let Some(alias) = one.properties.entry("AutoPublishAlias") {
            // There is one version of each function here: the alias is the function.
            let alias = alias.value.text().unwrap_or_default();
            for made in
                [format!("{id}.Alias"), format!("{id}.Version"), format!("{id}Alias{alias}")]
            {
                let owners = vec![id.to_owned()];
                let physical = Physical::new(Kind::FunctionVersion, name.clone(), owners);
                scope.resources.entry(made).or_insert(physical);
            }
        }
        if one.properties.entry("FunctionUrlConfig").is_some() {
            let owners = vec![id.to_owned()];
            let physical = Physical::new(Kind::FunctionUrl, name, owners);
            scope.resources.entry(format!("{id}Url")).or_insert(physical);
        }
    }
}

/// The names of those of a function's events whose type is one of `types`.
fn events<'a>(one: &'a Declared<'_>, types: &'a [&str]) -> impl Iterator<Item = &'a str> {
    let section = one.properties.entry("Events").filter(|_| one.kind == Kind::Function);
    let events = section.and_then(|section| section.value.entries()).unwrap_or_default();
    events.iter().filter(|event| is_of_type(event, types)).map(|event| event.key.as_str())
}

fn is_of_type(event: &Entry, types: &[&str]) -> bool {
    let kind = event.value.entry("Type").and_then(|kind| kind.value.text());
    kind.is_some_and(|kind| types.contains(&kind))
}
