//! `sluicegate contracts new` writes the folder of a new dataset: a contract that passes `contracts check`, a schema and
//! samples. It also adds to the template what the contract's tables need.

mod answers;
mod ask;
mod deployment;
mod example;
mod samples;
mod text;

use std::collections::BTreeMap;
use std::fs;
use std::io::{IsTerminal as _, stderr, stdin};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use contracts::{CONTRACT_FILE, Contract, Schema, ValueKind};
use runtime::ContractFolder;

use self::answers::Answers;
use self::ask::{Ask, Terminal};
use self::deployment::Deployment;
use self::samples::Samples;
use super::TEMPLATE;
use super::args::New;
use super::check::check_folder;
use super::infer::{Inferred, infer_file, notes_of};
use crate::failure::Failure;
use crate::folder::{CONTRACTS, Folder, SAMPLES};
use crate::output::Output;
use crate::output::escape::escape;
use crate::output::text::pluralize;

/// The file of the first version's schema.
const SCHEMA_FILE: &str = "v1.schema.json";

pub(super) fn new(root: &Path, args: &New, output: &Output) -> Result<ExitCode, Failure> {
    let mut terminal = Terminal;
    let is_terminal = stdin().is_terminal() && stderr().is_terminal();
    let ask: Option<&mut dyn Ask> = if is_terminal { Some(&mut terminal) } else { None };
    create(root, args, ask, output)
}

/// Asks for what the arguments leave open, and writes the folder.
fn create(
    root: &Path,
    args: &New,
    mut ask: Option<&mut dyn Ask>,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let folder = root.join(CONTRACTS).join(&args.dataset);
    check_name(&args.dataset, &folder)?;
    let from = match (&args.from, &mut ask) {
        (None, Some(ask)) => answers::ask_for_samples(*ask)?,
        (given, _) => given.clone(),
    };
    let inferred = from.as_deref().map(|from| infer_file(from, true)).transpose()?;
    let answers = Answers::complete(args, inferred.as_ref(), ask)?;
    let dataset = NewDataset::make(from.as_deref(), &answers, inferred.as_ref())
        .map_err(|failure| failure.next(answers.command_line(from.as_deref())))?;
    let deployment = Deployment::of(root, &dataset.texts, &dataset.contract)
        .map_err(|failure| failure.next(answers.command_line(from.as_deref())))?;
    if !args.dry_run {
        write(root, &folder, &dataset, &deployment)?;
    }
    report(&dataset, &deployment, inferred.as_ref(), args.dry_run, output);
    Ok(ExitCode::SUCCESS)
}

/// Checks the name before it becomes part of a path, and that there is no such folder.
fn check_name(dataset: &str, folder: &Path) -> Result<(), Failure> {
    let is_name = (1..=64).contains(&dataset.len())
        && dataset.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if !is_name {
        return Err(Failure::new(format!("`{dataset}` cannot be the name of a dataset"))
            .next("give 1 to 64 lower-case letters, digits and hyphens"));
    }
    if folder.exists() {
        return Err(Failure::new(format!("{CONTRACTS}/{dataset} is there already, and is left as it is"))
            .next(format!("change its contract, or remove the folder; `sluicegate contracts show {dataset}` shows it")));
    }
    Ok(())
}

/// Everything that is written below the folder of contracts.
struct NewDataset {
    texts: ContractFolder,
    contract: Contract,
    samples: Samples,
}

impl NewDataset {
    fn make(
        from: Option<&Path>,
        answers: &Answers,
        inferred: Option<&Inferred>,
    ) -> Result<Self, Failure> {
        let schema = match inferred {
            Some(inferred) => inferred.schema.render(),
            None => example::schema_of(answers)?.render(),
        };
        let yaml = text::contract_of(answers, inferred, &date_members(&schema));
        let files = BTreeMap::from([(SCHEMA_FILE.to_owned(), format!("{schema}\n"))]);
        let texts = ContractFolder { dataset: answers.dataset.clone(), yaml, files };
        let folder = Folder { texts, samples: Vec::new() };
        let (contract, problems) = check_folder(&folder).map_err(|problem| {
            Failure::new(format!("this would be no contract: {}", problem.what))
        })?;
        if let Some(problem) = problems.first() {
            return Err(Failure::new(format!("this would be no contract: {}", problem.what)));
        }
        let samples = match from {
            Some(from) => Samples::of_file(from, &contract, &answers.personal_pointers(inferred))?,
            None => Samples::of_example(&contract, answers)?,
        };
        Ok(Self { texts: folder.texts, contract, samples })
    }

