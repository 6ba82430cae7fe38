//! Message groups: records keep their order within a group, and groups do not wait for each other.

use super::*;

const PERMANENT: Act = Act::Fail(FailureKind::Permanent);
const TRANSIENT: Act = Act::Fail(FailureKind::Transient);

/// One record for each letter of `groups`, which names its group.
fn grouped(groups: &str) -> Vec<Record> {
    let group =
        |(place, name): (usize, char)| Record { group: Some(name.to_string()), ..record(place) };
    groups.chars().enumerate().map(group).collect()
}

#[track_caller]
fn check_prepared(rig: &Rig, expected: &[&str]) {
    let mut prepared = rig.prepared();
    prepared.sort();
    assert_eq!(prepared, expected);
}

#[tokio::test(start_paused = true)]
async fn a_group_stops_at_its_first_retry_and_the_others_go_on() {
    let acts = [Act::Pass, TRANSIENT, Act::Pass, Act::Pass, Act::Pass, Act::Pass];
    let rig = Rig::of(&acts);
    let found = rig.run(grouped("aababb")).await;
    assert_eq!(found, ends(&["m0", "m2", "m4", "m5"], &[], &["m1", "m3"]));
    check_prepared(&rig, &["m0", "m1", "m2", "m4", "m5"]);
    // Records that were not tried keep their place, and are not hidden.
    assert_eq!(rig.hidden().into_keys().collect::<Vec<_>>(), ["r1"]);
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_does_not_stop_its_group() {
    let acts = [PERMANENT, Act::Pass, Act::Panic, Act::Pass];
    let rig = Rig::of(&acts);
    let found = rig.run(grouped("aaaa")).await;
    assert_eq!(found, ends(&["m1", "m3"], &["m0", "m2"], &[]));
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_cannot_be_sent_does() {
    let acts = [PERMANENT, Act::Pass];
    let queue = Memory { refused: vec![record(0).body], ..Memory::default() };
    let rig = Rig::new(&acts, Commit::Each, queue);
    let found = rig.run(grouped("aa")).await;
    assert_eq!(found, ends(&[], &[], &["m0", "m1"]));
    check_prepared(&rig, &["m0"]);
}

#[tokio::test(start_paused = true)]
async fn a_record_waits_until_those_before_it_are_committed() {
    let acts = [Act::CommitFails(FailureKind::Transient), Act::Pass, Act::Pass];
    let rig = Rig::of(&acts);
    let found = rig.run(grouped("aab")).await;
    assert_eq!(found, ends(&["m2"], &[], &["m0", "m1"]));
    check_prepared(&rig, &["m0", "m2"]);
}

#[tokio::test(start_paused = true)]
async fn what_there_is_no_time_for_stops_its_group_too() {
    let acts = [Act::Hang, Act::Pass, Act::Pass];
    let mut rig = Rig::of(&acts);
    rig.batches.policy.reserve = Duration::from_secs(20);
    let found = rig.run(grouped("aba")).await;
    assert_eq!(found, ends(&["m1"], &[], &["m0", "m2"]));
    check_prepared(&rig, &["m0", "m1"]);
}

/// Within five minutes, a FIFO queue drops a message with the same id. That must hold for a second copy of a letter,
/// and not for the letter of a message that was brought back and fails again.
#[tokio::test(start_paused = true)]
async fn a_letter_of_another_life_is_no_copy_to_a_fifo_queue() {
    let rig = Rig::of(&[PERMANENT, PERMANENT]);
    let batches = Batches {
        stage: Script { acts: rig.batches.stage.acts.clone(), ..Script::default() },
        queue: Arc::clone(&rig.batches.queue),
        metrics: Recorder::new("Test"),
        dead_letters: DeadLetterQueue::new(Arc::clone(&rig.batches.queue), format!("{DLQ}.fifo")),
        policy: Policy::new(QUEUE.to_owned(), MAX_RECEIVES),
    };
    let first = grouped("a").remove(0);
    // The dead letter was sent, and then the deletion of the message failed.
    batches.run(vec![first.clone()], &rig.deadline).await;
    batches.run(vec![first.clone()], &rig.deadline).await;
    let (_, letter) = rig.batches.queue.sent.lock().unwrap()[0].clone();
    let attributes = event::DeadLetter::revive(letter.attributes, usize::MAX, None);
    let again = Record { attributes, message_id: "m1".to_owned(), ..first };
    batches.run(vec![again], &rig.deadline).await;
    let sent = rig.batches.queue.sent.lock().unwrap().clone();
    let ids: Vec<_> = sent.iter().map(|(_, message)| message.deduplication_id.clone()).collect();
    assert!(ids[0].is_some() && ids[0] == ids[1], "{ids:?}");
    assert!(ids[2].is_some() && ids[2] != ids[0], "{ids:?}");
    let letter = event::DeadLetter::read(&sent[2].1.attributes).unwrap();
    assert_eq!(letter.message_id, "m0", "it is told by the message that failed first");
}
