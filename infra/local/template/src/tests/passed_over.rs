//! What makes no difference here is one warning for each kind of it, and what is mistyped in it is an error.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{CONSUMER, errors, options, read_with};
use crate::{Stack, TemplateError, read};

/// A template whose resources begin on line 2, and all of its warnings.
#[track_caller]
fn check(resources: &str, expected: &[&str]) {
    let stack = read_with(&format!("Resources:\n{resources}\n"), &[]);
    assert_eq!(stack.warnings, expected, "{resources}");
}

#[test]
fn what_watches_a_stack_is_one_warning_for_each_kind() {
    check(
        "  A: {Type: AWS::CloudWatch::Alarm, Properties: {AlarmName: a, Threshold: 1}}
  B: {Type: AWS::CloudWatch::Alarm, Properties: {Metrics: [{Id: m}], AlarmActions: [!Ref T]}}
  C: {Type: AWS::CloudWatch::CompositeAlarm, Properties: {AlarmRule: !Sub 'ALARM(${A})'}}
  D: {Type: AWS::CloudWatch::Dashboard, Properties: {DashboardBody: !Sub '${A.Arn} ${B}'}}
  T: {Type: AWS::SNS::Topic, Properties: {KmsMasterKeyId: !Ref K}}
  P: {Type: AWS::SNS::TopicPolicy, Properties: {Topics: [!Ref T], PolicyDocument: {}}}
  S: {Type: AWS::SNS::Subscription, Properties: {TopicArn: !Ref T, Protocol: email}}
  K: {Type: AWS::KMS::Key, Properties: {EnableKeyRotation: true, KeyPolicy: {}}}
  L: {Type: AWS::KMS::Alias, Properties: {AliasName: alias/k, TargetKeyId: !Ref K}}
  G: {Type: AWS::Logs::LogGroup}
  M: {Type: AWS::Logs::MetricFilter, Properties: {LogGroupName: !Ref G, FilterPattern: x}}
  F: {Type: AWS::Logs::SubscriptionFilter, Properties: {LogGroupName: !Ref G}}",
        &[
            "an alarm (AWS::CloudWatch::Alarm) is not emulated: A, B",
            "an alarm of alarms (AWS::CloudWatch::CompositeAlarm) is not emulated: C",
            "a dashboard (AWS::CloudWatch::Dashboard) is not emulated: D",
            "a topic (AWS::SNS::Topic) is not emulated: T",
            "a topic's access control (AWS::SNS::TopicPolicy) is not emulated: P",
            "a topic's subscription (AWS::SNS::Subscription) is not emulated: S",
            "a key (AWS::KMS::Key) is not emulated: K",
            "a key's alias (AWS::KMS::Alias) is not emulated: L",
            "a log group's retention (AWS::Logs::LogGroup) is not emulated: G",
            "a filter of logs (AWS::Logs::MetricFilter) is not emulated: M",
            "a subscription to logs (AWS::Logs::SubscriptionFilter) is not emulated: F",
        ],
    );
}

#[test]
fn references_to_it_are_what_aws_gives() {
    let stack = read_with(
        "Resources:
  A: {Type: AWS::CloudWatch::Alarm}
  T: {Type: AWS::SNS::Topic}
  K: {Type: AWS::KMS::Key}
Outputs:
  Alarm: {Value: !GetAtt A.Arn}
  Name: {Value: !Ref A}
  Topic: {Value: !Ref T}
  Key: {Value: !GetAtt K.Arn}",
        &[],
    );
    assert_eq!(
        stack.outputs["Alarm"],
        "arn:aws:cloudwatch:eu-west-1:000000000000:alarm:sluicegate-A"
    );
    assert_eq!(stack.outputs["Name"], "sluicegate-A");
    assert_eq!(stack.outputs["Topic"], "arn:aws:sns:eu-west-1:000000000000:sluicegate-T");
    assert_eq!(stack.outputs["Key"], "arn:aws:kms:eu-west-1:000000000000:key/sluicegate-K");
}

#[test]
fn what_is_mistyped_in_it_is_an_error() {
    for (resource, expected) in [
        (
            "{Type: AWS::CloudWatch::Alarm, Properties: {Treshold: 1}}",
            "Properties.Treshold is not emulated",
        ),
        (
            "{Type: AWS::CloudWatch::Alarm, Properties: {Threshold: !Ref B}}",
            "there is no parameter or resource B",
        ),
        ("{Type: AWS::SNS::Topics}", "the type AWS::SNS::Topics is not emulated"),
    ] {
        let found = errors(&format!("Resources:\n  A: {resource}"));
        assert!(found.starts_with("template.yaml:2: ") && found.contains(expected), "{found}");
        assert_eq!(found.lines().count(), 1, "{found}");
    }
}

