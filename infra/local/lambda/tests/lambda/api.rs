//! Lambda's API, asynchronous invocations and function URLs.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clock::Clock;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::{World, post, until};

#[tokio::test]
async fn invoke_answers_as_the_sdks_expect() {
    let world = World::with_probe(|_| {});
    let request = post("/2015-03-31/functions/probe/invocations?Qualifier=%24LATEST")
        .header("x-amz-log-type", "Tail")
        .header("x-amzn-trace-id", "Root=1-5e6a0e00-000000000000000000000001")
        .header("x-amz-client-context", STANDARD.encode(r#"{ "custom": {"team": "data"} }"#))
        .body(Body::from(r#"{"do":"context","log":"hello"}"#))
        .unwrap();
    let called_ms = Clock::system().now_ms();
    let (status, headers, body) = world.http(request).await;
    let answered_ms = Clock::system().now_ms();
    assert_eq!(
        (status, &headers["x-amz-executed-version"]),
        (StatusCode::OK, &"$LATEST".parse().unwrap())
    );
    assert!(!headers.contains_key("x-amz-function-error"));
    let context: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(context["requestId"], headers["x-amzn-requestid"].to_str().unwrap());
    assert_eq!(context["functionArn"], "arn:aws:lambda:eu-west-1:123456789012:function:probe");
    let trace = context["traceId"].as_str().unwrap();
    assert!(trace.starts_with("Root=1-5e6a0e00-000000000000000000000001;Lineage="), "{trace}");
    assert_eq!(context["clientContext"]["custom"], json!({ "team": "data" }));
    let deadline_ms = context["deadlineMs"].as_u64().unwrap();
    assert!((called_ms + 30_000..=answered_ms + 30_000).contains(&deadline_ms), "{deadline_ms}");
    let log = STANDARD.decode(&headers["x-amz-log-result"]);
    assert!(String::from_utf8(log.unwrap()).unwrap().contains("hello\nEND RequestId"));

    let request = post("/2015-03-31/functions/123456789012:function:probe/invocations");
    let (status, headers, _) =
        world.http(request.body(Body::from(r#"{"do":"fail"}"#)).unwrap()).await;
    assert_eq!(
        (status, &headers["x-amz-function-error"]),
        (StatusCode::OK, &"Unhandled".parse().unwrap())
    );

    let request = post("/2015-03-31/functions/probe/invocations").body(Body::empty()).unwrap();
    let (status, _, body) = world.http(request).await;
    assert_eq!((status, body.as_ref()), (StatusCode::OK, b"{}".as_slice()));

    let get = |path: &str| Request::builder().uri(path).body(Body::empty()).unwrap();
    let (_, _, body) = world.http(get("/2015-03-31/functions")).await;
    let listed: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(listed["Functions"][0]["FunctionName"], "probe");
    let (_, _, body) = world.http(get("/2015-03-31/functions/probe")).await;
    let function: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(function["Configuration"]["MemorySize"], 512);
}

async fn check_error(world: &World, request: Request<Body>, status: u16, kind: &str) {
    let uri = request.uri().to_string();
    let (answered, headers, body) = world.http(request).await;
    assert_eq!(
        (answered.as_u16(), headers["x-amzn-errortype"].to_str().unwrap()),
        (status, kind),
        "{uri}"
    );
    assert!(serde_json::from_slice::<Value>(&body).unwrap()["message"].is_string());
}

#[tokio::test]
async fn requests_that_lambda_refuses_are_refused_in_its_words() {
    let world = World::with_probe(|_| {});
    let path = "/2015-03-31/functions/probe/invocations";
    let invoke = |payload: Vec<u8>| post(path).body(Body::from(payload)).unwrap();
    let kind = |kind: &str, payload: Vec<u8>| {
        post(path).header("x-amz-invocation-type", kind).body(Body::from(payload)).unwrap()
    };
    let plain = |method: &str, path: &str| {
        Request::builder().method(method).uri(path).body(Body::empty()).unwrap()
    };
    let large = |size: usize| format!("\"{}\"", "x".repeat(size - 2)).into_bytes();
    let content = "InvalidRequestContentException";
    check_error(&world, invoke(b"not json".to_vec()), 400, content).await;
    check_error(&world, invoke(large(6_291_457)), 413, "RequestTooLargeException").await;
    check_error(&world, kind("Event", large(1_048_577)), 413, "RequestTooLargeException").await;
    check_error(&world, kind("Soon", vec![]), 400, "InvalidParameterValueException").await;
    let odd = post(path).header("x-amz-client-context", "%").body(Body::empty()).unwrap();
    check_error(&world, odd, 400, content).await;
    let unknown = plain("POST", "/2015-03-31/functions/none/invocations");
    check_error(&world, unknown, 404, "ResourceNotFoundException").await;
    let version = plain("POST", "/2015-03-31/functions/probe/invocations?Qualifier=7");
    check_error(&world, version, 404, "ResourceNotFoundException").await;
    let other = plain("DELETE", "/2015-03-31/functions/probe");
    check_error(&world, other, 404, "UnknownOperationException").await;
    check_error(&world, plain("GET", "/elsewhere"), 404, "UnknownOperationException").await;
    assert_eq!(world.pids(), [0; 0], "none of it reached the function");

    let (status, _, body) = world.http(kind("DryRun", b"{}".to_vec())).await;
    assert_eq!((status, body.len()), (StatusCode::NO_CONTENT, 0));
    let (status, _, body) = world.http(invoke(large(6_291_456))).await;
    assert_eq!((status, body.is_empty()), (StatusCode::OK, false), "the limit itself is legal");
}

#[tokio::test]
async fn an_asynchronous_invocation_is_accepted_at_once_and_tried_three_times() {
    let world = World::with_probe(|_| {});
    let attempts = Arc::new(Mutex::new(Vec::new()));
    let seen = attempts.clone();
    world.lambda.on_invocation_start(move |start| {
        seen.lock().unwrap().push(start.request_id.to_owned());
    });
    let request = post("/2015-03-31/functions/probe/invocations")
        .header("x-amz-invocation-type", "Event")
        .body(Body::from(r#"{"do":"fail"}"#))
        .unwrap();
    let (status, headers, body) = world.http(request).await;
    assert_eq!((status, body.len()), (StatusCode::ACCEPTED, 0));
    assert!(!world.lambda.is_idle());
    for (attempt, wait) in [(1, 60), (2, 120)] {
        let due_ms = world.clock.now_ms() + wait * 1000;
        until("waiting", || world.lambda.next_due_ms() == Some(due_ms)).await;
        assert!(world.lambda.is_idle(), "it waits for time alone");
        assert_eq!(attempts.lock().unwrap().len(), attempt);
        world.clock.advance(Duration::from_secs(wait));
    }
    until("given up", || attempts.lock().unwrap().len() == 3 && world.lambda.is_idle()).await;
    assert_eq!(world.lambda.next_due_ms(), None);
    let id = headers["x-amzn-requestid"].to_str().unwrap();
    assert!(attempts.lock().unwrap().iter().all(|attempt| attempt == id), "one id for all");
}

#[tokio::test]
async fn a_function_url_reaches_its_function_and_hides_its_errors() {
    let world = World::with_probe(|_| {});
    let request = post("/v1/events?x=1").header("content-type", "application/json");
    let request = request.body(Body::from("{}")).unwrap();
    let (parts, body) = world.lambda.function_url("probe", None, request).await.into_parts();
    assert_eq!(parts.status, 200);
    let event: Value = serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap();
    assert_eq!((&event["rawPath"], &event["body"]), (&json!("/v1/events"), &json!("{}")));
    let context = &event["requestContext"];
    assert_eq!(
        (&context["accountId"], &context["routeKey"]),
        (&json!("anonymous"), &json!("$default"))
    );
    let domain = context["domainName"].as_str().unwrap().split_once('.').unwrap();
    assert_eq!(domain, (context["apiId"].as_str().unwrap(), "lambda-url.eu-west-1.on.aws"));
    assert_eq!(event.get("pathParameters"), None);

    let gone =
        world.lambda.function_url("none", None, post("/").body(Body::empty()).unwrap()).await;
    assert_eq!(gone.status(), 404);
    let killer = world.lambda.clone();
    world.lambda.on_invocation_start(move |_| assert!(killer.kill_one("probe")));
    let failed =
        world.lambda.function_url("probe", None, post("/").body(Body::empty()).unwrap()).await;
    assert_eq!(failed.status(), 502);
}
