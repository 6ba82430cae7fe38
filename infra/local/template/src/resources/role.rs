//! `AWS::IAM::Role` and `AWS::IAM::Policy`, and the roles that SAM makes for functions without one.
//!
//! docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-role.html,
//! aws-resource-iam-policy.html beside it, and `Role` and `Policies` of
//! docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html.
//! Every element of a policy is read. One that is not understood is a problem, and never grants
//! anything.

use serde_json::json;

use super::super::fields::{Fields, Harmless};
use super::super::model::Role;
use super::super::names::{Kind, Physical};
use super::super::node::{Entry, Node};
use super::mapping::Events;
use super::{Attached, Context};
use iam::{Policy, Refusal};

const LAMBDA: &str = "lambda.amazonaws.com";
const BOUNDARY: Harmless = ("PermissionsBoundary", "a boundary of permissions");
const HARMLESS: &[Harmless] =
    &[BOUNDARY, ("MaxSessionDuration", "the length of a role's sessions"), ("Tags", "tagging")];
const HARMLESS_OF_POLICY: &[Harmless] =
    &[("Groups", "access control"), ("Users", "access control")];

/// The role of a function.
pub(super) struct Given {
    pub(super) arn: String,
    /// The role that SAM makes; `None` if the template names one.
    pub(super) made: Option<Role>,
}

pub(super) fn read(context: &Context<'_>, mut fields: Fields<'_>) -> Role {
    fields.ignore(&["Description", "RoleName"]);
    fields.harmless(context.id(), HARMLESS);
    fields.one_of("Path", &["/"]);
    if let Some(entry) = fields.required("AssumeRolePolicyDocument") {
        trust(context, &mut fields, entry);
    }
    let mut rights = iam::Role::default();
    for (name, line) in fields.texts("ManagedPolicyArns") {
        attach_managed(&mut rights, &fields, "ManagedPolicyArns", name, line);
    }
    for mut each in fields.list_of_fields("Policies") {
        each.required("PolicyName");
        if let Some(entry) = each.required("PolicyDocument") {
            attach_document(context, &mut rights, &each.path("PolicyDocument"), &entry.value);
        }
        each.finish();
    }
    fields.finish();
    Role {
        logical_id: context.id().to_owned(),
        name: context.physical.name.clone(),
        arn: context.attribute("Arn"),
        rights,
    }
}

/// A policy that is a resource of its own.
pub(super) fn policy(context: &Context<'_>, mut fields: Fields<'_>) -> Option<Attached> {
    fields.required("PolicyName");
    fields.harmless(context.id(), HARMLESS_OF_POLICY);
    let roles = fields.texts("Roles").into_iter().map(|(name, line)| (name.to_owned(), line));
    let roles = roles.collect();
    let entry = fields.required("PolicyDocument");
    let path = fields.path("PolicyDocument");
    let policy = entry.and_then(|entry| document(context, &path, &entry.value));
    fields.finish();
    Some(Attached { policy: policy?, roles })
}

