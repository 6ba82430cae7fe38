//! Event source mappings that a function disables and enables while the emulation runs.

use std::time::Duration;

use http::{Request, StatusCode};
use lambda::mapping::State;
use serde_json::{Value, json};
use sluicegate_local_emulation::{Emulation, Options, RunningMapping};
use sqs::Depth;

use super::front::send;
use super::{Root, START_MS, message, queue_name};

const LONG: Duration = Duration::from_secs(60);
/// The longest time that an update may take according to AWS.
const SLOW: Duration = Duration::from_secs(90);
const PATH: &str = "/2015-03-31/event-source-mappings";

/// A function that may change its own mapping and nothing else, and one without such a permission.
const TEMPLATE: &str = r"
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Handler: bootstrap, Runtime: provided.al2023, CodeUri: ., Timeout: 5}
Resources:
  Inbox: {Type: AWS::SQS::Queue}
  Other: {Type: AWS::SQS::Queue}
  Own:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: probe}}
    Properties:
      FunctionName: own
      Role: !GetAtt OwnRole.Arn
      Events:
        Messages: {Type: SQS, Properties: {Queue: !GetAtt Inbox.Arn}}
  OwnRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}]
      Policies:
        - PolicyName: reads
          PolicyDocument:
            Statement:
              - Effect: Allow
                Action: [sqs:ReceiveMessage, sqs:DeleteMessage, sqs:GetQueueAttributes]
                Resource: !GetAtt Inbox.Arn
  # Of its own: the role is there before the function, and the function before its mapping.
  Valve:
    Type: AWS::IAM::Policy
    Properties:
      PolicyName: valve
      Roles: [!Ref OwnRole]
      PolicyDocument:
        Statement:
          - Effect: Allow
            Action: [lambda:UpdateEventSourceMapping, lambda:GetEventSourceMapping]
            Resource:
              !Sub 'arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:event-source-mapping:${OwnMessages}'
  Off:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: probe}}
    Properties:
      FunctionName: off
      Events:
        Messages: {Type: SQS, Properties: {Queue: !GetAtt Other.Arn, Enabled: false}}
Outputs:
  Mapping: {Value: !Ref OwnMessages}
  OffMapping: {Value: !Ref OffMessages}
";

/// The lines that add a schedule to the template.
const SCHEDULE: &str = r#"
        Often: {Type: Schedule, Properties: {Schedule: rate(5 minutes), Input: '{"log":"tick"}'}}
Outputs:"#;

struct World {
    emulation: Emulation,
    uuid: String,
}

impl World {
    async fn start(options: Options) -> Self {
        let emulation = Emulation::start(options).await.unwrap();
        let uuid = emulation.stack().outputs["Mapping"].clone();
        Self { emulation, uuid }
    }

    fn mapping(&self) -> &RunningMapping {
        &self.emulation.mappings()[0]
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        let url = format!("{}{PATH}{path}", self.emulation.endpoint());
        send(Request::get(url).body(String::new()).unwrap()).await
    }

    /// Updates the mapping as the account's owner, and returns the answer.
    async fn update(&self, body: &str) -> (StatusCode, Value) {
        self.update_as("owner", &self.uuid, body).await
    }

    async fn update_as(&self, caller: &str, uuid: &str, body: &str) -> (StatusCode, Value) {
        send(update(self.emulation.endpoint(), caller, uuid, body)).await
    }

    fn put(&self, body: &str) {
        let queue = queue_name(&self.emulation, "Inbox");
        self.emulation.sqs().send(&queue, message(body)).unwrap();
    }

    fn depth(&self) -> Depth {
        self.emulation.sqs().depth(&queue_name(&self.emulation, "Inbox")).unwrap()
    }
}

fn update(endpoint: &str, caller: &str, uuid: &str, body: &str) -> Request<String> {
    let credential = format!("Credential={caller}/20260101/eu-west-1/lambda/aws4_request");
    let request = Request::put(format!("{endpoint}{PATH}/{uuid}"));
    let request = request.header("authorization", format!("AWS4-HMAC-SHA256 {credential}"));
    request.body(body.to_owned()).unwrap()
}

