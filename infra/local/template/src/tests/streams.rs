//! Event source mappings from the streams of tables.

use std::time::Duration;

use super::super::StartingPosition;
use super::{errors, read_with};

/// The shortest function that reads the stream of a table `Table`.
const READER: &str = "
Transform: AWS::Serverless-2016-10-31
Resources:
  Dead: {Type: AWS::SQS::Queue}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
      StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}
  Function:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: consumer}}
    Properties:
      CodeUri: .
      Handler: bootstrap
      Runtime: provided.al2023
      Events:
        Changes:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt Table.StreamArn
            StartingPosition: LATEST
";

/// `line` is appended to the properties of the event, as its line 25.
#[track_caller]
fn check(line: &str, expected: &str) {
    let place = "template.yaml:25: Function.Properties.Events.Changes.Properties.";
    assert_eq!(errors(&format!("{READER}            {line}\n")), format!("{place}{expected}"));
}

/// Replaces `old` by `new` in the template, and expects one error.
#[track_caller]
fn check_changed(old: &str, new: &str, expected: &str) {
    assert!(READER.contains(old), "{old}");
    assert_eq!(errors(&READER.replace(old, new)), format!("template.yaml:{expected}"));
}

#[test]
fn a_stream_event_that_says_little_has_lambdas_defaults() {
    let stack = read_with(READER, &[]);
    assert!(stack.mappings.is_empty());
    let mapping = &stack.stream_mappings[0];
    assert_eq!(mapping.logical_id, "FunctionChanges");
    assert_eq!(mapping.function, stack.functions[0].name);
    assert_eq!(Some(&mapping.stream_arn), stack.tables[0].stream_arn.as_ref());
    assert_eq!(
        mapping.stream_arn,
        "arn:aws:dynamodb:eu-west-1:000000000000:table/sluicegate-Table/stream/\
         2020-01-01T00:00:00.000"
    );
    assert_eq!(mapping.starting_position, StartingPosition::Latest);
    assert_eq!((mapping.enabled, mapping.batch_size), (true, 100));
    assert_eq!((mapping.window, mapping.bisect), (Duration::ZERO, false));
    assert_eq!((mapping.maximum_retries, mapping.maximum_record_age), (None, None));
    assert!(!mapping.report_batch_item_failures && mapping.filters.is_empty());
    assert_eq!(mapping.on_failure, None);
}

#[test]
fn a_stream_event_reads_all_that_a_mapping_has() {
    let text = READER.replace("LATEST", "TRIM_HORIZON")
        + "            BatchSize: 10000
            MaximumBatchingWindowInSeconds: 300
            Enabled: false
            BisectBatchOnFunctionError: true
            MaximumRetryAttempts: 0
            MaximumRecordAgeInSeconds: 60
            ParallelizationFactor: 1
            FunctionResponseTypes: [ReportBatchItemFailures]
            FilterCriteria: {Filters: [{Pattern: '{\"eventName\":[\"INSERT\"]}'}]}
            DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Dead.Arn}}
