//! Rows of a CSV file that are dead letters: mended, be it the row or the contract, they come back as what they
//! would have been in their file.

use std::collections::{BTreeMap, BTreeSet};

use event::Code;
use serde_json::{Value, json};
use sluicegate_tests::{Edit, Flight, Settings, World, flights, new_folder};

/// The columns of the sample, in its order.
fn columns(flights: &[Flight]) -> Vec<&str> {
    flights[0].value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn row(flight: &Flight) -> String {
    let field = |member: &Value| match member {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    flight.value.as_object().unwrap().values().map(field).collect::<Vec<_>>().join(",")
}

fn csv(flights: &[Flight], rows: &[String]) -> String {
    format!("{}\n{}\n", columns(flights).join(","), rows.join("\n"))
}

/// An operator edits the bodies of a dead-letter queue: each is received, sent again with its attributes, and
/// deleted.
async fn edit(world: &World, queue: &str, edited: impl Fn(&str) -> String) {
    let letters = world.ask_redrive(&json!({ "export": {} })).await;
    let discard = json!({ "discard": { "why": "sent anew, mended", "apply": true } });
    world.ask_redrive(&discard).await;
    for letter in letters["letters"].as_array().unwrap() {
        let message = &letter["message"];
        let attributes = message["attributes"].as_object().unwrap().iter();
        let attributes: BTreeMap<&str, String> = attributes
            .map(|(name, attribute)| {
                (name.as_str(), attribute["value"].as_str().unwrap().to_owned())
            })
            .collect();
        // A letter of its own, and not the one that a run brought back.
        let mut failure: Value = serde_json::from_str(&attributes["sluicegate.failure"]).unwrap();
        failure.as_object_mut().unwrap().remove("redrive");
        let failure = failure.to_string();
        let attributes: Vec<(&str, &str)> = attributes
            .iter()
            .map(|(name, value)| match *name {
                "sluicegate.failure" => (*name, failure.as_str()),
                _ => (*name, value.as_str()),
            })
            .collect();
        world.send(queue, &edited(message["body"].as_str().unwrap()), &attributes);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_edited_is_written_once_and_the_mended_file_changes_nothing() {
    let world = World::start().await;
    let sample = flights(0, 6);
    let good: Vec<String> = sample.iter().map(row).collect();
    let mut rows = good.clone();
    let flight = sample[1].value["flight"].to_string();
    rows[1] = rows[1].replace(&format!(",{flight},"), ",many,");
    rows[4] = rows[4].rsplit_once(',').unwrap().0.to_owned();
    let fields = columns(&sample).len();
    let too_few =
        format!("[line 6] expected {fields} fields as in the header, found {}", fields - 1);
    world.land("flights/rows.csv", csv(&sample, &rows));
    world.settle().await;
    let why = [(Code::ContractViolation, "[line 3, /flight]"), (Code::DecodeCsv, too_few.as_str())];
    world.assert_letters("InboxDlq", &why);
    let first = world.letters("InboxDlq");

    // Nothing is mended: each says again why, and belongs to the group that it was of.
    assert_eq!(world.redrive("ingest").await["sent"], 2);
    world.settle().await;
    world.assert_letters("InboxDlq", &why);
    let groups = |letters: &[sluicegate_tests::Letter]| -> BTreeSet<String> {
        letters.iter().map(|letter| letter.failure.as_ref().unwrap().fingerprint.clone()).collect()
    };
    let again = world.letters("InboxDlq");
    assert_eq!((groups(&again).len(), groups(&again)), (2, groups(&first)));
    for letter in &again {
        let failure = letter.failure.as_ref().unwrap();
        assert_eq!((failure.redrives, failure.dataset.as_deref()), (1, Some("flights")));
        let before = first.iter().find(|each| each.body == letter.body).unwrap();
        let before = before.failure.as_ref().unwrap();
        assert_eq!(failure.first_failed_at, before.first_failed_at);
        assert_eq!(failure.taken_in_at, before.taken_in_at);
    }

    edit(&world, "InboxDlq", |body| {
        let place = rows.iter().position(|row| row == body).unwrap();
        good[place].clone()
    })
    .await;
    assert_eq!(world.redrive("ingest").await["sent"], 2);
    world.settle().await;
    world.assert_letters("InboxDlq", &[]);
    world.assert_written_once(&sample);

    let duplicates = world.logs.sum("sink", "events.duplicate");
    world.land("flights/rows.csv", csv(&sample, &good));
    world.settle().await;
    for queue in ["InboxDlq", "EnrichDlq", "SinkDlq", "LakeDlq"] {
        world.assert_letters(queue, &[]);
    }
    world.assert_written_once(&sample);
    assert_eq!(world.logs.sum("sink", "events.duplicate") - duplicates, 6, "none is another event");
    world.end().await;
}

/// The contract was wrong, not the rows. It is deployed anew, over what is in the queues and tables.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_held_to_the_contract_that_was_mended_meanwhile() {
    const TOO_NARROW: Edit = Edit {
        old: r#""origin": {"type": "string"}"#,
        new: r#""origin": {"type": "string", "enum": ["EWR", "LGA"]}"#,
    };
    let state = Some(new_folder());
    let sample = flights(0, 8);
    let (refused, passed): (Vec<Flight>, Vec<Flight>) =
        sample.iter().cloned().partition(|flight| flight.value["origin"] == "JFK");
    assert!(!refused.is_empty() && !passed.is_empty());
    let file = csv(&sample, &sample.iter().map(row).collect::<Vec<_>>());

    let contract_edits = vec![("flights/v1.schema.json", TOO_NARROW)];
    let wrong = Settings { state: state.clone(), contract_edits, ..Settings::default() };
    let world = World::start_with(wrong).await;
    world.land("flights/rows.csv", file.clone());
    world.settle().await;
    world.assert_written_once(&passed);
    let why = vec![(Code::ContractViolation, "/origin] expected one of 2 values"); refused.len()];
    world.assert_letters("InboxDlq", &why);
    let letters = world.letters("InboxDlq");
    let groups: BTreeSet<_> =
        letters.iter().map(|letter| &letter.failure.as_ref().unwrap().fingerprint).collect();
    assert_eq!(groups.len(), 1, "one cause is one group");
    world.end().await;

    let world = World::start_with(Settings { state, ..Settings::default() }).await;
    assert_eq!(world.redrive("ingest").await["sent"], refused.len());
    world.settle().await;
    // Since the start, these alone were written.
    assert_eq!(world.logs.sum("sink", "events.out"), refused.len() as u64);
    // As the file that nothing is wrong with any more says it: nothing is new.
    world.land("flights/rows.csv", file);
    world.settle().await;
    assert_eq!(world.logs.sum("sink", "events.out"), refused.len() as u64);
    assert_eq!(world.logs.sum("sink", "events.duplicate"), sample.len() as u64);
    let written = world.records();
    assert_eq!(written.len(), sample.len());
    for flight in &sample {
        let payload = written[&flight.id()]["payload"].as_object().unwrap();
        for (name, member) in flight.value.as_object().unwrap() {
            assert_eq!(&payload[name], member, "{name} of {}", flight.id());
        }
    }
    for queue in ["InboxDlq", "EnrichDlq", "SinkDlq", "LakeDlq"] {
        world.assert_letters(queue, &[]);
    }
    world.end().await;
}