    /// The files with their paths in the dataset's folder.
    fn files(&self) -> Vec<(PathBuf, &str)> {
        let mut files = vec![(PathBuf::from(CONTRACT_FILE), self.texts.yaml.as_str())];
        for (name, text) in &self.texts.files {
            files.push((PathBuf::from(name), text));
        }
        let samples = format!("{}.ndjson", self.texts.dataset);
        files.push((Path::new(SAMPLES).join(samples), &self.samples.text));
        files
    }
}

/// The members whose format is `date`. A new lake has no objects yet, so that their columns can be dates.
fn date_members(schema: &str) -> Vec<String> {
    // A schema that cannot be read is told by the check of the whole folder.
    let Ok(schema) = Schema::parse(schema) else { return Vec::new() };
    let dates = schema.properties().filter(|property| property.kind == ValueKind::Date);
    dates.map(|property| property.name.to_owned()).collect()
}

/// Writes the folder and the template. If one of the files cannot be written, the folder is removed again.
fn write(
    root: &Path,
    folder: &Path,
    dataset: &NewDataset,
    deployment: &Deployment,
) -> Result<(), Failure> {
    // It fails if somebody else has made the folder meanwhile.
    fs::create_dir(folder).map_err(|error| cannot_write(folder, error))?;
    let written = write_files(root, folder, dataset, deployment);
    if written.is_err() {
        let _ = fs::remove_dir_all(folder);
    }
    written
}

fn write_files(
    root: &Path,
    folder: &Path,
    dataset: &NewDataset,
    deployment: &Deployment,
) -> Result<(), Failure> {
    let samples = folder.join(SAMPLES);
    fs::create_dir(&samples).map_err(|error| cannot_write(&samples, error))?;
    for (name, text) in dataset.files() {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| cannot_write(&path, error))?;
    }
    if !deployment.additions.is_empty() {
        let path = root.join(TEMPLATE);
        fs::write(&path, &deployment.template).map_err(|error| cannot_write(&path, error))?;
    }
    Ok(())
}

fn cannot_write(path: &Path, error: std::io::Error) -> Failure {
    Failure::new(format!("{} cannot be written", path.display())).because(error)
}

fn report(
    dataset: &NewDataset,
    deployment: &Deployment,
    inferred: Option<&Inferred>,
    is_dry_run: bool,
    output: &Output,
) {
    let name = &dataset.texts.dataset;
    let mut lines = Vec::new();
    if is_dry_run {
        lines.push("nothing is written; it would be:".to_owned());
    }
    for (file, text) in dataset.files() {
        let count = match file.starts_with(SAMPLES) {
            true => format!(" ({})", pluralize(dataset.samples.count, "event")),
            false => String::new(),
        };
        lines.push(format!("{CONTRACTS}/{name}/{}{count}", file.display()));
        if is_dry_run {
            lines.extend(text.lines().map(|line| format!("    {line}").trim_end().to_owned()));
        }
    }
    lines.extend(deployment.additions.iter().cloned());
    output.result(&lines.join("\n"));
    if let Some(inferred) = inferred {
        for line in notes_of(inferred).iter().filter(|line| is_for_new(line)) {
            output.note(&escape(line));
        }
    }
    for note in &dataset.samples.notes {
        output.note(&escape(note));
    }
    if !is_dry_run {
        output.note(&format!(
            "next: read {CONTRACTS}/{name} through, and run `sluicegate contracts check`"
        ));
    }
}

/// Whether a note on the samples is of interest when the contract is written already.
fn is_for_new(note: &str) -> bool {
    !note.starts_with("this may be the ") && !note.contains("csv: {missing")
}

#[cfg(test)]
mod tests;