";
    let stack = read_with(&text, &[]);
    let mapping = &stack.stream_mappings[0];
    assert_eq!(mapping.starting_position, StartingPosition::TrimHorizon);
    assert_eq!((mapping.enabled, mapping.batch_size), (false, 10_000));
    assert_eq!((mapping.window, mapping.bisect), (Duration::from_secs(300), true));
    assert_eq!(mapping.maximum_retries, Some(0));
    assert_eq!(mapping.maximum_record_age, Some(Duration::from_secs(60)));
    assert!(mapping.report_batch_item_failures);
    assert_eq!(mapping.filters, [r#"{"eventName":["INSERT"]}"#]);
    assert_eq!(mapping.on_failure.as_ref(), Some(&stack.queues[0].arn));
}

#[test]
fn minus_one_is_no_limit() {
    let line = "            MaximumRetryAttempts: -1\n            MaximumRecordAgeInSeconds: -1\n";
    let mapping = &read_with(&format!("{READER}{line}"), &[]).stream_mappings[0];
    assert_eq!((mapping.maximum_retries, mapping.maximum_record_age), (None, None));
}

#[test]
fn a_stream_s_mapping_may_be_a_resource_of_its_own() {
    let (function, _) = READER.split_once("      Events:").unwrap();
    let text = format!(
        "{function}      Policies: AWSLambdaDynamoDBExecutionRole
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      EventSourceArn: !GetAtt Table.StreamArn
      FunctionName: !GetAtt Function.Arn
      StartingPosition: TRIM_HORIZON
"
    );
    let stack = read_with(&text, &[]);
    let mapping = &stack.stream_mappings[0];
    assert_eq!((&*mapping.logical_id, &*mapping.function), ("Mapping", "sluicegate-Function"));
    assert!(stack.mappings.is_empty());
    let unable = errors(&text.replace("      Policies: AWSLambdaDynamoDBExecutionRole\n", ""));
    for action in ["DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"] {
        let expected = format!(
            "19: Mapping: the function's role FunctionRole has no right to dynamodb:{action}"
        );
        assert!(unable.contains(&expected), "{unable}");
    }
    let errors = errors(&text.replace("      FunctionName: !GetAtt Function.Arn\n", ""));
    assert_eq!(errors, "template.yaml:23: Mapping.Properties.FunctionName is required");
}

#[test]
fn a_table_s_stream_is_known_where_it_declares_one() {
    let declared = "      StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}\n";
    let expected = "22: Table.StreamArn: the table declares no StreamSpecification";
    check_changed(declared, "", expected);
    let conditional = |chosen: &str| {
        let specification = "!If [Streams, {StreamViewType: KEYS_ONLY}, !Ref AWS::NoValue]";
        let declared_if = format!("      StreamSpecification: {specification}\n");
        let head = format!("\nConditions: {{Streams: !Equals [a, {chosen}]}}\n");
        format!("{head}{}", READER.trim_start().replace(declared, &declared_if))
    };
    assert_eq!(read_with(&conditional("a"), &[]).stream_mappings.len(), 1);
    assert!(errors(&conditional("b")).contains("24: Table.StreamArn: the table declares no"));
}

#[test]
fn what_a_mapping_names_is_there_once() {
    let other = "arn:aws:dynamodb:eu-west-1:000000000000:table/other/stream/1";
    let expected = format!("20: FunctionChanges: {other} is no stream of this template");
    check_changed("!GetAtt Table.StreamArn", other, &expected);
    let twice = "        Again: {Type: DynamoDB, Properties: {Stream: !GetAtt Table.StreamArn, \
                 StartingPosition: LATEST}}\n";
    assert_eq!(
        errors(&format!("{READER}{twice}")),
        "template.yaml:25: FunctionAgain: sluicegate-Function already has a mapping from this stream"
    );
}

#[test]
fn a_value_out_of_range_is_named() {
    check("BatchSize: 0", "BatchSize is 0, and must be an integer from 1 to 10000");
    check("BatchSize: 10001", "BatchSize is 10001, and must be an integer from 1 to 10000");
    check(
        "MaximumBatchingWindowInSeconds: 301",
        "MaximumBatchingWindowInSeconds is 301, and must be an integer from 0 to 300",
    );
    check(
        "MaximumRetryAttempts: -2",
        "MaximumRetryAttempts is -2, and must be -1 or an integer from 0 to 10000",
    );
    check(
        "MaximumRecordAgeInSeconds: 59",
        "MaximumRecordAgeInSeconds is 59, and must be -1 or an integer from 60 to 604800",
    );
    check("ParallelizationFactor: 2", "ParallelizationFactor 2 is not emulated (only 1)");
    check_changed(
        "StartingPosition: LATEST",
        "StartingPosition: AT_TIMESTAMP",
        "24: Function.Properties.Events.Changes.Properties.StartingPosition is AT_TIMESTAMP, and \
         must be LATEST or TRIM_HORIZON",
    );
    check_changed(
        "            StartingPosition: LATEST\n",
        "",
        "23: Function.Properties.Events.Changes.Properties.StartingPosition is required",
    );
}

#[test]
fn what_is_not_emulated_or_not_for_streams_is_named() {
    check("TumblingWindowInSeconds: 10", "TumblingWindowInSeconds is not emulated");
    check("StartingPositionTimestamp: 1", "StartingPositionTimestamp is not emulated");
    check(
        "ScalingConfig: {MaximumConcurrency: 2}",
        "ScalingConfig is for queues: a DynamoDB stream's mapping has none",
    );
    check(
        r#"FilterCriteria: {Filters: [{Pattern: '{"body":{"a":[1]}}'}]}"#,
        "FilterCriteria.Filters[0].Pattern is refused: key \"body\": a stream's record has none of \
         that name",
    );
}

#[test]
fn what_only_streams_have_is_refused_of_a_queue() {
    let line = "            MaximumRetryAttempts: 3\n";
    assert_eq!(
        errors(&format!("{}{line}", super::CONSUMER)),
        "template.yaml:17: Function.Properties.Events.Messages.Properties.MaximumRetryAttempts is \
         for streams: a queue's mapping has none"
    );
}

#[test]
fn failures_are_told_to_a_standard_queue_of_the_template() {
    let line = |arn: &str| format!("DestinationConfig: {{OnFailure: {{Destination: {arn}}}}}");
    check(
        &line("'arn:aws:sns:eu-west-1:1:topic'"),
        "DestinationConfig.OnFailure.Destination arn:aws:sns:eu-west-1:1:topic is not emulated \
         (only SQS queues)",
    );
    check(
        &line("'arn:aws:s3:::bucket'"),
        "DestinationConfig.OnFailure.Destination arn:aws:s3:::bucket is not emulated (only SQS \
         queues)",
    );
    check(
        "DestinationConfig: {OnFailure: {}}",
        "DestinationConfig.OnFailure.Destination is required",
    );
    let with = |text: &str, arn: &str| errors(&format!("{text}            {}\n", line(arn)));
    assert_eq!(
        with(READER, "'arn:aws:sqs:eu-west-1:1:other'"),
        "template.yaml:20: FunctionChanges: arn:aws:sqs:eu-west-1:1:other is no queue of this \
         template"
    );
    let queue = "Dead: {Type: AWS::SQS::Queue";
    let fifo = READER.replace(queue, &format!("{queue}, Properties: {{FifoQueue: true}}"));
    assert_eq!(
        with(&fifo, "!GetAtt Dead.Arn"),
        "template.yaml:20: FunctionChanges: Dead: a FIFO queue cannot be told of failures"
    );
}
