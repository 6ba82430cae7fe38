//! What is read, when, and in which batches.

use super::*;

#[tokio::test]
async fn records_come_in_their_order_and_in_batches_of_the_size() {
    let world = World::new();
    world.shard.put("abcdefg");
    let mapping = world.start(&StreamMapping { batch_size: 3, ..declared() });
    world.settle(&mapping).await;
    world.shard.put("hi");
    world.settle(&mapping).await;
    assert_eq!(world.function.seen(), ["abc", "def", "g", "hi"]);
    let expected = Counters { invocations: 4, records: 9, ..Counters::default() };
    assert_eq!(mapping.counters(), expected);
    mapping.stop().await;
}

#[tokio::test]
async fn latest_is_what_is_written_once_the_mapping_is_there_even_if_it_is_paused() {
    let world = World::new();
    world.shard.put("ab");
    let starting_position = StartingPosition::Latest;
    let mapping = world.start(&StreamMapping { starting_position, enabled: false, ..declared() });
    world.shard.put("cd");
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert_eq!((world.function.seen().len(), mapping.activity()), (0, Activity::Idle));
    mapping.resume();
    assert_eq!(mapping.activity(), Activity::Busy, "there is something to read");
    world.settle(&mapping).await;
    assert_eq!(world.function.seen(), ["cd"]);
}

#[tokio::test]
async fn a_write_makes_the_mapping_busy_at_once() {
    let world = World::new();
    let mapping = world.start(&declared());
    world.settle(&mapping).await;
    world.shard.put("a");
    assert_eq!(mapping.activity(), Activity::Busy, "before anybody has read it");
    world.settle(&mapping).await;
    assert_eq!(world.function.seen(), ["a"]);
    let reads = *world.shard.reads.lock().unwrap();
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    let more = *world.shard.reads.lock().unwrap() - reads;
    assert!(more <= 1, "it reads {more} times while nothing is written");
}

#[tokio::test]
async fn what_no_filter_lets_pass_is_passed_over() {
    let world = World::new();
    let filters = vec![r#"{"eventName":["MODIFY"]}"#.to_owned()];
    world.shard.put("abCdE");
    let mapping = world.start(&StreamMapping { filters, batch_size: 2, ..declared() });
    world.settle(&mapping).await;
    assert_eq!(world.function.seen().concat(), "CE");
    let counters = mapping.counters();
    assert_eq!((counters.filtered, counters.records, counters.in_flight), (3, 2, 0));
}

#[tokio::test]
async fn a_window_gathers_records_until_it_ends_or_the_batch_is_full() {
    let world = World::new();
    let window = Duration::from_secs(5);
    let mapping = world.start(&StreamMapping { batch_size: 4, window, ..declared() });
    world.settle(&mapping).await;
    world.shard.put("a");
    let waiting = Activity::WaitingUntil(START_MS + 5_000);
    until("waiting for the window's end", || mapping.activity() == waiting).await;
    world.clock.advance(Duration::from_secs(3));
    world.shard.put("b");
    assert_eq!(mapping.activity(), Activity::Busy, "time does not pass before it is read");
    until("gathered", || mapping.counters().in_flight == 2).await;
    assert_eq!(world.function.seen().len(), 0, "the window has not ended");
    world.settle(&mapping).await;
    world.shard.put("cdef");
    until("a full batch goes at once", || world.function.seen().len() == 2).await;
    assert_eq!(world.function.seen(), ["ab", "cdef"]);
}

#[tokio::test]
async fn records_older_than_a_day_are_gone() {
    let world = World::new();
    world.shard.put("ab");
    world.clock.advance(Duration::from_secs(24 * 3_600 + 1));
    world.shard.put("c");
    let mapping = world.start(&declared());
    world.settle(&mapping).await;
    assert_eq!(world.function.seen(), ["c"]);
    assert_eq!(mapping.counters().discarded, 2);
    assert!(world.failures.sent.lock().unwrap().is_empty(), "they were never read");
}

#[tokio::test]
async fn a_batch_is_split_where_it_exceeds_a_payload() {
    let world = World::new();
    world.shard.put("abcd");
    for record in world.shard.records.lock().unwrap().iter_mut() {
        record.body.insert("pad".to_owned(), json!("x".repeat(2 * 1024 * 1024)));
    }
    let mapping = world.start(&declared());
    world.settle(&mapping).await;
    assert_eq!(world.function.seen(), ["ab", "cd"]);
}
