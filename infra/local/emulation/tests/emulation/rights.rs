//! Permissions, as the official SDKs see them. A function has those of its role. A caller without
//! the credentials of a function has those of the account's owner.

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_http_client::Builder;
use server::Access;
use sluicegate_local_emulation::Emulation;

use super::{Root, queue_name};

/// A writer and a reader, each with a role, and a function with the role that SAM makes.
const TEMPLATE: &str = r"
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Handler: bootstrap, Runtime: provided.al2023, CodeUri: ., Timeout: 5}
Resources:
  Inbox: {Type: AWS::SQS::Queue}
  Other: {Type: AWS::SQS::Queue}
  Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: own}}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: records
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
  Writer:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: probe}}
    Properties: {FunctionName: writer, Role: !GetAtt WriterRole.Arn}
  WriterRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}]
      Policies:
        - PolicyName: writes
          PolicyDocument:
            Statement:
              - {Effect: Allow, Action: sqs:SendMessage, Resource: !GetAtt Inbox.Arn}
              - {Effect: Allow, Action: dynamodb:PutItem, Resource: !GetAtt Table.Arn}
              - {Effect: Allow, Action: 's3:Put*', Resource: 'arn:aws:s3:::own/*'}
              - {Effect: Deny, Action: 's3:*', Resource: 'arn:aws:s3:::own/secret/*'}
  Reader:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: probe}}
    Properties: {FunctionName: reader, Role: !GetAtt ReaderRole.Arn}
  ReaderRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}]
      Policies:
        - PolicyName: reads
          PolicyDocument:
            Statement:
              - {Effect: Allow, Action: s3:GetObject, Resource: 'arn:aws:s3:::own/*'}
  Lister:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: probe}}
    Properties:
      FunctionName: lister
      Policies:
        - Statement:
            - {Effect: Allow, Action: [s3:GetObject, s3:GetObjectTagging], Resource: 'arn:aws:s3:::own/*'}
            - {Effect: Allow, Action: s3:ListBucket, Resource: 'arn:aws:s3:::own'}
";

/// The configuration of a client of any service.
macro_rules! client {
    ($sdk:ident, $world:expr, $caller:expr $(, $setting:ident($value:expr))*) => {{
        let config = $sdk::Config::builder()
            .behavior_version($sdk::config::BehaviorVersion::latest())
            .region($sdk::config::Region::new("eu-west-1"))
            .endpoint_url($world.endpoint())
            .credentials_provider($sdk::config::Credentials::new($caller, "s", None, None, "t"))
            .http_client(Builder::new().build_http())
            $(.$setting($value))*
            .build();
        $sdk::Client::from_conf(config)
    }};
}

async fn start() -> Emulation {
    let root = Root::new(TEMPLATE);
    Emulation::start(root.options()).await.unwrap()
}

/// The status, code and message of a refusal.
fn refusal<T, E: ProvideErrorMetadata>(answer: Result<T, SdkError<E>>) -> (u16, String, String) {
    let Err(error) = answer else { panic!("it was allowed") };
    let status = error.raw_response().map_or(0, |raw| raw.status().as_u16());
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let service = error.as_service_error().unwrap();
    (status, text(service.code()), text(service.message()))
}

fn s3(world: &Emulation, caller: &str) -> aws_sdk_s3::Client {
    client!(aws_sdk_s3, world, caller, force_path_style(true))
}

