//! The templates: parameters, alarms with what combines them, and dashboards.

use serde_json::{Map, Value, json};

use super::alarm::{Alarm, Cause, Combined, Severity, description, to_topic};
use super::dashboards::Dashboard;
use super::subject::Subject;
use super::yaml;

/// CloudWatch allows 100 alarms in the rule of a composite one:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html>.
const ALARMS_OF_RULE: usize = 100;

/// The alarm that keeps pages from being sent while work is planned.
const PLANNED_WORK: &str = "PlannedWork";

const HEAD: &str = "# Written by `sluicegate infra generate`, from template.yaml and the contracts. Do not edit it.\n";

pub(super) fn alarms(alarms: &[Alarm], combined: &[Combined], subject: &Subject) -> String {
    let mut resources = Map::new();
    for alarm in alarms {
        resources.insert(alarm.id.clone(), alarm.resource());
    }
    for each in combined {
        resources.insert(each.id.clone(), each.resource());
    }
    resources.insert(PLANNED_WORK.to_owned(), planned_work());
    for cause in Cause::ALL {
        let mut children = Vec::new();
        for alarm in alarms.iter().filter(|it| it.cause == cause) {
            if alarm.severity == Severity::Page {
                children.push(alarm.id.as_str());
            }
        }
        for each in combined.iter().filter(|it| it.cause == cause) {
            if each.severity == Severity::Page {
                children.push(each.id.as_str());
            }
        }
        add_pages(cause, &children, &mut resources);
    }
    let mut parameters = common_parameters();
    parameters.insert("PageTopicArn".to_owned(), topic("pages"));
    parameters.insert("TicketTopicArn".to_owned(), topic("tickets"));
    parameters.insert(
        "RunbooksUrl".to_owned(),
        json!({ "Type": "String", "Description": "Where the pages of infra/runbooks can be read" }),
    );
    add_names(subject, &mut parameters);
    let template = json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Alarms: pages by their cause, and tickets",
        "Parameters": parameters,
        "Conditions": {
            "HasPageTopic": { "Fn::Not": [{ "Fn::Equals": [{ "Ref": "PageTopicArn" }, ""] }] },
            "HasTicketTopic": { "Fn::Not": [{ "Fn::Equals": [{ "Ref": "TicketTopicArn" }, ""] }] },
        },
        "Resources": resources,
    });
    format!("{HEAD}{}", yaml::write(&template))
}

/// One page for each cause. Where a rule would have too many alarms, its parts are rules of their own.
fn add_pages(cause: Cause, children: &[&str], resources: &mut Map<String, Value>) {
    let mut of_cause: Vec<String> = children.iter().map(|child| (*child).to_owned()).collect();
    if of_cause.is_empty() {
        return;
    }
    if of_cause.len() > ALARMS_OF_RULE {
        let mut parts = Vec::new();
        for (at, chunk) in children.chunks(ALARMS_OF_RULE).enumerate() {
            let id = format!("{}Part{}", cause.name(), at + 1);
            let chunk: Vec<String> = chunk.iter().map(|child| (*child).to_owned()).collect();
            let properties =
                json!({ "AlarmName": name_of(&id), "AlarmRule": sub(&any_of(&chunk)) });
            resources.insert(id.clone(), composite(properties, &chunk));
            parts.push(id);
        }
        of_cause = parts;
    }
    let mut rule = format!("({})", any_of(&of_cause));
    let mut depends_on = of_cause;
    for earlier in cause.brought_about_by() {
        // A cause without alarms has no composite alarm.
        if resources.contains_key(earlier.name()) {
            rule.push_str(&format!(" AND NOT ALARM(\"${{StackName}}-{}\")", earlier.name()));
            depends_on.push(earlier.name().to_owned());
        }
    }
    depends_on.push(PLANNED_WORK.to_owned());
    let properties = json!({
        "AlarmName": name_of(cause.name()),
        "AlarmDescription": description(cause.says(), "README.md"),
        "AlarmRule": sub(&rule),
        "AlarmActions": to_topic("PageTopicArn", "HasPageTopic"),
        "ActionsSuppressor": name_of(PLANNED_WORK),
        "ActionsSuppressorWaitPeriod": 60,
        "ActionsSuppressorExtensionPeriod": 300,
    });
    resources.insert(cause.name().to_owned(), composite(properties, &depends_on));
}

fn composite(properties: Value, depends_on: &[String]) -> Value {
    json!({
        "Type": "AWS::CloudWatch::CompositeAlarm",
        "DependsOn": depends_on,
        "Properties": properties,
    })
}

fn any_of(ids: &[String]) -> String {
    let terms: Vec<String> =
        ids.iter().map(|id| format!("ALARM(\"${{StackName}}-{id}\")")).collect();
    terms.join(" OR ")
}

fn sub(text: &str) -> Value {
    json!({ "Fn::Sub": text })
}

fn name_of(id: &str) -> Value {
    sub(&format!("${{StackName}}-{id}"))
}

/// Nothing measures it: an operator sets its state, and it keeps it.
fn planned_work() -> Value {
    json!({
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmName": name_of(PLANNED_WORK),
            "AlarmDescription":
                "While it is in the state ALARM, no page is sent. Set it with `aws cloudwatch set-alarm-state`.",
            "Namespace": { "Ref": "MetricsNamespace" },
            "MetricName": PLANNED_WORK,
            "Statistic": "Maximum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 0,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "ignore",
        },
    })
}

fn common_parameters() -> Map<String, Value> {
    let mut parameters = Map::new();
    for (name, about) in [
        ("StackName", "The stack that is watched, which begins the names of what is here"),
        ("MetricsNamespace", "The namespace of the functions' metrics"),
    ] {
        parameters.insert(name.to_owned(), json!({ "Type": "String", "Description": about }));
    }
    parameters
}

fn topic(what: &str) -> Value {
    json!({
        "Type": "String",
        "Default": "",
        "Description": format!("The SNS topic that {what} are sent to; empty for none"),
    })
}

/// The names of functions and queues, by their logical ids.
fn add_names(subject: &Subject, parameters: &mut Map<String, Value>) {
    let functions = subject.functions.iter().map(|function| &function.logical_id);
    for id in functions.chain(&subject.stage_queues).chain(&subject.dead_letter_queues) {
        parameters.insert(format!("{id}Name"), json!({ "Type": "String" }));
    }
}

pub(super) fn dashboards(dashboards: &[Dashboard], subject: &Subject) -> String {
    let mut resources = Map::new();
    for Dashboard { id, body } in dashboards {
        resources.insert(
            (*id).to_owned(),
            json!({
                "Type": "AWS::CloudWatch::Dashboard",
                "Properties": { "DashboardName": name_of(id), "DashboardBody": sub(&body.to_string()) },
            }),
        );
    }
    let mut parameters = common_parameters();
    add_names(subject, &mut parameters);
    let template = json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Dashboards: for the business, for whoever is on call, and for finding out why",
        "Parameters": parameters,
        "Resources": resources,
    });
    format!("{HEAD}{}", yaml::write(&template))
}
