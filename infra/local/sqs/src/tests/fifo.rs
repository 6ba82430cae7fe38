//! A FIFO queue by itself.

use super::*;

fn fifo() -> TestQueue {
    TestQueue::fifo(&[("VisibilityTimeout", "30")])
}

#[test]
fn a_group_is_locked_while_a_message_of_it_is_in_flight() {
    let mut queue = fifo();
    for (group, body) in [("g", "g1"), ("g", "g2"), ("g", "g3"), ("h", "h1")] {
        queue.send_to(group, body);
    }
    let deliveries = queue.receive(2);
    let bodies: Vec<_> = deliveries.iter().map(|d| d.content.body.as_str()).collect();
    assert_eq!(bodies, ["g1", "g2"]);
    assert_eq!(queue.bodies(10), ["h1"]);
    queue.delete(&deliveries[0]).unwrap();
    assert!(queue.bodies(10).is_empty());
    queue.delete(&deliveries[1]).unwrap();
    assert_eq!(queue.bodies(10), ["g3"]);
}

#[test]
fn order_is_kept_when_messages_come_back() {
    let mut queue = fifo();
    for body in ["1", "2", "3"] {
        queue.send_to("g", body);
    }
    assert_eq!(queue.bodies(2), ["1", "2"]);
    queue.pass(30 * SECOND);
    assert_eq!(queue.bodies(10), ["1", "2", "3"]);
}

/// As AWS was seen to behave: the message and all after it in its group stay hidden, those before
/// it come back.
#[track_caller]
fn check_extended(position: usize, expected: &[&str]) {
    let mut queue = fifo();
    for body in ["1", "2", "3"] {
        queue.send_to("g", body);
    }
    let deliveries = queue.receive(10);
    queue.hide(&deliveries[position], 60).unwrap();
    queue.pass(40 * SECOND);
    assert_eq!(queue.bodies(10), expected, "extended: {position}");
}

#[test]
fn a_message_hidden_for_longer_holds_back_what_comes_after_it() {
    check_extended(0, &[]);
    check_extended(1, &["1"]);
    check_extended(2, &["1", "2"]);
}

#[test]
fn a_message_made_visible_is_next_of_its_group() {
    let mut queue = fifo();
    queue.send_to("g", "1");
    queue.send_to("g", "2");
    let deliveries = queue.receive(1);
    queue.hide(&deliveries[0], 0).unwrap();
    assert_eq!(queue.bodies(10), ["1", "2"]);
}

#[test]
fn groups_take_turns() {
    let mut queue = fifo();
    for (group, body) in [("1", "1a"), ("2", "2a"), ("2", "2b"), ("3", "3a"), ("1", "1b")] {
        queue.send_to(group, body);
    }
    let mut receive = |max| {
        let request = Receive { max, visibility_seconds: Some(0), ..Receive::default() };
        let deliveries = queue.receive_with(&request);
        deliveries.iter().map(|d| d.content.body.clone()).collect::<Vec<_>>()
    };
    assert_eq!(receive(3), ["1a", "1b", "2a"]);
    assert_eq!(receive(10), ["3a", "1a", "1b", "2a", "2b"]);
}

#[test]
fn a_duplicate_within_five_minutes_is_answered_and_not_delivered() {
    let mut queue = fifo();
    let first = queue.send_to("g", "a");
    let deliveries = queue.receive(1);
    queue.delete(&deliveries[0]).unwrap();
    queue.pass(300 * SECOND - 1);
    let second = queue.try_send(grouped("other", "a", "another body")).unwrap();
    assert_eq!((&second.id, second.sequence_number), (&first.id, first.sequence_number));
    assert_eq!(second.content.body, "another body", "the answer's digests are of what was sent");
    assert_eq!(queue.depth(), (0, 0, 0));
    queue.pass(1);
    let third = queue.send_to("g", "a");
    assert_ne!(third.id, first.id);
    assert_eq!(queue.bodies(10), ["a"]);
}

#[test]
fn duplicates_of_groups_are_their_own_where_the_scope_is_the_group() {
    let mut queue = TestQueue::fifo(&[
        ("DeduplicationScope", "messageGroup"),
        ("FifoThroughputLimit", "perMessageGroupId"),
    ]);
    for group in ["g", "h", "g"] {
        queue.try_send(grouped(group, "same", group)).unwrap();
    }
    assert_eq!(queue.bodies(10), ["g", "h"]);
}

#[test]
fn content_makes_a_deduplication_id_where_none_is_given() {
    let mut queue = TestQueue::fifo(&[("ContentBasedDeduplication", "true")]);
    let without = |body: &str| Outgoing { deduplication_id: None, ..grouped("g", "", body) };
    queue.try_send(without("a")).unwrap();
    queue.try_send(without("a")).unwrap();
    queue.try_send(without("b")).unwrap();
    queue.try_send(grouped("g", "explicit", "a")).unwrap();
    let deliveries = queue.receive(10);
    let ids: Vec<_> = deliveries
        .iter()
        .map(|d| d.system_attributes("me")["MessageDeduplicationId"].clone())
        .collect();
    assert_eq!(ids[0], "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb");
    assert_eq!((ids.len(), ids[2].as_str()), (3, "explicit"));
}

