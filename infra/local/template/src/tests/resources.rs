//! What each resource type's properties become.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::super::RecursiveLoop;
use super::{CONSUMER, errors, read_with};

#[test]
fn a_function_that_says_little_has_lambdas_defaults() {
    let stack = read_with(CONSUMER, &[]);
    let function = &stack.functions[0];
    assert_eq!(function.binary, "consumer");
    assert_eq!((function.timeout, function.memory_mb), (Duration::from_secs(3), 128));
    assert_eq!((function.reserved_concurrency, function.url), (None, None));
    assert!(function.environment.is_empty() && function.layers.is_empty());
    let mapping = &stack.mappings[0];
    assert_eq!(mapping.logical_id, "FunctionMessages");
    assert_eq!(mapping.function, function.name);
    assert_eq!((mapping.batch_size, mapping.window), (10, Duration::ZERO));
    assert_eq!((mapping.enabled, mapping.maximum_concurrency), (true, None));
    assert!(!mapping.report_batch_item_failures && mapping.filters.is_empty());
}

#[test]
fn an_event_reads_all_that_a_mapping_has() {
    let text = format!(
        "{CONSUMER}            BatchSize: 1000
            MaximumBatchingWindowInSeconds: 20
            Enabled: false
            FunctionResponseTypes: [ReportBatchItemFailures]
            ScalingConfig: {{MaximumConcurrency: 2}}
            FilterCriteria: {{Filters: [{{Pattern: '{{\"body\":{{\"a\":[1]}}}}'}}]}}
"
    );
    let mapping = &read_with(&text, &[]).mappings[0];
    assert_eq!((mapping.batch_size, mapping.window), (1000, Duration::from_secs(20)));
    assert_eq!((mapping.enabled, mapping.maximum_concurrency), (false, Some(2)));
    assert!(mapping.report_batch_item_failures);
    assert_eq!(mapping.filters, [r#"{"body":{"a":[1]}}"#]);
}

#[test]
fn a_mapping_may_be_a_resource_of_its_own() {
    for function in ["!Ref Function", "!GetAtt Function.Arn", "sluicegate-Function"] {
        let text = format!(
            "{CONSUMER}  Other: {{Type: AWS::SQS::Queue}}
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {{EventSourceArn: !GetAtt Other.Arn, FunctionName: {function}, BatchSize: 3}}
"
        );
        let stack = read_with(&text, &[]);
        let mapping = &stack.mappings[1];
        assert_eq!(mapping.logical_id, "Mapping");
        assert_eq!(mapping.function, "sluicegate-Function");
        assert_eq!((&mapping.queue_arn, mapping.batch_size), (&stack.queues[1].arn, 3));
    }
}

#[test]
fn a_queue_has_the_attributes_of_its_creation() {
    let text = "
Resources:
  Dead: {Type: AWS::SQS::Queue, Properties: {FifoQueue: true, QueueName: dead.fifo}}
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: alive.fifo
      FifoQueue: true
      ContentBasedDeduplication: true
      DeduplicationScope: messageGroup
      FifoThroughputLimit: perMessageGroupId
      DelaySeconds: 1
      MaximumMessageSize: 2048
      MessageRetentionPeriod: 3600
      ReceiveMessageWaitTimeSeconds: 20
      VisibilityTimeout: '60'
      KmsMasterKeyId: alias/aws/sqs
      Tags: [{Key: team, Value: data}]
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: '3'}
      RedriveAllowPolicy: {redrivePermission: denyAll}
";
    let stack = read_with(text, &[]);
    let queue = &stack.queues[1];
    assert_eq!(queue.name, "alive.fifo");
    assert_eq!(queue.tags["team"], "data");
    let mut attributes = queue.attributes.clone();
    let mut json = |key: &str| serde_json::from_str::<Json>(&attributes.remove(key).unwrap());
    let policy = json!({ "deadLetterTargetArn": stack.queues[0].arn, "maxReceiveCount": 3 });
    assert_eq!(json("RedrivePolicy").unwrap(), policy);
    assert_eq!(json("RedriveAllowPolicy").unwrap(), json!({ "redrivePermission": "denyAll" }));
    let rest = attributes.iter().map(|(name, value)| format!("{name}={value}"));
    assert_eq!(
        rest.collect::<Vec<_>>(),
        [
            "ContentBasedDeduplication=true",
            "DeduplicationScope=messageGroup",
            "DelaySeconds=1",
            "FifoQueue=true",
            "FifoThroughputLimit=perMessageGroupId",
            "MaximumMessageSize=2048",
            "MessageRetentionPeriod=3600",
            "ReceiveMessageWaitTimeSeconds=20",
            "VisibilityTimeout=60",
        ]
    );
    assert_eq!(stack.warnings, ["encryption (KmsMasterKeyId) is not emulated: Queue"]);
}

#[test]
fn a_table_has_the_body_of_its_creation() {
    let text = "
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: t.able
      AttributeDefinitions: [{AttributeName: a, AttributeType: S}, {AttributeName: b, AttributeType: N}]
      KeySchema: [{AttributeName: a, KeyType: HASH}]
      ProvisionedThroughput: {ReadCapacityUnits: 1, WriteCapacityUnits: '2'}
      StreamSpecification: {StreamViewType: KEYS_ONLY}
      TimeToLiveSpecification: {AttributeName: t, Enabled: false}
      GlobalSecondaryIndexes:
        - IndexName: by-b
          KeySchema: [{AttributeName: b, KeyType: HASH}]
          Projection: {ProjectionType: INCLUDE, NonKeyAttributes: [c]}
          ProvisionedThroughput: {ReadCapacityUnits: 3, WriteCapacityUnits: 4}
";
    let table = &read_with(text, &[]).tables[0];
    let expected = json!({
        "TableName": "t.able",
        "AttributeDefinitions": [
            { "AttributeName": "a", "AttributeType": "S" },
            { "AttributeName": "b", "AttributeType": "N" },
        ],
        "KeySchema": [{ "AttributeName": "a", "KeyType": "HASH" }],
        "BillingMode": "PROVISIONED",
        "ProvisionedThroughput": { "ReadCapacityUnits": 1, "WriteCapacityUnits": 2 },
        "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "KEYS_ONLY" },
        "GlobalSecondaryIndexes": [{
            "IndexName": "by-b",
            "KeySchema": [{ "AttributeName": "b", "KeyType": "HASH" }],
            "Projection": { "ProjectionType": "INCLUDE", "NonKeyAttributes": ["c"] },
            "ProvisionedThroughput": { "ReadCapacityUnits": 3, "WriteCapacityUnits": 4 },
        }],
    });
    assert_eq!(table.create_table, expected);
    assert_eq!(table.ttl_attribute, None);
}

#[test]
fn a_bucket_announces_what_its_filter_lets_through() {
    let text = "
Resources:
  Queue: {Type: AWS::SQS::Queue}
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: my.bucket
      NotificationConfiguration:
        QueueConfigurations:
          - Event: s3:ObjectCreated:Put
            Queue: !GetAtt Queue.Arn
            Filter: {S3Key: {Rules: [{Name: prefix, Value: in/}, {Name: Suffix, Value: .gz}]}}
";
    let stack = read_with(text, &[]);
    let notification = &stack.buckets[0].notifications[0];
    assert_eq!(stack.buckets[0].name, "my.bucket");
    assert_eq!(notification.event, "s3:ObjectCreated:Put");
    assert_eq!(notification.queue_arn, stack.queues[0].arn);
    assert_eq!(notification.prefix.as_deref(), Some("in/"));
    assert_eq!(notification.suffix.as_deref(), Some(".gz"));
}

#[test]
fn types_without_effect_are_taken_and_warned_of() {
    let text = "
Resources:
  Queue: {Type: AWS::SQS::Queue}
  Logs: {Type: AWS::Logs::LogGroup, Properties: {RetentionInDays: 7}}
Outputs: {Logs: {Value: !GetAtt Logs.Arn}}
";
    let stack = read_with(text, &[]);
    let arn = "arn:aws:logs:eu-west-1:000000000000:log-group:sluicegate-Logs:*";
    assert_eq!(stack.outputs["Logs"], arn);
    let warning = "a log group's retention (AWS::Logs::LogGroup) is not emulated: Logs";
    assert_eq!(stack.warnings, [warning]);
}

#[test]
fn a_mapping_that_sam_makes_has_a_uuid_and_an_arn_to_refer_to() {
    let outputs = "
  Other:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {FunctionName: !Ref Function, EventSourceArn: !GetAtt Second.Arn}
  Second: {Type: AWS::SQS::Queue}
Outputs:
  Uuid: {Value: !Ref FunctionMessages}
  Arn: {Value: !GetAtt FunctionMessages.EventSourceMappingArn}
  Text: {Value: !Sub 'event-source-mapping:${FunctionMessages}'}
  Other: {Value: !GetAtt Other.Id}
";
    let stack = read_with(&format!("{CONSUMER}{outputs}"), &[]);
    let uuid = &stack.mappings[0].uuid;
    assert_eq!(stack.mappings[0].logical_id, "FunctionMessages");
    let expected = format!("arn:aws:lambda:eu-west-1:000000000000:event-source-mapping:{uuid}");
    assert_eq!(stack.outputs["Arn"], expected);
    assert_eq!(stack.outputs["Text"], format!("event-source-mapping:{uuid}"));
    assert_eq!(&stack.outputs["Uuid"], uuid);
    assert_eq!(stack.outputs["Other"], stack.mappings[1].uuid);
    assert_ne!(stack.mappings[1].uuid, *uuid);
    let lengths: Vec<_> = uuid.split('-').map(str::len).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12], "{uuid}");
}

/// CloudFormation makes the function before its mapping.
#[test]
fn a_function_cannot_refer_to_its_own_mapping() {
    let own = "      Environment: {Variables: {MAPPING: !Ref FunctionMessages}}\n";
    let text = errors(&CONSUMER.replace("      Events:\n", &format!("{own}      Events:\n")));
    assert!(text.contains("circular dependency between resources: Function"), "{text}");
}

#[test]
fn loops_are_ended_unless_a_function_allows_them() {
    let declared = |text: &str| {
        let property = format!("      RecursiveLoop: {text}\n      Events:\n");
        read_with(&CONSUMER.replace("      Events:\n", &property), &[]).functions[0].recursive_loop
    };
    assert_eq!(read_with(CONSUMER, &[]).functions[0].recursive_loop, RecursiveLoop::Terminate);
    assert_eq!(declared("Terminate"), RecursiveLoop::Terminate);
    assert_eq!(declared("Allow"), RecursiveLoop::Allow);
    let text =
        errors(&CONSUMER.replace("      Events:\n", "      RecursiveLoop: No\n      Events:\n"));
    assert!(text.contains("RecursiveLoop"), "{text}");
}
