//! Enrichers that read tables, lookups of one's own and reference data.

use contracts::CallFailure;
use runtime::{LookupAnswer as Answer, LookupError};

use super::outages::contracts;
use super::*;
use crate::doubles::document;

const TABLE: &str =
    "{name: airline, into: airline, keep: /name, table: {name: airlines, key: {code: /origin}}}";

fn unasked() -> Service {
    Service::new(|url| panic!("{url} is asked"))
}

fn batch(origins: &[&str]) -> Vec<Record> {
    let records = origins.iter().enumerate();
    records.map(|(n, origin)| message(&format!("m{n}"), envelope(&payload(origin)))).collect()
}

/// The member that was added to each event, and whether the event is marked as degraded.
fn added(queue: &MemoryQueue) -> Vec<(String, bool)> {
    let mut added = Vec::new();
    for event in passed(queue) {
        let (_, last) = event.data.get().rsplit_once(",\"airline\":").unwrap();
        added.push((last.trim_end_matches('}').to_owned(), event.degraded.is_some()));
    }
    added
}

fn of_airline(key: &contracts::LookupKey) -> Result<Answer, LookupError> {
    match key.texts()[0].as_str() {
        "EWR" => Ok(document(r#"{"code":"EWR","name":"Newark"}"#)),
        "JFK" => Ok(document(r#"{"code":"JFK","name":"Kennedy"}"#)),
        "BAD" => Ok(Answer::Unusable { reason: "no such key".to_owned() }),
        _ => Ok(Answer::Nothing),
    }
}

#[tokio::test]
async fn the_events_of_an_invocation_share_one_call_and_each_has_its_answer() {
    let (queue, lookup) = (MemoryQueue::default(), MemoryLookup::new(100, of_airline));
    let lookups = TestedLookups::new(lookup.clone(), MemoryFiles::default());
    let rig = Rig::with(contracts(TABLE), unasked(), &queue, &lookups);
    assert!(rig.run(batch(&["EWR", "JFK", "EWR", "ISP"])).await.is_empty());
    let newark = ("\"Newark\"".to_owned(), false);
    let kennedy = ("\"Kennedy\"".to_owned(), false);
    assert_eq!(added(&queue), [newark.clone(), kennedy, newark, ("null".to_owned(), true)]);
    let keys = [r#"{"code":"EWR"}"#, r#"{"code":"ISP"}"#, r#"{"code":"JFK"}"#];
    assert_eq!(lookup.take_calls(), [keys], "one call, each key once");
}

#[tokio::test]
async fn a_key_that_cannot_be_asked_for_harms_its_own_event_alone() {
    let (queue, lookup) = (MemoryQueue::default(), MemoryLookup::new(100, of_airline));
    let lookups = TestedLookups::new(lookup, MemoryFiles::default());
    let rig = Rig::with(contracts(TABLE), unasked(), &queue, &lookups);
    assert!(rig.run(batch(&["EWR", "BAD", "JFK"])).await.is_empty());
    assert_eq!(added(&queue).len(), 2);
    let letter = letter(&queue);
    assert_eq!((letter.code, letter.kind.as_str()), (Code::EnricherRefused, "permanent"));
    assert_eq!(letter.message_id, "m1");
}

#[tokio::test]
async fn what_was_not_read_is_asked_for_again_and_nothing_else() {
    let times = Arc::new(Mutex::new(0));
    let lookup = MemoryLookup::new(100, move |key| {
        if key.texts()[0] == "JFK" {
            *times.lock().unwrap() += 1;
            if *times.lock().unwrap() == 1 {
                return Ok(Answer::NotRead);
            }
        }
        of_airline(key)
    });
    let queue = MemoryQueue::default();
    let lookups = TestedLookups::new(lookup.clone(), MemoryFiles::default());
    let rig = Rig::with(contracts(TABLE), unasked(), &queue, &lookups);
    assert!(rig.run(batch(&["EWR", "JFK"])).await.is_empty());
    assert_eq!(added(&queue).iter().filter(|(_, is_marked)| *is_marked).count(), 0);
    let (both, second) = ([r#"{"code":"EWR"}"#, r#"{"code":"JFK"}"#], [r#"{"code":"JFK"}"#]);
    assert_eq!(lookup.take_calls(), [both.as_slice(), second.as_slice()]);
}

#[tokio::test]
async fn a_table_that_is_away_opens_its_breaker_and_events_wait() {
    let lookup = MemoryLookup::new(1, |_| {
        Err(LookupError::new(CallFailure::ServerError, "InternalServerError (HTTP 500)"))
    });
    let queue = MemoryQueue::default();
    let lookups = TestedLookups::new(lookup.clone(), MemoryFiles::default());
    let rig = Rig::with(contracts(TABLE), unasked(), &queue, &lookups);
    let origins: Vec<String> = (0..30).map(|n| format!("X{n}")).collect();
    let origins: Vec<&str> = origins.iter().map(String::as_str).collect();
    rig.run(batch(&origins)).await;
    assert!(lookup.take_calls().len() <= 45, "the breaker opened within the batch");
    assert!(rig.run(batch(&["EWR"])).await.is_empty());
    assert!(lookup.take_calls().is_empty());
    let told = format!("{:?}", queue.sent_to(QUEUE).last().unwrap());
    assert!(told.contains("dependency `airline`"), "{told}");
    assert!(queue.sent_to(DLQ).is_empty() && queue.sent_to(SINK).is_empty());
}

#[tokio::test]
async fn a_key_at_which_a_lookup_panics_harms_its_own_event_alone() {
    let lookup = MemoryLookup::new(100, |key| match key.texts()[0].as_str() {
        "JFK" => panic!("a lookup of one's own may panic"),
        _ => of_airline(key),
    });
    let queue = MemoryQueue::default();
    let lookups = TestedLookups::new(lookup, MemoryFiles::default());
    let own = TABLE.replace("table: {name: airlines", "custom: {lookup: risk");
    let rig = Rig::with(contracts(&own), unasked(), &queue, &lookups);
    let returned = rig.run(batch(&["EWR", "JFK", "ISP"])).await;
    assert!(returned.is_empty(), "{returned:?}");
    let letter = letter(&queue);
    assert_eq!((letter.code, letter.message_id.as_str()), (Code::RecordPanicked, "m1"));
    let expected = [("\"Newark\"".to_owned(), false), ("null".to_owned(), true)];
    assert_eq!((queue.sent_to(DLQ).len(), added(&queue)), (1, expected.into()));
}

/// As over HTTP, a source whose answers are all unusable counts as unavailable. Then events wait without using up their
/// tries.
#[tokio::test]
async fn a_table_whose_items_all_break_their_schema_opens_its_breaker() {
    let lookup = MemoryLookup::new(1, |_| Ok(document("[]")));
    let queue = MemoryQueue::default();
    let lookups = TestedLookups::new(lookup.clone(), MemoryFiles::default());
    let rig = Rig::with(contracts(TABLE), unasked(), &queue, &lookups);
    let origins: Vec<String> = (0..30).map(|n| format!("X{n}")).collect();
    let origins: Vec<&str> = origins.iter().map(String::as_str).collect();
    rig.run(batch(&origins)).await;
    lookup.take_calls();
    assert!(rig.run(batch(&["EWR"])).await.is_empty());
    assert!(lookup.take_calls().is_empty(), "the breaker is open");
    assert!(queue.sent_to(DLQ).is_empty());
}

#[tokio::test]
async fn an_item_that_breaks_its_schema_beside_good_ones_opens_no_breaker() {
    let lookup = MemoryLookup::new(100, |key| match key.texts()[0].as_str() {
        "BAD" => Ok(document("[]")),
        _ => of_airline(key),
    });
    let queue = MemoryQueue::default();
    let lookups = TestedLookups::new(lookup.clone(), MemoryFiles::default());
    let rig = Rig::with(contracts(TABLE), unasked(), &queue, &lookups);
    for _ in 0..30 {
        rig.run(batch(&["BAD", "EWR"])).await;
    }
    lookup.take_calls();
    rig.run(batch(&["JFK"])).await;
    assert_eq!(lookup.take_calls().len(), 1);
    assert_eq!(added(&queue).len(), 31);
}

#[tokio::test]
async fn answers_are_remembered_as_those_of_services_are() {
    let (queue, lookup) = (MemoryQueue::default(), MemoryLookup::new(100, of_airline));
    let lookups = TestedLookups::new(lookup.clone(), MemoryFiles::default());
    let cached = TABLE.replace("keep: /name", "keep: /name, cache: {ttl_s: 60}");
    let rig = Rig::with(contracts(&cached), unasked(), &queue, &lookups);
    rig.run(batch(&["EWR", "JFK"])).await;
    rig.run(batch(&["JFK", "EWR"])).await;
    assert_eq!(lookup.take_calls().len(), 1);
    rig.clock.advance(Duration::from_secs(61));
    rig.run(batch(&["EWR"])).await;
    assert_eq!(lookup.take_calls().len(), 1);
}

const REFERENCE: &str = "{name: airport, into: airline, keep: /name, missing: fail,
    reference: {object: airports.csv, key: {faa: /origin}, refresh_s: 60, stale_s: 600}}";

const AIRPORTS: &str = "faa,name\nEWR,Newark\nJFK,Kennedy\n";

fn reference(files: &MemoryFiles, queue: &MemoryQueue) -> Rig {
    let none = MemoryLookup::new(1, |_| Ok(Answer::Nothing));
    let lookups = TestedLookups::new(none, files.clone());
    Rig::with(contracts(REFERENCE), unasked(), queue, &lookups)
}

#[tokio::test]
async fn a_file_is_read_once_and_again_where_it_has_changed() {
    let (queue, files) = (MemoryQueue::default(), MemoryFiles::default());
    files.put("airports.csv", "1", AIRPORTS);
    let rig = reference(&files, &queue);
    rig.run(batch(&["EWR", "JFK", "EWR"])).await;
    rig.run(batch(&["EWR"])).await;
    assert_eq!(files.take_reads(), ["changed"]);
    rig.clock.advance(Duration::from_secs(60));
    rig.run(batch(&["EWR", "JFK"])).await;
    assert_eq!(files.take_reads(), ["unchanged"]);
    files.put("airports.csv", "2", &AIRPORTS.replace("Newark", "Newark Liberty"));
    rig.clock.advance(Duration::from_secs(60));
    rig.run(batch(&["EWR"])).await;
    assert_eq!(files.take_reads(), ["changed"]);
    assert_eq!(added(&queue).last().unwrap().0, "\"Newark Liberty\"");
    assert_eq!(added(&queue).len(), 7);
    // For a key that is not in the file there is no answer, and this contract demands one.
    rig.run(batch(&["ISP"])).await;
    assert_eq!(letter(&queue).code, Code::EnricherRefused);
}

#[tokio::test]
async fn without_a_file_events_wait_and_with_an_older_one_they_go_on_for_a_while() {
    let (queue, files) = (MemoryQueue::default(), MemoryFiles::default());
    let rig = reference(&files, &queue);
    assert_eq!(rig.run(batch(&["EWR"])).await, ["m0"], "there is no file yet");
    assert_eq!(files.take_reads(), ["missing"], "it would be missing at another attempt, too");
    files.put("airports.csv", "1", AIRPORTS);
    assert!(rig.run(batch(&["EWR"])).await.is_empty());
    files.take_reads();

    files.set_away(true);
    rig.clock.advance(Duration::from_secs(100));
    assert!(rig.run(batch(&["EWR"])).await.is_empty());
    assert!(rig.run(batch(&["EWR"])).await.is_empty(), "not asked for again so soon");
    let reads = files.take_reads();
    assert!(reads.len() <= 3 && reads.iter().all(|read| *read == "away"), "{reads:?}");
    rig.clock.advance(Duration::from_secs(700));
    assert_eq!(rig.run(batch(&["EWR"])).await, ["m0"], "it is too old now");
    assert_eq!(added(&queue).len(), 3);
    assert!(queue.sent_to(DLQ).is_empty());
}

#[tokio::test]
async fn a_new_file_that_cannot_be_read_leaves_the_one_before_in_place() {
    let (queue, files) = (MemoryQueue::default(), MemoryFiles::default());
    files.put("airports.csv", "1", AIRPORTS);
    let rig = reference(&files, &queue);
    rig.run(batch(&["EWR"])).await;
    files.put("airports.csv", "2", "faa,name\nEWR,Newark,1\n");
    rig.clock.advance(Duration::from_secs(60));
    files.take_reads();
    assert!(rig.run(batch(&["EWR"])).await.is_empty());
    assert_eq!(files.take_reads(), ["changed"], "it is read once");
    assert_eq!(added(&queue).len(), 2);
    files.put("airports.csv", "3", &AIRPORTS.replace("Newark", "Mended"));
    rig.clock.advance(Duration::from_secs(60));
    rig.run(batch(&["EWR"])).await;
    assert_eq!(added(&queue).last().unwrap().0, "\"Mended\"");
}
