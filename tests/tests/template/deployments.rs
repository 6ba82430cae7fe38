//! How stages are deployed, and that nothing is tied to one account, region or partition.

use serde_json::{Value, json};

use crate::{Template, list, reference};

/// Each stage with those that read what it sends, which are deployed before it.
const BEFORE: &[(&str, &[&str])] = &[
    ("IngestFunction", &["EnrichFunction"]),
    ("EnrichFunction", &["SinkFunction", "LakeFunction", "DeliverFunction"]),
];

/// Properties that give resources names, which have to begin with the stack's.
const NAMES: [&str; 8] = [
    "AlarmName",
    "BucketName",
    "FunctionName",
    "LogGroupName",
    "ManagedPolicyName",
    "QueueName",
    "RoleName",
    "TableName",
];

pub(crate) fn not_safe(template: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    for (id, function) in template.functions() {
        let properties = &function["Properties"];
        let events = properties["Events"].as_object();
        let mut events = events.into_iter().flat_map(|events| events.values());
        if !events.any(|event| event["Type"] == "SQS") {
            continue;
        }
        if properties["AutoPublishAlias"] != "live" {
            problems.push(format!("{id} has no alias"));
        }
        if properties["AutoPublishAliasAllProperties"] != "true" {
            problems.push(format!("{id}: a change of its contracts is no version"));
        }
        let preference = &properties["DeploymentPreference"];
        if preference["Enabled"] != reference("GradualDeployment")
            || preference["Type"] != reference("DeploymentType")
        {
            problems.push(format!("{id} is not deployed gradually"));
        }
        let alarms = list(&preference["Alarms"]);
        let is_watched = alarms.iter().any(|alarm| watches(template, alarm, id));
        if !is_watched {
            problems.push(format!("{id}: its errors do not take a deployment back"));
        }
    }
    for (id, needed) in BEFORE {
        let found = list(&template.resources[*id]["DependsOn"]);
        for other in *needed {
            if !found.contains(&&json!(format!("{other}Aliaslive"))) {
                problems.push(format!("{id} may be deployed before {other}"));
            }
        }
    }
    problems
}

/// Whether an alarm is about the errors of this function's alias.
fn watches(template: &Template, alarm: &Value, function: &str) -> bool {
    let alarm = alarm["Ref"].as_str().and_then(|name| template.resources.get(name));
    let Some(properties) = alarm.map(|alarm| &alarm["Properties"]) else { return false };
    let alias = json!({ "Fn::Sub": format!("${{{function}}}:live") });
    let dimensions = json!([
        { "Name": "FunctionName", "Value": reference(function) },
        { "Name": "Resource", "Value": alias },
    ]);
    properties["Namespace"] == "AWS/Lambda"
        && properties["MetricName"] == "Errors"
        && properties["Dimensions"] == dimensions
}

pub(crate) fn tied_to_one_place(template: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    for (number, line) in template.text.lines().enumerate() {
        for tied in ["arn:aws:", "arn:aws-", "amazonaws.com.cn"] {
            if line.contains(tied) {
                problems.push(format!("line {}: {tied} instead of AWS::Partition", number + 1));
            }
        }
        let digits: Vec<&str> = line.split(|char: char| !char.is_ascii_digit()).collect();
        if digits.iter().any(|digits| digits.len() == 12) {
            problems.push(format!("line {}: the number of an account", number + 1));
        }
    }
    for (id, resource) in &template.resources {
        for name in NAMES {
            let found = &resource["Properties"][name];
            let text = found["Fn::Sub"].as_str().unwrap_or_default();
            if !found.is_null() && !text.starts_with("${AWS::StackName}-") {
                problems.push(format!("{id}: a second stack cannot have {name} {found}"));
            }
        }
    }
    problems
}
