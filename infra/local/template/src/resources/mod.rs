//! Reads the properties of each resource type into the model.
//!
//! The module of a type reads the properties that are emulated, and lists those that are harmless
//! to ignore. Any other property is an error. `checks` checks afterwards what concerns several
//! resources.

mod bucket;
mod event_source;
mod function;
mod harmless;
mod http_api;
mod mapping;
mod queue;
mod role;
mod schedule;
mod stream;
mod table;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::declared::Declared;
use super::fields::Fields;
use super::model::{
    Bucket, EventSourceMapping, Function, HttpRoute, Queue, Role, Schedule, StreamMapping, Table,
};
use super::names::{Kind, Physical};
use super::nested;
use super::node::Node;
use super::report::Report;
use super::scope::Scope;
use iam::Policy;

/// The resources that were read, each with the line that declares it.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) functions: Vec<Located<Function>>,
    pub(super) roles: Vec<Located<Role>>,
    /// Policies that are resources of their own.
    pub(super) attached: Vec<Attached>,
    pub(super) queues: Vec<Located<Queue>>,
    pub(super) tables: Vec<Table>,
    pub(super) buckets: Vec<Located<Bucket>>,
    pub(super) mappings: Vec<Located<EventSourceMapping>>,
    pub(super) stream_mappings: Vec<Located<StreamMapping>>,
    pub(super) schedules: Vec<Schedule>,
    pub(super) routes: Vec<Located<HttpRoute>>,
    /// The folders of layers, by what `Ref` gives for the layer.
    pub(super) layers: BTreeMap<String, PathBuf>,
}

pub(super) struct Located<T> {
    pub(super) item: T,
    pub(super) line: usize,
}

/// A policy, and the names of the roles that it is attached to, with their lines.
pub(super) struct Attached {
    pub(super) policy: Policy,
    pub(super) roles: Vec<(String, usize)>,
}

/// What the readers of resource types need besides the properties.
struct Context<'a> {
    report: &'a Report,
    scope: &'a Scope<'a>,
    declared: &'a Declared<'a>,
    physical: &'a Physical,
}

impl Context<'_> {
    fn id(&self) -> &str {
        self.declared.logical_id
    }

    fn attribute(&self, name: &str) -> String {
        self.physical.attribute(name, self.scope.options).unwrap_or_default()
    }

    fn reference(&self) -> String {
        self.physical.reference(self.scope.options)
    }
}

/// Reads one resource's resolved properties into `parts`. `root` is where templates of nested stacks are.
pub(super) fn read(
    declared: &Declared<'_>,
    properties: &Node,
    root: &Path,
    scope: &Scope<'_>,
    parts: &mut Parts,
) {
    let Some(physical) = scope.resources.get(declared.logical_id) else { return };
    let context = Context { report: scope.report, scope, declared, physical };
    let path = format!("{}.Properties", declared.logical_id);
    let fields = Fields::open(scope.report, properties, path);
    let line = declared.line;
    match declared.kind {
        Kind::Function => {
            let (function, role, events) = function::read(&context, fields, &parts.layers);
            parts.functions.push(Located { item: function, line });
            parts.roles.extend(role.map(|item| Located { item, line }));
            parts.mappings.extend(events.mappings);
            parts.stream_mappings.extend(events.stream_mappings);
            parts.schedules.extend(events.schedules);
            parts.routes.extend(events.routes);
        }
        Kind::Layer => {
            let folder = function::layer(&context, fields);
            parts.layers.insert(context.reference(), folder);
        }
        Kind::Queue => {
            parts.queues.push(Located { item: queue::read(&context, fields), line });
        }
        Kind::Table => parts.tables.push(table::read(&context, fields)),
        Kind::Bucket => {
            parts.buckets.push(Located { item: bucket::read(&context, fields), line });
        }
        Kind::Mapping => mapping::resource(&context, fields, parts),
        Kind::Role => {
            parts.roles.push(Located { item: role::read(&context, fields), line });
        }
        Kind::Policy => parts.attached.extend(role::policy(&context, fields)),
        Kind::NestedStack => nested_stack(&context, fields, "TemplateURL", root),
        Kind::Application => nested_stack(&context, fields, "Location", root),
        Kind::QueuePolicy
        | Kind::BucketPolicy
        | Kind::LogGroup
        | Kind::PassedOver(_)
        | Kind::FunctionVersion
        | Kind::FunctionUrl
        | Kind::HttpApi => harmless::read(&context, fields),
    }
}

/// A stack within the stack. `key` is the property that has the path of its template.
fn nested_stack(context: &Context<'_>, mut fields: Fields<'_>, key: &str, root: &Path) {
    fields.ignore(&["NotificationARNs", "Parameters", "Tags", "TimeoutInMinutes"]);
    let location = fields.required_text(key);
    let line = fields.line_of(key);
    fields.finish();
    if let Some(location) = location {
        nested::read(context.report, context.id(), location, line, root);
    }
}
