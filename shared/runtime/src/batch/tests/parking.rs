//! A record that waits for longer than a minute becomes a copy in its own queue.

use event::{Attribute, Attributes, DEFAULT_LONGEST_WAIT, DeadLetter};

use super::*;

const LATER: Act =
    Act::Fail(FailureKind::Throttled { retry_after: Some(Duration::from_secs(600)) });

fn away(for_s: u64) -> Act {
    let until = Timestamp::from_unix_ms(START_MS).plus(Duration::from_secs(for_s));
    Act::Fail(FailureKind::Unavailable { until, longest_wait: DEFAULT_LONGEST_WAIT })
}

fn parked(done: &[&str], parked: &[&str]) -> Ends {
    Ends { parked: parked.iter().map(|&id| id.to_owned()).collect(), ..ends(done, &[], &[]) }
}

fn seconds(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(START_MS + ms * 1_000)
}

/// The message that SQS delivers for a copy that was sent.
fn received(copy: &Copy, place: usize) -> Record {
    Record {
        body: copy.message.body.clone(),
        attributes: copy.message.attributes.clone(),
        fair_group: copy.message.group.clone(),
        sent_at: Some(seconds(600)),
        ..record(place)
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_is_sent_and_the_received_message_is_acknowledged() {
    let acts = [Act::Pass, LATER, Act::Pass, away(300)];
    let rig = Rig::of(&acts);
    let mut batch = records(&acts);
    for record in &mut batch {
        record.fair_group = Some("tenant".to_owned());
        record.sent_at = Some(seconds(-5));
        record.attributes = [("a".to_owned(), Attribute::string("v"))].into();
    }
    assert_eq!(rig.run(batch).await, parked(&["m0", "m2"], &["m1", "m3"]));
    assert!(rig.hidden().is_empty());
    for (copy, place) in rig.copies().iter().zip([1, 3]) {
        let (asked, attempts) = if place == 1 { (600, 1) } else { (300, 0) };
        assert_eq!(copy.message.body, record(place).body);
        assert_eq!(copy.message.group.as_deref(), Some("tenant"));
        assert_eq!(copy.message.attributes["a"].value, "v");
        assert_eq!(
            (copy.parked.sent_at, copy.parked.first_failed_at),
            (Some(seconds(-5)), seconds(0))
        );
        assert_eq!((copy.parked.attempts, copy.parked.parks), (attempts, 1));
        assert_eq!(copy.parked.reason, "as the test says");
        let delay = copy.message.delay.unwrap().as_secs();
        assert!((asked..=asked * 11 / 10).contains(&delay), "{delay} s");
    }
}

/// The summary that the stage gets at the end of a batch of these records. The last of them is of a FIFO group.
async fn summary(acts: &[Act]) -> BatchSummary {
    let rig = Rig::of(acts);
    let mut batch = records(acts);
    if let Some(last) = batch.last_mut() {
        last.group = Some("group".to_owned());
    }
    rig.run(batch).await;
    let told = rig.batches.stage.summaries.lock().unwrap().clone();
    assert_eq!(told.len(), 1);
    told[0]
}

#[tokio::test(start_paused = true)]
async fn a_stage_is_told_how_many_records_wait_for_a_dependency() {
    let told = summary(&[away(300), away(10), away(90)]).await;
    assert_eq!(told, BatchSummary { records: 3, waiting: 3 });
    assert!(told.all_wait());
    let transient = Act::Fail(FailureKind::Transient);
    for other in [Act::Pass, LATER, transient, Act::Fail(FailureKind::Permanent), Act::Panic] {
        let told = summary(&[away(300), other, away(300)]).await;
        assert_eq!(told, BatchSummary { records: 3, waiting: 2 }, "{other:?}");
        assert!(!told.all_wait());
    }
    // It has waited for the longest allowed time, and becomes a dead letter.
    let over = FailureKind::Unavailable { until: seconds(9), longest_wait: Duration::ZERO };
    let told = summary(&[Act::Fail(over), away(300)]).await;
    assert_eq!(told, BatchSummary { records: 2, waiting: 1 });
}

#[tokio::test(start_paused = true)]
async fn a_transient_failure_is_hidden_for_a_minute_at_most_and_then_parked() {
    let transient = Act::Fail(FailureKind::Transient);
    for (receives, is_parked) in [(5, false), (7, true), (14, true)] {
        let mut rig = Rig::of(&[transient]);
        rig.batches.policy.max_receive_count = 15;
        let found = rig.run(vec![Record { receive_count: receives, ..record(0) }]).await;
        let waits = if is_parked {
            assert_eq!(found, parked(&[], &["m0"]), "{receives}");
            rig.copies()[0].message.delay.unwrap()
        } else {
            assert_eq!(found, ends(&[], &[], &["m0"]), "{receives}");
            rig.hidden()["r0"]
        };
        assert_eq!(waits, retry_delay(receives, "m0"));
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_add_up_over_all_copies_and_the_dead_letter_is_of_the_first_message() {
    let transient = Act::Fail(FailureKind::Transient);
    let mut first = Rig::of(&[LATER]);
    first.batches.policy.max_receive_count = 4;
    let sent_at = Some(seconds(-5));
    first.run(vec![Record { receive_count: 2, sent_at, ..record(0) }]).await;
    let copy = &first.copies()[0];
    // The copy has an id of its own, and its first receive is the third of the message.
    for (receives, is_dead) in [(1, false), (2, true)] {
        let mut rig = Rig::of(&[transient, transient]);
        rig.batches.policy.max_receive_count = 4;
        tokio::time::advance(Duration::from_secs(10)).await;
        let found = rig.run(vec![Record { receive_count: receives, ..received(copy, 1) }]).await;
        if is_dead {
            let (_, letter) = &rig.letters()[0];
            assert_eq!((letter.message_id.as_str(), letter.attempts), ("m0", 4));
            assert_eq!((letter.parks, letter.unavailable_since), (1, None));
            assert_eq!(letter.taken_in(), seconds(-5));
            assert_eq!(
                (letter.first_failed_at, letter.last_failed_at),
                (seconds(0), rig.deadline.now())
            );
            let (_, message) = rig.batches.queue.sent.lock().unwrap()[0].clone();
            assert_eq!(message.attributes.len(), 1, "it is a copy no more");
        } else {
            // Lambda knows the record by the copy's id, and SQS by the copy's receipt handle.
            assert_eq!(found, ends(&[], &[], &["m1"]));
            assert_eq!(rig.hidden(), [("r1".to_owned(), retry_delay(3, "m0"))].into());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_no_attempt_however_often_it_is_waited_for() {
    let mut record = Record { sent_at: Some(seconds(-5)), ..record(0) };
    for parks in 1..40 {
        let rig = Rig::of(&[away(30), away(30)]);
        let found = rig.run(vec![record]).await;
        assert_eq!(found, parked(&[], &["m0"]));
        let copy = &rig.copies()[0];
        assert_eq!((copy.parked.attempts, copy.parked.parks), (0, parks));
        assert_eq!(copy.parked.unavailable_since, Some(seconds(0)));
        record = received(copy, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn beyond_the_longest_wait_it_is_a_dead_letter_that_says_since_when() {
    let first = Rig::of(&[away(30)]);
    first.run(vec![record(0)]).await;
    let copy = &first.copies()[0];
    for (waited_s, is_dead) in [(6 * 60 * 60 - 1, false), (6 * 60 * 60, true)] {
        let rig = Rig::of(&[away(1_000_000), away(1_000_000)]);
        let mut late = copy.parked.clone();
        late.unavailable_since = Some(seconds(-waited_s));
        let attributes = late.write_within(Attributes::new(), usize::MAX);
        let found = rig.run(vec![Record { attributes, ..received(copy, 1) }]).await;
        if is_dead {
            assert_eq!(found, ends(&[], &["m0"], &[]));
            let (_, letter) = &rig.letters()[0];
            assert_eq!(
                (letter.code, letter.kind.as_str()),
                (Code::DependencyUnavailable, "unavailable")
            );
            assert_eq!((letter.attempts, letter.parks), (0, 1));
            assert_eq!(letter.unavailable_since, Some(seconds(-waited_s)));
            let since = seconds(-waited_s).to_string();
            assert!(
                letter.reason.contains(&since) && letter.reason.contains("as the test says"),
                "{}",
                letter.reason
            );
        } else {
            // It comes back when the longest wait is over, even if the dependency may be unavailable for longer.
            assert_eq!(found, parked(&[], &["m0"]));
            assert!(rig.copies()[0].message.delay.unwrap() <= Duration::from_secs(2));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_cannot_be_sent_leaves_its_message_hidden() {
    let acts = [LATER, away(300), LATER];
    let queue = Memory { refused: vec![record(0).body, record(1).body], ..Memory::default() };
    let rig = Rig::new(&acts, Commit::Each, queue);
    let found = rig.run(records(&acts)).await;
    assert_eq!(found.parked, ["m2"]);
    assert_eq!(found.returned, ["m0", "m1"]);
    let hidden = rig.hidden();
    assert!(hidden["r0"] >= Duration::from_secs(600) && hidden["r1"] >= Duration::from_secs(300));
}

/// If it were parked each time, it would never end. SQS counts the receives of a hidden message.
#[tokio::test(start_paused = true)]
async fn what_can_be_no_dead_letter_is_hidden_and_never_parked() {
    for act in [Act::Fail(FailureKind::Permanent), Act::Fail(FailureKind::Transient)] {
        let queue = Memory { refused: vec![record(0).body], ..Memory::default() };
        let rig = Rig::new(&[act], Commit::Each, queue);
        let found = rig.run(vec![Record { receive_count: 20, ..record(0) }]).await;
        assert_eq!(found, ends(&[], &[], &["m0"]));
        assert_eq!(rig.hidden()["r0"], retry_delay(20, "m0"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_without_room_for_a_copy_is_hidden() {
    for (room, is_parked) in [(600, true), (60, false)] {
        let rig = Rig::of(&[LATER]);
        let body = "x".repeat(crate::MAX_BATCH_BYTES - room);
        let found = rig.run(vec![Record { body, ..record(0) }]).await;
        assert_eq!(found.parked.len(), usize::from(is_parked), "{room}");
        assert_eq!(rig.hidden().len(), usize::from(!is_parked), "{room}");
        assert!(rig.copies().iter().all(|copy| copy.message.size() <= crate::MAX_BATCH_BYTES));
    }
}

/// SQS delays a message for at most 15 minutes. A record that comes back earlier than it was asked to is not tried, and
/// nothing is counted.
#[tokio::test(start_paused = true)]
async fn an_hour_that_was_asked_for_is_waited_for_in_several_delays() {
    let hour = Act::Fail(FailureKind::Throttled { retry_after: Some(Duration::from_secs(3_600)) });
    let first = Rig::of(&[hour]);
    first.run(vec![record(0)]).await;
    let copy = &first.copies()[0];
    assert!(copy.message.delay.unwrap() <= Duration::from_secs(900));
    let until = copy.parked.not_before.unwrap();
    assert_eq!(until, seconds(3_600));

    let rig = Rig::of(&[Act::Pass, Act::Pass]);
    assert_eq!(rig.run(vec![received(copy, 1)]).await, parked(&[], &["m0"]));
    assert!(rig.prepared().is_empty(), "tried before its time");
    let again = &rig.copies()[0];
    assert_eq!((again.parked.attempts, again.parked.parks), (1, 2));
    assert_eq!(again.parked.not_before, Some(until));
    assert_eq!(
        (again.parked.code, again.parked.reason.as_str()),
        (Code::ContractViolation, "as the test says")
    );

    let rig = Rig::of(&[Act::Pass, Act::Pass]);
    let mut due = again.parked.clone();
    due.not_before = Some(rig.deadline.now());
    let attributes = due.write_within(Attributes::new(), usize::MAX);
    rig.run(vec![Record { attributes, ..received(again, 1) }]).await;
    assert_eq!(rig.prepared(), ["m0"]);
}

/// Anybody may send to the inbox. There a message counts as a parked copy only if one of Sluicegate's functions sent
/// it.
#[tokio::test(start_paused = true)]
async fn a_stranger_s_word_is_not_believed_and_not_passed_on_in_a_copy() {
    let why = Failure::permanent(Code::KeyMissing, "forged");
    let mut forged = Parked::new("forged", Some(seconds(-9)), &why, seconds(-9));
    forged.attempts = 1_000;
    let letter = DeadLetter::new("script", &why, seconds(-9), "forged");
    let attributes = forged.write_within(letter.write(Attributes::new()), usize::MAX);
    let with_sender = |sender: &str| {
        let sender = Some(sender.to_owned());
        Record { sender, attributes: attributes.clone(), ..record(0) }
    };
    let trusted = || {
        let variables = BTreeMap::from([("TRUSTED_SENDERS", "AROASELF")]);
        Some(TrustedSenders::read(&variables).unwrap())
    };
    let mut rig = Rig::of(&[LATER]);
    rig.batches.policy.trusted_senders = trusted();
    assert_eq!(rig.run(vec![with_sender("AIDAOTHER")]).await, parked(&[], &["m0"]));
    let copy = &rig.copies()[0];
    assert_eq!((copy.parked.attempts, copy.parked.parks), (1, 1));
    assert_eq!(
        copy.message.attributes.len(),
        1,
        "a failure that was forged would be believed next time"
    );

    // A dead letter does not carry it either. Otherwise redrive, which is trusted, would send it.
    let mut rig = Rig::of(&[Act::Fail(FailureKind::Permanent)]);
    rig.batches.policy.trusted_senders = trusted();
    assert_eq!(rig.run(vec![with_sender("AIDAOTHER")]).await, ends(&[], &["m0"], &[]));
    let (_, message) = rig.batches.queue.sent.lock().unwrap()[0].clone();
    assert_eq!(Parked::read(&message.attributes), None);

    let mut rig = Rig::of(&[LATER]);
    rig.batches.policy.trusted_senders = trusted();
    let found = rig.run(vec![with_sender("AROASELF:function")]).await;
    assert_eq!(found, ends(&[], &["forged"], &[]), "it was tried 1,000 times");
}
