//! One emulation, of a template of the benchmark's own: a queue that nobody consumes, one to hold a
//! backlog, and one whose function does nothing.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::Arc;

use emulation::clock::Clock;
use emulation::lambda::LogLine;
use emulation::sqs::{NewMessage, Sqs};
use emulation::{Emulation, Options};

/// Small enough for any machine, and below what would need a window on AWS.
const TEMPLATE: &str = "
Transform: AWS::Serverless-2016-10-31
Resources:
  Plain: {Type: AWS::SQS::Queue, Properties: {QueueName: plain, VisibilityTimeout: 600}}
  Deep: {Type: AWS::SQS::Queue, Properties: {QueueName: deep, VisibilityTimeout: 600}}
  Consumed: {Type: AWS::SQS::Queue, Properties: {QueueName: consumed, VisibilityTimeout: 600}}
  Nothing:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: nothing}}
    Properties:
      CodeUri: .
      Handler: bootstrap
      Runtime: provided.al2023
      Events:
        Messages:
          Type: SQS
          Properties: {Queue: !GetAtt Consumed.Arn, BatchSize: 10, Enabled: false}
";

/// Bytes of a message's body: `events/` has flights of about this size.
pub(crate) const BODY_BYTES: usize = 300;

pub(crate) struct World {
    emulation: Emulation,
    folder: PathBuf,
}

impl World {
    /// Starts the emulation; the function's binary is this program, under another name.
    pub(crate) async fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("sluicegate-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("template.yaml"), TEMPLATE).unwrap();
        symlink(std::env::current_exe().unwrap(), folder.join("nothing")).unwrap();
        let options = Options {
            root: folder.clone(),
            port: 0,
            parameters: BTreeMap::new(),
            places: BTreeMap::new(),
            services: Vec::new(),
            binaries: folder.clone(),
            log: Arc::new(|_: &LogLine<'_>| {}),
            clock: Clock::system(),
            faults: emulation::faults::Plan::default(),
            skip_idle: false,
            state: None,
        };
        let emulation = Emulation::start(options).await;
        Self { emulation: emulation.unwrap_or_else(|error| panic!("{error}")), folder }
    }

    pub(crate) fn emulation(&self) -> &Emulation {
        &self.emulation
    }

    pub(crate) fn sqs(&self) -> &Sqs {
        self.emulation.sqs()
    }

    /// Puts messages with these numbers into a queue, without HTTP.
    pub(crate) fn fill(&self, queue: &str, numbers: std::ops::Range<usize>) {
        for number in numbers {
            let message = NewMessage { body: body(number), ..NewMessage::default() };
            self.sqs().send(queue, message).unwrap();
        }
    }

    /// Messages of a queue, whatever their state.
    pub(crate) fn held(&self, queue: &str) -> usize {
        let depth = self.sqs().depth(queue).unwrap();
        depth.visible + depth.in_flight + depth.delayed
    }

    pub(crate) async fn end(self) {
        self.emulation.shutdown().await;
        std::fs::remove_dir_all(self.folder).unwrap();
    }
}

/// A JSON document that begins with its number.
pub(crate) fn body(number: usize) -> String {
    // As large as it gets, so that a queue holds no more than that.
    let mut body = String::with_capacity(BODY_BYTES);
    body.push_str(&format!("{{\"number\":{number:010},\"padding\":\""));
    body.extend(std::iter::repeat_n('x', BODY_BYTES - body.len() - 2));
    body.push_str("\"}");
    body
}

/// The number that a body begins with.
pub(crate) fn number(body: &str) -> usize {
    let digits = body.strip_prefix("{\"number\":").and_then(|rest| rest.get(..10));
    digits.unwrap().parse().unwrap()
}
