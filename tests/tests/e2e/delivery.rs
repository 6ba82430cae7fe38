//! What comes in is written, and what comes in twice is written once.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use emulation::faults::{Fault, Plan};
use serde_json::Value;
use sluicegate_tests::{Flight, Settings, World, flights, gzip, has_weather, lines};

/// The last of 1 January's 842: those of the hours without weather and the cancelled are among them.
fn sample() -> Vec<Flight> {
    flights(242, 600)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flights_from_files_and_messages_are_in_the_table_with_their_weather() {
    let world = World::start().await;
    let sample = sample();
    let (files, messages) = sample.split_at(300);
    upload(&world, files).await;
    send(&world, messages).await;
    world.settle().await;

    world.assert_written_once(&sample);
    for queue in ["InboxDlq", "EnrichDlq", "SinkDlq", "LakeDlq"] {
        world.assert_letters(queue, &[]);
    }
    let (mut cancelled, mut degraded) = (0, 0);
    for (id, record) in world.records() {
        let payload = &record["payload"];
        let has_weather = has_weather(payload);
        let mark = if has_weather { &Value::Null } else { &Value::from("weather") };
        assert_eq!(&record["degraded"], mark, "{id}");
        assert_eq!(payload["weather"].is_object(), has_weather, "{id}: {payload}");
        assert!(payload.as_object().unwrap().contains_key("weather"), "{id}");
        degraded += u32::from(!has_weather);
        cancelled += u32::from(payload["dep_time"].is_null());
        assert_eq!(
            record["event_time"].as_str().unwrap()[..13],
            payload["time_hour"].as_str().unwrap()[..13]
        );
    }
    assert!(cancelled > 0 && degraded > 0, "{cancelled} cancelled, {degraded} degraded");
    assert_eq!(world.weather().calls(), 600, "one question a flight");
    assert_eq!(world.logs.sum("sink", "events.out"), 600);
    assert_eq!(world.logs.sum("lake", "events.out"), 600);
    world.end().await;
}

async fn upload(world: &World, flights: &[Flight]) {
    let s3 = aws_sdk_s3::Client::new(&world.sdk());
    for (number, flights) in flights.chunks(100).enumerate() {
        let body = ByteStream::from(gzip(&lines(flights)));
        let put = s3.put_object().bucket(world.output("LandingBucketName"));
        put.key(format!("flights/part-{number}.ndjson.gz")).body(body).send().await.unwrap();
    }
}

async fn send(world: &World, flights: &[Flight]) {
    let sqs = aws_sdk_sqs::Client::new(&world.sdk());
    let dataset = MessageAttributeValue::builder().data_type("String").string_value("flights");
    let dataset = dataset.build().unwrap();
    for flights in flights.chunks(10) {
        let entries = flights.iter().enumerate().map(|(index, flight)| {
            let entry = SendMessageBatchRequestEntry::builder().id(index.to_string());
            let entry = entry.message_attributes("dataset", dataset.clone());
            entry.message_body(&flight.line).build().unwrap()
        });
        let call = sqs.send_message_batch().queue_url(world.output("InboxUrl"));
        let sent = call.set_entries(Some(entries.collect())).send().await.unwrap();
        assert!(sent.failed.is_empty(), "{:?}", sent.failed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_delivered_twice_is_written_once_and_counted() {
    let world = World::start().await;
    let sample = flights(0, 200);
    let (files, messages) = sample.split_at(100);
    for key in ["flights/a.ndjson.gz", "flights/b.ndjson.gz"] {
        world.land(key, gzip(&lines(files)));
        world.send_flights(messages);
    }
    world.settle().await;

    world.assert_written_once(&sample);
    assert_eq!(world.logs.sum("ingest", "events.out"), 400);
    assert_eq!(world.logs.sum("sink", "events.out"), 200);
    assert_eq!(world.logs.sum("sink", "events.duplicate"), 200);
    assert_eq!(world.logs.sum("lake", "events.out"), 200);
    assert_eq!(world.logs.sum("lake", "events.duplicate"), 200);
    world.assert_letters("SinkDlq", &[]);
    world.assert_letters("LakeDlq", &[]);
    world.end().await;
}

/// An entry that an answer does not list is sent again: it may be there, and it may not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_that_answers_leave_out_are_neither_lost_nor_written_twice() {
    let faults = Plan::parse("seed: 7\nfaults: [{fault: unlisted, chance: 0.3}]").unwrap();
    let world = World::start_with(Settings { faults, ..Settings::default() }).await;
    let sample = flights(0, 200);
    let (files, messages) = sample.split_at(100);
    world.land("flights/a.ndjson.gz", gzip(&lines(files)));
    world.send_flights(messages);
    world.settle().await;
    let faults = world.after_the_storm().await;
    assert!(faults[&Fault::Unlisted] > 3, "{faults:?}");
    world.assert_written_once(&sample);
    world.end().await;
}