#[tokio::test]
async fn a_mapping_polls_until_its_disabling_takes_effect_and_again_once_enabling_does() {
    let root = Root::new(TEMPLATE);
    let options = Options { skip_idle: false, ..root.options() };
    let clock = options.clock.clone();
    let world = World::start(options).await;
    let (status, told) = world.update(r#"{"Enabled":false}"#).await;
    assert_eq!((status, &told["State"]), (StatusCode::ACCEPTED, &json!("Disabling")));
    world.put("while disabling");
    super::until("consumed", || world.depth() == Depth::default()).await;

    clock.advance(SLOW);
    super::until("disabled", || world.mapping().mapping.state() == State::Disabled).await;
    assert_eq!(world.get(&format!("/{}", world.uuid)).await.1["State"], "Disabled");
    // The pollers notice it just after the clock was advanced.
    world.emulation.settle(LONG).await.unwrap();
    world.put("while disabled");
    world.emulation.settle(LONG).await.unwrap();
    assert_eq!(world.depth(), Depth { visible: 1, ..Depth::default() });

    assert_eq!(world.update(r#"{"Enabled":true}"#).await.1["State"], "Enabling");
    clock.advance(SLOW - Duration::from_millis(1));
    assert_eq!(world.get(&format!("/{}", world.uuid)).await.1["State"], "Enabling");
    assert_eq!(world.depth().visible, 1);
    clock.advance(Duration::from_millis(1));
    world.emulation.settle(LONG).await.unwrap();
    assert_eq!(world.depth(), Depth::default());
    assert_eq!(world.mapping().mapping.counters().records, 2);
    world.emulation.shutdown().await;
}

#[tokio::test]
async fn a_change_is_awaited_and_what_a_disabled_mapping_leaves_is_not() {
    let root = Root::new(TEMPLATE);
    let options = root.options();
    let clock = options.clock.clone();
    let world = World::start(options).await;
    world.update(r#"{"Enabled":false}"#).await;
    world.emulation.settle(LONG).await.unwrap();
    let passed = Duration::from_millis(clock.now_ms() - START_MS);
    assert!((SLOW..SLOW + Duration::from_secs(10)).contains(&passed), "{passed:?}");
    world.put("left");
    world.emulation.settle(LONG).await.unwrap();
    assert_eq!(world.depth().visible, 1);
    world.update(r#"{"Enabled":true}"#).await;
    world.emulation.settle(LONG).await.unwrap();
    assert_eq!(world.depth(), Depth::default());
    world.emulation.shutdown().await;
}

#[tokio::test]
async fn messages_behind_a_disabled_mapping_wait_for_the_schedule_that_enables_it() {
    let root = Root::new(&TEMPLATE.replace("\nOutputs:", SCHEDULE));
    let options = root.options();
    let clock = options.clock.clone();
    let world = World::start(options).await;
    world.update(r#"{"Enabled":false}"#).await;
    world.emulation.settle(LONG).await.unwrap();
    assert!(clock.now_ms() < START_MS + 300_000, "without messages nothing waits for a schedule");

    // The second invocation of the schedule finds that the mapping may be enabled.
    let (endpoint, uuid) = (world.emulation.endpoint().to_owned(), world.uuid.clone());
    let ticks = std::sync::Mutex::new(0);
    world.emulation.lambda().on_invocation_start(move |start| {
        if start.function != "off" {
            return;
        }
        let mut ticks = ticks.lock().unwrap();
        *ticks += 1;
        if *ticks == 2 {
            tokio::spawn(send(update(&endpoint, "owner", &uuid, r#"{"Enabled":true}"#)));
        }
    });
    world.put("waits");
    world.emulation.settle(LONG).await.unwrap();
    assert_eq!(world.depth(), Depth::default());
    let passed_s = (clock.now_ms() - START_MS) / 1_000;
    assert!((690..720).contains(&passed_s), "two schedules and the enabling: {passed_s} s");
    world.emulation.shutdown().await;
}

#[tokio::test]
async fn a_role_may_be_granted_its_functions_own_mapping_alone() {
    let world = World::start(Root::new(TEMPLATE).options()).await;
    let off = world.emulation.stack().outputs["OffMapping"].clone();
    let enable = r#"{"Enabled":true}"#;
    for (caller, uuid, expected) in [
        ("own", &world.uuid, StatusCode::ACCEPTED),
        ("own", &off, StatusCode::FORBIDDEN),
        ("off", &off, StatusCode::FORBIDDEN),
    ] {
        let (status, told) = world.update_as(caller, uuid, enable).await;
        assert_eq!(status, expected, "{caller}: {told}");
    }
    let denied: Vec<_> = world.emulation.denied().into_iter().collect();
    assert_eq!(denied.len(), 2);
    assert_eq!(denied[0].action, "lambda:UpdateEventSourceMapping");
    let arn = format!("arn:aws:lambda:eu-west-1:000000000000:event-source-mapping:{off}");
    assert_eq!(denied[0].resource, arn);
    world.emulation.shutdown().await;
}

#[tokio::test]
async fn mappings_are_told_found_and_refused_as_lambda_does() {
    let world = World::start(Root::new(TEMPLATE).options()).await;
    let (status, told) = world.get(&format!("/{}", world.uuid)).await;
    let inbox = "arn:aws:sqs:eu-west-1:000000000000:sluicegate-Inbox";
    let lambda = "arn:aws:lambda:eu-west-1:000000000000";
    let expected = json!({
        "UUID": world.uuid,
        "EventSourceArn": inbox,
        "EventSourceMappingArn": format!("{lambda}:event-source-mapping:{}", world.uuid),
        "FunctionArn": format!("{lambda}:function:own"),
        "State": "Enabled",
        "StateTransitionReason": "USER_INITIATED",
        "LastModified": START_MS / 1_000,
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 0,
        "FunctionResponseTypes": [],
    });
    assert_eq!((status, told), (StatusCode::OK, expected));

    let listed = async |query: &str| {
        let (_, told) = world.get(query).await;
        let all = told["EventSourceMappings"].as_array().unwrap().iter();
        let names =
            all.map(|each| each["FunctionArn"].as_str().unwrap().rsplit(':').next().unwrap());
        (names.map(str::to_owned).collect::<Vec<_>>().join(" "), told["NextMarker"].clone())
    };
    assert_eq!(listed("/").await, ("own off".to_owned(), Value::Null));
    assert_eq!(listed("/?FunctionName=off").await.0, "off");
    let arn = inbox.replace(':', "%3A");
    assert_eq!(listed(&format!("?EventSourceArn={arn}")).await.0, "own");
    assert_eq!(listed(&format!("?EventSourceArn={arn}&FunctionName=off")).await.0, "");
    assert_eq!(listed("?MaxItems=1").await, ("own".to_owned(), json!("1")));
    assert_eq!(listed("?MaxItems=1&Marker=1").await, ("off".to_owned(), Value::Null));

    let off = world.emulation.stack().outputs["OffMapping"].clone();
    assert_eq!(world.get(&format!("/{off}")).await.1["State"], "Disabled");
    assert_eq!(world.update("{}").await.1["State"], "Updating");
    let (status, refused) = world.update(r#"{"Enabled":false}"#).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(refused["Message"].as_str().unwrap().contains("in use"), "{refused}");
    let (status, refused) = world.update(r#"{"Enabled":false,"BatchSize":5}"#).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(refused["Message"].as_str().unwrap().contains("BatchSize is not emulated"));
    let (status, _) = world.update_as("owner", "nobodys", r#"{"Enabled":false}"#).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    world.emulation.shutdown().await;
}
