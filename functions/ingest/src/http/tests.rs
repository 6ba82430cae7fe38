//! HTTP requests and their responses.

mod backlog;
mod keyed;
mod senders;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::from_str;
use testkit::{ManualClock, MemoryQueue};

use super::*;
use crate::memory::{
    DLQ, ENRICH, MemoryObjects, events, flight, flights_with, gzip, ingest, ingest_under,
    late_events,
};

fn request(method: &str, path: &str, body: &[u8], is_base64: bool) -> LambdaFunctionUrlRequest {
    let body = match is_base64 {
        true => STANDARD.encode(body),
        false => String::from_utf8(body.to_vec()).unwrap(),
    };
    let request = json!({
        "version": "2.0", "rawPath": path, "rawQueryString": "", "headers": {},
        "requestContext": {"requestId": "q1", "timeEpoch": 0, "http": {"method": method, "path": path}},
        "body": body, "isBase64Encoded": is_base64,
    });
    serde_json::from_value(request).unwrap()
}

struct Answered {
    status: i64,
    content_type: String,
    headers: ::http::HeaderMap,
    body: Value,
    queue: MemoryQueue,
    objects: MemoryObjects,
}

impl Answered {
    fn of(response: LambdaFunctionUrlResponse, queue: MemoryQueue, objects: MemoryObjects) -> Self {
        Self {
            status: response.status_code,
            content_type: response.headers["content-type"].to_str().unwrap().to_owned(),
            headers: response.headers.clone(),
            body: from_str(response.body.as_deref().unwrap()).unwrap(),
            queue,
            objects,
        }
    }
}

async fn ask_with(
    request: LambdaFunctionUrlRequest,
    objects: MemoryObjects,
    queue: MemoryQueue,
) -> Answered {
    let deadline = ManualClock::default().deadline_in(Duration::from_secs(30));
    let response = answer(&ingest(&objects, &queue), request, &deadline).await;
    assert!(!response.is_base64_encoded);
    Answered::of(response, queue, objects)
}

async fn ask(request: LambdaFunctionUrlRequest) -> Answered {
    ask_with(request, MemoryObjects::default(), MemoryQueue::default()).await
}

async fn post(body: &[u8]) -> Answered {
    ask(request("POST", "/flights", body, false)).await
}

