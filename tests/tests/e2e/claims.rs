//! Events that are too large for a message: they go through every stage, fail with their reason, and come back.

use aws_sdk_s3::Client;
use event::{Code, hex_sha256};
use serde_json::{Value, json};
use sluicegate_tests::{Flight, World, flights, lines};

/// What SQS takes as a message.
const MESSAGE_BYTES: usize = 1_048_576;

/// A flight of about 3 MB, most of which are characters of two bytes.
fn large_flight(number: usize) -> Flight {
    flights(number, 1)[0].with("note", "\u{e9}".repeat(1_500_000).into())
}

/// An observation of about 3 MB at an airport that no flight leaves from. The service takes whole hours.
fn large_observation(origin: &str, time: &str) -> String {
    let note = "\"\u{e9}".repeat(750_000);
    json!({ "origin": origin, "time_hour": time, "temp": 39.020, "note": note }).to_string()
}

/// The observation that the service took from an airport, byte for byte.
fn delivered(world: &World, origin: &str) -> Option<Vec<u8>> {
    let deliveries = world.weather().deliveries().into_values();
    let mut of_it = deliveries.filter(|delivered| {
        serde_json::from_slice::<Value>(&delivered.body).unwrap()["origin"] == origin
    });
    of_it.next().map(|delivered| delivered.body.to_vec())
}

/// The keys of the objects that large events are in.
fn claims(world: &World) -> Vec<String> {
    let objects = world.emulation().s3().list(world.archive(), "claims/").unwrap();
    objects.into_iter().map(|object| object.key).collect()
}

