//! Whole emulations of small templates, as functions and the official SDKs see them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

mod checkpoints;
mod front;
mod http_apis;
mod injected_faults;
mod lifecycle;
mod loops;
mod mappings;
#[path = "../../../lambda/tests/probe/mod.rs"]
mod probe;
mod rights;
mod schedules;
mod secrets;
mod settling;
mod state;
mod streams;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clock::Clock;
use faults::Plan;
use lambda::LogLine;
use sluicegate_local_emulation::{Emulation, Options};
use sqs::NewMessage;

use self::probe::binaries;

const START_MS: u64 = 1_700_000_000_000;

/// A queue whose function echoes messages, and one whose function cannot start.
const TEMPLATE: &str = r"
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Handler: bootstrap, Runtime: provided.al2023, CodeUri: ., Timeout: 5}
Resources:
  Poisoned:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 600
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 2}
  Dead: {Type: AWS::SQS::Queue}
  Inbox: {Type: AWS::SQS::Queue}
  Landing:
    Type: AWS::S3::Bucket
    DependsOn: InboxPolicy
    Properties:
      BucketName: landing
      NotificationConfiguration:
        QueueConfigurations:
          - Event: s3:ObjectCreated:*
            Queue: !GetAtt Inbox.Arn
  InboxPolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Inbox]
      PolicyDocument: {}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: records
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
  Echo:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: probe}}
    Properties:
      FunctionName: echo
      FunctionUrlConfig: {AuthType: NONE}
      Events:
        Messages: {Type: SQS, Properties: {Queue: !GetAtt Inbox.Arn}}
  Broken:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: probe}}
    Properties:
      FunctionName: broken
      Environment: {Variables: {PROBE_START: fail}}
      Events:
        Messages: {Type: SQS, Properties: {Queue: !GetAtt Poisoned.Arn}}
";

/// A temporary folder with a template, which is removed when the value is dropped.
struct Root {
    path: PathBuf,
}

impl Root {
    fn new(template: &str) -> Self {
        let name = format!("emulation-{}", uuid::Uuid::new_v4());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("template.yaml"), template).unwrap();
        Self { path }
    }

    fn options(&self) -> Options {
        Options {
            root: self.path.clone(),
            port: 0,
            parameters: BTreeMap::new(),
            places: BTreeMap::new(),
            services: Vec::new(),
            binaries: binaries(),
            log: Arc::new(|_: &LogLine<'_>| {}),
            clock: Clock::manual(START_MS),
            faults: Plan::default(),
            skip_idle: true,
            state: None,
        }
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

async fn start() -> Emulation {
    let root = Root::new(TEMPLATE);
    Emulation::start(root.options()).await.unwrap()
}

fn message(body: &str) -> NewMessage {
    NewMessage { body: body.to_owned(), ..NewMessage::default() }
}

/// The name of the template's queue with this logical id.
fn queue_name(world: &Emulation, logical_id: &str) -> String {
    let mut queues = world.stack().queues.iter();
    queues.find(|queue| queue.logical_id == logical_id).unwrap().name.clone()
}

/// Waits in real time until a condition holds. Fails if that takes too long.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    let limit = std::time::Duration::from_secs(60);
    assert!(tokio::time::timeout(limit, waiting).await.is_ok(), "never: {what}");
}
