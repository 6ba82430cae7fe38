//! Faults that are injected on purpose.

use std::path::{Path, PathBuf};

use emulation::faults::Plan;

use crate::failure::Failure;

/// The faults to inject.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Faults {
    /// Inject every kind of fault that AWS's guarantees allow; the same seed gives the same faults
    #[arg(long, value_name = "SEED")]
    pub(crate) adversary: Option<u64>,
    /// A fault plan (YAML): which faults to inject, where, how often and until when
    #[arg(long = "faults", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

impl Faults {
    /// Whether there are any.
    pub(crate) fn is_any(&self) -> bool {
        self.adversary.is_some() || self.file.is_some()
    }

    /// The plan generated from the seed, with the rules of the file added.
    pub(crate) fn plan(&self) -> Result<Plan, Failure> {
        let mut plan = self.adversary.map(Plan::storm).unwrap_or_default();
        if let Some(path) = &self.file {
            let given = read_plan(path)?;
            if self.adversary.is_none() {
                plan.seed = given.seed;
            }
            plan.rules.extend(given.rules);
        }
        Ok(plan)
    }
}

/// Reads a fault plan.
pub(crate) fn read_plan(path: &Path) -> Result<Plan, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(format!("{} cannot be read", path.display())).because(error)
    })?;
    Plan::parse(&text).map_err(|error| {
        Failure::new(format!("{} cannot be used", path.display()))
            .because(error)
            .next("see events/faults.yaml for an example of each kind of rule")
    })
}
