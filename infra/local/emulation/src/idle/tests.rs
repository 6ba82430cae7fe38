use super::*;

fn depth(visible: usize, in_flight: usize, delayed: usize) -> Depth {
    Depth { visible, in_flight, delayed }
}

fn progress(depth: Depth, activity: Activity) -> Progress {
    let queue = |name: &str, is_consumed, depth| QueueProgress {
        logical_id: name.to_owned(),
        name: name.to_owned(),
        is_consumed,
        depth,
    };
    Progress {
        queues: vec![
            queue("Inbox", true, depth),
            // Dead letters do not count as work.
            queue("InboxDlq", false, Depth { visible: 3, in_flight: 1, delayed: 0 }),
        ],
        mappings: vec![MappingProgress {
            logical_id: "Mapping".to_owned(),
            activity,
            change_due_ms: None,
            is_holding_back: false,
        }],
        lambda_is_idle: true,
    }
}

#[track_caller]
fn check(
    depth: Depth,
    activity: Activity,
    due: (Option<u64>, Option<u64>),
    expected: RemainingWork,
) {
    let (asynchronous, message) = due;
    let due = Due { asynchronous, message, schedule: Some(1) };
    assert_eq!(
        remaining_work(&progress(depth, activity), due),
        expected,
        "no schedule is waited for"
    );
}

#[test]
fn rest_is_complete_when_queues_with_a_consumer_are_empty_whatever_is_dead() {
    check(depth(0, 0, 0), Activity::Idle, (None, Some(5)), RemainingWork::Nothing);
    check(depth(1, 0, 0), Activity::Idle, (None, Some(5)), RemainingWork::Running);
    check(depth(0, 0, 0), Activity::Busy, (None, None), RemainingWork::Running);
}

#[test]
fn what_waits_for_time_waits_for_the_first_thing_that_is_due() {
    check(depth(0, 1, 0), Activity::Idle, (None, Some(500)), RemainingWork::WaitingUntil(500));
    check(depth(0, 0, 1), Activity::Idle, (Some(400), Some(500)), RemainingWork::WaitingUntil(400));
    check(
        depth(0, 2, 0),
        Activity::WaitingUntil(300),
        (Some(400), Some(500)),
        RemainingWork::WaitingUntil(300),
    );
    check(depth(0, 0, 0), Activity::Idle, (Some(400), None), RemainingWork::WaitingUntil(400));
}

#[test]
fn a_busy_function_is_never_overtaken_by_the_clock() {
    check(depth(0, 1, 0), Activity::Busy, (Some(400), Some(500)), RemainingWork::Running);
    let busy = Progress { lambda_is_idle: false, ..progress(depth(0, 1, 0), Activity::Idle) };
    assert_eq!(
        remaining_work(&busy, Due { message: Some(500), ..Due::default() }),
        RemainingWork::Running
    );
}

#[test]
fn messages_that_a_throttled_mapping_leaves_wait_with_it() {
    check(
        depth(7, 10, 0),
        Activity::WaitingUntil(300),
        (None, Some(900)),
        RemainingWork::WaitingUntil(300),
    );
}

#[test]
fn a_change_of_a_mapping_is_waited_for_and_a_schedule_where_messages_wait_behind_one() {
    let changed = |change_due_ms, is_holding_back, depth| {
        let mut progress = progress(depth, Activity::Idle);
        let mapping = &mut progress.mappings[0];
        (mapping.change_due_ms, mapping.is_holding_back) = (change_due_ms, is_holding_back);
        progress
    };
    let due = Due { schedule: Some(700), message: Some(300), ..Due::default() };
    let empty = depth(0, 0, 0);
    assert_eq!(
        remaining_work(&changed(Some(500), false, empty), due),
        RemainingWork::WaitingUntil(500)
    );
    assert_eq!(remaining_work(&changed(None, true, empty), due), RemainingWork::WaitingUntil(700));
    assert_eq!(
        remaining_work(&changed(Some(500), true, depth(0, 1, 0)), due),
        RemainingWork::WaitingUntil(300)
    );
    assert_eq!(
        remaining_work(&changed(Some(500), false, depth(1, 0, 0)), due),
        RemainingWork::Running,
        "it is taken first"
    );
    assert_eq!(remaining_work(&changed(None, true, empty), Due::default()), RemainingWork::Nothing);
    let text = changed(None, true, empty).to_string();
    assert_eq!(text, "mapping Mapping is disabled, and its queue is not empty");
}

#[test]
fn what_is_still_where_is_said_and_dead_letters_are_not_mentioned() {
    let busy = Busy {
        waited: Duration::from_secs(60),
        progress: progress(depth(1, 2, 3), Activity::Busy),
    };
    assert_eq!(
        busy.to_string(),
        "not at rest after 60 s: Inbox holds 1 visible, 2 in flight and 3 delayed; \
         mapping Mapping is busy"
    );
    let rest = progress(depth(0, 0, 0), Activity::Idle).to_string();
    assert_eq!(rest, "everything is at rest");
}
