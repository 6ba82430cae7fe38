//! Receipt handles: which receive of which message of which queue.
//!
//! A handle is opaque to clients and carries all that is needed to judge it, so that the queue
//! keeps nothing for a message that is gone: a well-formed handle of a deleted message is told from
//! a made-up one by its check digits alone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};

use super::errors::{Code, Fault};

/// Begins every handle, as those of AWS begin with `AQEB`.
const MARK: [u8; 3] = [1, 1, 1];
const LENGTH: usize = MARK.len() + 3 * 8 + 9;

/// What a handle stands for; numbers are those that the service and the queue count by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Receipt {
    pub(super) queue: u64,
    pub(super) message: u64,
    pub(super) receive: u64,
}

/// Why a receipt cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// Its message is deleted, or was received again since.
    Gone,
    /// Its visibility timeout has ended (FIFO queues alone mind).
    Expired,
    NotInFlight,
    /// The message would be hidden for more than 12 hours since it was received.
    TooLong,
}

impl Receipt {
    pub(super) fn handle(self) -> String {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.extend(MARK);
        bytes.extend(self.numbers());
        bytes.extend(self.check_digits());
        STANDARD.encode(bytes)
    }

    /// `None` for what no queue ever handed out.
    pub(super) fn parse(handle: &str) -> Option<Self> {
        // Four characters stand for three bytes; a longer text is not worth decoding.
        if handle.len() != LENGTH / 3 * 4 {
            return None;
        }
        let bytes = STANDARD.decode(handle).ok()?;
        let rest = bytes.strip_prefix(&MARK)?;
        let number = |at: usize| Some(u64::from_be_bytes(rest.get(at..at + 8)?.try_into().ok()?));
        let receipt = Self { queue: number(0)?, message: number(8)?, receive: number(16)? };
        (rest.get(24..)? == receipt.check_digits()).then_some(receipt)
    }

    fn numbers(self) -> impl Iterator<Item = u8> {
        [self.queue, self.message, self.receive].into_iter().flat_map(u64::to_be_bytes)
    }

    fn check_digits(self) -> [u8; 9] {
        let mut hash = Md5::new();
        hash.update(b"receipt");
        for number in [self.queue, self.message, self.receive] {
            hash.update(number.to_be_bytes());
        }
        let digest: [u8; 16] = hash.finalize().into();
        std::array::from_fn(|at| digest[at])
    }
}

impl Unusable {
    /// In AWS's words.
    pub(super) fn fault(self, handle: &str, seconds: i64) -> Fault {
        let handle_is = |reason: &str| Fault::invalid("ReceiptHandle", handle, reason);
        match self {
            Self::Gone => handle_is(
                "Message does not exist or is not available for visibility timeout change.",
            ),
            Self::Expired => handle_is("The receipt handle has expired."),
            Self::NotInFlight => {
                Fault::new(Code::MessageNotInflight, "The specified message isn't in flight.")
            }
            Self::TooLong => Fault::invalid(
                "VisibilityTimeout",
                seconds,
                "Total VisibilityTimeout for the message is beyond the limit [43200 seconds].",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_stands_for_its_receive() {
        for receipt in [
            Receipt { queue: 0, message: 0, receive: 0 },
            Receipt { queue: 3, message: u64::MAX, receive: 1 << 40 },
        ] {
            let handle = receipt.handle();
            assert!(handle.starts_with("AQEB"), "{handle}");
            assert_eq!(Receipt::parse(&handle), Some(receipt));
        }
    }

    #[track_caller]
    fn check_bogus(handle: &str) {
        assert_eq!(Receipt::parse(handle), None, "{handle}");
    }

    #[test]
    fn a_made_up_handle_stands_for_nothing() {
        let genuine = Receipt { queue: 1, message: 2, receive: 3 }.handle();
        check_bogus("");
        check_bogus("garbage");
        check_bogus(&genuine[1..]);
        check_bogus(&format!("{genuine}AAAA"));
        check_bogus(&"A".repeat(genuine.len()));
        check_bogus(&"ä".repeat(genuine.len() / 2));
        for at in 0..genuine.len() {
            let other = if genuine[at..].starts_with('A') { "B" } else { "A" };
            let mut changed = genuine.clone();
            changed.replace_range(at..=at, other);
            check_bogus(&changed);
        }
    }
}
