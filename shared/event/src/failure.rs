//! How an event can fail: the kind of a failure, and its code.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What has to be done about a failure. Only the batch layer turns it into an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// Another try would fail too. The event becomes a dead letter at once.
    Permanent,
    /// Another try may succeed. The wait depends on the receive count.
    Transient,
    /// Another try may succeed later, but not before the time that the dependency asked for.
    Throttled {
        /// For how long the dependency asked not to be called; absent if it did not say.
        retry_after: Option<Duration>,
    },
    /// A dependency is known to be unavailable. The event waits, which is not an attempt, and is parked meanwhile.
    Unavailable {
        /// When to try again.
        until: Timestamp,
        /// The event becomes a dead letter after it has waited for this long, counted from its first wait.
        longest_wait: Duration,
    },
}

/// How long an event waits for an unavailable dependency if its contract does not say. Six hours are longer than most
/// incidents, and end within a working day.
pub const DEFAULT_LONGEST_WAIT: Duration = Duration::from_secs(6 * 60 * 60);

/// The longest wait that a contract may allow. A queue keeps a message for seven days, so that three days are left for
/// other failures.
pub const MAX_LONGEST_WAIT: Duration = Duration::from_secs(4 * 24 * 60 * 60);

impl FailureKind {
    /// The name in dead letters and logs. It never changes.
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

/// Declares [`Code`] with the stable text of each code.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The stable name of a failure, by which operators group, alarm and redrive.
        ///
        /// Dead letters store it, and the fingerprint that groups them is derived from it. The text of a code therefore
        /// never changes. Otherwise letters with the earlier text could not be read any more.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Code {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable text, such as `decode.json`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// The payload is not JSON, or not a JSON object.
    DecodeJson = "decode.json",
    /// A CSV record does not fit its header, or never ends.
    DecodeCsv = "decode.csv",
    /// The bytes are not UTF-8.
    DecodeUtf8 = "decode.utf8",
    /// A gzip stream is broken or cut short.
    DecodeGzip = "decode.gzip",
    /// A Zstandard frame is broken, cut short, or needs too much memory.
    DecodeZstd = "decode.zstd",
    /// A Parquet file is broken, or has something that is not read; or a value of a row is none.
    DecodeParquet = "decode.parquet",
    /// A file is not what its name says.
    DecodeFormat = "decode.format",
    /// A message between stages is not an envelope.
    DecodeEnvelope = "decode.envelope",
    /// A message, request or file is empty.
    InputEmpty = "input.empty",
    /// An S3 object does not exist, or may not be read.
    InputNotFound = "input.not-found",
    /// The body of a message that is too large for SQS is not in the archive bucket any more, or is another one.
    ClaimNotFound = "claim.not-found",
    /// The input is larger than an event, a message or a file may be.
    SizeExceeded = "size.exceeded",
    /// The payload is nested too deeply.
    DepthExceeded = "depth.exceeded",
    /// A request with the same `Idempotency-Key` is under way.
    RequestUnderWay = "request.under-way",
    /// The `Idempotency-Key` was used for a request with another payload.
    RequestKeyReused = "request.key-reused",
    /// There is no contract for the dataset, or no dataset is named.
    UnknownDataset = "contract.unknown-dataset",
    /// The contract of the dataset, or its schema, cannot be used.
    ContractBroken = "contract.broken",
    /// So many events wait behind ingest that it takes no more of the dataset until fewer do.
    BacklogFull = "backlog.full",
    /// The event came by a way that its contract does not allow.
    SourceRefused = "source.refused",
    /// The event violates its contract.
    ContractViolation = "contract.violation",
    /// A number has too many digits, or is too large or too small, so that no table can hold it.
    NumberOutOfRange = "number.out-of-range",
    /// A part of the idempotency key is missing.
    KeyMissing = "key.missing",
    /// The event time is missing or is not a time.
    TimeInvalid = "time.invalid",
    /// The event was taken in later after its time than its contract allows.
    TimeLate = "time.late",
    /// The event's time is further in the future than its contract allows.
    TimeEarly = "time.early",
    /// The idempotency key was used before with another payload.
    Conflict = "dedupe.conflict",
    /// The idempotency key may be forgotten by now. If the event were written again, it could take effect twice.
    Forgotten = "dedupe.forgotten",
    /// An operator cancelled the run of redrive that had brought the event back.
    RedriveCancelled = "redrive.cancelled",
    /// An enricher's answer cannot be used.
    EnricherBadAnswer = "enricher.bad-answer",
    /// An enricher refused this event.
    EnricherRefused = "enricher.refused",
    /// The service that the event is delivered to refused it.
    DeliveryRefused = "delivery.refused",
    /// A service that this stage needs did not answer.
    DependencyUnavailable = "dependency.unavailable",
    /// A service that this stage needs asked to be called less often.
    DependencyThrottled = "dependency.throttled",
    /// A service that this stage needs refused the request, and will refuse it again.
    DependencyRefused = "dependency.refused",
    /// The processing of the record panicked.
    RecordPanicked = "record.panicked",
    /// The processing of the record took too long.
    RecordTimedOut = "record.timed-out",
    /// SQS moved the message: each of its receives ended without an answer, by a crash or a time-out.
    RecordAbandoned = "record.abandoned",
}

impl Code {
    /// Whether the event itself broke what its contract promises.
    #[must_use]
    pub fn is_contract_violation(self) -> bool {
        matches!(
            self,
            Self::ContractViolation
                | Self::NumberOutOfRange
                | Self::KeyMissing
                | Self::TimeInvalid
                | Self::TimeLate
                | Self::TimeEarly
        )
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a record did not get through a stage.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{code}: {reason}")]
pub struct Failure {
    /// What has to be done.
    pub kind: FailureKind,
    /// The stable name of the failure.
    pub code: Code,
    /// What was found, where, and what was expected, in one sentence for a person. It never quotes the payload.
    pub reason: Cow<'static, str>,
    /// The JSON Pointer, the line of a file, or the place in the code that it is about.
    pub at: Option<String>,
}

impl Failure {
    /// A permanent failure. A reason of more than 1,000 characters is cut.
    pub fn permanent(code: Code, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: FailureKind::Permanent, code, reason: bounded(reason.into()), at: None }
    }

    /// A transient failure. A reason of more than 1,000 characters is cut.
    pub fn transient(code: Code, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: FailureKind::Transient, code, reason: bounded(reason.into()), at: None }
    }

    /// The dependency asked to be called less often ([`Code::DependencyThrottled`]).
    pub fn throttled(retry_after: Option<Duration>, reason: impl Into<Cow<'static, str>>) -> Self {
        let kind = FailureKind::Throttled { retry_after };
        Self { kind, code: Code::DependencyThrottled, reason: bounded(reason.into()), at: None }
    }

    /// A dependency is unavailable ([`Code::DependencyUnavailable`]). The event waits until `until`, and for
    /// `longest_wait` altogether; see [`DEFAULT_LONGEST_WAIT`] and [`MAX_LONGEST_WAIT`].
    pub fn unavailable(
        until: Timestamp,
        longest_wait: Duration,
        reason: impl Into<Cow<'static, str>>,
    ) -> Self {
        let kind = FailureKind::Unavailable { until, longest_wait };
        Self { kind, code: Code::DependencyUnavailable, reason: bounded(reason.into()), at: None }
    }

    /// The failure with its place, of which at most 1,000 characters are kept.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        let place: String = place.into();
        self.at = Some(place.chars().take(LONGEST_REASON).collect());
        self
    }
}

/// The longest reason and the longest place, in characters. They are in message attributes, which share the 1 MiB of
/// the message.
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
