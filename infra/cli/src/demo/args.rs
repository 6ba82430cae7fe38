//! The arguments of `sluicegate demo`.

use std::path::PathBuf;
use std::time::Duration;

use crate::options::{Faults, Format};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Demo {
    /// The number of events, from the start of the input
    #[arg(long, value_name = "N", default_value_t = Self::default().events,
          value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) events: u64,
    /// The file of events: .ndjson or .csv, gzipped or not [default: the sample's flights, for their dataset]
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// The dataset of the events: a folder of infra/contracts
    #[arg(long, value_name = "NAME", default_value_t = Self::default().dataset)]
    pub(crate) dataset: String,
    /// The output format
    #[arg(long, value_enum, default_value_t = Self::default().format)]
    pub(crate) format: Format,
    /// The port of the emulation; 0 picks a free one
    #[arg(long, default_value_t = Self::default().port)]
    pub(crate) port: u16,
    /// Build the functions optimised, as they are deployed (this takes minutes)
    #[arg(long)]
    pub(crate) release: bool,
    /// Make the weather service unavailable halfway, and show what happens to the events; this takes a minute
    #[arg(long, conflicts_with_all = ["adversary", "file", "format"])]
    pub(crate) outage: bool,
    /// The time limit, in seconds, until every event has reached its end
    #[arg(long, value_name = "SECONDS", default_value_t = Self::default().timeout,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,
    #[command(flatten)]
    pub(crate) faults: Faults,
}

impl Default for Demo {
    fn default() -> Self {
        Self {
            events: 2_000,
            input: None,
            dataset: sample::DATASET.to_owned(),
            format: Format::Text,
            port: 0,
            release: false,
            outage: false,
            timeout: 600,
            faults: Faults::default(),
        }
    }
}

impl Demo {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}
