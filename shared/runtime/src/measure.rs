//! What each stage measures, and the lines that a function writes of it.

use std::io::Write;

use event::{Code, ContractRef, Failure, Timestamp};
use metrics::{Dimensions, Metric, Recorder};

use crate::EventCounts;
use crate::env::{EnvError, Lookup, parsed};

/// The recorder of a function, for the namespace in `METRICS_NAMESPACE`.
///
/// # Errors
/// If the variable is missing, or is not 1 to 255 characters that CloudWatch allows in a namespace
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>).
pub fn recorder(lookup: &dyn Lookup) -> Result<Recorder, EnvError> {
    parsed(lookup, "METRICS_NAMESPACE", "a namespace such as Sluicegate/my-stack", |text| {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || ".-_/#:".contains(c);
        let is_valid = (1..=255).contains(&text.len()) && text.chars().all(is_allowed);
        is_valid.then(|| Recorder::new(text))
    })
}

/// Writes what was recorded to standard output, where CloudWatch finds it. A line that cannot be written is lost, and
/// no event with it.
pub(crate) fn write_lines(recorder: &Recorder, now: Timestamp) {
    let mut text = String::new();
    for line in recorder.take_lines(now.unix_ms()) {
        text.push_str(&line);
        text.push('\n');
    }
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Counts events of a dataset that a stage is done with.
pub fn count_done(recorder: &Recorder, stage: &'static str, dataset: &str, counts: &EventCounts) {
    let counts = [
        (Metric::EventsIn, counts.taken),
        (Metric::EventsOut, counts.passed),
        (Metric::EventsDuplicate, counts.duplicates),
        (Metric::EventsStale, counts.stale),
        (Metric::EventsDegraded, counts.degraded),
        (Metric::EventsDiverted, counts.diverted),
        (Metric::EventsLate, counts.late),
        (Metric::EventsEarly, counts.early),
    ];
    recorder.record(&Dimensions::dataset(stage, dataset), &counts, &[]);
}

/// Counts an event that became a dead letter. `contract` is what it was held to; a dataset whose version is not known
/// may be one that a producer made up, and is not named.
pub fn count_dead_letter(
    recorder: &Recorder,
    stage: &'static str,
    contract: Option<&ContractRef>,
    code: Code,
) {
    let known = Known::of(contract);
    let of_dataset = Dimensions::known_dataset(stage, known.map(|known| known.dataset));
    let counts = [
        (Metric::EventsIn, 1),
        (Metric::EventsDeadLettered, 1),
        (Metric::EventsConflict, u64::from(code == Code::Conflict)),
    ];
    recorder.record(&of_dataset, &counts, &[]);
    let dataset = known.map(|known| known.dataset);
    let of_code = Dimensions::failure(stage, dataset, code.as_str());
    recorder.add(&of_code, Metric::DeadLetters, 1);
    count_violation(recorder, contract, code);
}

/// Counts an event of a request that was refused with an answer.
pub fn count_refused(
    recorder: &Recorder,
    stage: &'static str,
    contract: &ContractRef,
    failure: &Failure,
) {
    let of_dataset = Dimensions::dataset(stage, &contract.dataset);
    recorder.record(&of_dataset, &[(Metric::EventsIn, 1), (Metric::EventsRefused, 1)], &[]);
    count_violation(recorder, Some(contract), failure.code);
}

fn count_violation(recorder: &Recorder, contract: Option<&ContractRef>, code: Code) {
    let Some(known) = Known::of(contract).filter(|_| code.is_contract_violation()) else { return };
    let of_version = Dimensions::version(known.dataset, known.version);
    recorder.add(&of_version, Metric::ContractViolations, 1);
}

/// Counts an event that comes in again: `metric` is [`Metric::EventsRetried`] or [`Metric::EventsParked`].
pub(crate) fn count_again(
    recorder: &Recorder,
    stage: &'static str,
    contract: Option<&ContractRef>,
    metric: Metric,
) {
    let dataset = Known::of(contract).map(|known| known.dataset);
    recorder.add(&Dimensions::known_dataset(stage, dataset), metric, 1);
}

/// A dataset of which there is a contract.
#[derive(Clone, Copy)]
struct Known<'a> {
    dataset: &'a str,
    version: u32,
}

impl<'a> Known<'a> {
    fn of(contract: Option<&'a ContractRef>) -> Option<Self> {
        let contract = contract?;
        Some(Self { dataset: &contract.dataset, version: contract.version? })
    }
}
