//! A standard queue by itself.

use super::*;

#[test]
fn a_received_message_is_hidden_until_its_timeout_and_counts_its_receives() {
    let mut queue = TestQueue::standard(&[("VisibilityTimeout", "30")]);
    queue.send("a");
    for count in 1..=3 {
        let deliveries = queue.receive(10);
        assert_eq!(deliveries.len(), 1);
        let attributes = deliveries[0].system_attributes("me");
        assert_eq!(attributes["ApproximateReceiveCount"], count.to_string());
        assert_eq!(attributes["ApproximateFirstReceiveTimestamp"], START_MS.to_string());
        assert_eq!(attributes["SentTimestamp"], START_MS.to_string());
        assert_eq!(queue.depth(), (0, 1, 0));
        queue.pass(30 * SECOND - 1);
        assert!(queue.receive(10).is_empty());
        queue.pass(1);
        assert_eq!(queue.depth(), (1, 0, 0));
    }
}

#[test]
fn messages_come_in_the_order_in_which_they_became_available() {
    let mut queue = TestQueue::standard(&[]);
    for body in ["a", "b", "c"] {
        queue.send(body);
        queue.pass(1);
    }
    let first = queue.receive(1);
    queue.hide(&first[0], 0).unwrap();
    assert_eq!(queue.bodies(10), ["b", "c", "a"]);
}

#[test]
fn no_visibility_timeout_hands_a_message_out_once_in_a_receive() {
    let mut queue = TestQueue::standard(&[]);
    queue.send("a");
    let request = Receive { max: 10, visibility_seconds: Some(0), ..Receive::default() };
    assert_eq!(queue.receive_with(&request).len(), 1);
    assert_eq!(queue.receive_with(&request).len(), 1);
}

#[test]
fn an_expired_receipt_deletes_a_message_that_was_not_received_again() {
    let mut queue = TestQueue::standard(&[]);
    queue.send("a");
    let deliveries = queue.receive(1);
    queue.pass(31 * SECOND);
    assert_eq!(queue.depth(), (1, 0, 0));
    queue.delete(&deliveries[0]).unwrap();
    assert_eq!(queue.depth(), (0, 0, 0));
}

#[test]
fn a_stale_receipt_succeeds_and_deletes_nothing() {
    let mut queue = TestQueue::standard(&[]);
    queue.send("a");
    let stale = queue.receive(1);
    queue.pass(31 * SECOND);
    let latest = queue.receive(1);
    queue.delete(&stale[0]).unwrap();
    assert_eq!(queue.depth(), (0, 1, 0));
    assert_eq!(queue.hide(&stale[0], 60), Err(ReceiptError::Gone));
    queue.delete(&latest[0]).unwrap();
    queue.delete(&latest[0]).unwrap();
    assert_eq!(queue.depth(), (0, 0, 0));
    assert_eq!(queue.hide(&latest[0], 60), Err(ReceiptError::Gone));
}

#[test]
fn visibility_is_changed_from_now_on_and_only_in_flight() {
    let mut queue = TestQueue::standard(&[("VisibilityTimeout", "30")]);
    queue.send("a");
    let deliveries = queue.receive(1);
    queue.pass(20 * SECOND);
    queue.hide(&deliveries[0], 60).unwrap();
    queue.pass(59 * SECOND);
    assert_eq!(queue.depth(), (0, 1, 0));
    queue.pass(SECOND);
    assert_eq!(queue.depth(), (1, 0, 0));
    assert_eq!(queue.hide(&deliveries[0], 60), Err(ReceiptError::NotInFlight));
}

#[test]
fn no_visibility_makes_a_message_available_at_once() {
    let mut queue = TestQueue::standard(&[]);
    queue.send("a");
    let deliveries = queue.receive(1);
    queue.hide(&deliveries[0], 0).unwrap();
    assert_eq!(queue.depth(), (1, 0, 0));
    assert_eq!(queue.hide(&deliveries[0], 0), Err(ReceiptError::NotInFlight));
}

#[test]
fn a_message_is_hidden_for_twelve_hours_at_most() {
    let mut queue = TestQueue::standard(&[("VisibilityTimeout", "600")]);
    queue.send("a");
    let deliveries = queue.receive(1);
    queue.hide(&deliveries[0], 43_200).unwrap();
    queue.pass(10 * SECOND);
    assert_eq!(queue.hide(&deliveries[0], 43_191), Err(ReceiptError::TooLong));
    queue.hide(&deliveries[0], 43_190).unwrap();
}

#[test]
fn a_delay_is_the_messages_or_else_the_queues() {
    let mut queue = TestQueue::standard(&[("DelaySeconds", "10")]);
    let with = |body: &str, delay: i64| Outgoing {
        body: body.to_owned(),
        delay_seconds: Some(delay),
        ..Outgoing::default()
    };
    queue.send("queue's");
    queue.try_send(with("none", 0)).unwrap();
    queue.try_send(with("long", 900)).unwrap();
    assert_eq!(queue.depth(), (1, 0, 2));
    assert_eq!(queue.bodies(10), ["none"]);
    queue.pass(10 * SECOND);
    assert_eq!(queue.bodies(10), ["queue's"]);
    queue.set(&[("DelaySeconds", "0")]);
    assert_eq!(queue.depth().2, 1, "a standard queue's new delay is not retroactive");
    queue.pass(890 * SECOND);
    assert!(queue.bodies(10).contains(&"long".to_owned()));
}

