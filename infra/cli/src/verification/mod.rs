//! Sends the events of a file to an emulation and judges what became of each, for the demo and the
//! soak.
//!
//! The judgement trusts no function: the `verify` crate reads the file and the contract itself, and
//! compares tables, lake, services and dead letters with them.

pub(crate) mod input;
mod letter_store;
pub(crate) mod observe;
pub(crate) mod redrive;
pub(crate) mod send;

use std::fs;
use std::path::{Path, PathBuf};

use emulation::Emulation;
use sample::{DATASET, EVENTS_FILE, Weather};
use verify::contract::Dataset;
use verify::judge::{Sent, Verdict, judge};

use self::input::Input;
use crate::failure::Failure;
use crate::folder::CONTRACTS;
use crate::output::Output;
use crate::output::text::pluralize;
use crate::project::contracts_of;

/// The events to send, and the dataset by which the result is judged.
pub(crate) struct Task {
    pub(crate) dataset: Dataset,
    pub(crate) input: Input,
}

/// Judges what the emulation has of a dataset.
pub(crate) fn judge_dataset(
    emulation: &Emulation,
    weather: &Weather,
    dataset: &Dataset,
    sent: &[Sent],
) -> Result<Verdict, Failure> {
    let seen = observe::observe(emulation, weather, dataset)?;
    Ok(judge(dataset, sent, &seen))
}

/// The dataset as its contract describes it, and the first events of the file.
pub(crate) fn read_task(
    root: &Path,
    dataset: &str,
    input: Option<&Path>,
    events: u64,
    output: &Output,
) -> Result<Task, Failure> {
    let catalog = contracts_of(root)?;
    catalog.get(dataset).map_err(|failure| {
        let next = match dataset {
            DATASET => "the sample is not here: say what to send, with --dataset and --input",
            _ => "give one of the known ones with --dataset, or add its contract",
        };
        Failure::new(failure.reason.into_owned()).next(next)
    })?;
    let dataset = read_dataset(&root.join(CONTRACTS).join(dataset))?;
    let path = match input {
        Some(path) => path.to_path_buf(),
        None => sample_events(root, &dataset.name)?,
    };
    let wanted = usize::try_from(events).unwrap_or(usize::MAX);
    let input = input::read(&path, wanted)?;
    if input.wanted == 0 {
        return Err(Failure::new(format!("there is no event in {}", path.display())));
    }
    if input.wanted < wanted {
        let count = pluralize(input.wanted, "event");
        output.note(&format!("{} has only {count}; all are sent", path.display()));
    }
    Ok(Task { dataset, input })
}

/// The file that is sent if none is given: the sample's events, which are only of their own
/// dataset.
fn sample_events(root: &Path, dataset: &str) -> Result<PathBuf, Failure> {
    let next = "give a file of events with --input: .ndjson or .csv, gzipped or not";
    if dataset != DATASET {
        return Err(Failure::new(format!("there is no sample of `{dataset}`")).next(next));
    }
    let path = root.join(EVENTS_FILE);
    if !path.is_file() {
        let what = format!("the sample's events are not here: there is no {EVENTS_FILE}");
        return Err(Failure::new(what).next(next));
    }
    Ok(path)
}

/// The dataset of a folder with a contract, read by the judge's own reader.
pub(crate) fn read_dataset(folder: &Path) -> Result<Dataset, Failure> {
    let path = folder.join("contract.yaml");
    let yaml = fs::read_to_string(&path).map_err(|error| {
        Failure::new(format!("{} cannot be read", path.display())).because(error)
    })?;
    Dataset::read(&yaml, |file| fs::read_to_string(folder.join(file)).ok()).map_err(|error| {
        Failure::new(format!("{} says too little to judge by", path.display())).because(error)
    })
}

/// The value of a variable in the first function that has it.
fn variable(emulation: &Emulation, name: &str) -> Option<String> {
    emulation.stack().functions.iter().find_map(|function| function.environment.get(name).cloned())
}
