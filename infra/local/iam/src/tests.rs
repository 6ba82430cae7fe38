//! Reads documents, and compares what they decide.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const QUEUE: &str = "arn:aws:sqs:eu-west-1:1:inbox";
const OTHER: &str = "arn:aws:sqs:eu-west-1:1:other";

fn policy(statements: Value) -> Policy {
    let document = json!({ "Version": "2012-10-17", "Statement": statements });
    Policy::read(&document).unwrap_or_else(|refusals| panic!("{refusals:?}"))
}

fn role(statements: Value) -> Role {
    Role::new(vec![policy(statements)])
}

#[track_caller]
fn check(role: &Role, action: &str, resource: &str, expected: Decision) {
    assert_eq!(role.decide(action, resource), expected, "{action} {resource}");
}

#[test]
fn what_no_statement_allows_is_not_allowed() {
    let role = role(json!({
        "Effect": "Allow",
        "Action": ["sqs:SendMessage", "sqs:Get*"],
        "Resource": QUEUE,
    }));
    check(&role, "sqs:SendMessage", QUEUE, Decision::Allowed);
    check(&role, "sqs:GetQueueAttributes", QUEUE, Decision::Allowed);
    check(&role, "sqs:SendMessage", OTHER, Decision::NotAllowed);
    check(&role, "sqs:DeleteMessage", QUEUE, Decision::NotAllowed);
    check(&role, "sqs:SendMessage", "*", Decision::NotAllowed);
    check(&Role::default(), "sqs:SendMessage", QUEUE, Decision::NotAllowed);
}

#[test]
fn a_denial_wins_in_whatever_order_and_policy_it_is() {
    let allow = json!({ "Effect": "Allow", "Action": "sqs:*", "Resource": "*" });
    let deny = json!({ "Effect": "Deny", "Action": "sqs:DeleteMessage", "Resource": QUEUE });
    let together = role(json!([deny, allow]));
    let apart = Role::new(vec![policy(json!([allow])), policy(json!([deny]))]);
    for role in [together, apart] {
        check(&role, "sqs:DeleteMessage", QUEUE, Decision::ExplicitlyDenied);
        check(&role, "sqs:DeleteMessage", OTHER, Decision::Allowed);
        check(&role, "sqs:SendMessage", QUEUE, Decision::Allowed);
        check(&role, "sqs:DeleteMessage", "*", Decision::ExplicitlyDenied);
    }
}

#[test]
fn a_grant_that_is_taken_away_is_denied_and_the_others_stay() {
    let role = role(json!([
        { "Effect": "Allow", "Action": ["sqs:SendMessage", "sqs:ReceiveMessage"],
          "Resource": [QUEUE, OTHER] },
        { "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*" },
    ]));
    let grants = role.grants();
    assert_eq!(grants.len(), 5);
    for taken in &grants {
        let left = role.without(taken);
        for grant in &grants {
            let expected = if grant == taken { Decision::NotAllowed } else { Decision::Allowed };
            check(&left, &grant.action, &grant.resource.replace('*', "key"), expected);
        }
        assert_eq!(left.grants().len(), 4);
    }
}

#[track_caller]
fn check_refused(document: Value, expected: &[&str]) {
    let refusals = Policy::read(&document).expect_err("it is refused");
    let texts: Vec<String> = refusals.iter().map(Refusal::to_string).collect();
    assert_eq!(texts, expected);
}

#[test]
fn what_is_not_understood_is_refused_where_it_is() {
    let with = |name: &str, value: Value| {
        let mut statement = json!({ "Effect": "Allow", "Action": "sqs:*", "Resource": QUEUE });
        statement[name] = value;
        json!({ "Version": "2012-10-17", "Statement": [statement] })
    };
    let condition = json!({ "StringEquals": { "aws:SourceAccount": "1" } });
    check_refused(with("Condition", condition), &["Statement.0.Condition is not emulated"]);
    check_refused(with("NotAction", json!("s3:*")), &["Statement.0.NotAction is not emulated"]);
    check_refused(with("Principal", json!("*")), &["Statement.0.Principal is not emulated"]);
    check_refused(with("Effect", json!("allow")), &["Statement.0.Effect must be Allow or Deny"]);
    check_refused(
        with("Action", json!(["sqs:A", "send"])),
        &["Statement.0.Action.1 is send: it must be * or an action such as sqs:SendMessage"],
    );
    check_refused(
        with("Resource", json!(["inbox"])),
        &["Statement.0.Resource.0 is inbox: it must be * or an ARN"],
    );
    check_refused(
        with("Resource", json!("arn:aws:s3:::b/${aws:username}")),
        &[
            "Statement.0.Resource is arn:aws:s3:::b/${aws:username}: it has a policy variable, which \
           is not emulated",
        ],
    );
    check_refused(with("Resource", json!([])), &["Statement.0.Resource is empty"]);
    check_refused(with("Resource", json!([1])), &["Statement.0.Resource.0 must be a string"]);
    check_refused(json!({ "Statement": [] }), &["Statement is empty"]);
    check_refused(json!({}), &[" has no Statement"]);
    check_refused(json!("all"), &[" must be a mapping"]);
    check_refused(
        json!({ "Version": "2012-10-18", "Statement": { "Effect": "Allow" } }),
        &["Version must be 2012-10-17", "Statement has no Action", "Statement has no Resource"],
    );
}