/// The role that a function names, or the one that SAM makes for it. SAM's has AWS's policies for
/// what the function does, and the function's own policies.
pub(super) fn of_function(
    context: &Context<'_>,
    fields: &mut Fields<'_>,
    is_traced: bool,
    events: &Events,
) -> Given {
    const ONLY_WITHOUT_ROLE: [&str; 3] =
        ["AssumeRolePolicyDocument", "PermissionsBoundary", "Policies"];
    if fields.entry("Role").is_some() {
        fields.refuse(&ONLY_WITHOUT_ROLE, "has no effect beside Role: SAM ignores it");
        let arn = fields.text("Role").unwrap_or_default().to_owned();
        return Given { arn, made: None };
    }
    fields.harmless(context.id(), &[BOUNDARY]);
    if let Some(entry) = fields.entry("AssumeRolePolicyDocument") {
        trust(context, fields, entry);
    }
    let mut rights = iam::Role::default();
    for name in managed_by_sam(is_traced, events) {
        if let Some(policy) = iam::managed(name) {
            rights.attach(policy);
        }
    }
    for destination in
        events.stream_mappings.iter().filter_map(|each| each.item.on_failure.as_ref())
    {
        let statement =
            json!({ "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": destination });
        // A destination that is no ARN is no queue of the template. `checks` reports that.
        if let Ok(policy) = Policy::read(&json!({ "Statement": statement })) {
            rights.attach(policy);
        }
    }
    for (node, path) in one_or_list(fields, "Policies") {
        match node.text() {
            Some(name) => attach_managed(&mut rights, fields, "Policies", name, node.line),
            None => attach_document(context, &mut rights, &path, node),
        }
    }
    let logical_id = format!("{}Role", context.id());
    let made = context.scope.resources.get(&logical_id);
    let made = made.filter(|role| role.kind == Kind::Role).map(|physical| Role {
        logical_id,
        name: physical.name.clone(),
        arn: arn(context, physical),
        rights,
    });
    Given { arn: made.as_ref().map(|role| role.arn.clone()).unwrap_or_default(), made }
}

/// The names of the AWS policies that SAM attaches:
/// <https://github.com/aws/serverless-application-model/blob/develop/samtranslator/model/sam_resources.py>.
fn managed_by_sam(is_traced: bool, events: &Events) -> Vec<&'static str> {
    let mut names = vec!["AWSLambdaBasicExecutionRole"];
    if is_traced {
        names.push("AWSXRayDaemonWriteAccess");
    }
    if !events.mappings.is_empty() {
        names.push("AWSLambdaSQSQueueExecutionRole");
    }
    if !events.stream_mappings.is_empty() {
        names.push("AWSLambdaDynamoDBExecutionRole");
    }
    names
}

fn arn(context: &Context<'_>, role: &Physical) -> String {
    role.attribute("Arn", context.scope.options).unwrap_or_default()
}

/// The `Policies` of a function: a list, or a single item in place of a list.
fn one_or_list<'a>(fields: &mut Fields<'a>, key: &str) -> Vec<(&'a Node, String)> {
    match fields.entry(key) {
        Some(entry) if entry.value.items().is_none() => vec![(&entry.value, fields.path(key))],
        Some(_) => fields.list(key),
        None => Vec::new(),
    }
}

fn attach_managed(rights: &mut iam::Role, fields: &Fields<'_>, key: &str, name: &str, line: usize) {
    match iam::managed(name) {
        Some(policy) => rights.attach(policy),
        None => fields.problem(line, key, format!("has {name}, a policy that is not emulated")),
    }
}

fn attach_document(context: &Context<'_>, rights: &mut iam::Role, path: &str, node: &Node) {
    if let Some(policy) = document(context, path, node) {
        rights.attach(policy);
    }
}

fn document(context: &Context<'_>, path: &str, node: &Node) -> Option<Policy> {
    let read = Policy::read(&node.to_json()?);
    read.map_err(|refusals| report(context, path, node, &refusals)).ok()
}

fn trust(context: &Context<'_>, fields: &mut Fields<'_>, entry: &Entry) {
    let Some(json) = entry.value.to_json() else { return };
    match iam::check_trust(&json, LAMBDA) {
        Ok(true) => {}
        Ok(false) => {
            let rule = format!("does not let {LAMBDA} take the role");
            fields.problem(entry.line, &entry.key, rule);
        }
        Err(refusals) => report(context, &fields.path(&entry.key), &entry.value, &refusals),
    }
}

/// Reports each refusal at its line.
fn report(context: &Context<'_>, path: &str, document: &Node, refusals: &[Refusal]) {
    for Refusal { at, message } in refusals {
        let place: String = at.iter().map(|step| format!(".{step}")).collect();
        context.report.problem(document.line_at(at), format!("{path}{place} {message}"));
    }
}
