//! Payload format 2.0, both ways.

use std::collections::BTreeMap;

use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, Request};
use bytes::Bytes;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::event::{HttpEndpoint, event};
use super::identity::Identity;
use super::response::response;
use super::url::url_id;

const NOW_MS: u64 = 1_584_039_838_000;

fn event_of(request: axum::http::request::Builder, body: &'static [u8]) -> Value {
    event_by(None, request, body)
}

fn event_by(
    identity: Option<&Identity>,
    request: axum::http::request::Builder,
    body: &'static [u8],
) -> Value {
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let endpoint = HttpEndpoint {
        account: "123456789012",
        id: "api",
        domain: "api.execute-api.eu-west-1.amazonaws.com",
        route_key: "POST /v1/{rest+}",
        path_parameters: BTreeMap::from([("rest".to_owned(), "events/orders".to_owned())]),
        identity,
    };
    event(&endpoint, NOW_MS, &parts, &Bytes::from_static(body))
}

#[test]
fn a_request_becomes_an_event_of_format_two() {
    let request = Request::builder()
        .method("POST")
        .uri("/v1/events/orders?a=1&b=x%20y+z&a=2&flag")
        .header("Content-Type", "application/json; charset=utf-8")
        .header("X-Trace", "one")
        .header("X-Trace", "two")
        .header("User-Agent", "curl/8")
        .header("Cookie", "s=1; t=2");
    let event = event_of(request, b"{\"n\":1}");
    assert_eq!(event["version"], "2.0");
    assert_eq!(event["routeKey"], "POST /v1/{rest+}");
    assert_eq!(event["pathParameters"], json!({ "rest": "events/orders" }));
    assert_eq!(event["rawPath"], "/v1/events/orders");
    assert_eq!(event["rawQueryString"], "a=1&b=x%20y+z&a=2&flag");
    assert_eq!(event["queryStringParameters"], json!({ "a": "1,2", "b": "x y z", "flag": "" }));
    assert_eq!(event["headers"]["x-trace"], "one,two");
    assert_eq!(event["headers"].get("cookie"), None);
    assert_eq!(event["cookies"], json!(["s=1", "t=2"]));
    assert_eq!(event["body"], "{\"n\":1}");
    assert_eq!(event["isBase64Encoded"], false);
    let context = &event["requestContext"];
    assert_eq!(context["http"]["method"], "POST");
    assert_eq!(context["http"]["path"], "/v1/events/orders");
    assert_eq!(context["http"]["userAgent"], "curl/8");
    assert_eq!(context["time"], "12/Mar/2020:19:03:58 +0000");
    assert_eq!(context["timeEpoch"], NOW_MS);
    assert_eq!(context["accountId"], "123456789012");
    assert_eq!((&context["apiId"], &context["domainPrefix"]), (&json!("api"), &json!("api")));
    assert_eq!(context["domainName"], "api.execute-api.eu-west-1.amazonaws.com");
    assert_eq!((&context["routeKey"], &context["stage"]), (&event["routeKey"], &json!("$default")));
}

/// As the payload in AWS's guide has it.
#[test]
fn a_function_is_told_who_signed_and_of_nobody_who_did_not() {
    let identity = Identity {
        access_key: "AKIA1".to_owned(),
        account: "111122223333".to_owned(),
        caller_id: "AIDA1".to_owned(),
        user_arn: "arn:aws:iam::111122223333:user/example-user".to_owned(),
    };
    let event = event_by(Some(&identity), Request::builder().uri("/"), b"");
    let iam = json!({
        "accessKey": "AKIA1",
        "accountId": "111122223333",
        "callerId": "AIDA1",
        "cognitoIdentity": null,
        "principalOrgId": null,
        "userArn": "arn:aws:iam::111122223333:user/example-user",
        "userId": "AIDA1",
    });
    assert_eq!(event["requestContext"]["authorizer"], json!({ "iam": iam }));
    let event = event_of(Request::builder().uri("/"), b"");
    assert_eq!(event["requestContext"].get("authorizer"), None);
}

#[test]
fn a_url_has_an_id_of_the_length_that_lambdas_have() {
    assert_eq!((url_id("ingest").len(), url_id("ingest")), (32, url_id("ingest")));
    assert_ne!(url_id("ingest"), url_id("sink"));
}

#[track_caller]
fn check_body(kind: Option<&str>, body: &'static [u8], expected: Option<&str>, encoded: bool) {
    let mut request = Request::builder().method("POST").uri("/");
    if let Some(kind) = kind {
        request = request.header("content-type", kind);
    }
    let event = event_of(request, body);
    assert_eq!(event.get("body").and_then(Value::as_str), expected, "{kind:?}");
    assert_eq!(event["isBase64Encoded"], encoded, "{kind:?}");
}

#[test]
fn a_body_that_is_not_text_is_encoded() {
    check_body(Some("text/csv"), b"a,b", Some("a,b"), false);
    check_body(Some("application/cloudevents+json"), b"{}", Some("{}"), false);
    check_body(Some("APPLICATION/JSON"), b"{}", Some("{}"), false);
    check_body(Some("application/octet-stream"), b"ab", Some("YWI="), true);
    check_body(Some("application/json"), b"\xff", Some("/w=="), true);
    check_body(None, b"ab", Some("YWI="), true);
    check_body(Some("application/octet-stream"), b"", None, false);
}

async fn answered(payload: &str) -> (u16, HeaderMap, String) {
    let (parts, body) = response(Bytes::from(payload.to_owned())).unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status.as_u16(), parts.headers, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn an_answer_with_a_status_is_a_whole_response() {
    let (status, headers, body) = answered(
        r#"{"statusCode":202,"headers":{"X-Id":"7","X-Count":3,"Content-Length":"99"},
            "cookies":["a=1","b=2"],"body":"YWI=","isBase64Encoded":true}"#,
    )
    .await;
    assert_eq!((status, body.as_str()), (202, "ab"));
    assert_eq!(headers["x-id"], "7");
    assert_eq!(headers["x-count"], "3");
    assert_eq!(headers["content-type"], "application/json");
    assert!(!headers.contains_key("content-length"));
    assert_eq!(headers.get_all(SET_COOKIE).iter().count(), 2);
}

#[tokio::test]
async fn any_other_answer_is_the_body_of_a_200() {
    for (payload, expected) in
        [(r#"{"ok":true}"#, r#"{"ok":true}"#), (r#""text""#, "text"), ("[1]", "[1]")]
    {
        let (status, headers, body) = answered(payload).await;
        assert_eq!((status, body.as_str()), (200, expected));
        assert_eq!(headers["content-type"], "application/json");
    }
}

#[test]
fn a_malformed_answer_is_none() {
    for payload in [
        "not json",
        r#"{"statusCode":"200"}"#,
        r#"{"statusCode":99}"#,
        r#"{"statusCode":100}"#,
        r#"{"statusCode":200,"body":{"a":1}}"#,
        r#"{"statusCode":200,"body":"%","isBase64Encoded":true}"#,
        r#"{"statusCode":200,"headers":{"bad name":"x"}}"#,
        r#"{"statusCode":200,"headers":{"x":"a\nb"}}"#,
    ] {
        assert!(response(Bytes::from(payload)).is_none(), "{payload}");
    }
}
