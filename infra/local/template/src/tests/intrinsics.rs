//! What each intrinsic gives, and what it says when it cannot.

use super::{errors, read_with};

const HEAD: &str = "
Transform: AWS::Serverless-2016-10-31
Parameters:
  Name: {Type: String, Default: gate}
  Size: {Type: Number, Default: 5}
  List: {Type: CommaDelimitedList, Default: 'a, b,c'}
Mappings:
  Sizes:
    small: {memory: 128, names: [x, y]}
    gate: {memory: 256}
Conditions:
  IsGate: !Equals [!Ref Name, gate]
  IsBig: !Equals [!Ref Size, 500]
  Both: !And [!Condition IsGate, {Condition: IsBig}]
  Either: !Or [!Condition IsGate, !Condition IsBig]
  Neither: !Not [!Condition Either]
  Long: {Fn::Equals: [{Ref: Size}, 5]}
Resources:
  Queue: {Type: AWS::SQS::Queue}
  Named: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub '${Queue.QueueName}-2'}}
  Fifo: {Type: AWS::SQS::Queue, Properties: {FifoQueue: true}}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
  Bucket: {Type: AWS::S3::Bucket}
  Layer: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: a/layer}}
  Function:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: it}}
    Properties: {CodeUri: ., Handler: it, Runtime: provided.al2023, FunctionUrlConfig: {AuthType: NONE}}
  Absent: {Type: AWS::SQS::Queue, Condition: IsBig}
Outputs:
  It:
    Value: ";

#[track_caller]
fn check(expression: &str, expected: &str) {
    let stack = read_with(&format!("{HEAD}{expression}\n"), &[]);
    assert_eq!(stack.outputs["It"], expected, "{expression}");
}

#[track_caller]
fn check_error(expression: &str, expected: &str) {
    let errors = errors(&format!("{HEAD}{expression}\n"));
    assert!(errors.contains(expected), "{expression}: {errors}");
    assert_eq!(errors.lines().count(), 1, "{expression}: {errors}");
    assert!(errors.starts_with("template.yaml:37: "), "{expression}: {errors}");
}

#[test]
fn ref_gives_a_parameter_or_a_resources_name() {
    check("!Ref Name", "gate");
    check("{Ref: Size}", "5");
    check("!Ref Queue", "http://127.0.0.1:4566/000000000000/sluicegate-Queue");
    check("!Ref Table", "sluicegate-Table");
    check("!Ref Bucket", "sluicegate-bucket");
    check("!Ref Function", "sluicegate-Function");
    check("!Ref Layer", "/project/a/layer");
    check("!Ref AWS::Region", "eu-west-1");
    check("!Ref AWS::AccountId", "000000000000");
    check("!Ref AWS::StackName", "sluicegate");
    check("!Ref AWS::Partition", "aws");
    check("!Ref AWS::URLSuffix", "amazonaws.com");
    check_error("!Ref Nobody", "there is no parameter or resource Nobody");
    check_error("!Ref AWS::NotificationARNs", "AWS::NotificationARNs is not emulated");
    check_error("!Ref Absent", "Absent is absent: its condition is false");
    check_error("!Ref AWS::NoValue", "Outputs.It.Value must be a string");
    check_error("!Ref List", "Outputs.It.Value must be a string");
    check_error("{Ref: [Name]}", "Ref takes the name");
}

#[test]
fn get_att_gives_an_attribute() {
    check("!GetAtt Queue.Arn", "arn:aws:sqs:eu-west-1:000000000000:sluicegate-Queue");
    check("{Fn::GetAtt: [Queue, QueueName]}", "sluicegate-Queue");
    check("!GetAtt Named.QueueName", "sluicegate-Queue-2");
    check("!GetAtt Fifo.QueueName", "sluicegate-Fifo.fifo");
    check("!GetAtt [Queue, QueueUrl]", "http://127.0.0.1:4566/000000000000/sluicegate-Queue");
    check("!GetAtt Table.Arn", "arn:aws:dynamodb:eu-west-1:000000000000:table/sluicegate-Table");
    check("!GetAtt Bucket.Arn", "arn:aws:s3:::sluicegate-bucket");
    check("!GetAtt Bucket.DomainName", "sluicegate-bucket.s3.amazonaws.com");
    check(
        "!GetAtt Function.Arn",
        "arn:aws:lambda:eu-west-1:000000000000:function:sluicegate-Function",
    );
    check(
        "!GetAtt FunctionUrl.FunctionUrl",
        "http://127.0.0.1:4566/function-urls/sluicegate-Function/",
    );
    check("!GetAtt FunctionRole.Arn", "arn:aws:iam::000000000000:role/sluicegate-FunctionRole");
    check_error("!GetAtt Queue.Colour", "Queue.Colour: AWS::SQS::Queue has no such attribute here");
    check_error("!GetAtt Nobody.Arn", "there is no parameter or resource Nobody");
    check_error("!GetAtt Queue", "GetAtt takes a resource and one of its attributes");
}

