//! How an invocation's time is used, and how long a retry waits.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_record_that_hangs_times_out_alone_and_the_rest_is_committed() {
    let acts = [Act::Pass, Act::Hang, Act::Pass];
    let rig = Rig::of(&acts);
    let found = rig.run(records(&acts)).await;
    assert_eq!(found, ends(&["m0", "m2"], &[], &["m1"]));
    assert_eq!(rig.deadline.remaining(), INVOCATION / 2);
    assert_eq!(rig.hidden(), [("r1".to_owned(), retry_delay(1, "m1"))].into());
}

#[tokio::test(start_paused = true)]
async fn a_record_that_hangs_to_the_last_is_a_dead_letter_that_says_so() {
    let acts = [Act::Hang];
    let rig = Rig::of(&acts);
    let mut batch = records(&acts);
    batch[0].receive_count = MAX_RECEIVES;
    rig.run(batch).await;
    let (_, letter) = &rig.letters()[0];
    assert_eq!(letter.code, Code::RecordTimedOut);
    assert_eq!(letter.reason, "not processed within 15000 ms");
}

#[tokio::test(start_paused = true)]
async fn records_that_hang_one_after_another_leave_time_to_commit_and_to_answer() {
    let acts = [Act::Hang, Act::Pass, Act::Hang, Act::Hang, Act::Hang, Act::Hang, Act::Pass];
    let mut rig = Rig::of(&acts);
    rig.batches.policy.concurrency = 1;
    let found = rig.run(records(&acts)).await;
    assert_eq!(found.done, ["m1"]);
    assert_eq!(found.returned.len(), 6);
    assert!(rig.deadline.remaining() >= rig.batches.policy.reserve / 2);
    assert!(!rig.prepared().contains(&"m6".to_owned()), "started with too little time left");
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_hangs_leaves_time_to_answer() {
    let acts = [Act::Pass, Act::Fail(FailureKind::Permanent)];
    let rig = Rig::new(&acts, Commit::Hangs, Memory::default());
    let found = rig.run(records(&acts)).await;
    assert_eq!(found, ends(&[], &["m1"], &["m0"]));
    assert_eq!(rig.deadline.remaining(), rig.batches.policy.reserve / 2);
}

#[tokio::test(start_paused = true)]
async fn with_too_little_time_left_nothing_is_started_and_nothing_hidden() {
    let acts = [Act::Pass, Act::Fail(FailureKind::Permanent)];
    let rig = Rig::of(&acts);
    tokio::time::advance(INVOCATION - Duration::from_millis(1_999)).await;
    let found = rig.run(records(&acts)).await;
    assert_eq!(found, ends(&[], &[], &["m0", "m1"]));
    assert!(rig.prepared().is_empty() && rig.hidden().is_empty());
}

/// A record that has failed once, of a message that cannot be delayed.
async fn hidden(kind: FailureKind, receive_count: u32) -> Duration {
    let rig = Rig::of(&[Act::Fail(kind)]);
    let group = Some("g".to_owned());
    rig.run(vec![Record { receive_count, group, ..record(0) }]).await;
    rig.hidden()["r0"]
}

#[tokio::test(start_paused = true)]
async fn a_throttled_record_waits_at_least_as_long_as_was_asked() {
    let throttled = |s| FailureKind::Throttled { retry_after: Some(Duration::from_secs(s)) };
    assert_eq!(hidden(throttled(120), 1).await, Duration::from_secs(120));
    assert_eq!(hidden(throttled(1), 4).await, retry_delay(4, "m0"));
    assert_eq!(hidden(FailureKind::Throttled { retry_after: None }, 2).await, retry_delay(2, "m0"));
    assert_eq!(hidden(throttled(1_000_000), 1).await, LONGEST_WAIT);
}

#[tokio::test(start_paused = true)]
async fn an_event_waits_out_an_outage_and_no_longer() {
    let until = |s| {
        let until = Timestamp::from_unix_ms(START_MS).plus(Duration::from_secs(s));
        FailureKind::Unavailable { until, longest_wait: event::DEFAULT_LONGEST_WAIT }
    };
    assert_eq!(hidden(until(60), 1).await, Duration::from_secs(60));
    assert_eq!(hidden(until(0), 3).await, retry_delay(3, "m0"));
    assert_eq!(hidden(until(1_000_000), 1).await, LONGEST_WAIT);
}
