//! Functions that are invoked at their times, on the emulation's clock.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use lambda::{LogLine, Origin};
use sluicegate_local_emulation::{Emulation, Options};

use super::{Root, START_MS};

const TEMPLATE: &str = r#"
Transform: AWS::Serverless-2016-10-31
Resources:
  Tick:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: probe}}
    Properties:
      Handler: bootstrap
      Runtime: provided.al2023
      CodeUri: .
      Timeout: 5
      Events:
        Often: {Type: Schedule, Properties: {Schedule: rate(5 minutes), Input: '{"log":"tick"}'}}
        Never:
          Type: Schedule
          Properties: {Schedule: rate(1 minute), State: DISABLED, Input: '{"log":"tick"}'}
"#;

#[tokio::test]
async fn a_schedule_invokes_at_its_times_and_neither_hinders_rest_nor_is_skipped_to() {
    let root = Root::new(TEMPLATE);
    let ticks = Arc::new(Mutex::new(0));
    let counted = ticks.clone();
    let log = move |line: &LogLine<'_>| {
        if line.origin == Origin::Function && line.text == "tick" {
            *counted.lock().unwrap() += 1;
        }
    };
    let options = Options { log: Arc::new(log), ..root.options() };
    let clock = options.clock.clone();
    let world = Emulation::start(options).await.unwrap();
    world.settle(Duration::from_secs(60)).await.unwrap();
    assert_eq!((clock.now_ms(), *ticks.lock().unwrap()), (START_MS, 0));

    for (advance_s, expected) in [(299, 0), (1, 1), (300, 2), (900, 3)] {
        clock.advance(Duration::from_secs(advance_s));
        world.settle(Duration::from_secs(60)).await.unwrap();
        assert_eq!(*ticks.lock().unwrap(), expected, "after {advance_s} s more");
    }
    assert_eq!(clock.now_ms(), START_MS + 1_500_000);
    world.shutdown().await;
}
