//! Events whose time is too far from when they are taken in, by what their contract says.

use std::time::Duration;

use aws_sdk_sqs::types::MessageSystemAttributeName;
use event::{Code, Timestamp};
use serde_json::{Value, json};
use sluicegate_tests::{Settings, World};

fn reading(id: &str, at: &str) -> String {
    json!({ "id": id, "at": at, "revision": 7, "region": "eu" }).to_string()
}

/// A row without what says when it was written.
fn lasting(mut row: Value) -> Value {
    let attributes = row.as_object_mut().unwrap();
    for name in ["written_at", "ingest_time"] {
        assert!(attributes.remove(name).is_some(), "{name}");
    }
    row
}

/// Sends all messages of the late queue to the enrich queue, as docs/late-events.md says.
async fn send_on(world: &World) -> usize {
    let sqs = aws_sdk_sqs::Client::new(&world.sdk());
    let url = async |queue: &str| {
        let found = sqs.get_queue_url().queue_name(world.name(queue)).send().await.unwrap();
        found.queue_url.unwrap()
    };
    let (late, enrich) = (url("LateQueue").await, url("EnrichQueue").await);
    let mut moved = 0;
    loop {
        let receive = sqs.receive_message().queue_url(&late).message_attribute_names("All");
        let received = receive
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .max_number_of_messages(10)
            .send()
            .await
            .unwrap();
        let messages = received.messages.unwrap_or_default();
        if messages.is_empty() {
            return moved;
        }
        for message in messages {
            let send = sqs.send_message().queue_url(&enrich).set_message_body(message.body);
            send.set_message_attributes(message.message_attributes).send().await.unwrap();
            let delete = sqs.delete_message().queue_url(&late);
            delete.set_receipt_handle(message.receipt_handle).send().await.unwrap();
            moved += 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_events_wait_in_their_queue_and_are_processed_as_others_once_they_are_sent_on() {
    let world = World::start_with(Settings { datasets: &["late"], ..Settings::default() }).await;
    let now = Timestamp::from_unix_ms(i64::try_from(world.emulation().now_ms()).unwrap());
    let two_hours_ago = now.minus(Duration::from_secs(2 * 3_600)).to_string();
    let next_year = now.plus(Duration::from_secs(366 * 24 * 3_600)).to_string();
    world.send("Inbox", &reading("on-time", &now.to_string()), &[("dataset", "late")]);
    let lines = [reading("late-1", &two_hours_ago), reading("late-2", &two_hours_ago)].join("\n");
    world.land("late/readings.ndjson", lines);
    world.send("Inbox", &reading("early", &next_year), &[("dataset", "late")]);
    world.settle().await;

    let ids = || {
        let rows = world.rows();
        let mut ids: Vec<String> =
            rows.iter().map(|row| row["payload"]["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(), ["on-time"]);
    world.assert_letters("InboxDlq", &[(Code::TimeEarly, "at most 60 s after")]);
    let waiting = world.emulation().sqs().peek(world.name("LateQueue"));
    assert_eq!(waiting.len(), 2);
    for message in &waiting {
        let envelope: Value = serde_json::from_str(&message.body).unwrap();
        assert_eq!(envelope["timeliness"], "late");
        assert_eq!((&envelope["region"], &envelope["time"]), (&json!("eu"), &json!(two_hours_ago)));
    }
    for (count, expected) in
        [("events.diverted", 2), ("events.late", 2), ("events.early", 0), ("events.out", 1)]
    {
        assert_eq!(world.logs.sum("ingest", count), expected, "{count}");
    }

    assert_eq!(send_on(&world).await, 2);
    world.settle().await;
    assert_eq!(ids(), ["late-1", "late-2", "on-time"]);
    for row in world.rows() {
        let (row, id) = (lasting(row.clone()), row["payload"]["id"].clone());
        assert_eq!((&row["version"], &row["subject"]), (&json!(7), &id), "{row}");
        assert_eq!(row["payload"]["revision"], 7);
    }
    // A second delivery of what was sent on is the same event.
    world.land("late/again.ndjson", reading("late-1", &two_hours_ago));
    world.settle().await;
    assert_eq!(send_on(&world).await, 1);
    world.settle().await;
    assert_eq!(ids(), ["late-1", "late-2", "on-time"]);
    assert_eq!(world.logs.sum("sink", "events.duplicate"), 1);
    world.end().await;
}
