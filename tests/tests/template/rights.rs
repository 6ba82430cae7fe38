//! Roles, and what their policies allow.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{Template, list};

/// Actions that AWS has no resource for.
const WITHOUT_RESOURCE: &[(&str, &str)] = &[
    ("xray:PutTraceSegments", "traces have no ARN"),
    ("xray:PutTelemetryRecords", "traces have no ARN"),
];

/// Resources whose ARN has to end with `*`, beside objects of buckets.
const WITH_BEGINNING: &[(&str, &str)] = &[
    (
        ":function:${AWS::StackName}-RedriveFunction*",
        "its role is made before the function is named",
    ),
    (":secret:${AWS::StackName}/*", "Secrets Manager ends each ARN with characters of its own"),
];

pub(crate) fn shared_roles(template: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    let mut taken = BTreeSet::new();
    for (id, function) in template.functions() {
        let role = function["Properties"]["Role"]["Fn::GetAtt"].as_str();
        let role = role.and_then(|text| text.strip_suffix(".Arn"));
        let declared = role.and_then(|role| template.resources.get(role));
        match declared {
            Some(resource) if resource["Type"] == "AWS::IAM::Role" => {
                if !taken.insert(role) {
                    problems.push(format!("{id} shares its role"));
                }
                let trust = &resource["Properties"]["AssumeRolePolicyDocument"]["Statement"];
                let lambda = json!({ "Service": "lambda.amazonaws.com" });
                if list(trust).iter().any(|statement| statement["Principal"] != lambda) {
                    problems.push(format!("{id}: others than Lambda may take its role"));
                }
            }
            _ => problems.push(format!("{id} has no role of its own")),
        }
    }
    problems
}

pub(crate) fn wildcards(template: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    for (id, statement) in statements(template) {
        for action in list(&statement["Action"]) {
            let action = action.as_str().unwrap();
            if action.contains('*') {
                problems.push(format!("{id} allows {action}"));
            }
            for resource in list(&statement["Resource"]) {
                if !is_exact(action, resource) {
                    problems.push(format!("{id} allows {action} on {resource}"));
                }
            }
        }
        for other in ["NotAction", "NotResource"] {
            if statement.get(other).is_some() {
                problems.push(format!("{id} allows by {other}"));
            }
        }
    }
    problems
}

/// What roles and policies allow, with their logical ids.
fn statements(template: &Template) -> Vec<(&str, &Value)> {
    let mut found = Vec::new();
    for (id, role) in template.of_type("AWS::IAM::Role") {
        for policy in list(&role["Properties"]["Policies"]) {
            for statement in list(&policy["PolicyDocument"]["Statement"]) {
                found.push((id, statement));
            }
        }
    }
    for (id, policy) in template.of_type("AWS::IAM::Policy") {
        for statement in list(&policy["Properties"]["PolicyDocument"]["Statement"]) {
            found.push((id, statement));
        }
    }
    found
}

fn is_exact(action: &str, resource: &Value) -> bool {
    let text = resource["Fn::Sub"].as_str().or_else(|| resource.as_str()).unwrap_or_default();
    if text == "*" {
        return WITHOUT_RESOURCE.iter().any(|(name, _)| *name == action);
    }
    let is_object = action.starts_with("s3:") && text.starts_with("${") && text.ends_with("/*");
    let rest = text.strip_suffix('*').filter(|_| is_object).unwrap_or(text);
    !rest.contains('*') || WITH_BEGINNING.iter().any(|(end, _)| text.ends_with(end))
}
