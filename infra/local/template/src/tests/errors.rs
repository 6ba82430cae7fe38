//! Errors: what is refused, with its name and line.

use super::{CONSUMER, errors};

/// `line` is appended to the properties of the event of [`CONSUMER`], which is its line 17.
#[track_caller]
fn check_event(line: &str, expected: &str) {
    let errors = errors(&format!("{CONSUMER}            {line}\n"));
    assert!(errors.contains(expected), "{line}: {errors}");
    assert_eq!(errors.lines().count(), 1, "{line}: {errors}");
}

/// `line` is appended to the properties of the function of [`CONSUMER`], as its line 17.
#[track_caller]
fn check_function(line: &str, expected: &str) {
    let errors = errors(&format!("{CONSUMER}      {line}\n"));
    assert_eq!(errors, format!("template.yaml:17: Function.Properties.{expected}"), "{line}");
}

/// A template whose resources begin on line 2, and the only error it gives.
#[track_caller]
fn check(resources: &str, expected: &str) {
    assert_eq!(errors(&format!("Resources:\n{resources}\n")), expected, "{resources}");
}

#[test]
fn a_property_that_is_not_emulated_is_named() {
    check_function("ImageConfig: {}", "ImageConfig is not emulated");
    check_function("Timout: 3", "Timout is not emulated");
    check_function("Environment: {Varables: {}}", "Environment.Varables is not emulated");
    check_function("PackageType: Image", "PackageType Image is not emulated (only Zip)");
    check_function(
        "FunctionUrlConfig: {AuthType: NONE, InvokeMode: RESPONSE_STREAM}",
        "FunctionUrlConfig.InvokeMode RESPONSE_STREAM is not emulated (only BUFFERED)",
    );
    check_event("ScalingConfig: {Maximum: 2}", "ScalingConfig.Maximum is not emulated");
    check_event("MetricsConfig: {}", "Events.Messages.Properties.MetricsConfig is not emulated");
    check(
        "  Queue:\n    Type: AWS::SQS::Queue\n    Properties:\n      Color: red",
        "template.yaml:5: Queue.Properties.Color is not emulated",
    );
    check(
        "  Queue: {Type: AWS::SQS::Queue, UpdatePolicy: {}}",
        "template.yaml:2: Queue.UpdatePolicy is not emulated",
    );
    check(
        "  Logs: {Type: AWS::Logs::LogGroup, Properties: {Retention: 7}}",
        "template.yaml:2: Logs.Properties.Retention is not emulated",
    );
}

#[test]
fn a_type_that_is_not_emulated_is_named() {
    check(
        "  Bus: {Type: AWS::Events::EventBus}",
        "template.yaml:2: Bus: the type AWS::Events::EventBus is not emulated",
    );
    check("  Topic: {}", "template.yaml:2: Topic.Type is required");
    let schedule = CONSUMER.replace("Type: SQS\n", "Type: ScheduleV2\n");
    assert_eq!(
        errors(&schedule),
        "template.yaml:14: Function.Properties.Events.Messages.Type ScheduleV2 is not emulated \
         (only SQS, DynamoDB, Schedule, HttpApi)"
    );
    let runtime = CONSUMER.replace("provided.al2023", "python3.13");
    assert!(
        errors(&runtime).contains("11: Function.Properties.Runtime python3.13 is not emulated")
    );
}

