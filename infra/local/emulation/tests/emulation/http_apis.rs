//! HTTP APIs, through the one port.

use std::time::Duration;

use faults::Plan;
use http::{Request, StatusCode};
use serde_json::json;
use sluicegate_local_emulation::{Emulation, Options};

use super::Root;
use super::front::send;

const TEMPLATE: &str = r"
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Handler: bootstrap, Runtime: provided.al2023, CodeUri: ., Timeout: 20}
Resources:
  Echo:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: probe}}
    Properties:
      Events:
        One: {Type: HttpApi, Properties: {Path: '/flights/{id}', Method: get}}
        Files: {Type: HttpApi, Properties: {Path: '/files/{proxy+}', Method: any}}
  Broken:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: probe}}
    Properties:
      Environment: {Variables: {PROBE_START: fail}}
      Events:
        One: {Type: HttpApi, Properties: {Path: /broken, Method: post}}
  Slow:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: probe}}
    Properties:
      Environment: {Variables: {PROBE_START: hang}}
      Events:
        One: {Type: HttpApi, Properties: {Path: /slow, Method: get, TimeoutInMillis: 1000}}
Outputs:
  Url: {Value: !Sub 'https://${ServerlessHttpApi}.execute-api.${AWS::Region}.amazonaws.com'}
";

fn request(world: &Emulation, method: &str, path: &str) -> Request<String> {
    let url = &world.stack().outputs["Url"];
    Request::builder().method(method).uri(format!("{url}{path}")).body(String::new()).unwrap()
}

#[tokio::test]
async fn a_request_reaches_the_function_of_its_route_with_the_paths_parameters() {
    let root = Root::new(TEMPLATE);
    let world = Emulation::start(root.options()).await.unwrap();
    let (status, event) = send(request(&world, "GET", "/flights/LH%20454?day=1")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(event["routeKey"], "GET /flights/{id}");
    assert_eq!(event["pathParameters"], json!({ "id": "LH 454" }));
    assert_eq!(event["queryStringParameters"], json!({ "day": "1" }));
    let context = &event["requestContext"];
    assert_eq!(
        (&context["stage"], &context["apiId"], &context["accountId"]),
        (&json!("$default"), &json!("ServerlessHttpApi"), &json!("000000000000"))
    );
    assert_eq!(context["domainName"], "ServerlessHttpApi.execute-api.eu-west-1.amazonaws.com");

    let (_, event) = send(request(&world, "PUT", "/files/a/b")).await;
    assert_eq!(
        (&event["routeKey"], &event["pathParameters"]),
        (&json!("ANY /files/{proxy+}"), &json!({ "proxy": "a/b" }))
    );
    world.shutdown().await;
}

#[tokio::test]
async fn without_a_route_or_an_answer_the_api_speaks_for_itself() {
    let root = Root::new(TEMPLATE);
    let options = root.options();
    let clock = options.clock.clone();
    let world = Emulation::start(options).await.unwrap();
    let said = |status: StatusCode, message: &str| (status, json!({ "message": message }));
    let not_found = said(StatusCode::NOT_FOUND, "Not Found");
    assert_eq!(send(request(&world, "POST", "/flights/1")).await, not_found);
    assert_eq!(send(request(&world, "GET", "")).await, not_found);
    let failed = said(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
    assert_eq!(send(request(&world, "POST", "/broken")).await, failed);

    let waiting = tokio::spawn(send(request(&world, "GET", "/slow")));
    while world.lambda().is_idle() {
        tokio::task::yield_now().await;
    }
    clock.advance(Duration::from_millis(999));
    assert!(!waiting.is_finished());
    clock.advance(Duration::from_millis(1));
    let too_late = said(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
    assert_eq!(waiting.await.unwrap(), too_late);
    assert!(!world.lambda().is_idle(), "the function runs on");

    let other = Request::get(format!("{}/http-apis/Other/", world.endpoint()));
    let (status, _) = send(other.body(String::new()).unwrap()).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    world.shutdown().await;
}

#[tokio::test]
async fn what_the_adversary_does_to_a_request_is_said_as_the_api_would() {
    for (fault, expected) in [("throttle", 429), ("error", 500), ("expired-credentials", 403)] {
        let faults = format!("faults: [{{fault: {fault}, on: execute-api.Invoke}}]");
        let faults = Plan::parse(&faults).unwrap();
        let root = Root::new(TEMPLATE);
        let world = Emulation::start(Options { faults, ..root.options() }).await.unwrap();
        let (status, body) = send(request(&world, "GET", "/flights/1")).await;
        assert_eq!(status.as_u16(), expected, "{fault}");
        assert!(body["message"].is_string() && body.get("__type").is_none(), "{body}");
        world.shutdown().await;
    }
}
