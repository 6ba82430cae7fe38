//! What holds for a queue after any sequence of steps, whatever their order and times.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Send { group: u8, delay_seconds: i64 },
    Receive { max: usize, seconds: i64 },
    Delete { which: usize },
    Hide { which: usize, seconds: i64 },
    Pass { seconds: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..3u8, 0..20i64).prop_map(|(group, delay_seconds)| Step::Send { group, delay_seconds }),
        3 => (1..6usize, 0..40i64).prop_map(|(max, seconds)| Step::Receive { max, seconds }),
        2 => (0..50usize).prop_map(|which| Step::Delete { which }),
        1 => (0..50usize, 0..40i64).prop_map(|(which, seconds)| Step::Hide { which, seconds }),
        2 => (0..30u64).prop_map(|seconds| Step::Pass { seconds }),
    ];
    proptest::collection::vec(step, 1..60)
}

/// Runs the steps; in the end, every message was deleted, expired, dead, or is received once more.
fn run(is_fifo: bool, steps: &[Step]) {
    let attributes = [("MessageRetentionPeriod", "600")];
    let mut queue = TestQueue::new(is_fifo, &attributes);
    let mut sent = 0;
    let mut gone = 0;
    let mut deliveries: Vec<Delivery> = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        match *step {
            Step::Send { group, delay_seconds } => {
                let mut outgoing = grouped(&group.to_string(), &number.to_string(), "b");
                if !is_fifo {
                    outgoing.deduplication_id = None;
                    outgoing.delay_seconds = Some(delay_seconds);
                }
                queue.try_send(outgoing).unwrap();
                sent += 1;
            }
            Step::Receive { max, seconds } => {
                let request = Receive {
                    max,
                    visibility_seconds: Some(seconds),
                    max_receive_count: Some(3),
                    ..Receive::default()
                };
                let received = queue.queue.receive(&request, queue.now_ms);
                assert!(received.deliveries.len() <= max);
                assert!(received.dead_letters.iter().all(|message| message.receives_here == 3));
                gone += received.dead_letters.len();
                deliveries.extend(received.deliveries);
            }
            Step::Delete { which } => {
                if let Some(delivery) = deliveries.get(which) {
                    let before = held(&mut queue);
                    let result = queue.queue.delete(receipt(delivery), queue.now_ms);
                    let deleted = before - held(&mut queue);
                    assert!(deleted <= 1 && (result.is_ok() || deleted == 0));
                    gone += deleted;
                }
            }
            Step::Hide { which, seconds } => {
                if let Some(delivery) = deliveries.get(which) {
                    let _ = queue.hide(delivery, seconds);
                }
            }
            Step::Pass { seconds } => {
                let before = held(&mut queue);
                queue.pass(seconds * SECOND);
                gone += before - held(&mut queue);
            }
        }
        queue.queue.check_consistency();
        assert_eq!(held(&mut queue) + gone, sent, "after {step:?}");
    }
    // Nothing is stuck: after the longest timeout, all that is left can be received.
    queue.pass(40 * SECOND);
    let left = held(&mut queue);
    assert_eq!(queue.receive(1_000).len(), left);
}

fn held(queue: &mut TestQueue) -> usize {
    let (visible, in_flight, delayed) = queue.depth();
    visible + in_flight + delayed
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_standard_queue_loses_and_invents_nothing(steps in steps()) {
        run(false, &steps);
    }

    #[test]
    fn a_fifo_queue_loses_and_invents_nothing(steps in steps()) {
        run(true, &steps);
    }
}
