//! Ingest invoked without a queue, as S3, SNS and EventBridge invoke it.

use event::Code;
use http::Method;
use serde_json::{Value, json};
use sluicegate_tests::{SIGNED, World, ask, flights, gzip, lines, post};

async fn invoke(world: &World, event: &Value) -> Value {
    let (endpoint, name) = (world.emulation().endpoint(), world.name("IngestFunction"));
    let url = format!("{endpoint}/2015-03-31/functions/{name}/invocations");
    let (status, _, answer) = post(&url, event.to_string()).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ingest_is_invoked_with_is_written_or_a_dead_letter_or_an_error() {
    let world = World::start().await;
    let sample = flights(0, 12);
    let done = json!({"handed_over": 1, "ignored": 0});

    let bus = json!({"detail-type": "flights", "source": "x", "detail": sample[10].value});
    assert_eq!(invoke(&world, &bus).await, done);
    let notification = json!({"Message": sample[11].line,
        "MessageAttributes": {"dataset": {"Type": "String", "Value": "flights"}}});
    let topic = json!({"Records": [{"EventSource": "aws:sns", "Sns": notification}]});
    assert_eq!(invoke(&world, &topic).await, done);
    // S3 announces the object to the inbox as well, which changes nothing.
    world.land("flights/a b.ndjson.gz", gzip(&lines(&sample[..10])));
    let object = json!({"key": "flights/a+b.ndjson.gz", "size": 9});
    let bucket = json!({"name": world.output("LandingBucketName")});
    let mut record = json!({"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": {"bucket": bucket, "object": object}});
    assert_eq!(invoke(&world, &json!({"Records": [record]})).await, done);
    record["eventName"] = json!("ObjectRemoved:Delete");
    let nothing = json!({"handed_over": 0, "ignored": 1});
    assert_eq!(invoke(&world, &json!({"Records": [record]})).await, nothing);

    let unknown = invoke(&world, &json!({"orders": [1, 2]})).await;
    assert_eq!(unknown["errorType"], "Ingest.contract.unknown-dataset", "{unknown}");
    let nobodys = json!({"detail-type": "tides", "source": "x", "detail": {}});
    assert_eq!(invoke(&world, &nobodys).await, done);
    world.settle().await;
    world.assert_written_once(&sample);
    world.assert_letters("InboxDlq", &[(Code::UnknownDataset, "tides")]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_request_is_answered_again_and_files_in_json_are_written() {
    let world = World::start().await;
    let sample = flights(0, 12);
    let url = format!("{}/flights", world.output("IngestUrl").trim_end_matches('/'));
    let keyed = [("content-type", "application/json"), SIGNED, ("idempotency-key", "\"day 1\"")];
    let (status, _, refused) = ask(Method::POST, &url, &keyed, sample[0].line.clone()).await;
    assert_eq!((status, &refused["code"]), (400, &json!("decode.format")), "{refused}");
    let keyed = [("content-type", "application/json"), SIGNED, ("idempotency-key", "\"day-1\"")];
    let (status, _, first) = ask(Method::POST, &url, &keyed, sample[0].line.clone()).await;
    assert_eq!(status, 202, "{first}");
    let (status, headers, again) = ask(Method::POST, &url, &keyed, sample[0].line.clone()).await;
    assert_eq!((status, &again), (202, &first));
    assert_eq!(headers["content-type"], "application/json");
    let (status, headers, other) = ask(Method::POST, &url, &keyed, sample[1].line.clone()).await;
    assert_eq!((status, &other["code"]), (422, &json!("request.key-reused")), "{other}");
    assert_eq!(headers["content-type"], "application/problem+json");

    let texts = |range: std::ops::Range<usize>| -> Vec<&str> {
        sample[range].iter().map(|flight| flight.line.as_str()).collect()
    };
    world.land("flights/documents.json", texts(1..6).concat().into_bytes());
    world.land("flights/array.json.gz", gzip(format!("[{}]", texts(6..12).join(",")).as_bytes()));
    world.settle().await;
    world.assert_written_once(&sample);
    world.assert_letters("InboxDlq", &[]);
    world.end().await;
}
