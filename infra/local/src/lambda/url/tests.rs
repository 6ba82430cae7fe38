use http_body_util::BodyExt;

use super::*;

const NOW_MS: u64 = 1_584_039_838_000;

fn event_of(request: axum::http::request::Builder, body: &'static [u8]) -> Value {
    let (parts, ()) = request.body(()).unwrap().into_parts();
    event("ingest", "eu-west-1", NOW_MS, &parts, &Bytes::from_static(body))
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
    assert_eq!(event["routeKey"], "$default");
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
    let domain = context["domainName"].as_str().unwrap();
    assert_eq!(domain, format!("{}.lambda-url.eu-west-1.on.aws", url_id("ingest")));
    assert_eq!(url_id("ingest").len(), 32);
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
    let (parts, body) = response(Bytes::from(payload.to_owned())).into_parts();
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

#[tokio::test]
async fn a_malformed_answer_is_a_bad_gateway() {
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
        assert_eq!(answered(payload).await.0, 502, "{payload}");
    }
}
