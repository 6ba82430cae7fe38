//! What is monitored: the functions and queues of the template, and the datasets and dependencies of the contracts.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use contracts::{Catalog, Contract, Objectives, VersionState};
use emulation::template::{self, Options, Stack};

use crate::failure::Failure;
use crate::project::contracts_of;

pub(super) struct Subject {
    pub(super) functions: Vec<Function>,
    /// The queues that a stage's function polls.
    pub(super) stage_queues: Vec<String>,
    /// The dead-letter queues.
    pub(super) dead_letter_queues: Vec<String>,
    pub(super) datasets: Vec<Dataset>,
    pub(super) dependencies: Vec<String>,
}

/// A function, by its logical id.
pub(super) struct Function {
    pub(super) logical_id: String,
    pub(super) timeout: Duration,
}

pub(super) struct Dataset {
    pub(super) name: String,
    /// The names of its sinks, each with the stage that writes to it.
    pub(super) sinks: Vec<(String, &'static str)>,
    pub(super) objectives: Objectives,
    pub(super) versions: Vec<u32>,
    pub(super) canary: Option<u32>,
    pub(super) has_enrichers: bool,
}

impl Subject {
    /// Reads the template and the contracts of a repository.
    pub(super) fn read(root: &Path) -> Result<Self, Failure> {
        let catalog = contracts_of(root)?;
        let path = root.join("template.yaml");
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Failure::new("template.yaml cannot be read").because(error))?;
        // Without what is written here, which need not be there yet.
        let parameters = [("Environment", "local"), ("Monitoring", "false")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let parameters = BTreeMap::from(parameters);
        let options = Options { parameters, ..Options::default() };
        let stack = template::read(&text, root, &options)
            .map_err(|error| Failure::new("template.yaml cannot be used").because(error))?;
        Ok(Self::of(&stack, &catalog))
    }

    pub(super) fn of(stack: &Stack, catalog: &Catalog) -> Self {
        let mut functions = Vec::new();
        for function in &stack.functions {
            functions.push(Function {
                logical_id: function.logical_id.clone(),
                timeout: function.timeout,
            });
        }
        let mut dead_letter_arns = Vec::new();
        for queue in &stack.queues {
            let policy = queue.attributes.get("RedrivePolicy");
            let policy: Option<serde_json::Value> =
                policy.and_then(|text| serde_json::from_str(text).ok());
            let target = policy.as_ref().and_then(|policy| policy["deadLetterTargetArn"].as_str());
            dead_letter_arns.extend(target.map(str::to_owned));
        }
        let (mut stage_queues, mut dead_letter_queues) = (Vec::new(), Vec::new());
        for queue in &stack.queues {
            if dead_letter_arns.contains(&queue.arn) {
                dead_letter_queues.push(queue.logical_id.clone());
            } else if stack.mappings.iter().any(|mapping| mapping.queue_arn == queue.arn) {
                stage_queues.push(queue.logical_id.clone());
            }
        }
        Self {
            functions,
            stage_queues,
            dead_letter_queues,
            datasets: catalog.iter().map(Dataset::of).collect(),
            dependencies: catalog.dependencies().into_keys().collect(),
        }
    }
}

impl Dataset {
    fn of(contract: &Contract) -> Self {
        let mut versions = Vec::new();
        let mut canary = None;
        for version in contract.versions.iter() {
            match version.state {
                VersionState::Active | VersionState::Deprecated { .. } => {
                    versions.push(version.version);
                }
                VersionState::Canary { .. } => canary = Some(version.version),
            }
        }
        let mut sinks = Vec::new();
        for sink in &contract.sinks {
            sinks.push((sink.name.clone(), stage_of(&sink.kind())));
        }
        Self {
            name: contract.dataset.clone(),
            sinks,
            objectives: contract.objectives,
            versions,
            canary,
            has_enrichers: !contract.enrichers.is_empty(),
        }
    }
}

/// The stage that writes to sinks of this kind. A stage of one's own is known by its own name only, and is left to its
/// owner.
fn stage_of(kind: &contracts::SinkKind) -> &'static str {
    match kind {
        contracts::SinkKind::Table => "sink",
        contracts::SinkKind::Lake => "lake",
        contracts::SinkKind::Http => "deliver",
        contracts::SinkKind::Custom(_) => "custom",
    }
}
