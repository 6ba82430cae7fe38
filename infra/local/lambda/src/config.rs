//! How functions are run.

use std::path::PathBuf;
use std::time::Duration;

use faults::Adversary;
use template::Function;

/// How functions are run.
#[derive(Clone, Debug)]
pub struct Config {
    /// The region in ARNs and variables, such as `eu-west-1`.
    pub region: String,
    /// The value of `AWS_ENDPOINT_URL` for functions.
    pub endpoint: String,
    /// The folder of the functions' binaries.
    pub binaries: PathBuf,
    /// The maximum number of concurrent invocations of a function that does not reserve fewer. This is
    /// also the maximum number of its processes.
    pub concurrency: usize,
    /// How long an environment is kept without an invocation.
    pub idle: Duration,
    /// How long a process may take from its start to its first request for an invocation.
    pub init_timeout: Duration,
    /// Whether processes are stopped between invocations, as Lambda freezes environments.
    pub freeze: bool,
    /// Kills environments and sets their clocks wrong, if there is one.
    pub adversary: Option<Adversary>,
}

impl Config {
    /// The defaults: 10 concurrent invocations, environments that are kept for 10 minutes, 10 seconds to
    /// start as on Lambda, and no freezing.
    #[must_use]
    pub fn new(region: &str, endpoint: &str, binaries: PathBuf) -> Self {
        Self {
            region: region.to_owned(),
            endpoint: endpoint.to_owned(),
            binaries,
            concurrency: 10,
            idle: Duration::from_secs(600),
            init_timeout: Duration::from_secs(10),
            freeze: false,
            adversary: None,
        }
    }

    pub(crate) fn binary(&self, function: &Function) -> PathBuf {
        self.binaries.join(&function.binary)
    }
}