#[test]
fn a_value_out_of_range_is_named() {
    check_function("Timeout: 901", "Timeout is 901, and must be an integer from 1 to 900");
    check_function("Timeout: 0", "Timeout is 0, and must be an integer from 1 to 900");
    check_function("Timeout: soon", "Timeout is soon, and must be an integer from 1 to 900");
    check_function(
        "MemorySize: 127",
        "MemorySize is 127, and must be an integer from 128 to 10240",
    );
    check_function("Timeout: [3]", "Timeout must be a string, not a list");
    check_function("Environment: a", "Environment must be a mapping, not a scalar");
    check_function("Layers: a", "Layers must be a list, not a scalar");
    check_function("Layers: [a]", "Layers has a, no layer of this template");
    check_function(
        "Environment: {Variables: {AWS_REGION: a}}",
        "Environment.Variables.AWS_REGION is reserved: Lambda sets it",
    );
    check_function(
        "Environment: {Variables: {1A: a}}",
        "Environment.Variables.1A must be two or more letters, digits and underscores, a letter \
         first",
    );
    let large = format!("Environment: {{Variables: {{AB: {}}}}}", "x".repeat(4095));
    check_function(&large, "Environment.Variables hold 4097 bytes: Lambda allows 4096");
    check_event("ScalingConfig: {MaximumConcurrency: 1}", "must be an integer from 2 to 1000");
    check_event("ScalingConfig: {MaximumConcurrency: 1001}", "must be an integer from 2 to 1000");
    check_event("BatchSize: 10001", "must be an integer from 1 to 10000");
    check_event("MaximumBatchingWindowInSeconds: 301", "must be an integer from 0 to 300");
    check_event("Enabled: maybe", "Enabled is maybe, and must be true or false");
    check_event("FunctionResponseTypes: [All]", "FunctionResponseTypes has All");
    check(
        "  Queue: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 43201}}",
        "template.yaml:2: Queue.Properties.VisibilityTimeout is 43201, and must be an integer from \
         0 to 43200",
    );
}

#[test]
fn a_large_batch_needs_a_window() {
    check_event(
        "BatchSize: 11",
        "template.yaml:17: Function.Properties.Events.Messages.Properties.BatchSize is 11: above \
         10, MaximumBatchingWindowInSeconds must be at least 1",
    );
}

#[test]
fn a_fifo_queue_has_small_batches_and_no_window() {
    let queue = "Queue: {Type: AWS::SQS::Queue";
    let fifo = CONSUMER.replace(queue, &format!("{queue}, Properties: {{FifoQueue: true}}"));
    let text =
        format!("{fifo}            BatchSize: 11\n            MaximumBatchingWindowInSeconds: 1\n");
    let errors = errors(&text);
    assert!(errors.contains("BatchSize is 11: a FIFO queue allows 10"), "{errors}");
    assert!(errors.contains("Window") && errors.contains("on a FIFO queue"), "{errors}");
}

#[test]
fn a_visibility_timeout_below_the_functions_timeout_is_refused() {
    assert_eq!(
        errors(&format!("{CONSUMER}      Timeout: 31\n")),
        "template.yaml:13: FunctionMessages: Queue's visibility timeout of 30 seconds is less than \
         Function's timeout of 31 seconds"
    );
}