#[test]
fn how_a_function_is_deployed_and_where_it_runs_are_warnings() {
    let stack = read_with(
        &format!(
            "{CONSUMER}      AutoPublishAlias: live
      AutoPublishAliasAllProperties: true
      DeploymentPreference: {{Type: Canary10Percent5Minutes, Alarms: [!Ref Errors]}}
      VpcConfig: {{SubnetIds: [subnet-1], SecurityGroupIds: [sg-1]}}
      PermissionsBoundary: arn:aws:iam::000000000000:policy/boundary
      Tags: {{team: a}}
  Errors:
    Type: AWS::CloudWatch::Alarm
    Properties: {{Dimensions: [{{Name: Resource, Value: !Sub '${{Function}}:live'}}]}}
Outputs:
  Alias: {{Value: !Ref Function.Alias}}
  Same: {{Value: !Sub '${{Function.Alias}}'}}
"
        ),
        &[],
    );
    assert_eq!(
        stack.warnings,
        [
            "a function's alias (AutoPublishAlias) is not emulated: Function",
            "gradual deployment (DeploymentPreference) is not emulated: Function",
            "tagging (Tags) is not emulated: Function",
            "a function's network (VpcConfig) is not emulated: Function",
            "a boundary of permissions (PermissionsBoundary) is not emulated: Function",
            "an alarm (AWS::CloudWatch::Alarm) is not emulated: Errors",
        ]
    );
    // An alias is the function here, so that what invokes it reaches it.
    assert_eq!(stack.outputs["Alias"], stack.functions[0].arn);
    assert_eq!(stack.outputs["Same"], stack.functions[0].arn);
    let next = "  Other: {Type: AWS::SQS::Queue, DependsOn: FunctionAliaslive}\n";
    read_with(&format!("{CONSUMER}      AutoPublishAlias: live\n{next}"), &[]);
    let missing = errors(&format!("{CONSUMER}{next}"));
    assert!(missing.contains("DependsOn: there is no resource FunctionAliaslive"), "{missing}");
    let missing = errors(&format!("{CONSUMER}Outputs: {{A: {{Value: !Ref Function.Alias}}}}"));
    assert!(missing.contains("no parameter or resource Function.Alias"), "{missing}");
}

/// Reads a template with a nested stack, whose template is `nested`.
fn with_nested(resource: &str, nested: &str) -> Result<Stack, TemplateError> {
    static FOLDERS: AtomicUsize = AtomicUsize::new(0);
    let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
    let name = format!("sluicegate-nested-{}-{number}", std::process::id());
    let root = std::env::temp_dir().join(name);
    std::fs::create_dir_all(root.join("infra")).unwrap();
    std::fs::write(root.join("infra/alarms.yaml"), nested).unwrap();
    let text = format!("Transform: AWS::Serverless-2016-10-31\nResources:\n  Alarms: {resource}\n");
    let stack = read(&text, &root, &options(&[]));
    std::fs::remove_dir_all(root).unwrap();
    stack
}

const STACK: &str =
    "{Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: infra/alarms.yaml}}";

#[test]
fn a_nested_stack_of_alarms_is_one_warning() {
    let nested = "
Parameters: {Topic: {Type: String}}
Conditions: {Told: !Not [!Equals [!Ref Topic, '']]}
Resources:
  A: {Type: AWS::CloudWatch::Alarm, Condition: Told, Properties: {AlarmActions: [!Ref Topic]}}
  B: {Type: AWS::CloudWatch::Alarm, DependsOn: A}
Outputs: {A: {Value: !Ref A}}";
    let application =
        "{Type: AWS::Serverless::Application, Properties: {Location: infra/alarms.yaml}}";
    for resource in [STACK, application] {
        let stack = with_nested(resource, nested).unwrap();
        let expected = "an alarm (AWS::CloudWatch::Alarm) is not emulated: Alarms";
        assert_eq!(stack.warnings, [expected], "{resource}");
    }
}

#[test]
fn a_nested_stack_of_anything_else_is_an_error_with_its_line() {
    let rule = "a nested template may only have what makes no difference here";
    for (nested, expected) in [
        (
            "Resources:\n  Queue: {Type: AWS::SQS::Queue}\n",
            format!("infra/alarms.yaml:2: Queue: AWS::SQS::Queue is not emulated there: {rule}"),
        ),
        (
            "Transform: AWS::Serverless-2016-10-31\nResources:\n  A: {Type: AWS::SNS::Topic}\n",
            "infra/alarms.yaml:1: Transform is not emulated".to_owned(),
        ),
        (
            "Resources:\n  A:\n    Type: AWS::CloudWatch::Alarm\n    Properties: {Period: 1, Perod: 1}\n",
            "infra/alarms.yaml:4: A.Properties.Perod is not emulated".to_owned(),
        ),
    ] {
        let error = with_nested(STACK, nested).unwrap_err().to_string();
        assert_eq!(error, format!("template.yaml:3: Alarms: {expected}"));
    }
}

#[test]
fn a_nested_template_is_a_file_below_the_template() {
    for location in ["https://s3.amazonaws.com/b/k", "../alarms.yaml", "/etc/hostname"] {
        let error = with_nested(&STACK.replace("infra/alarms.yaml", location), "").unwrap_err();
        let expected = "must be a file below the folder of the template";
        assert!(error.to_string().contains(expected), "{location}: {error}");
    }
    let error = with_nested(&STACK.replace("alarms", "missing"), "").unwrap_err().to_string();
    assert!(error.contains("its template infra/missing.yaml cannot be read"), "{error}");
}