#[tokio::test]
async fn sqs_denies_as_it_does_on_aws_and_a_batch_like_its_entries() {
    let world = start().await;
    let url = |id| format!("{}/000000000000/{}", world.endpoint(), queue_name(&world, id));
    let sqs = client!(aws_sdk_sqs, world, "writer");
    sqs.send_message().queue_url(url("Inbox")).message_body("m").send().await.unwrap();
    let sent = sqs.send_message().queue_url(url("Other")).message_body("m").send().await;
    let (status, code, message) = refusal(sent);
    assert_eq!((status, code.as_str()), (403, "AccessDenied"), "{message}");
    assert_eq!(
        message,
        "User: arn:aws:sts::000000000000:assumed-role/sluicegate-WriterRole/writer is not authorized \
         to perform: sqs:sendmessage on resource: \
         arn:aws:sqs:eu-west-1:000000000000:sluicegate-Other because no identity-based policy allows \
         the sqs:sendmessage action"
    );
    let deleted = sqs.delete_message_batch().queue_url(url("Inbox")).entries(
        aws_sdk_sqs::types::DeleteMessageBatchRequestEntry::builder()
            .id("a")
            .receipt_handle("r")
            .build()
            .unwrap(),
    );
    assert_eq!(refusal(deleted.send().await).0, 403);
    let other = client!(aws_sdk_sqs, world, "reader");
    let sent = other.send_message().queue_url(url("Inbox")).message_body("m").send().await;
    assert_eq!(refusal(sent).0, 403, "one function has nothing of another's rights");
    let owner = client!(aws_sdk_sqs, world, "me");
    owner.send_message().queue_url(url("Other")).message_body("m").send().await.unwrap();

    let denied: Vec<_> = world.denied().into_iter().collect();
    let access = |function: &str, action: &str, queue: &str| Access {
        function: function.to_owned(),
        action: action.to_owned(),
        resource: format!("arn:aws:sqs:eu-west-1:000000000000:sluicegate-{queue}"),
    };
    assert_eq!(
        denied,
        [
            access("reader", "sqs:SendMessage", "Inbox"),
            access("writer", "sqs:DeleteMessage", "Inbox"),
            access("writer", "sqs:SendMessage", "Other"),
        ]
    );
    world.shutdown().await;
}

#[tokio::test]
async fn dynamodb_denies_a_transaction_for_one_of_its_items() {
    let world = start().await;
    let dynamodb = client!(aws_sdk_dynamodb, world, "writer");
    let key = AttributeValue::S("a".to_owned());
    let put = |table: &str| {
        let put = Put::builder().table_name(table).item("pk", key.clone()).build().unwrap();
        TransactWriteItem::builder().put(put).build()
    };
    let written = dynamodb.transact_write_items().transact_items(put("records"));
    written.send().await.unwrap();
    let mixed = dynamodb.transact_write_items().transact_items(put("records"));
    let (status, code, message) = refusal(mixed.transact_items(put("other")).send().await);
    assert_eq!((status, code.as_str()), (400, "AccessDeniedException"), "{message}");
    assert!(
        message.ends_with(
            "is not authorized to perform: dynamodb:PutItem on resource: \
             arn:aws:dynamodb:eu-west-1:000000000000:table/other because no identity-based policy \
             allows the dynamodb:PutItem action"
        ),
        "{message}"
    );
    let read = dynamodb.get_item().table_name("records").key("pk", key.clone()).send().await;
    assert_eq!(refusal(read).1, "AccessDeniedException");
    world.shutdown().await;
}

#[tokio::test]
async fn s3_tells_that_an_object_is_missing_only_to_who_may_list_the_bucket() {
    let world = start().await;
    let get = async |caller: &str, key: &str| {
        s3(&world, caller).get_object().bucket("own").key(key).send().await
    };
    let body = || ByteStream::from_static(b"hello");
    let writer = s3(&world, "writer");
    let put = writer.put_object().bucket("own").key("k").body(body()).tagging("a=b");
    put.send().await.unwrap();

    assert_eq!(get("reader", "k").await.unwrap().tag_count(), None);
    assert_eq!(get("lister", "k").await.unwrap().tag_count(), Some(1));
    let (status, code, _) = refusal(get("lister", "gone").await);
    assert_eq!((status, code.as_str()), (404, "NoSuchKey"));
    let (status, code, message) = refusal(get("reader", "gone").await);
    assert_eq!((status, code.as_str()), (403, "AccessDenied"));
    assert!(
        message.ends_with(
            "is not authorized to perform: s3:ListBucket on resource: \"arn:aws:s3:::own\" because no \
             identity-based policy allows the s3:ListBucket action"
        ),
        "{message}"
    );
    let head = s3(&world, "reader").head_object().bucket("own").key("gone").send().await;
    assert_eq!(refusal(head).0, 403);
    assert_eq!(refusal(get("writer", "k").await).0, 403);

    let secret = writer.put_object().bucket("own").key("secret/k").body(body()).send().await;
    let (status, _, message) = refusal(secret);
    assert_eq!(status, 403);
    assert!(message.ends_with("with an explicit deny in an identity-based policy"), "{message}");
    let owner = s3(&world, "me").put_object().bucket("own").key("secret/k").body(body());
    owner.send().await.unwrap();
    world.shutdown().await;
}