#[test]
fn a_group_and_something_to_deduplicate_by_are_required() {
    let mut queue = fifo();
    let check = |queue: &mut TestQueue, outgoing: Outgoing, message: &str| {
        let fault = queue.try_send(outgoing).unwrap_err();
        assert!(fault.message.contains(message), "{fault}");
    };
    let plain = || Outgoing { body: "b".to_owned(), ..Outgoing::default() };
    check(&mut queue, plain(), "MessageGroupId");
    check(
        &mut queue,
        Outgoing { group_id: Some("g".to_owned()), ..plain() },
        "MessageDeduplicationId",
    );
    let delayed = Outgoing { delay_seconds: Some(2), ..grouped("g", "d", "b") };
    check(&mut queue, delayed, "not valid for this queue type");
    let undelayed = Outgoing { delay_seconds: Some(0), ..grouped("g", "d", "b") };
    queue.try_send(undelayed).unwrap();
}

#[test]
fn sequence_numbers_grow_and_are_received() {
    let mut queue = fifo();
    let sent: Vec<_> =
        ["a", "b"].map(|body| queue.send_to("g", body).sequence_number.unwrap().to_string()).into();
    assert!(sent[0] < sent[1] && sent.iter().all(|number| number.len() == 20), "{sent:?}");
    let received: Vec<_> = queue
        .receive(10)
        .iter()
        .map(|delivery| delivery.system_attributes("me")["SequenceNumber"].clone())
        .collect();
    assert_eq!(received, sent);
}

#[test]
fn an_expired_receipt_is_refused() {
    let mut queue = fifo();
    queue.send_to("g", "a");
    let expired = queue.receive(1);
    queue.pass(31 * SECOND);
    assert_eq!(queue.delete(&expired[0]), Err(ReceiptError::Expired));
    let latest = queue.receive(1);
    assert_eq!(queue.delete(&expired[0]), Err(ReceiptError::Expired));
    queue.delete(&latest[0]).unwrap();
    queue.delete(&latest[0]).unwrap();
}

#[test]
fn a_receive_attempt_repeated_gets_the_same_messages_hidden_anew() {
    let mut queue = fifo();
    for body in ["a", "b", "c"] {
        queue.send_to("g", body);
    }
    let request = Receive { max: 2, attempt: Some("attempt"), ..Receive::default() };
    let first = queue.receive_with(&request);
    queue.pass(20 * SECOND);
    let again = queue.receive_with(&request);
    let handles = |deliveries: &[Delivery]| -> Vec<String> {
        deliveries.iter().map(|delivery| delivery.receipt_handle.clone()).collect()
    };
    assert_eq!(handles(&again), handles(&first));
    assert_eq!(again[0].system_attributes("me")["ApproximateReceiveCount"], "1");
    queue.pass(20 * SECOND);
    assert_eq!(queue.depth(), (1, 2, 0), "the visibility timeout began anew");
    queue.delete(&first[0]).unwrap();
    assert!(queue.receive_with(&request).is_empty(), "a message of it was deleted");
}

#[test]
fn a_receive_attempt_is_not_repeated_once_a_timeout_of_it_was_changed() {
    let mut queue = fifo();
    queue.send_to("g", "a");
    let request = Receive { max: 1, attempt: Some("attempt"), ..Receive::default() };
    let first = queue.receive_with(&request);
    queue.hide(&first[0], 60).unwrap();
    assert!(queue.receive_with(&request).is_empty());
    queue.pass(40 * SECOND);
    assert_eq!(queue.depth(), (0, 1, 0), "the changed timeout stands");
}

#[test]
fn a_receive_attempt_whose_messages_came_back_is_a_new_one() {
    let mut queue = fifo();
    queue.send_to("g", "a");
    let request = Receive { max: 1, attempt: Some("attempt"), ..Receive::default() };
    let first = queue.receive_with(&request);
    queue.pass(31 * SECOND);
    let second = queue.receive_with(&request);
    assert_ne!(second[0].receipt_handle, first[0].receipt_handle);
    assert_eq!(second[0].system_attributes("me")["ApproximateReceiveCount"], "2");
}

#[test]
fn a_queues_new_delay_applies_to_messages_sent_before() {
    let mut queue = fifo();
    queue.set(&[("DelaySeconds", "100")]);
    queue.send_to("g", "a");
    queue.pass(10 * SECOND);
    assert_eq!(queue.depth(), (0, 0, 1));
    queue.set(&[("DelaySeconds", "20")]);
    queue.pass(9 * SECOND);
    assert_eq!(queue.depth(), (0, 0, 1));
    queue.pass(SECOND);
    assert_eq!(queue.bodies(10), ["a"]);
}

#[test]
fn a_purge_forgets_duplicates_and_locks() {
    let mut queue = fifo();
    queue.send_to("g", "a");
    queue.receive(1);
    queue.queue.purge();
    queue.send_to("g", "a");
    assert_eq!(queue.bodies(10), ["a"]);
}

#[test]
fn an_expired_message_frees_its_group() {
    let mut queue =
        TestQueue::fifo(&[("MessageRetentionPeriod", "60"), ("VisibilityTimeout", "600")]);
    queue.send_to("g", "a");
    queue.receive(1);
    queue.pass(30 * SECOND);
    queue.send_to("g", "b");
    assert!(queue.bodies(10).is_empty());
    queue.pass(30 * SECOND);
    assert_eq!(queue.bodies(10), ["b"]);
}
