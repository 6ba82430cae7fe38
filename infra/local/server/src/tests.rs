use axum::http::request::Parts;
use axum::http::{Method, Request};

use super::calls::Calls;
use super::route::{Destination, Route};

fn parts(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.uri(uri).body(()).unwrap().into_parts().0
}

fn signed(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=sink/20130101/eu-west-1/{service}/aws4_request, \
         SignedHeaders=host, Signature=ab"
    )
}

#[track_caller]
fn check(method: &str, uri: &str, headers: &[(&str, &str)], expected: (&str, &str, &str)) {
    let route = Route::of(&parts(method, uri, headers));
    let found = (route.caller.as_str(), route.destination.service(), route.operation.as_str());
    assert_eq!(found, expected, "{method} {uri}");
}

#[test]
fn a_signature_names_the_caller_and_the_service() {
    let target = ("x-amz-target", "AmazonSQS.SendMessage");
    let sqs = signed("sqs");
    check("POST", "/", &[("authorization", &sqs), target], ("sink", "sqs", "SendMessage"));
    let dynamodb = signed("dynamodb");
    let target = ("x-amz-target", "DynamoDB_20120810.TransactWriteItems");
    check(
        "POST",
        "/",
        &[("authorization", &dynamodb), target],
        ("sink", "dynamodb", "TransactWriteItems"),
    );
    let secrets = signed("secretsmanager");
    let target = ("x-amz-target", "secretsmanager.GetSecretValue");
    let expected = ("sink", "secretsmanager", "GetSecretValue");
    check("POST", "/", &[("authorization", &secrets), target], expected);
    check("POST", "/", &[target], ("", "secretsmanager", "GetSecretValue"));
    let lambda = signed("lambda");
    let path = "/2015-03-31/functions/redrive/invocations";
    check("POST", path, &[("authorization", &lambda)], ("sink", "lambda", "Invoke"));
    let s3 = signed("s3");
    // A bucket may be named like another's path.
    check("PUT", "/function-urls/a", &[("authorization", &s3)], ("sink", "s3", "PutObject"));
}

#[test]
fn without_a_signature_the_target_or_the_path_tells_and_s3_takes_the_rest() {
    check("POST", "/", &[("x-amz-target", "AmazonSQS.ListQueues")], ("", "sqs", "ListQueues"));
    let target = ("x-amz-target", "DynamoDB_20120810.GetItem");
    check("POST", "/", &[target], ("", "dynamodb", "GetItem"));
    check("GET", "/2015-03-31/functions/", &[], ("", "lambda", "ListFunctions"));
    check("GET", "/bucket/key", &[], ("", "s3", "GetObject"));
    let presigned = "/b/k?X-Amz-Credential=me%2F20130101%2Feu-west-1%2Fs3%2Faws4_request";
    check("GET", presigned, &[], ("me", "s3", "GetObject"));
}

#[test]
fn a_function_url_keeps_the_path_below_it_and_the_query() {
    let lambda = signed("lambda");
    let request = parts("POST", "/function-urls/ingest/flights?a=1", &[("authorization", &lambda)]);
    let expected =
        Destination::FunctionUrl { function: "ingest".to_owned(), path: "/flights?a=1".to_owned() };
    assert_eq!(Route::of(&request).destination, expected);
    let root = parts("POST", "/function-urls/ingest", &[]);
    let expected = Destination::FunctionUrl { function: "ingest".to_owned(), path: "/".to_owned() };
    assert_eq!(Route::of(&root).destination, expected);
}

#[test]
fn s3_operations_go_by_method_path_and_query() {
    let check = |method, uri, operation| check(method, uri, &[], ("", "s3", operation));
    check("GET", "/", "ListBuckets");
    check("PUT", "/b", "CreateBucket");
    check("GET", "/b/?list-type=2&prefix=a", "ListObjectsV2");
    check("GET", "/b?location", "GetBucketLocation");
    check("POST", "/b?delete", "DeleteObjects");
    check("PUT", "/b/k?x-id=PutObject", "PutObject");
    check("PUT", "/b/k/l?partNumber=1&uploadId=a", "UploadPart");
    check("POST", "/b/k?uploads", "CreateMultipartUpload");
    check("POST", "/b/k?uploadId=a", "CompleteMultipartUpload");
    check("HEAD", "/b/k", "HeadObject");
    check("DELETE", "/b/k", "DeleteObject");
    check("PATCH", "/b/k", "Unknown");
}

#[test]
fn what_callers_invent_is_counted_as_unknown_and_bounded() {
    let long = format!("AmazonSQS.{}", "A".repeat(1_000));
    check("POST", "/", &[("x-amz-target", &long)], ("", "sqs", "Unknown"));
    check("POST", "/", &[("x-amz-target", "AmazonSQS.<b>")], ("", "sqs", "Unknown"));
    let long = format!("Credential={}/1/r/sqs/aws4_request", "k".repeat(1_000));
    check("POST", "/", &[("authorization", &long)], ("", "sqs", "Unknown"));
    check("POST", "/", &[("authorization", "Credential=///,/")], ("", "s3", "Unknown"));

    let calls = Calls::default();
    for caller in 0..10_000 {
        calls.count(&caller.to_string(), "sqs", "SendMessage");
        calls.count("0", "sqs", "SendMessage");
    }
    let counted = calls.snapshot();
    assert_eq!(counted.len(), 4_096);
    let first = counted.iter().find(|(call, _)| call.caller == "0").unwrap();
    assert_eq!(*first.1, 10_001, "what is known is counted on");
}

#[test]
fn an_http_api_keeps_the_path_below_it_and_the_query() {
    let request = parts("GET", "/http-apis/ServerlessHttpApi/flights/7?a=1", &[]);
    let route = Route::of(&request);
    let expected = Destination::HttpApi {
        api: "ServerlessHttpApi".to_owned(),
        path: "/flights/7?a=1".to_owned(),
    };
    assert_eq!(route.destination, expected);
    check("GET", "/http-apis/Api/", &[], ("", "execute-api", "Invoke"));
    check("GET", "/http-apis", &[], ("", "s3", "ListObjects"));
}
