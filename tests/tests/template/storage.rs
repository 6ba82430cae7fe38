//! What is stored: that it is encrypted and reached by TLS alone, and how long it is there.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{Template, arn, list, reference};

const TABLE: &str = "AWS::DynamoDB::Table";
const BUCKET: &str = "AWS::S3::Bucket";

pub(crate) fn reached_without_tls(template: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    let policies = template.of_type("AWS::S3::BucketPolicy");
    for (id, _) in template.of_type(BUCKET) {
        let objects = json!({ "Fn::Sub": format!("${{{id}.Arn}}/*") });
        let is_denied = policies.iter().any(|(_, policy)| {
            policy["Properties"]["Bucket"] == reference(id)
                && denies(policy, "s3:*", &[arn(id), objects.clone()])
        });
        if !is_denied {
            problems.push(format!("{id} can be reached without TLS"));
        }
    }
    let policies = template.of_type("AWS::SQS::QueuePolicy");
    for (id, _) in template.of_type("AWS::SQS::Queue") {
        let is_denied = policies.iter().any(|(_, policy)| {
            let is_its_own = list(&policy["Properties"]["Queues"]).contains(&&reference(id));
            // In a queue's policy, * is the queue.
            is_its_own
                && (denies(policy, "sqs:*", &[json!("*")]) || denies(policy, "sqs:*", &[arn(id)]))
        });
        if !is_denied {
            problems.push(format!("{id} can be reached without TLS"));
        }
    }
    if template.tree["Parameters"]["RequireTls"]["Default"] != "true" {
        problems.push("TLS is not required unless somebody asks for it".to_owned());
    }
    problems
}

/// Whether a policy denies everybody these actions on all of these resources without TLS.
fn denies(policy: &Value, action: &str, resources: &[Value]) -> bool {
    list(&policy["Properties"]["PolicyDocument"]["Statement"]).into_iter().any(|statement| {
        // A statement may depend on the condition, as a whole policy may.
        let statement = match &statement["Fn::If"] {
            Value::Null => statement,
            choice => &choice[1],
        };
        let denied = list(&statement["Resource"]);
        statement["Effect"] == "Deny"
            && statement["Principal"] == "*"
            && list(&statement["Action"]) == [&json!(action)]
            && resources.iter().all(|resource| denied.contains(&resource))
            && statement["Condition"] == json!({ "Bool": { "aws:SecureTransport": "false" } })
    })
}

pub(crate) fn lost_with_the_stack(template: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    for (id, resource) in [template.of_type(TABLE), template.of_type(BUCKET)].concat() {
        if resource["DeletionPolicy"] != "RetainExceptOnCreate" {
            problems.push(format!("{id} is deleted with the stack"));
        }
        if resource["UpdateReplacePolicy"] != "Retain" {
            problems.push(format!("{id} is deleted when it is replaced"));
        }
    }
    for (id, table) in template.of_type(TABLE) {
        let properties = &table["Properties"];
        let recovery = &properties["PointInTimeRecoverySpecification"];
        if recovery["PointInTimeRecoveryEnabled"] != "true" {
            problems.push(format!("{id} cannot be restored to a point in time"));
        }
        if properties["DeletionProtectionEnabled"] != reference("DeletionProtection") {
            problems.push(format!("{id} can be deleted"));
        }
    }
    for (id, bucket) in template.of_type(BUCKET) {
        // Objects of the lake are written once, and nobody would read what its manifests were.
        let is_versioned = bucket["Properties"]["VersioningConfiguration"]["Status"] == "Enabled";
        if !is_versioned && id != "LakeBucket" {
            problems.push(format!("{id} loses what is overwritten"));
        }
    }
    problems
}

pub(crate) fn not_encrypted(template: &Template) -> Vec<String> {
    let nothing = reference("AWS::NoValue");
    let own = json!({ "Fn::If": ["OwnKey", reference("KmsKeyArn"), nothing] });
    let mut problems = Vec::new();
    let mut check = |id: &str, found: &Value, expected: &Value| {
        if found != expected {
            problems.push(format!("{id} is not encrypted as it should be: {found}"));
        }
    };
    for (id, queue) in template.of_type("AWS::SQS::Queue") {
        check(id, &queue["Properties"]["KmsMasterKeyId"], &own);
        let managed = json!({ "Fn::If": ["OwnKey", nothing, "true"] });
        check(id, &queue["Properties"]["SqsManagedSseEnabled"], &managed);
    }
    for (id, table) in template.of_type(TABLE) {
        let expected = json!({ "SSEEnabled": "true", "SSEType": "KMS", "KMSMasterKeyId": own });
        check(id, &table["Properties"]["SSESpecification"], &expected);
    }
    for (id, bucket) in template.of_type(BUCKET) {
        let rules = &bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"];
        let expected = json!({
            "SSEAlgorithm": { "Fn::If": ["OwnKey", "aws:kms", "AES256"] }, "KMSMasterKeyID": own,
        });
        check(id, &rules[0]["ServerSideEncryptionByDefault"], &expected);
    }
    for (id, group) in template.of_type("AWS::Logs::LogGroup") {
        check(id, &group["Properties"]["KmsKeyId"], &own);
    }
    for (id, function) in template.functions() {
        check(id, template.of_function(function, "KmsKeyArn"), &own);
    }
    let key = &template.resources["KeyPolicy"]["Properties"];
    for (id, _) in template.of_type("AWS::IAM::Role") {
        if !list(&key["Roles"]).contains(&&reference(id)) {
            problems.push(format!("{id} may not use the key"));
        }
    }
    problems
}

pub(crate) fn logs_without_end(template: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    for (id, group) in template.of_type("AWS::Logs::LogGroup") {
        if group["Properties"]["RetentionInDays"] != reference("LogRetentionDays") {
            problems.push(format!("{id} keeps logs for ever"));
        }
    }
    let mut taken = BTreeSet::new();
    for (id, function) in template.functions() {
        let group = function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"].as_str();
        let declared = group.and_then(|group| template.resources.get(group));
        if declared.is_none_or(|group| group["Type"] != "AWS::Logs::LogGroup") {
            problems.push(format!("{id} writes into a log group that is not declared"));
        } else if !taken.insert(group) {
            problems.push(format!("{id} shares its log group"));
        }
    }
    problems
}
