//! The complete list of what is measured.

/// What the values of a metric count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// A duration.
    Milliseconds,
}

impl Unit {
    /// The unit's name in CloudWatch:
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html>.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
        }
    }
}

macro_rules! metrics {
    ($($(#[doc = $about:literal])+ $name:ident: $unit:ident by $dimensions:expr;)+) => {
        /// One thing that is measured. Its variant's name is its name in CloudWatch.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Metric {
            $($(#[doc = $about])+ $name,)+
        }

        impl Metric {
            /// All metrics, in the order in which they are documented.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The name in CloudWatch.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// The unit of its values.
            #[must_use]
            pub fn unit(self) -> Unit {
                match self { $(Self::$name => Unit::$unit,)+ }
            }

            /// The names of its dimensions.
            #[must_use]
            pub fn dimensions(self) -> &'static [&'static str] {
                match self { $(Self::$name => $dimensions,)+ }
            }

            /// What it says, in a sentence.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self { $(Self::$name => concat!($($about,)+).trim_ascii(),)+ }
            }
        }
    };
}

const DATASET: &[&str] = &["Stage", "Dataset"];
const FAILURE: &[&str] = &["Stage", "Dataset", "Code"];
const SINK: &[&str] = &["Dataset", "Sink"];
const VERSION: &[&str] = &["Dataset", "Version"];
const DEPENDENCY: &[&str] = &["Dependency"];
const ENRICHER: &[&str] = &["Dataset", "Enricher"];
const FUNCTION: &[&str] = &["Function"];

metrics! {
    /// Events of which a stage decided what becomes of them. Those that it tries again or parks come in later.
    EventsIn: Count by DATASET;
    /// Events that a stage passed on to the next stage or wrote to a sink.
    EventsOut: Count by DATASET;
    /// Events that had been written to all their sinks before, and had no effect again.
    EventsDuplicate: Count by DATASET;
    /// Events that were older than what their sink had, and changed nothing there.
    EventsStale: Count by DATASET;
    /// Events that were passed on without the answer of an enricher.
    EventsDegraded: Count by DATASET;
    /// Events that went to the late queue, because they were later or earlier than their contract allows.
    EventsDiverted: Count by DATASET;
    /// Events that were accepted, and that are marked as late.
    EventsLate: Count by DATASET;
    /// Events that were accepted, and that are marked as early.
    EventsEarly: Count by DATASET;
    /// Events that are hidden in their queue until their next try.
    EventsRetried: Count by DATASET;
    /// Events of which a copy waits in their queue until their next try.
    EventsParked: Count by DATASET;
    /// Events of requests that were refused with an answer to their producer.
    EventsRefused: Count by DATASET;
    /// Events that became dead letters.
    EventsDeadLettered: Count by DATASET;
    /// Events that became dead letters, because another payload had taken effect under their key.
    EventsConflict: Count by DATASET;
    /// Dead letters, by the code of their failure.
    DeadLetters: Count by FAILURE;
    /// Events that broke their contract, by the version that they were held to.
    ContractViolations: Count by VERSION;
    /// Events that a canary version of their schema would have refused.
    CanaryViolations: Count by VERSION;
    /// Events that a canary version of their schema was tried on.
    CanaryEvents: Count by VERSION;
    /// Writes that took effect in a sink.
    Writes: Count by SINK;
    /// Writes that had taken effect in a sink before.
    DuplicateWrites: Count by SINK;
    /// Writes that were older than what the sink had.
    StaleWrites: Count by SINK;
    /// Writes under a key that another payload had taken effect under.
    ConflictingWrites: Count by SINK;
    /// The time from an event's intake until a sink had it.
    DeliveryLatency: Milliseconds by SINK;
    /// The time from when an event happened, as it says itself, until a sink had it.
    EventAge: Milliseconds by SINK;
    /// Written events whose time, or whose intake, was in the future. Their age counts as 0.
    ClockSkew: Count by SINK;
    /// Calls that were made to a dependency.
    Calls: Count by DEPENDENCY;
    /// Calls to a dependency that failed in a way that its breaker counts.
    FailedCalls: Count by DEPENDENCY;
    /// Calls that were not made, because the breaker lets none through or a limit of ours was reached.
    CallsHeldBack: Count by DEPENDENCY;
    /// How long calls to a dependency took.
    CallTime: Milliseconds by DEPENDENCY;
    /// 1 while a breaker lets no calls through, or only probes. 0 when it is closed again.
    BreakerOpen: Count by DEPENDENCY;
    /// Answers of an enricher that were remembered.
    CacheHits: Count by ENRICHER;
    /// Answers of an enricher that had to be asked for.
    CacheMisses: Count by ENRICHER;
    /// Calls to AWS, with those that the SDK repeated by itself.
    AwsCalls: Count by FUNCTION;
    /// Dead letters that were sent back to the stage at which they failed.
    LettersRedriven: Count by FUNCTION;
    /// Dead letters that were taken into the letter store.
    LettersCollected: Count by FUNCTION;
}
