//! Everything that names in a template can refer to: parameters, pseudo parameters, conditions,
//! mappings, and the resources' physical names.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use super::Options;
use super::names::{IMPLICIT_HTTP_API, Kind, Physical};
use super::node::{NODE_BYTES, Node, Value};
use super::report::Report;

/// The limit of what resolving a template may produce, in bytes. It bounds how often a template
/// can repeat a long parameter.
const MAX_RESOLVED_BYTES: usize = 32 * 1_048_576;

pub(super) struct Scope<'a> {
    pub(super) report: &'a Report,
    pub(super) options: &'a Options,
    pub(super) parameters: BTreeMap<String, Value>,
    pub(super) mappings: Option<&'a Node>,
    /// The values of conditions; `None` for a condition that could not be evaluated.
    pub(super) conditions: BTreeMap<String, Option<bool>>,
    pub(super) resources: BTreeMap<String, Physical>,
    /// Resources that do not exist because their condition is false.
    pub(super) absent: BTreeSet<String>,
    /// Logical ids of the resources that were referred to since [`Scope::take_used`].
    used: RefCell<BTreeSet<String>>,
    resolved_bytes: Cell<usize>,
}

impl<'a> Scope<'a> {
    pub(super) fn new(report: &'a Report, options: &'a Options) -> Self {
        Self {
            report,
            options,
            parameters: BTreeMap::new(),
            mappings: None,
            conditions: BTreeMap::new(),
            resources: BTreeMap::new(),
            absent: BTreeSet::new(),
            used: RefCell::default(),
            resolved_bytes: Cell::new(0),
        }
    }

    /// What `!Ref name` gives; `None` is `AWS::NoValue`.
    pub(super) fn reference(&self, name: &str, line: usize) -> Option<Value> {
        if let Some(value) = self.parameters.get(name) {
            return Some(value.clone());
        }
        if let Some(pseudo) = name.strip_prefix("AWS::") {
            return self.pseudo(pseudo, line);
        }
        match self.resource(name, line) {
            Some(physical) => Some(Value::Scalar(physical.reference(self.options))),
            None => Some(Value::Broken),
        }
    }

    /// What `!GetAtt name.attribute` gives.
    pub(super) fn attribute(&self, name: &str, attribute: &str, line: usize) -> Value {
        // SAM takes `Function.Alias` for a name, and not for an attribute.
        let published = format!("{name}.{attribute}");
        if self.resources.contains_key(&published) {
            return self.reference(&published, line).unwrap_or(Value::Broken);
        }
        let Some(physical) = self.resource(name, line) else { return Value::Broken };
        match physical.attribute(attribute, self.options) {
            Some(text) => Value::Scalar(text),
            None if physical.kind == Kind::Table && attribute == "StreamArn" => {
                let message = "the table declares no StreamSpecification";
                self.problem(line, format!("{name}.{attribute}: {message}"))
            }
            None => {
                let kind = physical.kind.type_name();
                self.problem(line, format!("{name}.{attribute}: {kind} has no such attribute here"))
            }
        }
    }

    /// Replaces the URL that AWS would give the HTTP API by the emulation's. Templates build that
    /// URL from the API's id, as SAM's own examples do.
    pub(super) fn with_local_urls(&self, text: String) -> String {
        match self.resources.get(IMPLICIT_HTTP_API) {
            Some(api) if api.kind == Kind::HttpApi => {
                let (there, here) = (
                    self.options.aws_http_api_url(&api.name),
                    self.options.http_api_url(&api.name),
                );
                text.replace(&there, &here)
            }
            _ => text,
        }
    }

    fn resource(&self, name: &str, line: usize) -> Option<&Physical> {
        let found = self.resources.get(name);
        match found {
            Some(physical) => {
                self.used.borrow_mut().extend(physical.owners.iter().cloned());
            }
            None if self.absent.contains(name) => {
                self.problem(line, format!("{name} is absent: its condition is false"));
            }
            None => {
                self.problem(line, format!("there is no parameter or resource {name}"));
            }
        }
        found
    }

    fn pseudo(&self, name: &str, line: usize) -> Option<Value> {
        let options = self.options;
        let text = match name {
            "NoValue" => return None,
            "AccountId" => options.account.clone(),
            "Region" => options.region.clone(),
            "StackName" => options.stack_name.clone(),
            "StackId" => format!(
                "arn:aws:cloudformation:{}:{}:stack/{}/local",
                options.region, options.account, options.stack_name
            ),
            "Partition" => "aws".to_owned(),
            "URLSuffix" => "amazonaws.com".to_owned(),
            _ => {
                return Some(self.problem(line, format!("AWS::{name} is not emulated")));
            }
        };
        Some(Value::Scalar(text))
    }

    /// The resources that were referred to since this was last called.
    pub(super) fn take_used(&self) -> BTreeSet<String> {
        self.used.take()
    }

    /// Adds to the size of what was resolved. False, with a problem reported, if it is over the
    /// limit.
    pub(super) fn afford(&self, bytes: usize, line: usize) -> bool {
        let before = self.resolved_bytes.get();
        let after = before.saturating_add(bytes).saturating_add(NODE_BYTES);
        self.resolved_bytes.set(after);
        if before <= MAX_RESOLVED_BYTES && after > MAX_RESOLVED_BYTES {
            let limit = MAX_RESOLVED_BYTES;
            self.problem(line, format!("the resolved template is larger than {limit} bytes"));
        }
        after <= MAX_RESOLVED_BYTES
    }

    /// Reports a problem, and returns the value to use in place of the missing one.
    pub(super) fn problem(&self, line: usize, message: impl Into<String>) -> Value {
        self.report.problem(line, message);
        Value::Broken
    }
}
