//! The modes of a table, against the emulated DynamoDB: whatever comes late, twice or at once, rows end
//! the same.

use aws::{Accumulate, Field, Head, Insert, Item, Merge, Row, TableEffect, Upsert};
use aws_sdk_dynamodb::types::AttributeValue;
use contracts::RowVersion;
use dedupe::transactional::{Write, write_once};
use dedupe::{Limits, Outcome, RecordId, Verdict};
use event::{Decimal, Fingerprint, Timestamp};
use futures_util::future::join_all;
use serde_json::Value;

use super::Tables;

fn now() -> Timestamp {
    Timestamp::from_unix_ms(1_767_225_600_000)
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn write(key: &str, effect: TableEffect) -> Write<TableEffect> {
    Write {
        id: RecordId { sink: "rows".to_owned(), key: key.to_owned().into() },
        fingerprint: Fingerprint::from(format!("payload of {key}")),
        expires_at: Timestamp::from_unix_ms(now().unix_ms() + 1_000_000),
        effect,
        bytes: 100,
    }
}

/// A change data capture event of one row: its key, its order, and what it says; a deletion says
/// nothing.
#[derive(Clone, Copy, Debug)]
struct Event {
    key: &'static str,
    order: i64,
    says: &'static [(&'static str, &'static str)],
}

impl Event {
    fn version(&self) -> RowVersion {
        RowVersion { order: self.order.into(), key: self.key.to_owned().into() }
    }

    fn item(&self) -> Item {
        let deleted = || ("deleted".to_owned(), AttributeValue::Bool(true));
        let says = self.says.iter().map(|(name, value)| ((*name).to_owned(), text(value)));
        says.chain(self.says.is_empty().then(deleted)).collect()
    }

    fn upsert(&self) -> Write<TableEffect> {
        let (row, version, item) = (Row::new("records", "r"), self.version(), self.item());
        write(self.key, TableEffect::Upsert(Upsert { row, version, item }))
    }

    /// Of a contract that names the attributes a, b and c.
    fn merge(&self) -> Write<TableEffect> {
        let is_deleted = self.says.is_empty();
        let mut item = Item::from([("event_id".to_owned(), text(self.key))]);
        item.extend(is_deleted.then(|| ("deleted".to_owned(), AttributeValue::Bool(true))));
        let without = if is_deleted { Vec::new() } else { vec!["deleted"] };
        let field = |name: &str, value: Option<&str>| {
            let (version, value) = (self.version(), value.map(text));
            (name.to_owned(), Field { version, value })
        };
        let fields = match is_deleted {
            true => ["a", "b", "c"].iter().map(|name| field(name, None)).collect(),
            false => self.says.iter().map(|(name, value)| field(name, Some(value))).collect(),
        };
        let head = Some(Head { version: self.version(), item, without });
        let row = Row::new("records", "r");
        write(self.key, TableEffect::Merge(Merge { row, head, fields }))
    }
}

const A: Event = Event { key: "e1", order: 1, says: &[("a", "1"), ("b", "1")] };
const B: Event = Event { key: "e2", order: 2, says: &[("b", "2")] };
/// As old as the one before; the greater key is taken to be the newer.
const C: Event = Event { key: "e3", order: 2, says: &[("b", "3"), ("c", "3")] };
const D: Event = Event { key: "e4", order: -4, says: &[("a", "4"), ("c", "4")] };
const DELETED: Event = Event { key: "e5", order: 2, says: &[] };
const DELETED_FIRST: Event = Event { key: "e0", order: 1, says: &[] };

fn permutations(events: &[Event]) -> Vec<Vec<Event>> {
    let Some((first, rest)) = events.split_first() else { return vec![Vec::new()] };
    let insert = |order: Vec<Event>| {
        (0..=order.len()).map(move |place| {
            let mut order = order.clone();
            order.insert(place, *first);
            order
        })
    };
    permutations(rest).into_iter().flat_map(insert).collect()
}

async fn run(tables: &Tables, writes: Vec<Write<TableEffect>>) -> Vec<Outcome> {
    write_once(&tables.store, writes, Limits::DYNAMODB, now()).await
}

/// The only row, without its versions, after these batches, each event of which is delivered twice.
async fn row_after(batches: &[&[Event]], of: fn(&Event) -> Write<TableEffect>) -> Value {
    let tables = Tables::new().await;
    for _ in 0..2 {
        for batch in batches {
            let outcomes = run(&tables, batch.iter().map(of).collect()).await;
            assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        }
    }
    let mut rows = tables.rows();
    assert_eq!(rows.len(), 1, "{rows:?}");
    let mut row = rows.remove(0);
    row.as_object_mut().unwrap().retain(|name, _| !name.contains("version") && name != "pk");
    row
}

/// In whatever order they come, alone, in twos or all at once, the row ends so.
async fn check(events: &[Event], of: fn(&Event) -> Write<TableEffect>, expected: Value) {
    let orders = permutations(events);
    assert_eq!(orders.len(), 24);
    for order in orders {
        for size in [1, 2, 4] {
            let batches: Vec<&[Event]> = order.chunks(size).collect();
            assert_eq!(row_after(&batches, of).await, expected, "{order:?} by {size}");
        }
    }
}

fn row(attributes: &[(&str, &str)]) -> Value {
    let text = |(name, value): &(&str, &str)| ((*name).to_owned(), serde_json::json!({"S": value}));
    Value::Object(attributes.iter().map(text).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upserts_end_in_the_newest_row_in_every_order_of_arrival() {
    let newest = row(&[("b", "3"), ("c", "3"), ("idempotency_key", "e3")]);
    check(&[A, B, C, D], Event::upsert, newest).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_row_stays_deleted_for_what_is_older_in_every_order_of_arrival() {
    let mut tombstone = row(&[("idempotency_key", "e5")]);
    tombstone["deleted"] = serde_json::json!({"BOOL": true});
    check(&[A, C, D, DELETED], Event::upsert, tombstone).await;
    let back = row(&[("b", "2"), ("idempotency_key", "e2")]);
    check(&[A, B, D, DELETED_FIRST], Event::upsert, back).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merges_keep_the_newest_of_each_attribute_in_every_order_of_arrival() {
    let merged =
        [("a", "1"), ("b", "3"), ("c", "3"), ("event_id", "e3"), ("idempotency_key", "e3")];
    check(&[A, B, C, D], Event::merge, row(&merged)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merges_into_a_deleted_row_bring_back_only_what_is_newer() {
    let mut tombstone = row(&[("event_id", "e5"), ("idempotency_key", "e5")]);
    tombstone["deleted"] = serde_json::json!({"BOOL": true});
    check(&[A, C, D, DELETED], Event::merge, tombstone).await;
    let back = row(&[("a", "1"), ("b", "2"), ("event_id", "e2"), ("idempotency_key", "e2")]);
    check(&[A, B, D, DELETED_FIRST], Event::merge, back).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_late_is_stale_once_and_a_duplicate_then() {
    for of in [Event::upsert, Event::merge] {
        let tables = Tables::new().await;
        let newer = Event { key: "e9", order: 9, says: &[("a", "9"), ("b", "9")] };
        let expected = [Ok(Verdict::Written)];
        assert_eq!(run(&tables, vec![of(&newer)]).await, expected);
        let expected = [Ok(Verdict::Stale), Ok(Verdict::Stale)];
        assert_eq!(run(&tables, vec![of(&A), of(&B)]).await, expected);
        let expected = [Ok(Verdict::Duplicate), Ok(Verdict::Duplicate)];
        assert_eq!(run(&tables, vec![of(&A), of(&B)]).await, expected);
        assert_eq!(tables.dynamodb.scan_all("dedupe").unwrap().len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merge_that_is_partly_stale_shares_its_transaction_with_others() {
    let tables = Tables::new().await;
    run(&tables, vec![B.merge()]).await;
    let total = write("t", addition("t", "0.1"));
    let outcomes = run(&tables, vec![A.merge(), total]).await;
    assert_eq!(outcomes, vec![Ok(Verdict::Written); 2]);
    let rows = tables.rows();
    let merged = rows.iter().find(|row| row["pk"]["S"] == "r").unwrap();
    assert_eq!((&merged["a"]["S"], &merged["b"]["S"]), (&"1".into(), &"2".into()));
    assert_eq!((&merged["event_id"]["S"], &merged["version"]["N"]), (&"e2".into(), &"2".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_inserts_with_one_row_the_first_stays_and_the_second_is_a_conflict() {
    let tables = Tables::new().await;
    let insert = |key: &str| {
        let Write { id, fingerprint, .. } = write(key, addition("r", "1"));
        let (row, item) = (Row::new("records", "r"), Item::from([("a".to_owned(), text(key))]));
        let effect = Insert { row, id, fingerprint, expires_at: None, item };
        write(key, TableEffect::Insert(effect))
    };
    let conflict = || Ok(Verdict::Conflict { first: Fingerprint::from("payload of 1".to_owned()) });
    let expected = [Ok(Verdict::Written), conflict()];
    assert_eq!(run(&tables, vec![insert("1"), insert("2")]).await, expected);
    let expected = [conflict(), Ok(Verdict::Duplicate)];
    assert_eq!(run(&tables, vec![insert("3"), insert("1")]).await, expected);
    assert_eq!(tables.rows()[0]["a"]["S"], "1");
}

fn addition(row: &str, amount: &str) -> TableEffect {
    TableEffect::Accumulate(Accumulate {
        row: Row::new("records", row),
        labels: Item::from([("dataset".to_owned(), text("orders"))]),
        sums: [("count".to_owned(), Decimal::ONE), ("sum".to_owned(), amount.parse().unwrap())]
            .into(),
    })
}

/// What is to be added by an event: neither a double nor 64 bits hold their sum.
fn amount(event: usize) -> String {
    format!("{event}00000000000000000.0{event:03}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_writers_at_once_add_up_each_event_once() {
    const EVENTS: usize = 60;
    let tables = Tables::new().await;
    // Each event goes to three or four writers, each writer's batches overlap with the others'.
    let writer = |writer: usize| {
        let tables = &tables;
        async move {
            for start in [writer, writer * 7] {
                let events = (0..4).map(|n| (start * 5 + n * 13) % EVENTS);
                let writes: Vec<_> = events
                    .map(|event| {
                        write(
                            &event.to_string(),
                            addition(&format!("t{}", event % 3), &amount(event)),
                        )
                    })
                    .collect();
                let mut open = writes;
                while !open.is_empty() {
                    let outcomes = run(tables, open.clone()).await;
                    open = open
                        .into_iter()
                        .zip(outcomes)
                        .filter(|(_, it)| it.is_err())
                        .map(|(w, _)| w)
                        .collect();
                }
            }
        }
    };
    join_all((0..32).map(writer)).await;
    // And all of them once more, of which most are duplicates.
    let all = (0..EVENTS).map(|event| {
        write(&event.to_string(), addition(&format!("t{}", event % 3), &amount(event)))
    });
    let outcomes = run(&tables, all.collect()).await;
    assert!(outcomes.iter().filter(|it| **it == Ok(Verdict::Duplicate)).count() > EVENTS / 2);

    let rows = tables.rows();
    assert_eq!(rows.len(), 3);
    for (n, row) in ["t0", "t1", "t2"].iter().enumerate() {
        let found = rows.iter().find(|found| found["pk"]["S"] == *row).unwrap();
        let events = (0..EVENTS).filter(|event| event % 3 == n);
        let sum = events
            .clone()
            .fold(Decimal::ZERO, |sum, event| sum.plus(amount(event).parse().unwrap()).unwrap());
        assert_eq!(found["count"]["N"], events.count().to_string(), "{row}");
        assert_eq!(found["sum"]["N"], sum.to_string(), "{row}");
    }
}
