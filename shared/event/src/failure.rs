//! How an event can fail: what it is called, and what is to be done.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What a failure asks for. Only the batch layer turns it into an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// It will fail again: dead letter at once.
    Permanent,
    /// It may succeed: retry, with backoff from the receive count.
    Transient,
    /// It may succeed later: retry, not before the time that was asked for.
    Throttled { retry_after: Option<Duration> },
    /// A dependency is known to be away: wait until then. The wait is no attempt, and is parked. Once the
    /// event has waited for `longest_wait`, from when it first had to, it is a dead letter.
    Unavailable { until: Timestamp, longest_wait: Duration },
}

/// How long an event waits for an unavailable dependency where its contract does not say: longer than most
/// incidents, and over before the end of a working day.
pub const DEFAULT_LONGEST_WAIT: Duration = Duration::from_secs(6 * 60 * 60);

/// The most that a contract may say: a queue keeps a message for seven days, so that three are left for
/// what went wrong besides.
pub const MAX_LONGEST_WAIT: Duration = Duration::from_secs(4 * 24 * 60 * 60);

impl FailureKind {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Permanent => "permanent",
            Self::Transient => "transient",
            Self::Throttled { .. } => "throttled",
            Self::Unavailable { .. } => "unavailable",
        }
    }
}

/// Declares [`Code`] with its stable spelling, so that the two cannot drift apart.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The stable name of a failure: operators group, alarm and redrive by it.
        ///
        /// Dead letters store it, and the fingerprint that groups them is made of it. A code therefore never gets
        /// another name: letters with the earlier one could not be read any more.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Code {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// Not JSON, or not a JSON object.
    DecodeJson = "decode.json",
    /// A CSV record that does not fit its header, or that never ends.
    DecodeCsv = "decode.csv",
    /// Bytes that are not UTF-8.
    DecodeUtf8 = "decode.utf8",
    /// A gzip stream that is broken or cut short.
    DecodeGzip = "decode.gzip",
    /// A file that is not what its name says.
    DecodeFormat = "decode.format",
    /// A message between stages that is not an envelope.
    DecodeEnvelope = "decode.envelope",
    /// Nothing to read: an empty message, request or file.
    InputEmpty = "input.empty",
    /// An S3 object that is gone, or that may not be read.
    InputNotFound = "input.not-found",
    /// Larger than an event, a message or a file may be.
    SizeExceeded = "size.exceeded",
    /// Nested deeper than is read.
    DepthExceeded = "depth.exceeded",
    /// No contract for this dataset, or no dataset named.
    UnknownDataset = "contract.unknown-dataset",
    /// Against the contract's schema.
    ContractViolation = "contract.violation",
    /// A number that no table could keep: of too many digits, too large or too small.
    NumberOutOfRange = "number.out-of-range",
    /// A part of the idempotency key is missing.
    KeyMissing = "key.missing",
    /// The event time is missing or is no time.
    TimeInvalid = "time.invalid",
    /// The same idempotency key came with another payload.
    Conflict = "dedupe.conflict",
    /// Its idempotency key may be forgotten by now: written again, it could take effect twice.
    Forgotten = "dedupe.forgotten",
    /// An operator cancelled the run of redrive that had brought it back.
    RedriveCancelled = "redrive.cancelled",
    /// An enricher's answer could not be used.
    EnricherBadAnswer = "enricher.bad-answer",
    /// An enricher refused this event.
    EnricherRefused = "enricher.refused",
    /// The service that an event is delivered to refused it.
    DeliveryRefused = "delivery.refused",
    /// A service that this stage needs did not answer.
    DependencyUnavailable = "dependency.unavailable",
    /// A service that this stage needs asked to slow down.
    DependencyThrottled = "dependency.throttled",
    /// A service that this stage needs refused, and will refuse again.
    DependencyRefused = "dependency.refused",
    /// The record's own processing panicked.
    RecordPanicked = "record.panicked",
    /// The record's own processing took too long.
    RecordTimedOut = "record.timed-out",
    /// SQS moved it: each of its receives ended without an answer, by a crash or a time-out.
    RecordAbandoned = "record.abandoned",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why one record did not get through a stage.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{code}: {reason}")]
pub struct Failure {
    pub kind: FailureKind,
    pub code: Code,
    /// One sentence for a person: what was found, where, and what was expected. Never the payload.
    pub reason: Cow<'static, str>,
    /// The JSON Pointer, or the line of a file, that it is about.
    pub at: Option<String>,
}

impl Failure {
    pub fn permanent(code: Code, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: FailureKind::Permanent, code, reason: bounded(reason.into()), at: None }
    }

    pub fn transient(code: Code, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: FailureKind::Transient, code, reason: bounded(reason.into()), at: None }
    }

    pub fn throttled(retry_after: Option<Duration>, reason: impl Into<Cow<'static, str>>) -> Self {
        let kind = FailureKind::Throttled { retry_after };
        Self { kind, code: Code::DependencyThrottled, reason: bounded(reason.into()), at: None }
    }

    /// A dependency is away: the event is to wait until then, and not for longer than `longest_wait`
    /// altogether ([`DEFAULT_LONGEST_WAIT`], [`MAX_LONGEST_WAIT`]).
    pub fn unavailable(
        until: Timestamp,
        longest_wait: Duration,
        reason: impl Into<Cow<'static, str>>,
    ) -> Self {
        let kind = FailureKind::Unavailable { until, longest_wait };
        Self { kind, code: Code::DependencyUnavailable, reason: bounded(reason.into()), at: None }
    }

    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        let place: String = place.into();
        self.at = Some(place.chars().take(LONGEST_REASON).collect());
        self
    }
}

/// A reason travels in message attributes, which share the message's 1 MiB.
const LONGEST_REASON: usize = 1_000;

fn bounded(reason: Cow<'static, str>) -> Cow<'static, str> {
    match reason.char_indices().nth(LONGEST_REASON) {
        Some((end, _)) => Cow::Owned(format!("{}…", &reason[..end])),
        None => reason,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_distinct_and_read_back() {
        let names: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            let text = format!("\"{code}\"");
            assert_eq!(serde_json::from_str::<Code>(&text).unwrap(), *code);
        }
    }

    #[test]
    fn each_kind_has_a_name() {
        let until = Timestamp::from_unix_ms(0);
        let kinds = [
            (FailureKind::Permanent, "permanent"),
            (FailureKind::Transient, "transient"),
            (FailureKind::Throttled { retry_after: None }, "throttled"),
            (FailureKind::Unavailable { until, longest_wait: Duration::ZERO }, "unavailable"),
        ];
        for (kind, name) in kinds {
            assert_eq!(kind.name(), name);
        }
    }

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let failure = Failure::permanent(Code::DecodeJson, "é".repeat(5_000));
        assert_eq!(failure.reason.chars().count(), LONGEST_REASON + 1);
    }
}
