//! The pipeline in one storm, from its sources to table and lake: files and messages, events that are sent
//! again and again, poison at each stage, a second payload under a used key. While the storm lasts, a
//! healthy event may become a dead letter, with or without a reason; when it is over, a redrive brings all
//! of them home. Deliver is left out: a flight goes to no service, and `e2e/deliver.rs` has storms of its
//! own.

use std::collections::BTreeMap;
use std::time::Duration;

use emulation::faults::{Fault, Plan};
use event::Code;
use serde_json::{Value, json};
use sluicegate_tests::{Flight, Settings, World, gzip, lines};

use crate::feed::repeated;

/// Far beyond what one seed takes, in real time and with others beside it.
const PATIENCE: Duration = Duration::from_secs(1_200);
/// Flights of a file.
const FILE: usize = 40;

/// Answers what was done to the world.
pub(crate) async fn check(seed: u64, sample: &[Flight], copies: u64) -> BTreeMap<Fault, u64> {
    let faults = Plan::storm(seed);
    let settings = Settings { faults, patience: Some(PATIENCE), ..Settings::default() };
    let world = World::start_with(settings).await;
    let sent = repeated(sample, seed, copies);
    let (files, messages) = sent.split_at(sent.len() / 2);
    for (number, flights) in files.chunks(FILE).enumerate() {
        world.land(&format!("flights/{number}.ndjson.gz"), gzip(&lines(flights)));
    }
    world.send_flights(messages);
    world.send("Inbox", "{", &[("dataset", "flights")]);
    world.send("EnrichQueue", "garbage", &[]);
    world.send("SinkQueue", r#"{"Records":[]}"#, &[]);
    world.send("LakeQueue", "\u{1f525}", &[]);
    let first = &messages[0];
    world.settle().await;
    let second = first.with("arr_delay", json!(999));
    world.send_flights(std::slice::from_ref(&second));
    world.settle().await;
    let faults = world.after_the_storm().await;

    // Whichever of the two came first to a sink took the key there.
    let expected = |payload: &Value| -> Vec<Flight> {
        let winner = if payload["arr_delay"] == 999 { &second } else { first };
        let each = |flight: &Flight| {
            if flight.id() == first.id() { winner.clone() } else { flight.clone() }
        };
        sample.iter().map(each).collect()
    };
    world.assert_in_table(&expected(&world.records()[&first.id()]["payload"]));
    // What the two payloads differ in is not added up.
    world.assert_in_totals(sample);
    world.assert_in_lake(&expected(&world.lake()[&first.id()]));
    for (queue, expected) in [
        ("InboxDlq", &[Code::DecodeJson] as &[_]),
        ("EnrichDlq", &[Code::DecodeEnvelope]),
        ("SinkDlq", &[Code::DecodeEnvelope, Code::Conflict]),
        ("LakeDlq", &[Code::DecodeEnvelope, Code::Conflict]),
    ] {
        world.assert_codes(queue, expected);
    }
    world.end().await;
    faults
}
