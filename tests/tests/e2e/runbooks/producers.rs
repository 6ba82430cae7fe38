//! Runbooks for what producers do: events that are missing, come again, or come late.

use event::Code;
use serde_json::json;
use sluicegate_tests::{Edit, Settings, World, flights, gzip, lines, new_folder};

use super::{check_ended_well, file_of, follow, follow_with_file};

/// A tenth of a file never came in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_events_are_found_missing_and_sent_again_without_a_second_effect() {
    let world = World::start().await;
    let sample = flights(0, 100);
    world.land("flights/part.ndjson.gz", gzip(&lines(&sample[..90])));
    world.settle().await;
    let file = file_of(&lines(&sample));
    let printed = follow_with_file(&world, "missing-events.md", &file).await;
    assert!(printed.contains("some were not found"), "{printed}");
    let sums: Vec<&str> = printed.lines().filter(|line| line.contains(" sent = ")).collect();
    let expected = ["100 sent = 90 in their sinks + 10 not found", "100 sent = 100 in their sinks"];
    assert_eq!(sums, expected, "{printed}");
    world.assert_written_once(&sample);
    world.assert_in_totals(&sample);
    world.end().await;
}

/// A file comes three times, with an event that has changed on the way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn duplicates_change_nothing_and_a_conflict_is_shown_and_put_aside() {
    let world = World::start().await;
    let sample = flights(0, 40);
    for name in ["first", "second", "third"] {
        world.land(&format!("flights/{name}.ndjson.gz"), gzip(&lines(&sample)));
        world.settle().await;
    }
    world.send_flights(&[sample[0].with("distance", json!(1))]);
    world.settle().await;
    assert_eq!(world.logs.sum("sink", "events.duplicate"), 80);
    let file = file_of(&lines(&sample));
    let printed = follow_with_file(&world, "duplicate-surge.md", &file).await;
    assert!(printed.contains("dedupe.conflict"), "{printed}");
    let sums: Vec<&str> = printed.lines().filter(|line| line.contains(" sent = ")).collect();
    assert_eq!(sums, ["40 sent = 40 in their sinks"; 2], "{printed}");
    assert_eq!(world.stored_letters("sink", &["dead"]).len(), 0, "{printed}");
    assert_eq!(world.stored_letters("sink", &["discarded"]).len(), 1, "{printed}");
    world.assert_written_once(&sample);
    world.assert_in_totals(&sample);
    world.end().await;
}

/// The limit of the contract was too narrow, and is mended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_events_are_written_once_the_contract_allows_them() {
    const ONE_DAY: Edit = Edit {
        old: "retention:",
        new: "time:\n  lateness: {allowed_s: 86400, beyond: reject}\n\nretention:",
    };
    let state = Some(new_folder());
    let sample = flights(0, 30);
    let contract_edits = vec![("flights/contract.yaml", ONE_DAY)];
    let narrow = Settings { state: state.clone(), contract_edits, ..Settings::default() };
    let world = World::start_with(narrow).await;
    world.send_flights(&sample);
    world.settle().await;
    world.assert_codes("InboxDlq", &[Code::TimeLate]);
    world.end().await;
    let world = World::start_with(Settings { state, ..Settings::default() }).await;
    check_ended_well(follow(&world, "late-events.md").await);
    world.settle().await;
    world.assert_written_once(&sample);
    world.assert_letters("InboxDlq", &[]);
    world.end().await;
}