async fn lose_claims(world: &World) {
    let s3 = Client::new(&world.sdk());
    for key in claims(world) {
        s3.delete_object().bucket(world.archive()).key(key).send().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_event_of_a_file_reaches_the_lake_and_a_service_as_it_was_sent() {
    let world = World::start().await;
    let small = flights(0, 4);
    let large = large_flight(4);
    let file = [small[..2].to_vec(), vec![large.clone()], small[2..].to_vec()].concat();
    world.land("flights/a.ndjson", lines(&file));
    let observation = large_observation("X1", "2013-01-01T10:00:00Z");
    assert!(observation.len() > 2 * MESSAGE_BYTES);
    world.land("weather/a.ndjson", observation.clone());
    world.settle().await;

    world.assert_in_lake(&[small.clone(), vec![large.clone()]].concat());
    assert!(world.lake()[&large.id()]["weather"].is_object(), "it was enriched like any other");
    assert!(delivered(&world, "X1").as_deref() == Some(observation.as_bytes()), "other bytes");
    // A table holds no item of this size, and says so as it does of smaller ones.
    world.assert_in_table(&small);
    let too_large = (Code::SizeExceeded, "DynamoDB takes 409600");
    world.assert_letters("SinkDlq", &[too_large, too_large]);
    for queue in ["InboxDlq", "EnrichDlq", "LakeDlq", "DeliverDlq"] {
        world.assert_letters(queue, &[]);
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_large_events_at_once_are_each_written_once() {
    let world = World::start().await;
    let mut sent = Vec::new();
    for number in 0..30 {
        sent.push(large_flight(number));
    }
    world.land("flights/a.ndjson", lines(&sent));
    world.settle().await;
    world.assert_in_lake(&sent);
    assert_eq!(world.logs.sum("lake", "events.out"), 30);
    world.end().await;
}

/// The service has whole hours alone, and refuses all others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_event_that_fails_is_shown_patched_and_redriven() {
    let world = World::start().await;
    let refused = large_observation("X2", "2013-01-01T10:30:00Z");
    world.land("weather/a.ndjson", refused.clone());
    world.settle().await;
    world.assert_letters("DeliverDlq", &[(Code::DeliveryRefused, "HTTP 400")]);
    let letter = world.letters("DeliverDlq").remove(0);
    assert!(letter.body.len() < 1_000, "{} bytes", letter.body.len());
    assert_eq!(letter.failure.unwrap().dataset.as_deref(), Some("weather"));

    let select = json!({ "stages": ["deliver"], "value": { "pointer": "/origin", "value": "X2" } });
    let found = world.ask_dlq("letters", json!({ "select": select })).await;
    let id = found["letters"][0]["id"].clone();
    let shown = world.ask_dlq("show", json!({ "letter": id })).await;
    let message = &shown["letter"]["message"];
    assert!(message["body"].as_str().unwrap().contains(r#""dataset":"weather""#), "not the event");
    assert!(message["bytes"].as_u64().unwrap() > refused.len() as u64);

    // As it is, it comes back with its reason.
    assert_eq!(world.redrive("deliver").await["sent"], 1);
    world.settle().await;
    world.assert_letters("DeliverDlq", &[(Code::DeliveryRefused, "redrives 1")]);
    let hour = json!([{ "op": "replace", "path": "/time_hour", "value": "2013-01-01T10:00:00Z" }]);
    let plan = world.ask_dlq("plan", json!({ "select": select, "patch": hour })).await;
    assert_eq!(plan["letters"], 1, "{plan}");
    world.ask_dlq("redrive", json!({ "plan": plan["plan"], "why": "mended" })).await;
    world.settle().await;
    world.assert_letters("DeliverDlq", &[]);
    let mut expected: Value = serde_json::from_str(&refused).unwrap();
    expected["time_hour"] = json!("2013-01-01T10:00:00Z");
    let body = delivered(&world, "X2").unwrap();
    assert!(serde_json::from_slice::<Value>(&body).unwrap() == expected, "another observation");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_somebody_took_away_says_so_and_can_be_brought_back() {
    let world = World::start().await;
    world.land("weather/a.ndjson", large_observation("X3", "2013-01-01T10:30:00Z"));
    world.settle().await;
    world.assert_letters("DeliverDlq", &[(Code::DeliveryRefused, "HTTP 400")]);
    let reference = world.letters("DeliverDlq").remove(0).body;
    let reference: Value = serde_json::from_str(&reference).unwrap();
    let key = reference["key"].as_str().unwrap();
    let kept = world.emulation().s3().get(world.archive(), key).unwrap().body;
    assert_eq!(key, format!("claims/{}", hex_sha256(&kept)));

    lose_claims(&world).await;
    assert_eq!(world.redrive("deliver").await["sent"], 1);
    world.settle().await;
    world.assert_letters("DeliverDlq", &[(Code::ClaimNotFound, key)]);
    let other = vec![b'x'; kept.len()];
    world.emulation().s3().put(world.archive(), key, other.into(), "application/json").unwrap();
    world.redrive("deliver").await;
    world.settle().await;
    world.assert_letters("DeliverDlq", &[(Code::ClaimNotFound, "is not what was put there")]);
    world.emulation().s3().put(world.archive(), key, kept, "application/json").unwrap();
    world.redrive("deliver").await;
    world.settle().await;
    world.assert_letters("DeliverDlq", &[(Code::DeliveryRefused, "HTTP 400")]);
    world.end().await;
}

/// Anybody may send to the inbox, with any attributes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reference_that_a_producer_sends_is_not_believed() {
    let world = World::start().await;
    let flight = flights(0, 1).remove(0).line;
    let hash = hex_sha256(flight.as_bytes());
    let key = format!("claims/{hash}");
    let object = flight.clone().into();
    world.emulation().s3().put(world.archive(), &key, object, "application/json").unwrap();
    let reference = json!({
        "claim_format": 1, "key": key, "bytes": flight.len(), "sha256": hash,
    });
    let attributes = [("dataset", "flights"), ("sluicegate.claim", "1")];
    world.send("Inbox", &reference.to_string(), &attributes);
    world.settle().await;
    world.assert_written_once(&[]);
    world.assert_letters("InboxDlq", &[(Code::KeyMissing, "[/carrier]")]);
    assert_eq!(world.letters("InboxDlq")[0].body, reference.to_string());
    // Nor is it believed after a redrive, which is a function.
    world.redrive("ingest").await;
    world.settle().await;
    world.assert_written_once(&[]);
    world.assert_letters("InboxDlq", &[(Code::KeyMissing, "redrives 1")]);
    world.end().await;
}

/// A large line is refused by its contract before it is ever in a message.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_line_that_is_refused_can_be_redriven_too() {
    let world = World::start().await;
    let bad = large_flight(0).with("distance", "far".into());
    world.land("flights/a.ndjson", lines(std::slice::from_ref(&bad)));
    for redrives in 0..2 {
        world.settle().await;
        let letter = (Code::ContractViolation, "[line 1, /distance]");
        world.assert_letters("InboxDlq", &[letter]);
        let failure = world.letters("InboxDlq").remove(0).failure.unwrap();
        assert_eq!((failure.redrives, failure.encoding.as_str()), (redrives, "claim"));
        assert_eq!(world.redrive("ingest").await["sent"], 1);
    }
    world.settle().await;
    world.end().await;
}
