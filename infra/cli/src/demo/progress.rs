//! The progress of the demo, in one line.

use std::time::Duration;

use emulation::idle::Progress;

use crate::output::text::group_digits;

/// `12.0 s  1,240 of 2,000 written  Inbox 12+40`: each queue that is not empty, with its visible
/// and its in-flight messages.
pub(super) fn line(progress: &Progress, written: u64, events: usize, elapsed: Duration) -> String {
    let events = group_digits(u64::try_from(events).unwrap_or(u64::MAX));
    let seconds = elapsed.as_secs_f64();
    let mut line = format!("{seconds:>5.1} s  {} of {events} written", group_digits(written));
    for queue in &progress.queues {
        let (waiting, in_flight) =
            (queue.depth.visible + queue.depth.delayed, queue.depth.in_flight);
        if waiting + in_flight > 0 {
            line.push_str(&format!("  {} {waiting}+{in_flight}", queue.logical_id));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use emulation::idle::QueueProgress;
    use emulation::sqs::Depth;

    use super::*;

    fn queue(name: &str, depth: Depth) -> QueueProgress {
        QueueProgress {
            logical_id: name.to_owned(),
            name: name.to_owned(),
            is_consumed: true,
            depth,
        }
    }

    #[test]
    fn a_line_tells_how_far_it_is_and_where_the_rest_is() {
        let progress = Progress {
            queues: vec![
                queue("Inbox", Depth { visible: 12, in_flight: 40, delayed: 0 }),
                queue("SinkQueue", Depth::default()),
                queue("Dead", Depth { visible: 2, in_flight: 0, delayed: 1 }),
            ],
            mappings: Vec::new(),
            lambda_is_idle: false,
        };
        let line = line(&progress, 1_240, 2_000, Duration::from_millis(12_040));
        assert_eq!(line, " 12.0 s  1,240 of 2,000 written  Inbox 12+40  Dead 3+0");
    }
}
