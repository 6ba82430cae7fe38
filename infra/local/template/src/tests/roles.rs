//! Roles: those that a template declares, those that SAM makes, and what a mapping needs of them.

use super::{CONSUMER, errors, read_with};
use crate::Role;
use iam::Decision;

/// [`CONSUMER`] with a role that it names.
fn with_role(role: &str) -> String {
    let named =
        CONSUMER.replace("      CodeUri: .\n", "      CodeUri: .\n      Role: !GetAtt Own.Arn\n");
    let mut text = format!("{named}  Own:\n    Type: AWS::IAM::Role\n    Properties:\n");
    for line in role.trim_matches('\n').lines() {
        text.push_str("      ");
        text.push_str(line);
        text.push('\n');
    }
    text
}

const TRUST: &str = "
AssumeRolePolicyDocument:
  Statement: {Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}";

const READS: &str = "
Policies:
  - PolicyName: reads
    PolicyDocument:
      Version: '2012-10-17'
      Statement:
        - Effect: Allow
          Action: [sqs:ReceiveMessage, sqs:DeleteMessage, sqs:GetQueueAttributes]
          Resource: !GetAtt Queue.Arn";

const QUEUE: &str = "arn:aws:sqs:eu-west-1:000000000000:sluicegate-Queue";
const OTHER: &str = "arn:aws:sqs:eu-west-1:000000000000:other";

#[track_caller]
fn check(role: &Role, action: &str, resource: &str, expected: Decision) {
    assert_eq!(role.rights.decide(action, resource), expected, "{action} {resource}");
}

#[test]
fn a_function_runs_as_the_role_that_it_names() {
    let stack = read_with(&with_role(&format!("{TRUST}{READS}")), &[]);
    let [role] = stack.roles.as_slice() else { panic!("{:?}", stack.roles) };
    assert_eq!((role.logical_id.as_str(), role.name.as_str()), ("Own", "sluicegate-Own"));
    assert_eq!(stack.functions[0].role, "arn:aws:iam::000000000000:role/sluicegate-Own");
    check(role, "sqs:ReceiveMessage", QUEUE, Decision::Allowed);
    check(role, "sqs:ReceiveMessage", OTHER, Decision::NotAllowed);
    check(role, "sqs:SendMessage", QUEUE, Decision::NotAllowed);
}

#[test]
fn a_function_without_a_role_has_the_one_that_sam_makes() {
    let own = "      Tracing: Active
      Policies:
        - AWSLambdaBasicExecutionRole
        - Statement: {Effect: Allow, Action: s3:GetObject, Resource: 'arn:aws:s3:::b/*'}
        - Statement: [{Effect: Deny, Action: sqs:DeleteMessage, Resource: '*'}]
";
    let text = CONSUMER.replace("      CodeUri: .\n", &format!("      CodeUri: .\n{own}"));
    let text = text.replace("sqs:DeleteMessage", "sqs:PurgeQueue");
    let stack = read_with(&text, &[]);
    let [role] = stack.roles.as_slice() else { panic!("{:?}", stack.roles) };
    assert_eq!(role.logical_id, "FunctionRole");
    assert_eq!(role.arn, stack.functions[0].role);
    // The managed policy for queues is for all of them.
    check(role, "sqs:DeleteMessage", OTHER, Decision::Allowed);
    check(role, "s3:GetObject", "arn:aws:s3:::b/k", Decision::Allowed);
    check(role, "sqs:PurgeQueue", QUEUE, Decision::ExplicitlyDenied);
    check(role, "sqs:SendMessage", QUEUE, Decision::NotAllowed);
    check(role, "xray:PutTraceSegments", "*", Decision::Allowed);
}

#[test]
fn a_policy_may_be_a_resource_of_its_own_and_managed_ones_have_arns() {
    let text = with_role(&format!(
        "{TRUST}\nManagedPolicyArns: [!Sub 'arn:${{AWS::Partition}}:iam::aws:policy/service-role/\
         AWSLambdaSQSQueueExecutionRole']"
    ));
    let text = format!(
        "{text}  More:
    Type: AWS::IAM::Policy
    Properties:
      PolicyName: more
      Roles: [!Ref Own]
      PolicyDocument: {{Statement: {{Effect: Allow, Action: sqs:SendMessage, Resource: '*'}}}}
"
    );
    let role = &read_with(&text, &[]).roles[0];
    check(role, "sqs:ReceiveMessage", OTHER, Decision::Allowed);
    check(role, "sqs:SendMessage", OTHER, Decision::Allowed);
    check(role, "sqs:PurgeQueue", OTHER, Decision::NotAllowed);
}

#[track_caller]
fn check_refused(text: &str, expected: &str) {
    let found = errors(text);
    assert!(found.contains(expected), "{found}");
}

#[test]
fn a_mapping_without_its_rights_is_refused_by_the_right_that_is_missing() {
    let all = format!("{TRUST}{READS}");
    for action in ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"] {
        let text = with_role(&all.replace(action, "sqs:ListQueueTags"));
        let expected = format!(
            "template.yaml:14: FunctionMessages: the function's role Own has no right to {action} on \
             {QUEUE}"
        );
        check_refused(&text, &expected);
    }
    let elsewhere = with_role(&all.replace("!GetAtt Queue.Arn", &format!("'{OTHER}'")));
    check_refused(&elsewhere, "no right to sqs:ReceiveMessage");
}

#[test]
fn what_a_policy_says_and_is_not_understood_is_refused_at_its_line() {
    let all = format!("{TRUST}{READS}");
    let statement = |line: &str| with_role(&format!("{all}\n          {line}"));
    let path = "template.yaml:31: Own.Properties.Policies[0].PolicyDocument.Statement.0.";
    check_refused(&statement("Condition: {}"), &format!("{path}Condition is not emulated"));
    check_refused(&statement("NotAction: '*'"), &format!("{path}NotAction is not emulated"));
    check_refused(
        &with_role(&all.replace("sqs:DeleteMessage", "DeleteMessage")),
        "template.yaml:29: Own.Properties.Policies[0].PolicyDocument.Statement.0.Action.1 is \
         DeleteMessage: it must be * or an action",
    );
    let managed = "\nManagedPolicyArns: ['arn:aws:iam::aws:policy/AdministratorAccess']";
    check_refused(
        &with_role(&format!("{all}{managed}")),
        "Own.Properties.ManagedPolicyArns has arn:aws:iam::aws:policy/AdministratorAccess, a policy \
         that is not emulated",
    );
}

#[test]
fn a_role_that_lambda_cannot_take_and_one_that_is_not_there_are_refused() {
    let all = format!("{TRUST}{READS}");
    check_refused(
        &with_role(&all.replace("lambda.amazonaws.com", "ec2.amazonaws.com")),
        "Own.Properties.AssumeRolePolicyDocument does not let lambda.amazonaws.com take the role",
    );
    let other = with_role(&all).replace("!GetAtt Own.Arn", "arn:aws:iam::1:role/other");
    check_refused(
        &other,
        "Function: its role arn:aws:iam::1:role/other is no role of this template",
    );
    let both = with_role(&all).replace(
        "!GetAtt Own.Arn\n",
        "!GetAtt Own.Arn\n      Policies: AWSLambdaBasicExecutionRole\n",
    );
    check_refused(&both, "Function.Properties.Policies has no effect beside Role: SAM ignores it");
}