#[test]
fn sub_replaces_variables() {
    check("!Sub '${Name}-${AWS::Region}-${Queue.QueueName}'", "gate-eu-west-1-sluicegate-Queue");
    check("!Sub 'a ${!Name} $5'", "a ${Name} $5");
    check("!Sub ['${Own}/${Name}', {Own: !Ref Size}]", "5/gate");
    check("{Fn::Sub: '${Name}'}", "gate");
    check_error("!Sub '${Nobody}'", "there is no parameter or resource Nobody");
    check_error("!Sub '${Name'", "without its }");
    check_error("!Sub '${List}'", "List is not a string");
    check_error("!Sub [a, b, c]", "Sub takes");
}

#[test]
fn lists_are_joined_selected_and_split() {
    check("!Join ['-', [a, !Ref Name, 5]]", "a-gate-5");
    check("!Join ['', !Ref List]", "abc");
    check("!Select [1, !Ref List]", "b");
    check("!Select ['0', [a, b]]", "a");
    check("!Select [2, !Split ['-', x-y-z]]", "z");
    check("{Fn::Join: [':', {Fn::Split: ['-', !Sub '${Name}-1']}]}", "gate:1");
    check_error("!Select [3, !Ref List]", "Select takes an index and a list that has it");
    check_error("!Join ['-', text]", "Join takes");
    check_error("!Join ['-']", "Join takes");
    check_error("!Select [0, !Split ['', abc]]", "Split takes a delimiter that is not empty");
}

#[test]
fn conditions_choose() {
    check("!If [IsGate, yes it is, no]", "yes it is");
    check("!If [IsBig, !Ref Nobody, !Ref Name]", "gate");
    check("!If [Both, a, b]", "b");
    check("!If [Either, a, b]", "a");
    check("!If [Neither, a, b]", "b");
    check("{Fn::If: [Long, a, b]}", "a");
    check("!Join ['-', [a, !If [IsBig, b, !Ref AWS::NoValue], c]]", "a-c");
    check_error("!If [Unknown, a, b]", "there is no condition Unknown");
    check_error("!If [IsGate, a]", "If takes a condition and two values");
    check_error("!Equals [a, b]", "Equals is allowed only in Conditions");
}

#[test]
fn mappings_are_looked_up() {
    check("!FindInMap [Sizes, small, memory]", "128");
    check("!FindInMap [Sizes, !Ref Name, memory]", "256");
    check("!Select [1, !FindInMap [Sizes, small, names]]", "y");
    check_error("!FindInMap [Sizes, large, memory]", "there is no Sizes.large.memory");
    check_error("!FindInMap [Sizes, small]", "FindInMap takes");
}

#[test]
fn base64_encodes() {
    check("!Base64 gate", "Z2F0ZQ==");
    check("{Fn::Base64: !Sub '${Name}s'}", "Z2F0ZXM=");
}

#[test]
fn what_needs_another_world_is_refused() {
    check_error("!ImportValue other", "the intrinsic ImportValue is not emulated");
    check_error("{Fn::GetAZs: ''}", "the intrinsic GetAZs is not emulated");
    check_error("!Colour red", "the intrinsic Colour is not emulated");
    check_error("'{{resolve:ssm:/a}}'", "dynamic references");
    check_error("{Fn::Sub: a, b: c}", "Fn::Sub must be a mapping's only key");
}
