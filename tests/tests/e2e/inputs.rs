//! Inputs that people of this trade have reported, each for its kind, through the whole pipeline: what each
//! has to become is said in `tests/inputs/README.md`.

use std::collections::BTreeMap;

use event::Code;
use serde_json::{Value, json};
use sluicegate_tests::{Settings, World, post_signed, root};

fn input(name: &str) -> Vec<u8> {
    std::fs::read(root().join("tests/inputs").join(name)).unwrap()
}

fn text(name: &str) -> String {
    String::from_utf8(input(name)).unwrap()
}

async fn world() -> World {
    World::start_with(Settings { datasets: &["probe"], ..Settings::default() }).await
}

/// The rows of the records table, DynamoDB's own JSON of each payload by its id.
fn rows(world: &World) -> BTreeMap<String, Value> {
    let items = world.emulation().dynamodb().scan_all(world.name("RecordsTable")).unwrap();
    let payload = |item| json!(item)["payload"]["M"].clone();
    let rows = items.iter().map(payload);
    rows.map(|payload| (payload["id"]["N"].as_str().unwrap().to_owned(), payload)).collect()
}

/// The sums of the totals table by the key that they are of.
fn sums(world: &World) -> BTreeMap<String, String> {
    let items = world.emulation().dynamodb().scan_all(world.name("TotalsTable")).unwrap();
    let of = |item| {
        let item = json!(item);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&item["key"]["L"][0]["S"]), text(&item["amount"]["N"]))
    };
    items.iter().map(of).collect()
}

fn ids(rows: &BTreeMap<String, Value>) -> Vec<&str> {
    rows.keys().map(String::as_str).collect()
}

