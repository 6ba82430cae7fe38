//! Functions that send to their own queue. Lambda ends such a loop, unless it is allowed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use sluicegate_local_emulation::Emulation;
use sqs::Depth;

use super::front::{ask, send};
use super::{Root, message, queue_name};

const LONG: Duration = Duration::from_secs(60);
/// The most invocations of a chain that Lambda allows.
const MOST: usize = 16;
/// A message that makes the function send it again.
const AGAIN: &str = r#"{"do":"again"}"#;

const TEMPLATE: &str = r"
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Handler: bootstrap, Runtime: provided.al2023, CodeUri: ., Timeout: 5}
Resources:
  Inbox:
    Type: AWS::SQS::Queue
    Properties: {RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}}
  Dead: {Type: AWS::SQS::Queue}
  Looping:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: probe}}
    Properties:
      FunctionName: looping
      RecursiveLoop: Terminate
      Policies:
        - Statement: [{Effect: Allow, Action: sqs:SendMessage, Resource: !GetAtt Inbox.Arn}]
      Events:
        Messages: {Type: SQS, Properties: {Queue: !GetAtt Inbox.Arn}}
";

async fn start(template: &str) -> (Emulation, Arc<Mutex<usize>>) {
    let world = Emulation::start(Root::new(template).options()).await.unwrap();
    let invocations = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&invocations);
    world.lambda().on_invocation_start(move |_| *counted.lock().unwrap() += 1);
    (world, invocations)
}

fn depth(world: &Emulation, logical_id: &str) -> Depth {
    world.sqs().depth(&queue_name(world, logical_id)).unwrap()
}

fn put(world: &Emulation, body: &str) {
    world.sqs().send(&queue_name(world, "Inbox"), message(body)).unwrap();
}

async fn dropped(world: &Emulation) -> Value {
    let url = format!("{}/_sluicegate/status", world.endpoint());
    let (_, status) = send(http::Request::get(url).body(String::new()).unwrap()).await;
    status["functions"][0]["recursive_invocations_dropped"].clone()
}

#[tokio::test]
async fn a_loop_is_ended_and_its_message_is_dead_after_its_receives() {
    let (world, invocations) = start(TEMPLATE).await;
    put(&world, AGAIN);
    world.settle(LONG).await.unwrap();
    assert_eq!(*invocations.lock().unwrap(), MOST);
    assert_eq!(depth(&world, "Inbox"), Depth::default());
    assert_eq!(depth(&world, "Dead"), Depth { visible: 1, ..Depth::default() });
    assert_eq!(world.sqs().peek(&queue_name(&world, "Dead"))[0].body, AGAIN);
    assert_eq!(dropped(&world).await, 3, "each time that it was received");

    put(&world, AGAIN);
    world.settle(LONG).await.unwrap();
    assert_eq!(*invocations.lock().unwrap(), 2 * MOST, "another chain has its own count");
    world.shutdown().await;
}

#[tokio::test]
async fn a_loop_that_is_allowed_goes_on() {
    let (world, invocations) = start(&TEMPLATE.replace(": Terminate", ": Allow")).await;
    put(&world, AGAIN);
    super::until("many rounds", || *invocations.lock().unwrap() > 5 * MOST).await;
    assert_eq!(depth(&world, "Dead"), Depth::default());
    assert_eq!(dropped(&world).await, 0);
    world.shutdown().await;
}

#[tokio::test]
async fn what_is_received_together_with_the_end_of_a_loop_is_done() {
    let world = Arc::new(Emulation::start(Root::new(TEMPLATE).options()).await.unwrap());
    let invocations = Arc::new(Mutex::new(0));
    // The message of the last invocation stays in the queue until another one is sent.
    let (counted, observed) = (Arc::clone(&invocations), Arc::downgrade(&world));
    world.lambda().on_invocation_start(move |_| {
        let mut invocations = counted.lock().unwrap();
        *invocations += 1;
        if *invocations == MOST {
            observed.upgrade().unwrap().mappings()[0].mapping.pause();
        }
    });
    put(&world, AGAIN);
    super::until("the last round", || {
        depth(&world, "Inbox").visible == 1 && invocations.lock().unwrap().eq(&MOST)
    })
    .await;
    put(&world, r#"{"n":1}"#);
    world.mappings()[0].mapping.resume();
    world.settle(LONG).await.unwrap();
    assert_eq!(*invocations.lock().unwrap(), MOST + 1);
    let dead = world.sqs().peek(&queue_name(&world, "Dead"));
    assert_eq!(dead.iter().map(|each| each.body.as_str()).collect::<Vec<_>>(), [AGAIN]);
    Arc::into_inner(world).unwrap().shutdown().await;
}

#[tokio::test]
async fn a_caller_whose_chain_is_too_long_is_told_so() {
    let (world, _) = start(TEMPLATE).await;
    let path = "/2015-03-31/functions/looping/invocations";
    let (_, context) = ask(&world, path, r#"{"do":"context"}"#).await;
    let header = context["traceId"].as_str().unwrap();
    let (start, count) = header.rsplit_once(':').unwrap();
    assert!(start.contains(";Lineage=") && count == "0", "{header}");
    for (count, expected) in [(14, 200), (15, 400)] {
        let request = http::Request::post(format!("{}{path}", world.endpoint()));
        let request = request.header("x-amzn-trace-id", format!("{start}:{count}"));
        let (status, told) = send(request.body("{}".to_owned()).unwrap()).await;
        assert_eq!(status.as_u16(), expected, "{told}");
    }
    world.shutdown().await;
}
