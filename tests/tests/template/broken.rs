//! The template with one thing broken at a time: the check that is for it says so.

use crate::{Check, Template, deployments, queues, rights, storage, variables};

/// Replaces `old` by `new` where it is first after `place`. The check must have a problem with it.
#[track_caller]
fn check(check: Check, place: &str, old: &str, new: &str) {
    let text = Template::deployed().text;
    let from = text.find(place).unwrap_or_else(|| panic!("there is no {place}"));
    let at = from + text[from..].find(old).unwrap_or_else(|| panic!("{place}: there is no {old}"));
    let broken = format!("{}{new}{}", &text[..at], &text[at + old.len()..]);
    let problems = check(&Template::read(broken));
    assert!(!problems.is_empty(), "{place}: {new} instead of {old} is not noticed");
}

#[test]
fn queues_that_lose_or_repeat_messages_are_noticed() {
    let lose: Check = queues::without_dead_letter_queue;
    check(lose, "\n  SinkQueue:", "deadLetterTargetArn", "deadLetterTarget");
    check(lose, "\n  SinkQueue:", "!GetAtt SinkDlq.Arn", "!GetAtt SinkDeadLetters.Arn");
    let repeat: Check = queues::visible_too_early;
    check(repeat, "\n  SinkQueue:", "VisibilityTimeout: 180", "VisibilityTimeout: 179");
    check(repeat, "\n  LakeQueue:", "VisibilityTimeout: 740", "VisibilityTimeout: 739");
    check(repeat, "\n  CollectFunction:", "Timeout: 30", "Timeout: 31");
}

#[test]
fn calls_without_tls_are_noticed() {
    let plain: Check = storage::reached_without_tls;
    check(plain, "\n  LakeBucketPolicy:", "Effect: Deny", "Effect: Allow");
    check(plain, "\n  LakeBucketPolicy:", "${LakeBucket.Arn}/*", "${LakeBucket.Arn}/a");
    check(plain, "\n  LakeBucketPolicy:", "Bucket: !Ref LakeBucket", "Bucket: !Ref LandingBucket");
    check(plain, "\n  QueuePolicy:", "- !Ref LateQueue", "- !Ref InboxDlq");
    check(plain, "\n  InboxPolicy:", "aws:SecureTransport: 'false'", "aws:SecureTransport: 'true'");
    check(plain, "\n  RequireTls:", "Default: 'true'", "Default: 'false'");
}

#[test]
fn what_would_be_lost_is_noticed() {
    let lost: Check = storage::lost_with_the_stack;
    check(
        lost,
        "\n  DedupeTable:",
        "DeletionPolicy: RetainExceptOnCreate",
        "DeletionPolicy: Delete",
    );
    check(lost, "\n  LandingBucket:", "UpdateReplacePolicy: Retain", "UpdateReplacePolicy: Delete");
    check(lost, "\n  LettersTable:", "RecoveryEnabled: true", "RecoveryEnabled: false");
    check(lost, "\n  LettersTable:", "!Ref DeletionProtection", "false");
    check(lost, "\n  LandingBucket:", "Status: Enabled", "Status: Suspended");
}

#[test]
fn what_is_not_encrypted_and_logs_without_end_are_noticed() {
    let open: Check = storage::not_encrypted;
    check(open, "\n  LateQueue:", "KmsMasterKeyId", "KmsKey");
    check(open, "\n  LateQueue:", "NoValue, true]", "NoValue, false]");
    check(open, "\n  BreakersTable:", "SSEEnabled: true", "SSEEnabled: false");
    check(open, "\n  LakeBucket:", "!Ref KmsKeyArn", "!Ref AWS::NoValue");
    check(open, "\n  SinkLogs:", "!Ref KmsKeyArn", "!Ref AWS::NoValue");
    check(open, "\nGlobals:", "KmsKeyArn: ", "KmsKey: ");
    check(open, "\n  KeyPolicy:", "- !Ref PollingFunctionRole", "- !Ref LakeFunctionRole");
    let endless: Check = storage::logs_without_end;
    check(endless, "\n  SinkLogs:", "RetentionInDays", "Retention");
    check(endless, "\n  LakeFunction:", "!Ref LakeLogs", "!Ref SinkLogs");
    check(endless, "\n  LakeFunction:", "!Ref LakeLogs", "/aws/lambda/lake");
}

#[test]
fn rights_that_are_too_wide_are_noticed() {
    let shared: Check = rights::shared_roles;
    check(shared, "\n  LakeFunction:", "LakeFunctionRole.Arn", "SinkFunctionRole.Arn");
    check(shared, "\n  LakeFunctionRole:", "lambda.amazonaws.com", "ec2.amazonaws.com");
    let wide: Check = rights::wildcards;
    check(wide, "\n  SinkFunctionRole:", "sqs:DeleteMessage", "sqs:*");
    check(wide, "\n  SinkFunctionRole:", "!GetAtt TotalsTable.Arn", "'*'");
    check(wide, "\n  SinkFunctionRole:", "'${ArchiveBucket.Arn}/claims/*'", "'*/claims/*'");
    check(wide, "\n  EnrichFunctionRole:", ":secret:${AWS::StackName}/*", ":secret:*");
    check(wide, "\n  PollingFunctionRole:", ":${DeliverFunctionDeliver}", ":*");
    check(wide, "\n  KeyPolicy:", "Resource: !Ref KmsKeyArn", "Resource: '*'");
}

#[test]
fn variables_that_differ_are_noticed() {
    let differ: Check = variables::differences;
    check(differ, "\n  SinkFunction:", "TABLES:", "TABLE:");
    check(differ, "\n  DeliverFunction:", "VARIABLES_FILE:", "VARIABLES_FILES:");
    check(differ, "\nGlobals:", "LOG_LEVEL:", "LOG_LEVELS:");
}

#[test]
fn deployments_that_are_not_safe_are_noticed() {
    let risky: Check = deployments::not_safe;
    check(risky, "\n  CollectFunction:", "AutoPublishAlias: live", "Description: live");
    check(risky, "\n  CollectFunction:", "AllProperties: true", "AllProperties: false");
    check(risky, "\n  CollectFunction:", "!Ref GradualDeployment", "false");
    check(risky, "\n  CollectFunction:", "!Ref CollectErrors", "!Ref SinkErrors");
    check(risky, "\n  SinkErrors:", "MetricName: Errors", "MetricName: Throttles");
    check(risky, "\n  IngestFunction:", "DependsOn: EnrichFunctionAliaslive", "DependsOn: Inbox");
    check(risky, "\n  EnrichFunction:", "LakeFunctionAliaslive", "LakeFunction");
    let tied: Check = deployments::tied_to_one_place;
    check(tied, "\n  RedriveFunctionRole:", "arn:${AWS::Partition}:", "arn:aws:");
    check(tied, "\n  RedriveFunctionRole:", "${AWS::AccountId}", "123456789012");
    check(tied, "\n  LandingBucket:", "!Sub ${AWS::StackName}-landing", "!Sub landing");
    check(tied, "\n  SinkQueue:", "VisibilityTimeout: 180", "QueueName: sink");
}