#[test]
fn a_role_is_taken_by_whom_it_trusts() {
    let trust = |principal: Value, action: &str| {
        let statement = json!({ "Effect": "Allow", "Principal": principal, "Action": action });
        check_trust(&json!({ "Statement": [statement] }), "lambda.amazonaws.com")
    };
    let lambda = json!({ "Service": ["events.amazonaws.com", "lambda.amazonaws.com"] });
    assert_eq!(trust(lambda.clone(), "sts:AssumeRole"), Ok(true));
    assert_eq!(trust(lambda.clone(), "sts:TagSession"), Ok(false));
    let events = json!({ "Service": "events.amazonaws.com" });
    assert_eq!(trust(events, "sts:AssumeRole"), Ok(false));
    assert_eq!(trust(json!({ "AWS": "arn:aws:iam::1:root" }), "sts:AssumeRole"), Ok(false));
    assert!(trust(json!("*"), "sts:AssumeRole").is_err());
    let conditional = json!({ "Statement": { "Effect": "Allow", "Principal": lambda,
        "Action": "sts:AssumeRole", "Condition": {} } });
    let refusals = check_trust(&conditional, "lambda.amazonaws.com").unwrap_err();
    assert_eq!(refusals[0].to_string(), "Statement.Condition is not emulated");
}

#[test]
fn aws_own_policies_are_known_by_name_and_by_arn() {
    let arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole";
    for name in ["AWSLambdaSQSQueueExecutionRole", arn] {
        let role = Role::new(vec![managed(name).unwrap()]);
        check(&role, "sqs:ReceiveMessage", QUEUE, Decision::Allowed);
        check(&role, "sqs:SendMessage", QUEUE, Decision::NotAllowed);
        check(&role, "logs:PutLogEvents", "*", Decision::Allowed);
    }
    assert_eq!(managed("AdministratorAccess"), None);
    assert_eq!(managed("arn:aws:iam::1:policy/AWSLambdaBasicExecutionRole"), None);
}

/// A statement over a few actions and resources.
fn statement() -> impl Strategy<Value = Value> {
    let actions = prop::sample::subsequence(vec!["s:A", "s:B", "s:*", "*"], 1..=4);
    let resources = prop::sample::subsequence(vec!["arn:a:s:::x", "arn:a:s:::y*", "*"], 1..=3);
    (any::<bool>(), actions, resources).prop_map(|(allows, actions, resources)| {
        let effect = if allows { "Allow" } else { "Deny" };
        json!({ "Effect": effect, "Action": actions, "Resource": resources })
    })
}

proptest! {
    #[test]
    fn an_order_of_statements_changes_nothing_and_one_more_denial_allows_nothing(
        statements in prop::collection::vec(statement(), 1..5), by in any::<prop::sample::Index>(),
        action in "s:[AB]", resource in "arn:a:s:::[xyz]",
    ) {
        let whole = role(json!(statements));
        let decision = whole.decide(&action, &resource);
        let mut turned = statements.clone();
        turned.rotate_left(by.index(statements.len()));
        prop_assert_eq!(role(json!(turned)).decide(&action, &resource), decision);

        turned.push(json!({ "Effect": "Deny", "Action": action, "Resource": resource }));
        let denied = role(json!(turned)).decide(&action, &resource);
        prop_assert_eq!(denied, Decision::ExplicitlyDenied);
    }

    #[test]
    fn what_is_allowed_is_allowed_by_a_grant_and_never_by_less(
        statements in prop::collection::vec(statement(), 1..4),
        action in "s:[AB]", resource in "arn:a:s:::[xyz]",
    ) {
        let whole = role(json!(statements));
        let mut left = whole.clone();
        for grant in whole.grants() {
            let less = left.without(&grant);
            if less.decide(&action, &resource) == Decision::Allowed {
                prop_assert_eq!(left.decide(&action, &resource), Decision::Allowed);
            }
            left = less;
        }
        prop_assert_ne!(left.decide(&action, &resource), Decision::Allowed);
    }
}