/// Checks that a whole request is refused with problem details, and that nothing is archived or sent.
async fn check_problem(
    request: LambdaFunctionUrlRequest,
    status: i64,
    code: Code,
) -> ::http::HeaderMap {
    let answered = ask(request).await;
    assert_eq!(answered.status, status, "{}", answered.body);
    assert_eq!(answered.content_type, "application/problem+json");
    assert_eq!(answered.body["type"], format!("urn:sluicegate:{code}"));
    assert_eq!(answered.body["status"], status);
    assert!(answered.body["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    assert!(answered.queue.calls_to(ENRICH).is_empty() && answered.objects.archived().is_empty());
    answered.headers
}

#[tokio::test]
async fn each_event_of_a_request_has_its_result() {
    let wrong = flight(2).replace("\"flight\":2", "\"flight\":\"two\"");
    for body in [
        [flight(1), wrong.clone(), flight(3)].join("\n"),
        format!("[{}, {wrong}, {}]", flight(1), flight(3)),
    ] {
        let answered = post(body.as_bytes()).await;
        assert_eq!((answered.status, answered.content_type.as_str()), (207, "application/json"));
        let refused = json!({"index": 1, "status": "refused", "code": "contract.violation",
            "at": "/flight", "reason": answered.body["results"][1]["reason"], "retry": false});
        let results = json!([
            {"index": 0, "status": "accepted", "id": "q1:0"}, refused,
            {"index": 2, "status": "accepted", "id": "q1:2"},
        ]);
        assert_eq!(answered.body["results"], results);
        let ids: Vec<_> = events(&answered.queue).into_iter().map(|event| event.id).collect();
        assert_eq!(ids, ["q1:0", "q1:2"]);
        assert_eq!(events(&answered.queue)[0].source, "/flights");
        assert_eq!(answered.objects.archived().len(), 1);
        assert!(answered.queue.calls_to(DLQ).is_empty(), "its producer has been told");
    }
}

#[tokio::test]
async fn a_diverted_event_is_accepted_and_a_rejected_one_refused() {
    for (beyond, status, diverted) in [("divert", 202, 1), ("reject", 422, 0)] {
        let rules = format!("time: {{lateness: {{allowed_s: 60, beyond: {beyond}}}}}");
        let (objects, queue) = (MemoryObjects::default(), MemoryQueue::default());
        let stage = ingest_under(flights_with(&rules), &objects, &queue);
        let deadline = ManualClock::default().deadline_in(Duration::from_secs(30));
        let request = request("POST", "/flights", flight(1).as_bytes(), false);
        let response = answer(&stage, request, &deadline).await;
        assert_eq!(response.status_code, status);
        assert_eq!((late_events(&queue).len(), events(&queue).len()), (diverted, 0));
        let body = response.body.unwrap();
        assert_eq!(body.contains("\"code\":\"time.late\""), status == 422, "{body}");
    }
}

/// Lambda's limit for a response is 6 MB.
#[tokio::test]
async fn an_answer_has_room_for_a_result_of_each_event_whatever_is_wrong_with_it() {
    let name = "\\u0001".repeat(1_000);
    let event = format!("{{\"{name}\":1e400}}");
    let answered = post(format!("[{}]", vec![event; 1_000].join(",")).as_bytes()).await;
    assert_eq!(answered.body["results"].as_array().unwrap().len(), 1_000);
    let bytes = answered.body.to_string().len();
    assert!(bytes < 6 * 1024 * 1024, "{bytes} bytes");
}

#[tokio::test]
async fn a_body_in_base64_is_its_bytes() {
    let answered = ask(request("POST", "/flights/", flight(1).as_bytes(), true)).await;
    assert_eq!(answered.status, 202);
    assert_eq!(events(&answered.queue)[0].data.get(), flight(1));
    let bytes = [flight(1).as_bytes(), b"\n{\"caf\xe9\":1}"].concat();
    let answered = ask(request("POST", "/flights", &bytes, true)).await;
    assert_eq!(answered.body["results"][1]["code"], "decode.utf8");
    let mut broken = request("POST", "/flights", b"", true);
    broken.body = Some("%%%".to_owned());
    check_problem(broken, 400, Code::DecodeFormat).await;
}

/// The bytes of a client are in Base64, and Lambda takes 6 MB for all of the request.
#[tokio::test]
async fn an_event_as_large_as_one_may_be_fits_into_a_request_and_a_larger_one_is_refused() {
    let room = event::MAX_PAYLOAD_BYTES - flight(1).len();
    for (bytes, status) in [(room, 202), (room + 1, 422)] {
        let large = flight(1).replace("IAH", &format!("IAH{}", "x".repeat(bytes)));
        let request = request("POST", "/flights", large.as_bytes(), true);
        assert!(serde_json::to_vec(&request).unwrap().len() < 6_000_000);
        let answered = ask(request).await;
        assert_eq!(answered.status, status, "{}", answered.body);
        let sent = answered.queue.sent_to(ENRICH);
        assert_eq!(sent.len(), usize::from(status == 202));
        if let Some(sent) = sent.first() {
            let claim = event::ClaimCheck::read(&sent.attributes, &sent.body).unwrap();
            let whole = &answered.objects.claims.objects()[&claim.key];
            assert!(whole.contains(&large), "other bytes");
        } else {
            assert_eq!(answered.body["code"], "size.exceeded");
        }
    }
}

#[tokio::test]
async fn a_trace_goes_on() {
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let mut traced = request("POST", "/flights", flight(1).as_bytes(), false);
    traced.headers.insert("traceparent", trace.parse().unwrap());
    assert_eq!(events(&ask(traced).await.queue)[0].traceparent, trace);
}

#[tokio::test]
async fn a_request_that_cannot_be_taken_says_why() {
    let body = flight(1);
    let body = body.as_bytes();
    let headers =
        check_problem(request("GET", "/flights", body, false), 405, Code::DecodeFormat).await;
    assert_eq!(headers["allow"], "POST");
    check_problem(request("POST", "/orders", body, false), 404, Code::UnknownDataset).await;
    check_problem(request("POST", "/", body, false), 404, Code::UnknownDataset).await;
    check_problem(request("POST", "/flights", b"", false), 400, Code::InputEmpty).await;
    check_problem(request("POST", "/flights", b"[1,", false), 400, Code::DecodeJson).await;
    let many = "{}\n".repeat(1_001);
    let many = request("POST", "/flights", many.as_bytes(), false);
    check_problem(many, 413, Code::SizeExceeded).await;
}

/// Files of contracts that cannot be read.
#[derive(Debug)]
struct NoFiles;

impl contracts::ContractFiles for NoFiles {
    fn read(&self, _: &str) -> Result<contracts::ContractTexts, String> {
        Err("no file".to_owned())
    }
}

#[tokio::test]
async fn a_dataset_whose_contract_cannot_be_used_is_asked_for_again_later() {
    let mut contracts = testkit::contracts();
    contracts.add_later("orders", std::sync::Arc::new(NoFiles));
    let (objects, queue) = (MemoryObjects::default(), MemoryQueue::default());
    let deadline = ManualClock::default().deadline_in(Duration::from_secs(30));
    let ingest = ingest_under(contracts, &objects, &queue);
    let response = answer(&ingest, request("POST", "/orders", b"{}", false), &deadline).await;
    let problem: Value = from_str(response.body.as_deref().unwrap()).unwrap();
    assert_eq!(
        (response.status_code, &problem["type"]),
        (503, &json!("urn:sluicegate:contract.broken"))
    );
    let body = flight(1).into_bytes();
    let response = answer(&ingest, request("POST", "/flights", &body, false), &deadline).await;
    assert_eq!(response.status_code, 202);
}

#[tokio::test]
async fn a_request_without_one_good_event_is_unprocessable() {
    let answered = post(b"{\"a\":1}\n{").await;
    assert_eq!(
        (answered.status, answered.content_type.as_str()),
        (422, "application/problem+json")
    );
    assert_eq!(answered.body["type"], "urn:sluicegate:key.missing");
    assert_eq!(answered.body["title"], "An event does not fit its contract");
    assert_eq!(
        (&answered.body["status"], &answered.body["code"]),
        (&422.into(), &"key.missing".into())
    );
    assert_eq!(answered.body["results"][0]["code"], "key.missing");
    assert_eq!(answered.body["results"][0]["at"], "/carrier");
    assert_eq!(answered.body["results"][1]["code"], "decode.json");
    assert!(answered.objects.archived().is_empty(), "an empty batch was archived");
}

#[tokio::test]
async fn what_may_succeed_later_is_unavailable_and_says_so() {
    let objects = MemoryObjects::default();
    objects.lose_archive();
    let one = request("POST", "/flights", flight(1).as_bytes(), false);
    let answered = ask_with(one.clone(), objects, MemoryQueue::default()).await;
    assert_eq!((answered.status, &answered.headers["retry-after"]), (503, &"5".parse().unwrap()));
    assert_eq!(answered.body["results"][0]["retry"], true);
    assert!(answered.queue.calls_to(ENRICH).is_empty(), "sent what is not archived");

    let queue = MemoryQueue::default();
    queue.refuse(|_, _| Some(Failure::throttled(None, "slow down")));
    let answered = ask_with(one, MemoryObjects::default(), queue).await;
    assert_eq!(answered.status, 503);
    assert_eq!(answered.body["results"][0]["status"], "failed");
    assert_eq!(answered.body["results"][0]["code"], "dependency.throttled");
}

/// If the queue refuses a message permanently, the response must not invite another try.
#[tokio::test]
async fn what_will_fail_again_is_never_unavailable() {
    let queue = MemoryQueue::default();
    queue.refuse(|_, message| {
        let refused = message.body.contains("\"flight\":2");
        refused.then(|| Failure::permanent(Code::DependencyRefused, "InvalidMessageContents"))
    });
    let one = request("POST", "/flights", flight(2).as_bytes(), false);
    let answered = ask_with(one, MemoryObjects::default(), queue.clone()).await;
    assert_eq!(answered.status, 422);
    assert_eq!(answered.body["results"][0]["status"], "refused");
    assert_eq!(answered.body["results"][0]["retry"], false);
    let body = format!("[{},{}]", flight(1), flight(2));
    let two = request("POST", "/flights", body.as_bytes(), false);
    assert_eq!(ask_with(two, MemoryObjects::default(), queue).await.status, 207);
}

fn coded(coding: &'static str, body: &[u8]) -> LambdaFunctionUrlRequest {
    let mut request = request("POST", "/flights", body, true);
    request.headers.insert("content-encoding", coding.parse().unwrap());
    request
}

#[tokio::test]
async fn a_body_in_gzip_is_decoded_and_another_coding_is_refused_with_what_is_taken() {
    let zipped = gzip(format!("{}\n{}", flight(1), flight(2)).as_bytes());
    for coding in ["gzip", "GZIP", "x-gzip", "identity, gzip"] {
        let answered = ask(coded(coding, &zipped)).await;
        assert_eq!(answered.status, 202, "{coding}: {}", answered.body);
        assert_eq!(events(&answered.queue)[1].data.get(), flight(2));
    }
    // A body may have two gzip members (RFC 1952, section 2.2).
    let members =
        [gzip(flight(1).as_bytes()), gzip(format!("\n{}", flight(2)).as_bytes())].concat();
    assert_eq!(events(&ask(coded("gzip", &members)).await.queue).len(), 2);
    assert_eq!(ask(coded("identity", flight(1).as_bytes())).await.status, 202);
    for coding in ["br", "deflate", "gzip, gzip", "gzip, br"] {
        let headers = check_problem(coded(coding, &zipped), 415, Code::DecodeFormat).await;
        assert_eq!(headers["accept-encoding"], "gzip", "{coding}");
    }
    check_problem(coded("gzip", flight(1).as_bytes()), 400, Code::DecodeGzip).await;
    check_problem(coded("gzip", &zipped[..zipped.len() - 9]), 400, Code::DecodeGzip).await;
}

#[tokio::test]
async fn a_body_is_decoded_up_to_its_bound() {
    // A body of exactly the limit is read.
    let padded = format!("{}{}", flight(1), " ".repeat(6 * 1024 * 1024 - flight(1).len()));
    assert_eq!(ask(coded("gzip", &gzip(padded.as_bytes()))).await.status, 202);
    let beyond = gzip(format!("{padded} ").as_bytes());
    check_problem(coded("gzip", &beyond), 413, Code::SizeExceeded).await;
}

#[tokio::test]
async fn a_byte_order_mark_is_skipped() {
    for body in [format!("\u{feff}[{}]", flight(1)), format!("\u{feff}{}", flight(1))] {
        assert_eq!(post(body.as_bytes()).await.status, 202, "{body}");
        let answered = ask(coded("gzip", &gzip(body.as_bytes()))).await;
        assert_eq!(events(&answered.queue)[0].data.get(), flight(1));
    }
}

fn count(body: &[u8]) -> Result<usize, Code> {
    split(body).map(|events| events.len()).map_err(|problem| problem.failure.code)
}

#[test]
fn a_body_is_one_event_an_array_or_lines() {
    assert_eq!(count(b"{\"a\":\n1}"), Ok(1));
    assert_eq!(count(b"[{\"a\":1}, 2]"), Ok(2));
    assert_eq!(count(b"{\"a\":1}\n\n{\"a\":2}\r\n{"), Ok(3));
    assert_eq!(count(b" \n"), Err(Code::InputEmpty));
    assert_eq!(count(b"[1,"), Err(Code::DecodeJson));
    assert_eq!(count(&b"1\n".repeat(1_001)), Err(Code::SizeExceeded));
}

/// RFC 8259, section 8.1, lets a reader skip a byte order mark, before an array as before an object.
#[tokio::test]
async fn a_byte_order_mark_before_an_array_is_skipped() {
    let array = format!("\u{feff}[{},{}]", flight(1), flight(2));
    let answered = ask_with(
        request("POST", "/flights", array.as_bytes(), true),
        MemoryObjects::default(),
        MemoryQueue::default(),
    )
    .await;
    assert_eq!((answered.status, events(&answered.queue).len()), (202, 2), "{}", answered.body);
}

/// A character that JSON allows and SQS does not must not look like an outage.
#[tokio::test]
async fn a_character_that_sqs_refuses_is_accepted() {
    let flight = flight(1).replace("UA", "\u{fffe}\u{ffff}");
    let answered = ask_with(
        request("POST", "/flights", flight.as_bytes(), false),
        MemoryObjects::default(),
        MemoryQueue::default(),
    )
    .await;
    assert_eq!(answered.status, 202, "{}", answered.body);
    let event = &events(&answered.queue)[0];
    assert_eq!(
        event.data.get(),
        flight.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff")
    );
}

/// The sink of Debezium Server posts one message in a request, or an array of them.
#[tokio::test]
async fn changes_are_accepted_and_what_tells_of_no_row_is_ignored() {
    let (objects, queue): (MemoryObjects, MemoryQueue) = Default::default();
    let deadline = ManualClock::default().deadline_in(Duration::from_secs(30));
    let change = r#"{"after":{"id":1},"source":{"lsn":7,"ts_ms":1},"op":"r"}"#;
    for (body, status, expected) in [
        (change.to_owned(), 202, vec!["accepted"]),
        (format!("[{change},null]"), 202, vec!["accepted", "ignored"]),
        (r#"{"ts_ms":1486500577125}"#.to_owned(), 202, vec!["ignored"]),
        (format!("[{},null]", change.replace("\"r\"", "\"x\"")), 207, vec!["refused", "ignored"]),
    ] {
        let stage = ingest_under(crate::memory::tables_contracts(), &objects, &queue);
        let asked = request("POST", "/customers", body.as_bytes(), false);
        let response = answer(&stage, asked, &deadline).await;
        assert_eq!(response.status_code, status, "{body}");
        let shown: Value = from_str(response.body.as_deref().unwrap()).unwrap();
        let results = shown["results"].as_array().unwrap();
        let found: Vec<_> = results.iter().map(|it| it["status"].as_str().unwrap()).collect();
        assert_eq!(found, expected, "{body}");
    }
    let event = &events(&queue)[0];
    assert_eq!((event.operation.as_deref(), event.id.as_str()), (Some("snapshot"), "q1:0"));
}
