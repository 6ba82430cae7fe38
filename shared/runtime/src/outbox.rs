//! Sends many messages in as few calls as SQS allows.

use event::{Code, Failure};
use futures_util::stream::{self, StreamExt};

use crate::{MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, Outgoing, Queue};

/// Sends all messages, with `concurrency` calls at a time. Answers with one result for each, in their order. A message
/// that is too large for any call fails with [`Code::SizeExceeded`], and the others are sent.
pub async fn send_all(
    queue: &impl Queue,
    queue_url: &str,
    messages: &[Outgoing],
    concurrency: usize,
) -> Vec<Result<(), Failure>> {
    let calls = stream::iter(pack(messages)).map(|range| async move {
        let chunk = &messages[range];
        match chunk {
            [single] if single.size() > MAX_BATCH_BYTES => vec![Err(too_large(single.size()))],
            chunk => queue.send_batch(queue_url, chunk).await,
        }
    });
    let results: Vec<Vec<_>> = calls.buffered(concurrency.max(1)).collect().await;
    results.into_iter().flatten().collect()
}

fn too_large(size: usize) -> Failure {
    let reason = format!("{size} bytes as a message; SQS takes {MAX_BATCH_BYTES}");
    Failure::permanent(Code::SizeExceeded, reason)
}

/// Divides the messages into consecutive ranges, each as full as the limits allow. A message that is too large has a
/// range of its own.
fn pack(messages: &[Outgoing]) -> Vec<std::ops::Range<usize>> {
    let mut ranges = Vec::with_capacity(messages.len().div_ceil(MAX_BATCH_ENTRIES));
    let (mut start, mut bytes) = (0, 0);
    for (index, message) in messages.iter().enumerate() {
        let size = message.size();
        if index > start && (index - start == MAX_BATCH_ENTRIES || bytes + size > MAX_BATCH_BYTES) {
            ranges.push(start..index);
            (start, bytes) = (index, 0);
        }
        bytes += size;
    }
    if start < messages.len() {
        ranges.push(start..messages.len());
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sizes: &[usize]) -> Vec<Outgoing> {
        sizes.iter().map(|&n| Outgoing { body: "x".repeat(n), ..Outgoing::default() }).collect()
    }

    #[test]
    fn calls_are_as_full_as_the_limits_allow() {
        assert_eq!(pack(&of(&[1; 25])), [0..10, 10..20, 20..25]);
        assert_eq!(pack(&of(&[700_000, 348_576, 1])), [0..2, 2..3]);
        assert_eq!(pack(&of(&[1, MAX_BATCH_BYTES + 1, 1])), [0..1, 1..2, 2..3]);
        assert!(pack(&of(&[])).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn every_message_is_in_one_call_and_no_call_is_too_large(
            sizes in proptest::collection::vec(0_usize..400_000, 0..40)
        ) {
            let messages = of(&sizes);
            let ranges = pack(&messages);
            let flat: Vec<usize> = ranges.iter().cloned().flatten().collect();
            proptest::prop_assert_eq!(flat, (0..sizes.len()).collect::<Vec<_>>());
            for range in ranges {
                proptest::prop_assert!(range.len() <= MAX_BATCH_ENTRIES);
                let bytes: usize = messages[range].iter().map(Outgoing::size).sum();
                proptest::prop_assert!(bytes <= MAX_BATCH_BYTES);
            }
        }
    }
}