#[test]
fn a_filter_that_lambda_would_refuse_is_refused_with_its_line() {
    let check = |pattern: &str, expected: &str| {
        let line = format!("FilterCriteria: {{Filters: [{{Pattern: '{pattern}'}}]}}");
        let place = "template.yaml:17: Function.Properties.Events.Messages.Properties.\
                     FilterCriteria.Filters[0].Pattern is refused: ";
        check_event(&line, &format!("{place}{expected}"));
    };
    check("{", "not a JSON object: EOF while parsing");
    check("[]", "not a JSON object");
    check(r#"{"body":{"a":[{"regex":"x"}]}}"#, r#""a": operator "regex" is not one of Lambda's"#);
    check(r#"{"body":{"a":"b"}}"#, r#""a" is neither an object nor a list of conditions"#);
    check(r#"{"attributes":{"a":["b"]}}"#, r#"key "attributes": for SQS only "body""#);
    check_event(
        &format!("FilterCriteria: {{Filters: [{}]}}", ["{Pattern: '{}'}"; 6].join(", ")),
        "FilterCriteria.Filters are 6: Lambda allows 5",
    );
}

#[test]
fn a_schedule_that_eventbridge_would_refuse_is_refused_with_its_line() {
    let check = |properties: &str, expected: &str| {
        let event = format!("        Tick: {{Type: Schedule, Properties: {{{properties}}}}}");
        let errors = errors(&format!("{CONSUMER}{event}\n"));
        let place = "template.yaml:17: Function.Properties.Events.Tick.Properties.";
        assert_eq!(errors, format!("{place}{expected}"));
    };
    check("Input: '{}'", "Schedule is required");
    check(
        "Schedule: rate(1 hours)",
        "Schedule is rate(1 hours): its unit must be minute, hour or day after 1, and else minutes, \
         hours or days",
    );
    check(
        "Schedule: rate(1 hour), Enabled: true, State: ENABLED",
        "State and Enabled exclude each other",
    );
    check("Schedule: rate(1 hour), Input: '{'", "Input must be JSON of at most 8192 bytes");
    check("Schedule: rate(1 hour), RetryPolicy: {}", "RetryPolicy is not emulated");
}

#[test]
fn a_mapping_does_not_run_more_often_than_its_function_reserves() {
    let scaling = "            ScalingConfig: {MaximumConcurrency: 5}\n";
    let text = |reserved: u32| {
        format!("{CONSUMER}{scaling}      ReservedConcurrentExecutions: {reserved}\n")
    };
    assert_eq!(
        errors(&text(4)),
        "template.yaml:13: FunctionMessages: MaximumConcurrency is 5: Function reserves 4 executions"
    );
    assert_eq!(super::read_with(&text(5), &[]).mappings[0].maximum_concurrency, Some(5));
}

#[test]
fn a_mapping_needs_its_queue_and_function_once() {
    let other = CONSUMER.replace("!GetAtt Queue.Arn", "arn:aws:sqs:eu-west-1:000000000000:other");
    assert!(
        errors(&other).contains("13: FunctionMessages: arn:aws:sqs:eu-west-1:000000000000:other")
    );
    let twice = format!(
        "{CONSUMER}        Again: {{Type: SQS, Properties: {{Queue: !GetAtt Queue.Arn}}}}\n"
    );
    assert!(
        errors(&twice).contains("17: FunctionAgain: sluicegate-Function already has a mapping")
    );
    let unknown = format!(
        "{CONSUMER}  Mapping:\n    Type: AWS::Lambda::EventSourceMapping\n    Properties: \
         {{EventSourceArn: !GetAtt Queue.Arn, FunctionName: nobody}}\n"
    );
    assert!(errors(&unknown).contains("17: Mapping: nobody is no function of this template"));
}

#[test]
fn a_redrive_policy_names_a_queue_of_its_kind() {
    check(
        "  Queue:\n    Type: AWS::SQS::Queue\n    Properties: {RedrivePolicy: \
         {deadLetterTargetArn: 'arn:aws:sqs:eu-west-1:1:x', maxReceiveCount: 5}}",
        "template.yaml:2: Queue.Properties.RedrivePolicy.deadLetterTargetArn is \
         arn:aws:sqs:eu-west-1:1:x, no queue of this template",
    );
    check(
        "  Dlq: {Type: AWS::SQS::Queue, Properties: {FifoQueue: true}}\n  Queue: {Type: \
         AWS::SQS::Queue, Properties: {RedrivePolicy: {deadLetterTargetArn: !GetAtt Dlq.Arn, \
         maxReceiveCount: 5}}}",
        "template.yaml:3: Queue.Properties.RedrivePolicy.deadLetterTargetArn: a FIFO queue's \
         dead-letter queue is FIFO, a standard one's is not",
    );
    check(
        "  Dlq: {Type: AWS::SQS::Queue}\n  Queue: {Type: AWS::SQS::Queue, Properties: \
         {RedrivePolicy: {deadLetterTargetArn: !GetAtt Dlq.Arn}}}",
        "template.yaml:3: Queue.Properties.RedrivePolicy.maxReceiveCount is required",
    );
}

#[test]
fn a_bucket_announces_to_a_standard_queue_only() {
    check(
        "  Queue: {Type: AWS::SQS::Queue, Properties: {FifoQueue: true}}\n  Bucket: {Type: \
         AWS::S3::Bucket, Properties: {NotificationConfiguration: {QueueConfigurations: [{Event: \
         's3:ObjectCreated:*', Queue: !GetAtt Queue.Arn}]}}}",
        "template.yaml:3: Bucket.Properties.NotificationConfiguration: S3 does not send to FIFO \
         queues",
    );
    check(
        "  Bucket: {Type: AWS::S3::Bucket, Properties: {NotificationConfiguration: \
         {TopicConfigurations: []}}}",
        "template.yaml:2: Bucket.Properties.NotificationConfiguration.TopicConfigurations is not \
         emulated",
    );
}

#[test]
fn names_are_such_as_aws_takes_and_unique() {
    check(
        "  Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: Upper}}",
        "template.yaml:2: Bucket: its name Upper must be 3 to 63 lower-case letters, digits, \
         hyphens and periods",
    );
    check(
        "  A: {Type: AWS::SQS::Queue, Properties: {QueueName: same}}\n  B: {Type: \
         AWS::SQS::Queue, Properties: {QueueName: same}}",
        "template.yaml:3: B: the name same is already taken",
    );
    check(
        "  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: a.fifo}}",
        "template.yaml:2: Queue.Properties.FifoQueue is false, but the name is a.fifo: only a FIFO \
         queue's ends with .fifo",
    );
    check(
        "  a-b: {Type: AWS::SQS::Queue}",
        "template.yaml:2: a-b: a logical id is letters and digits",
    );
}

#[test]
fn resources_that_need_one_another_are_named() {
    let dlq = |id: &str, other: &str| {
        format!(
            "  {id}: {{Type: AWS::SQS::Queue, Properties: {{RedrivePolicy: {{deadLetterTargetArn: \
             !GetAtt {other}.Arn, maxReceiveCount: 5}}}}}}"
        )
    };
    check(
        &format!("{}\n{}\n{}", dlq("A", "B"), dlq("B", "C"), dlq("C", "B")),
        "template.yaml:3: circular dependency between resources: B, C",
    );
    check(
        "  A: {Type: AWS::SQS::Queue, DependsOn: B}\n  B: {Type: AWS::SQS::Queue, DependsOn: [A]}",
        "template.yaml:2: circular dependency between resources: A, B",
    );
    check(
        "  A: {Type: AWS::SQS::Queue, DependsOn: B}",
        "template.yaml:2: A: DependsOn: there is no resource B",
    );
}

#[test]
fn names_that_need_one_another_are_refused() {
    let errors = errors(
        "Resources:\n  A: {Type: AWS::SQS::Queue, Properties: {QueueName: !GetAtt B.QueueName}}\n  \
         B: {Type: AWS::SQS::Queue, Properties: {QueueName: !GetAtt A.QueueName}}\n",
    );
    assert!(errors.contains("2: A: its name needs itself"), "{errors}");
    assert!(errors.contains("3: B: its name needs itself"), "{errors}");
}

#[test]
fn a_function_says_which_binary_it_is() {
    let metadata =
        "    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: consumer}}\n";
    assert_eq!(
        errors(&CONSUMER.replace(metadata, "")),
        "template.yaml:5: Function.Metadata.BuildProperties.Binary is required: the function's \
         cargo binary"
    );
    let other = CONSUMER.replace("rust-cargolambda", "makefile");
    assert!(errors(&other).contains("BuildMethod makefile is not emulated"));
}

#[test]
fn a_function_says_how_it_is_run() {
    for key in ["CodeUri", "Handler", "Runtime"] {
        let line = CONSUMER.lines().find(|line| line.trim_start().starts_with(key)).unwrap();
        let expected = format!("template.yaml:9: Function.Properties.{key} is required");
        assert_eq!(errors(&CONSUMER.replace(&format!("{line}\n"), "")), expected);
    }
}

#[test]
fn a_long_message_is_cut() {
    let name = "é".repeat(2_000);
    let errors = errors(&format!("Resources: {{Q: {{Type: {name}}}}}"));
    assert!(errors.len() < 1_100 && errors.ends_with("é…"), "{errors}");
}

#[test]
fn all_errors_are_told_at_once_in_their_order() {
    let text = CONSUMER
        .replace("{Type: AWS::SQS::Queue}", "{Type: AWS::SQS::Queue, Properties: {A: 1}}")
        .replace("!GetAtt Queue.Arn", "!GetAtt Quue.Arn\n            BatchSize: 0");
    let errors = errors(&text);
    let lines = errors.lines().map(|line| line.split(' ').next().unwrap()).collect::<Vec<_>>();
    assert_eq!(lines, ["template.yaml:4:", "template.yaml:16:", "template.yaml:17:"], "{errors}");
}

#[test]
fn errors_beyond_a_hundred_are_counted() {
    let queues = (0..150).map(|at| format!("  Q{at}: {{Type: Nothing}}\n")).collect::<String>();
    let errors = errors(&format!("Resources:\n{queues}"));
    assert_eq!(errors.lines().count(), 101);
    assert!(errors.ends_with("template.yaml: and 50 more"), "{errors}");
}
