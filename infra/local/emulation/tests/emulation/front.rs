//! All services on one port, called through the official SDKs and with hand-written requests.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_http_client::Builder;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use sluicegate_local_emulation::Emulation;

use super::{Root, TEMPLATE, queue_name, start};

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

pub(super) async fn ask(world: &Emulation, path: &str, body: &str) -> (StatusCode, Value) {
    let request = Request::post(format!("{}{path}", world.endpoint()));
    send(request.body(body.to_owned()).unwrap()).await
}

pub(super) async fn send(request: Request<String>) -> (StatusCode, Value) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = request.map(Full::<Bytes>::from);
    let (parts, body) = client.request(request).await.unwrap().into_parts();
    let text = body.collect().await.unwrap().to_bytes();
    (parts.status, serde_json::from_slice(&text).unwrap_or_default())
}

/// boto3 sends `Expect: 100-continue` also for an empty object, and misreads the connection after
/// that.
#[tokio::test]
async fn a_connection_whose_empty_body_was_awaited_is_closed() {
    let world = start().await;
    let url = format!("{}/{}/k", world.endpoint(), world.stack().buckets[0].name);
    for (body, expect, expected) in
        [("", true, Some("close")), ("", false, None), ("b", true, None)]
    {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let mut request = Request::put(&url).header("content-length", body.len());
        if expect {
            request = request.header("expect", "100-continue");
        }
        let answer =
            client.request(request.body(Full::<Bytes>::from(body)).unwrap()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let connection = answer.headers().get("connection").map(|value| value.to_str().unwrap());
        assert_eq!(connection, expected, "{body:?} {expect}");
    }
}

#[tokio::test]
async fn the_status_tells_of_messages_where_they_are_and_of_queues_made_since() {
    let world = start().await;
    let dead = queue_name(&world, "Dead").to_owned();
    let sqs = client!(aws_sdk_sqs, world, "alice");
    let made = sqs.create_queue().queue_name("made-since").send().await.unwrap();
    let url = sqs.get_queue_url().queue_name(&dead).send().await.unwrap().queue_url.unwrap();
    for queue in [&url, &url, made.queue_url.as_ref().unwrap()] {
        sqs.send_message().queue_url(queue).message_body("m").send().await.unwrap();
    }
    sqs.receive_message().queue_url(&url).send().await.unwrap();

    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::get(format!("{}/_sluicegate/status", world.endpoint()));
    let answer = client.request(request.body(Full::<Bytes>::default()).unwrap()).await.unwrap();
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    let status: Value = serde_json::from_slice(&text).unwrap();
    let queue = |name: &str| {
        let queues = status["queues"].as_array().unwrap();
        queues.iter().find(|queue| queue["name"] == name).unwrap().clone()
    };
    assert_eq!((&queue(&dead)["visible"], &queue(&dead)["in_flight"]), (&json!(1), &json!(1)));
    assert_eq!(queue(&dead)["logical_id"], "Dead");
    assert_eq!(
        (&queue("made-since")["visible"], &queue("made-since")["oldest_s"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(status["mappings"].as_array().unwrap().len(), world.mappings().len());
    world.shutdown().await;
}

#[tokio::test]
async fn every_service_answers_on_the_one_port_and_calls_are_counted_by_caller() {
    let world = start().await;
    let sqs = client!(aws_sdk_sqs, world, "alice");
    let url = sqs.get_queue_url().queue_name(queue_name(&world, "Dead")).send().await.unwrap();
    let url = url.queue_url.unwrap();
    assert!(url.starts_with(world.endpoint()), "{url}");
    for _ in 0..3 {
        sqs.send_message().queue_url(&url).message_body("m").send().await.unwrap();
    }

    let s3 = client!(aws_sdk_s3, world, "bob", force_path_style(true));
    let body = ByteStream::from_static(b"hello");
    s3.put_object().bucket("landing").key("k").body(body).send().await.unwrap();
    let got = s3.get_object().bucket("landing").key("k").send().await.unwrap();
    assert_eq!(got.body.collect().await.unwrap().to_vec(), b"hello");

    let dynamodb = client!(aws_sdk_dynamodb, world, "alice");
    let key = AttributeValue::S("a".to_owned());
    dynamodb.put_item().table_name("records").item("pk", key.clone()).send().await.unwrap();
    let got = dynamodb.get_item().table_name("records").key("pk", key).send().await.unwrap();
    assert_eq!(got.item.unwrap().len(), 1);
    let refused = dynamodb.scan().table_name("nowhere").send().await.unwrap_err();
    assert!(refused.into_service_error().is_resource_not_found_exception());

    let calls = world.calls();
    let calls: Vec<_> = calls
        .iter()
        .map(|(call, count)| format!("{} {} {} {count}", call.caller, call.service, call.operation))
        .collect();
    let expected = [
        "alice dynamodb GetItem 1",
        "alice dynamodb PutItem 1",
        "alice dynamodb Scan 1",
        "alice sqs GetQueueUrl 1",
        "alice sqs SendMessage 3",
        "bob s3 GetObject 1",
        "bob s3 PutObject 1",
    ];
    assert_eq!(calls, expected);
    world.shutdown().await;
}

#[tokio::test]
async fn functions_are_invoked_and_reached_by_their_urls() {
    let world = start().await;
    let path = "/2015-03-31/functions/echo/invocations";
    assert_eq!(ask(&world, path, r#"{"a":1}"#).await, (StatusCode::OK, json!({"a": 1})));
    let (status, event) = ask(&world, "/function-urls/echo/flights?day=1", "x").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (&event["rawPath"], &event["rawQueryString"]),
        (&json!("/flights"), &json!("day=1"))
    );
    let (status, _) = ask(&world, "/function-urls/broken/", "x").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "it declares no url");
    world.shutdown().await;
}

/// The signature itself is never checked.
fn signed_by(access_key: &str) -> (&'static str, String) {
    let credential = format!("Credential={access_key}/20260101/eu-west-1/lambda/aws4_request");
    let value = format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0");
    ("authorization", value)
}

#[tokio::test]
async fn a_url_of_aws_iam_takes_signed_requests_and_tells_whose_they_are() {
    const RIGHTS: &str = "
      Policies:
        - Version: '2012-10-17'
          Statement:
            - Effect: Allow
              Action: [lambda:InvokeFunctionUrl, lambda:InvokeFunction]
              Resource: !GetAtt Echo.Arn";
    let guarded = TEMPLATE.replace("AuthType: NONE", "AuthType: AWS_IAM");
    let broken = "      FunctionName: broken";
    let root = Root::new(&guarded.replace(broken, &format!("{broken}{RIGHTS}")));
    let world = Emulation::start(root.options()).await.unwrap();
    let call = async |(name, value): (&str, String)| {
        let request = Request::post(format!("{}/function-urls/echo/", world.endpoint()));
        send(request.header(name, value).body(String::new()).unwrap()).await
    };
    let forbidden = (StatusCode::FORBIDDEN, json!({ "Message": "Forbidden" }));
    assert_eq!(call(("x-nothing", String::new())).await, forbidden);

    let (status, event) = call(signed_by("alice")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(event["requestContext"]["accountId"], "000000000000");
    let iam = &event["requestContext"]["authorizer"]["iam"];
    assert_eq!(
        (&iam["accessKey"], &iam["userArn"]),
        (&json!("alice"), &json!("arn:aws:iam::000000000000:root"))
    );
    let (status, event) = call(signed_by("broken")).await;
    assert_eq!(status, StatusCode::OK);
    let iam = &event["requestContext"]["authorizer"]["iam"];
    let user = iam["userArn"].as_str().unwrap();
    assert!(user.starts_with("arn:aws:sts::000000000000:assumed-role/"), "{user}");
    assert!(user.ends_with("/broken"), "{user}");
    let id = iam["callerId"].as_str().unwrap().split_once(':').unwrap();
    assert!(id.0.starts_with("AROA") && id.1 == "broken", "{id:?}");

    let (status, refused) = call(signed_by("echo")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(refused["Message"].as_str().unwrap().contains("lambda:InvokeFunctionUrl"), "{refused}");
    world.shutdown().await;
}

#[tokio::test]
async fn a_function_calls_back_under_its_own_name() {
    let world = start().await;
    let (_, variables) =
        ask(&world, "/2015-03-31/functions/echo/invocations", r#"{"do":"variables"}"#).await;
    assert_eq!(variables["AWS_ENDPOINT_URL"], world.endpoint());
    assert_eq!(variables["AWS_ACCESS_KEY_ID"], "echo");
    world.shutdown().await;
}

#[tokio::test]
async fn health_names_what_runs() {
    let world = start().await;
    let (status, health) = ask(&world, server::HEALTH, "").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(health["status"], "running");
    assert_eq!(health["services"]["lambda"]["functions"], json!(["echo", "broken"]));
    assert_eq!(health["services"]["sqs"]["queues"].as_array().unwrap().len(), 3);
    assert!(world.calls().is_empty(), "asking for health is no call");
    world.shutdown().await;
}
