//! Receipt handles, which identify one receive of one message of one queue.
//!
//! A handle is opaque to clients and contains everything that is needed to check it, so that the queue
//! stores nothing for deleted messages. The check digits distinguish the handle of a deleted message
//! from an invented one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};

use super::errors::{Code, Fault};

/// The first bytes of every handle; in base64, they are `AQEB` as on AWS.
const MARK: [u8; 3] = [1, 1, 1];
const LENGTH: usize = MARK.len() + 3 * 8 + 9;

/// The content of a handle. The service numbers queues; a queue numbers its messages and receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Receipt {
    pub(super) queue: u64,
    pub(super) message: u64,
    pub(super) receive: u64,
}

/// Why a receipt cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReceiptError {
    /// The message was deleted or received again since.
    Gone,
    /// The visibility timeout has ended. This is an error in FIFO queues only.
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

    /// Parses a handle; `None` if no queue can have issued it.
    pub(super) fn parse(handle: &str) -> Option<Self> {
        // Base64 has four characters for three bytes.
        if handle.len() != LENGTH / 3 * 4 {
            return None;
        }
        let bytes = STANDARD.decode(handle).ok()?;
        let rest = bytes.strip_prefix(&MARK)?;
        let receipt = Self {
            queue: number_at(rest, 0)?,
            message: number_at(rest, 8)?,
            receive: number_at(rest, 16)?,
        };
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

fn number_at(bytes: &[u8], start: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(start..start + 8)?.try_into().ok()?))
}

impl ReceiptError {
    /// The error as AWS words it.
    pub(super) fn fault(self, handle: &str, seconds: i64) -> Fault {
        match self {
            Self::Gone => Fault::invalid(
                "ReceiptHandle",
                handle,
                "Message does not exist or is not available for visibility timeout change.",
            ),
            Self::Expired => {
                Fault::invalid("ReceiptHandle", handle, "The receipt handle has expired.")
            }
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
