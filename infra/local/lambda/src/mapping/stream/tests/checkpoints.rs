//! How far a mapping says that it is: never beyond what it has not dealt with.

use super::*;

fn at(mapping: &Mapping) -> String {
    mapping.checkpoint().unwrap().position().0
}

/// Puts `abcdef` before a function that hates some of them, and lets it fail a few times.
#[track_caller]
fn check(hated: &str, declared: StreamMapping, expected: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let world = World::new();
        world.function.hates(hated);
        world.shard.put("abcdef");
        let mapping = world.start(&declared);
        if hated.is_empty() || declared.maximum_retries.is_some() {
            world.settle(&mapping).await;
        } else {
            let is_waiting = || matches!(mapping.activity(), Activity::WaitingUntil(_));
            until("waiting for another try", is_waiting).await;
        }
        assert_eq!(at(&mapping), expected, "{:?}", world.function.seen());
    });
}

#[test]
fn it_is_before_the_first_record_that_is_not_dealt_with() {
    let base = declared;
    check("", base(), "6");
    check("c", base(), "0");
    check("c", StreamMapping { batch_size: 2, ..base() }, "2");
    check("c", StreamMapping { batch_size: 1, ..base() }, "2");
    check("f", StreamMapping { batch_size: 4, ..base() }, "4");
    // Halved until it is alone, after all before it.
    check("d", StreamMapping { bisect: true, ..base() }, "3");
    // Given up.
    check("d", StreamMapping { maximum_retries: Some(0), ..base() }, "6");
    // What no filter lets pass waits for nobody.
    let filters = vec![r#"{"eventName":["MODIFY"]}"#.to_owned()];
    check("", StreamMapping { filters: filters.clone(), ..base() }, "6");
    check("", StreamMapping { filters, batch_size: 3, ..base() }, "6");
    check("", StreamMapping { enabled: false, ..base() }, "0");
    let starting_position = StartingPosition::Latest;
    check("", StreamMapping { starting_position, enabled: false, ..base() }, "6");
}

#[tokio::test]
async fn a_reported_failure_is_where_it_is() {
    let world = World::new();
    world.function.will(&failures("c"));
    world.shard.put("abcd");
    let report_batch_item_failures = true;
    let mapping = world.start(&StreamMapping { report_batch_item_failures, ..declared() });
    let is_waiting = || matches!(mapping.activity(), Activity::WaitingUntil(_));
    until("waiting for another try", is_waiting).await;
    assert_eq!(at(&mapping), "2");
    world.settle(&mapping).await;
    assert_eq!(at(&mapping), "4");
}

#[tokio::test]
async fn what_is_being_delivered_or_gathered_is_not_dealt_with() {
    let world = World::new();
    world.shard.put("ab");
    let window = Duration::from_secs(5);
    let mapping = world.start(&StreamMapping { window, ..declared() });
    until("gathered", || mapping.counters().in_flight == 2).await;
    assert_eq!(at(&mapping), "0");
    world.settle(&mapping).await;
    assert_eq!(at(&mapping), "2");
}

#[tokio::test]
async fn when_everything_shuts_down_nothing_is_passed_over() {
    let world = World::new();
    let answers = [Ok(invocation("{}", None)), Err(InvokeError::ShuttingDown)];
    world.function.answers.lock().unwrap().extend(answers);
    world.shard.put("abc");
    let mapping = world.start(&StreamMapping { batch_size: 1, ..declared() });
    let checkpoint = mapping.checkpoint().unwrap();
    until("tried", || world.function.seen().len() >= 2).await;
    mapping.stop().await;
    assert_eq!(world.function.seen(), ["a", "b"]);
    assert_eq!(checkpoint.position().0, "1");
}

#[tokio::test]
async fn a_mapping_goes_on_from_its_checkpoint_whatever_its_starting_position() {
    for starting_position in [StartingPosition::TrimHorizon, StartingPosition::Latest] {
        let world = World::new();
        world.shard.put("abcd");
        let declared = StreamMapping { starting_position, ..declared() };
        let mapping = world.start_from(&declared, Some(Position("2".to_owned()))).unwrap();
        world.settle(&mapping).await;
        assert_eq!(world.function.seen(), ["cd"]);
    }
}
