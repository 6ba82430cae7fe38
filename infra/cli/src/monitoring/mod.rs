//! `sluicegate infra generate` writes the alarms and dashboards of a pipeline, as CloudFormation templates.
//!
//! They follow from `template.yaml` (functions and queues) and from the contracts (datasets, sinks, objectives,
//! dependencies). They are checked in, so that a review sees them change.

mod alarm;
pub(crate) mod args;
mod dashboards;
mod datasets;
mod pipeline;
mod subject;
mod template;
#[cfg(test)]
mod tests;
mod yaml;

use std::path::Path;
use std::process::ExitCode;

use self::args::{Generate, Infra};
use self::subject::Subject;
use crate::failure::Failure;
use crate::output::Output;

/// The folder of what is written.
const FOLDER: &str = "infra/monitoring";

/// One file that is written, by its path below the repository.
struct Written {
    path: String,
    text: String,
}

/// Runs the command. The exit status is 1 if `--check` finds a file that is not as it would be written.
pub(crate) fn run(root: &Path, verb: &Infra, output: &Output) -> Result<ExitCode, Failure> {
    match verb {
        Infra::Generate(args) => generate(root, args, output),
    }
}

fn generate(root: &Path, args: &Generate, output: &Output) -> Result<ExitCode, Failure> {
    let files = files(&Subject::read(root)?);
    let mut changed = Vec::new();
    for Written { path, text } in &files {
        let is_same = std::fs::read_to_string(root.join(path)).is_ok_and(|found| found == *text);
        if is_same {
            continue;
        }
        changed.push(path.clone());
        if !args.check {
            write(root, path, text)?;
        }
    }
    match (args.check, changed.as_slice()) {
        (_, []) => output.result(&format!("{FOLDER} is up to date")),
        (false, _) => output.result(&format!("written: {}", changed.join(", "))),
        (true, _) => {
            output.result(&format!("out of date: {}", changed.join(", ")));
            output.note("run `sluicegate infra generate`, and commit what it writes");
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// All files, with their content.
fn files(subject: &Subject) -> Vec<Written> {
    let mut alarms = pipeline::alarms(subject);
    alarms.extend(datasets::alarms(subject));
    let combined = datasets::combined(subject);
    vec![
        Written {
            path: format!("{FOLDER}/alarms.yaml"),
            text: template::alarms(&alarms, &combined, subject),
        },
        Written {
            path: format!("{FOLDER}/dashboards.yaml"),
            text: template::dashboards(&dashboards::all(subject, &alarms), subject),
        },
    ]
}

fn write(root: &Path, path: &str, text: &str) -> Result<(), Failure> {
    let to = root.join(path);
    let folder = to.parent().unwrap_or(root);
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&to, text));
    written.map_err(|error| Failure::new(format!("{path} cannot be written")).because(error))
}