#[test]
fn a_message_expires_in_whatever_state_it_is() {
    let mut queue =
        TestQueue::standard(&[("MessageRetentionPeriod", "60"), ("VisibilityTimeout", "600")]);
    queue.send("in flight");
    let deliveries = queue.receive(1);
    queue.send("available");
    let delayed =
        Outgoing { delay_seconds: Some(900), body: "d".to_owned(), ..Outgoing::default() };
    queue.try_send(delayed).unwrap();
    queue.pass(60 * SECOND - 1);
    assert_eq!(queue.depth(), (1, 1, 1));
    queue.pass(1);
    assert_eq!(queue.depth(), (0, 0, 0));
    queue.delete(&deliveries[0]).unwrap();
}

#[test]
fn a_shorter_retention_applies_to_messages_already_there() {
    let mut queue = TestQueue::standard(&[]);
    queue.send("a");
    queue.pass(120 * SECOND);
    queue.send("b");
    queue.set(&[("MessageRetentionPeriod", "60")]);
    assert_eq!(queue.bodies(10), ["b"]);
}

#[test]
fn a_purge_takes_all_messages_and_their_receipts_with_it() {
    let mut queue = TestQueue::standard(&[]);
    queue.send("a");
    queue.send("b");
    let deliveries = queue.receive(1);
    queue.queue.purge();
    assert_eq!(queue.depth(), (0, 0, 0));
    queue.send("c");
    queue.delete(&deliveries[0]).unwrap();
    assert_eq!(queue.bodies(10), ["c"]);
}

#[test]
fn no_more_than_120_000_messages_are_in_flight() {
    let mut queue = TestQueue::standard(&[]);
    for _ in 0..120_001 {
        queue.send("a");
    }
    let deliveries = queue.receive(200_000);
    assert_eq!(deliveries.len(), 120_000);
    let received = queue.queue.receive(&Receive { max: 1, ..Receive::default() }, queue.now_ms);
    assert!(received.is_over_limit && received.deliveries.is_empty());
    queue.delete(&deliveries[0]).unwrap();
    assert_eq!(queue.receive(10).len(), 1);
}

#[test]
fn a_message_may_be_as_large_as_the_queue_allows() {
    let mut queue = TestQueue::standard(&[("MaximumMessageSize", "1024")]);
    queue.send(&"x".repeat(1024));
    let too_large = Outgoing { body: "x".repeat(1025), ..Outgoing::default() };
    let fault = queue.try_send(too_large).unwrap_err();
    assert!(fault.message.ends_with("Message must be shorter than 1024 bytes."), "{fault}");
}

#[test]
fn a_group_is_accepted_and_a_deduplication_id_is_not() {
    let mut queue = TestQueue::standard(&[]);
    let in_group = |body: &str| Outgoing { deduplication_id: None, ..grouped("tenant", "", body) };
    queue.try_send(in_group("a")).unwrap();
    queue.try_send(in_group("b")).unwrap();
    assert!(queue.try_send(grouped("tenant", "d", "c")).is_err());
    let deliveries = queue.receive(1);
    assert_eq!(deliveries[0].system_attributes("me")["MessageGroupId"], "tenant");
    assert_eq!(queue.bodies(1), ["b"], "a standard queue's groups lock nothing");
}

#[test]
fn a_message_may_be_late_out_of_order_and_delivered_twice_in_a_standard_queue_only() {
    for is_fifo in [false, true] {
        let mut queue = if is_fifo { TestQueue::fifo(&[]) } else { TestQueue::standard(&[]) };
        let outgoing = |body: &str| Outgoing {
            body: body.to_owned(),
            group_id: is_fifo.then(|| "g".to_owned()),
            deduplication_id: is_fifo.then(|| body.to_owned()),
            ..Outgoing::default()
        };
        let now_ms = queue.now_ms;
        let mut send = |body: &str, late_ms, displaced_ms| {
            let send_faults = SendFaults { late_ms, displaced_ms };
            let sent = queue.queue.send(outgoing(body), send_faults, || body.into(), now_ms);
            sent.unwrap();
        };
        send("old", 0, 0);
        send("late", 5_000, 0);
        send("before", 0, 1_000);
        let redelivery_after_ms = || Some(2_000);
        let request = Receive {
            max: 10,
            redelivery_after_ms: Some(&redelivery_after_ms),
            ..Receive::default()
        };
        let received = queue.queue.receive(&request, now_ms);
        let ids = |deliveries: &[Delivery]| -> Vec<String> {
            deliveries.iter().map(|delivery| delivery.id.to_string()).collect()
        };
        let first = ids(&received.deliveries);
        if is_fifo {
            assert_eq!(first, ["old", "late", "before"]);
            queue.now_ms += 2_000;
            assert!(queue.receive(10).is_empty());
            continue;
        }
        assert_eq!(first, ["before", "old"]);
        for delivery in &received.deliveries {
            queue.delete(delivery).unwrap();
        }
        queue.now_ms += 2_000;
        let copies = queue.receive(10);
        let mut again = ids(&copies);
        again.sort_unstable();
        assert_eq!(again, ["before", "old"], "deleted, and delivered all the same");
        let counts = copies.iter().map(|copy| copy.system_attributes("me"));
        for count in counts {
            assert_eq!(count["ApproximateReceiveCount"], "2");
        }
        queue.now_ms += 3_000;
        assert_eq!(ids(&queue.receive(10)), ["late"]);
        queue.queue.check_consistency();
    }
}
