//! What a measurement is about.

/// The dimensions of a measurement, with their values. Each variant is one set of dimensions in CloudWatch.
///
/// Values come from contracts, from `template.yaml` and from lists in the code. None comes from an event, because every
/// new value would be another metric.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimensions {
    /// A dataset in a stage.
    Dataset {
        /// The stage's name.
        stage: &'static str,
        /// The dataset's name.
        dataset: String,
    },
    /// A kind of failure of a dataset's events in a stage.
    Failure {
        /// The stage's name.
        stage: &'static str,
        /// The dataset's name.
        dataset: String,
        /// The failure's code, such as `schema.violation`.
        code: &'static str,
    },
    /// A sink of a dataset.
    Sink {
        /// The dataset's name.
        dataset: String,
        /// The sink's name in the contract.
        sink: String,
    },
    /// A version of a dataset's schema.
    Version {
        /// The dataset's name.
        dataset: String,
        /// The version's number.
        version: u32,
    },
    /// A service that is called, or another dependency with a breaker.
    Dependency {
        /// Its name in the contracts.
        dependency: String,
    },
    /// An enricher of a dataset.
    Enricher {
        /// The dataset's name.
        dataset: String,
        /// The enricher's name in the contract.
        enricher: String,
    },
    /// A function as a whole.
    Function {
        /// Its name, which for a stage is the stage's.
        function: &'static str,
    },
}

/// What a dataset is called that no contract names, or that could not be found out.
const UNKNOWN: &str = "unknown";

impl Dimensions {
    /// A dataset in a stage.
    #[must_use]
    pub fn dataset(stage: &'static str, dataset: &str) -> Self {
        Self::Dataset { stage, dataset: dataset.to_owned() }
    }

    /// A dataset in a stage; one that is not known is called `unknown`.
    #[must_use]
    pub fn known_dataset(stage: &'static str, dataset: Option<&str>) -> Self {
        Self::dataset(stage, dataset.unwrap_or(UNKNOWN))
    }

    /// A kind of failure of a dataset's events; a dataset that is not known is called `unknown`.
    #[must_use]
    pub fn failure(stage: &'static str, dataset: Option<&str>, code: &'static str) -> Self {
        Self::Failure { stage, dataset: dataset.unwrap_or(UNKNOWN).to_owned(), code }
    }

    /// A sink of a dataset.
    #[must_use]
    pub fn sink(dataset: &str, sink: &str) -> Self {
        Self::Sink { dataset: dataset.to_owned(), sink: sink.to_owned() }
    }

    /// A version of a dataset's schema.
    #[must_use]
    pub fn version(dataset: &str, version: u32) -> Self {
        Self::Version { dataset: dataset.to_owned(), version }
    }

    /// A dependency, by its name.
    #[must_use]
    pub fn dependency(name: &str) -> Self {
        Self::Dependency { dependency: name.to_owned() }
    }

    /// An enricher of a dataset.
    #[must_use]
    pub fn enricher(dataset: &str, enricher: &str) -> Self {
        Self::Enricher { dataset: dataset.to_owned(), enricher: enricher.to_owned() }
    }

    /// The names of the dimensions, in the order of [`Dimensions::values`].
    #[must_use]
    pub fn names(&self) -> &'static [&'static str] {
        match self {
            Self::Dataset { .. } => &["Stage", "Dataset"],
            Self::Failure { .. } => &["Stage", "Dataset", "Code"],
            Self::Sink { .. } => &["Dataset", "Sink"],
            Self::Version { .. } => &["Dataset", "Version"],
            Self::Dependency { .. } => &["Dependency"],
            Self::Enricher { .. } => &["Dataset", "Enricher"],
            Self::Function { .. } => &["Function"],
        }
    }

    /// The values of the dimensions, in the order of [`Dimensions::names`].
    #[must_use]
    pub fn values(&self) -> Vec<String> {
        match self {
            Self::Dataset { stage, dataset } => vec![(*stage).to_owned(), dataset.clone()],
            Self::Failure { stage, dataset, code } => {
                vec![(*stage).to_owned(), dataset.clone(), (*code).to_owned()]
            }
            Self::Sink { dataset, sink } => vec![dataset.clone(), sink.clone()],
            Self::Version { dataset, version } => vec![dataset.clone(), version.to_string()],
            Self::Dependency { dependency } => vec![dependency.clone()],
            Self::Enricher { dataset, enricher } => vec![dataset.clone(), enricher.clone()],
            Self::Function { function } => vec![(*function).to_owned()],
        }
    }
}
