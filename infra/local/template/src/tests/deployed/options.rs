//! What the parameters of the deployed template change.

use super::{DEPLOYED, Stack, deployed, read_with};
use iam::Decision;

/// A key's ARN.
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

#[track_caller]
fn deployed_with(name: &str, value: &str) -> Stack {
    read_with(DEPLOYED, &[("Environment", "local"), (name, value)])
}

#[test]
fn without_tls_there_is_no_denial() {
    let stack = read_with(DEPLOYED, &[("Environment", "local"), ("RequireTls", "false")]);
    let denied = |warning: &String| warning.contains("AWS::S3::BucketPolicy");
    assert!(!stack.warnings.iter().any(denied), "{:#?}", stack.warnings);
    assert!(deployed().warnings.iter().any(denied));
}

#[test]
fn with_a_key_of_ones_own_each_function_may_use_it_and_without_one_none() {
    let functions = deployed().functions.len();
    for (stack, expected) in
        [(deployed_with("KmsKeyArn", KEY), Decision::Allowed), (deployed(), Decision::NotAllowed)]
    {
        assert_eq!(stack.roles.len(), functions);
        for role in &stack.roles {
            for action in ["kms:Decrypt", "kms:GenerateDataKey"] {
                assert_eq!(role.rights.decide(action, KEY), expected, "{}: {action}", role.name);
            }
            let other = role.rights.decide("kms:Decrypt", &KEY.replace("1234abcd", "other"));
            assert_eq!(other, Decision::NotAllowed, "{}", role.name);
        }
    }
}

#[test]
fn with_a_key_of_ones_own_all_that_is_stored_is_encrypted_with_it() {
    let warnings = deployed_with("KmsKeyArn", KEY).warnings;
    let own = |what: &str| {
        let warning = warnings.iter().find(|warning| warning.starts_with(what));
        warning.map_or(0, |warning| warning.split(',').count())
    };
    let stack = deployed();
    assert_eq!(own("encryption (KmsMasterKeyId)"), stack.queues.len());
    assert_eq!(own("encryption (KmsKeyArn)"), stack.functions.len());
    assert_eq!(own("encryption (SqsManagedSseEnabled)"), 0, "SQS takes one of both");
    assert!(!stack.warnings.iter().any(|warning| warning.starts_with("encryption (Kms")));
}

#[test]
fn a_large_deployment_works_off_more_batches_at_a_time() {
    for (size, expected) in [("small", [4, 4, 2]), ("large", [50, 50, 10])] {
        let stack = deployed_with("Size", size);
        let most = ["IngestFunctionInbox", "SinkFunctionSink", "LakeFunctionLake"].map(|id| {
            let mapping = stack.mappings.iter().find(|mapping| mapping.logical_id == id).unwrap();
            mapping.maximum_concurrency.unwrap()
        });
        assert_eq!(most, expected, "{size}");
    }
}