/// The ids of the rows that a file becomes, and the letters that its own lines leave in the inbox's
/// dead-letter queue.
async fn check_file(name: &str, expected: &[&str], letters: &[(Code, &str)]) {
    let world = world().await;
    world.land(&format!("probe/{name}"), input(name));
    world.settle().await;
    assert_eq!(ids(&rows(&world)), expected, "{name}");
    world.assert_letters("InboxDlq", letters);
    assert_eq!(world.letters("Inbox").len() + world.letters("EnrichDlq").len(), 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quote_within_a_field_ends_no_record() {
    check_file("stray-quote.csv", &["101", "102", "103"], &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_end_ends_a_record() {
    check_file("carriage-returns.csv", &["111", "112", "113"], &[]).await;
    check_file("mixed-line-ends.csv", &["121", "122", "123"], &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_integer_may_be_written_as_a_decimal() {
    check_file("integers-as-floats.csv", &["141"], &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_csv_is_one_whatever_its_first_column_is_called() {
    check_file("header-like-magic.csv", &["161"], &[]).await;
    check_file("empty-column-name.csv", &[], &[(Code::DecodeFormat, "column")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_night_without_data_is_no_failure() {
    check_file("header-only.csv", &[], &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zeros_after_gzip_are_ignored() {
    let world = world().await;
    world.land("probe/zero-padded.ndjson.gz", input("zero-padded.ndjson.gz"));
    world.settle().await;
    assert_eq!(rows(&world).len(), 1);
    world.assert_letters("InboxDlq", &[]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_character_that_sqs_does_not_take_harms_no_other_line() {
    let world = world().await;
    world.land("probe/noncharacter.ndjson", input("noncharacter.ndjson"));
    world.settle().await;
    let rows = rows(&world);
    assert_eq!(rows.len(), 50);
    let noncharacters =
        |payload: &Value| payload["size"]["S"].as_str().is_some_and(|s| s.contains('\u{ffff}'));
    assert_eq!(rows.values().filter(|payload| noncharacters(payload)).count(), 1, "{rows:?}");
    world.assert_letters("InboxDlq", &[]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_number_is_itself_in_row_total_and_lake() {
    let world = world().await;
    world.land("probe/long-numbers.csv", input("long-numbers.csv"));
    world.send("Inbox", &text("long-number.json"), &[("dataset", "probe")]);
    world.settle().await;
    let rows = rows(&world);
    let amount = |id: &str| rows[id]["amount"]["N"].as_str().unwrap();
    assert_eq!(amount("131"), "9007199254740993");
    assert_eq!(amount("132"), "12345678901234567.89");
    assert_eq!(amount("301"), "12345678901234567890123");
    let expected = [("a", "12345678901234567890123"), ("b", "21352878155975560.89")];
    assert_eq!(sums(&world), expected.map(|(k, sum)| (k.to_owned(), sum.to_owned())).into());
    // The column is a double, and the exact text is beside it.
    let rest = world.lake_texts("_rest");
    for digits in ["9007199254740993", "12345678901234567.89", "12345678901234567890123"] {
        let exact = format!(r#"{{"amount":{digits}}}"#);
        assert!(rest.contains(&exact), "no {exact} in {rest:?}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payloads_that_differ_in_the_last_of_many_digits_are_a_conflict() {
    let world = world().await;
    for name in ["conflict-1.json", "conflict-2.json"] {
        world.send("Inbox", &text(name), &[("dataset", "probe")]);
        world.settle().await;
    }
    assert_eq!(rows(&world)["311"]["amount"]["N"], "123456789012345678901");
    world.assert_letters("SinkDlq", &[(Code::Conflict, "took effect with payload")]);
    world.assert_letters("LakeDlq", &[(Code::Conflict, "took effect with payload")]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_are_compared_by_their_value() {
    let world = world().await;
    world.send("Inbox", &text("enum-float.json"), &[("dataset", "probe")]);
    world.settle().await;
    assert_eq!(ids(&rows(&world)), ["321"]);
    world.assert_letters("InboxDlq", &[]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_no_table_keeps_reaches_no_sink() {
    let world = world().await;
    world.send("Inbox", &text("out-of-range.json"), &[("dataset", "probe")]);
    world.settle().await;
    world.assert_letters("InboxDlq", &[(Code::NumberOutOfRange, "[/amount]")]);
    assert_eq!((rows(&world).len(), world.lake_texts("_event_id").len()), (0, 0));
    world.end().await;
}

/// Each of the two is a number that a table keeps; both together are none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_amount_that_a_total_cannot_take_says_that_it_is_the_number() {
    let world = world().await;
    for (id, amount) in [("1", "1e30"), ("2", "1e-30")] {
        let event =
            format!(r#"{{"id":{id},"at":"2026-11-28T00:00:00Z","k":"a","amount":{amount}}}"#);
        world.send("Inbox", &event, &[("dataset", "probe")]);
        world.settle().await;
    }
    assert_eq!(ids(&rows(&world)), ["1", "2"]);
    world.assert_letters("SinkDlq", &[(Code::NumberOutOfRange, "38 significant digits")]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn microseconds_order_events_whatever_comes_first() {
    let settings = Settings { datasets: &["readings"], ..Settings::default() };
    let world = World::start_with(settings).await;
    let lines = text("microseconds.ndjson");
    for line in lines.lines() {
        world.send("Inbox", line, &[("dataset", "readings")]);
    }
    world.settle().await;
    let items = world.emulation().dynamodb().scan_all(world.name("RecordsTable")).unwrap();
    assert_eq!(items.len(), 1);
    let row = json!(items[0]);
    assert_eq!(row["payload"]["M"]["at"]["S"], "2026-11-28T00:00:00.123008Z");
    assert_eq!(row["event_time"]["S"], "2026-11-28T00:00:00.123008Z");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_byte_order_mark_before_an_array_is_skipped() {
    let world = world().await;
    let url = world.output("IngestUrl").trim_end_matches('/').to_owned();
    let (status, _, answer) = post_signed(&format!("{url}/probe"), input("bom-array.json")).await;
    assert_eq!(status, 202, "{answer}");
    world.settle().await;
    assert_eq!(ids(&rows(&world)), ["361"]);
    world.end().await;
}
