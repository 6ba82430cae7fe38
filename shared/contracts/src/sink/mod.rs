//! Where a dataset's events go, as its contract declares it: one module for each kind.

mod http;
mod lake;
mod table;

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;

pub(crate) use self::http::check_header;
pub use self::http::{HttpBody, HttpMethod, HttpSink};
pub use self::lake::{Compression, LakeFormat, LakeSink};
pub use self::table::{
    Accumulate, Opened, Order, RowKey, RowOrder, RowVersion, TableMode, TableSink, Tombstone,
    Window,
};
use crate::error::{ContractError, check_name, invalid};
use crate::keys::Keys;

/// One place that the events go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sink {
    /// What idempotency keys are remembered under; of the dataset's sinks, this one's alone.
    pub name: String,
    pub target: Target,
}

/// What is there, and how it is raw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Table(TableSink),
    Lake(LakeSink),
    Http(HttpSink),
    Custom(CustomSink),
}

/// A sink that a function of one's own writes to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct CustomSink {
    /// The function, as its `NAME` has it.
    pub by: String,
    /// Whatever it wants to know.
    #[serde(default)]
    pub options: BTreeMap<String, Value>,
}

/// Each kind of sink is a queue and a function of its own. As text: `table`, `lake`, `http`, or
/// `custom:` and the function's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub enum SinkKind {
    /// A DynamoDB table.
    Table,
    /// Objects in S3.
    Lake,
    /// A service.
    Http,
    /// What a function of one's own writes to.
    Custom(String),
}

impl TryFrom<String> for SinkKind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "table" => Ok(Self::Table),
            "lake" => Ok(Self::Lake),
            "http" => Ok(Self::Http),
            other => match other.strip_prefix("custom:") {
                Some(name) if !name.is_empty() => Ok(Self::Custom(name.to_owned())),
                _ => Err(format!("`{other}` is none of table, lake, http and custom:<function>")),
            },
        }
    }
}

impl fmt::Display for SinkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table => f.write_str("table"),
            Self::Lake => f.write_str("lake"),
            Self::Http => f.write_str("http"),
            Self::Custom(name) => write!(f, "custom:{name}"),
        }
    }
}

impl Target {
    pub(crate) fn is_upserted(&self) -> bool {
        match self {
            Self::Table(table) => matches!(table.mode, TableMode::Upsert { .. }),
            Self::Lake(_) | Self::Http(_) | Self::Custom(_) => false,
        }
    }
}

impl Sink {
    #[must_use]
    pub fn kind(&self) -> SinkKind {
        match &self.target {
            Target::Table(_) => SinkKind::Table,
            Target::Lake(_) => SinkKind::Lake,
            Target::Http(_) => SinkKind::Http,
            Target::Custom(custom) => SinkKind::Custom(custom.by.clone()),
        }
    }
}

/// A sink, as it is in the file: its kind says which other fields there are.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum RawSink {
    Table {
        name: String,
        #[serde(flatten)]
        table: Box<table::RawTableSink>,
    },
    Lake {
        name: String,
        #[serde(flatten)]
        lake: lake::RawLakeSink,
    },
    Http {
        name: String,
        #[serde(flatten)]
        http: Box<http::RawHttpSink>,
    },
    Custom {
        name: String,
        #[serde(flatten)]
        custom: CustomSink,
    },
}

/// The sinks of a contract, checked.
pub(crate) fn validate(raw: Vec<RawSink>, keys: &Keys) -> Result<Vec<Sink>, ContractError> {
    if raw.is_empty() {
        return Err(invalid("sinks", "at least one is needed"));
    }
    let mut sinks: Vec<Sink> = Vec::new();
    for each in raw {
        let (name, target) = match each {
            RawSink::Table { name, table } => (name, Target::Table(table.validate(keys)?)),
            RawSink::Lake { name, lake } => (name, Target::Lake(lake.validate()?)),
            RawSink::Http { name, http } => {
                let target = Target::Http(http.validate(&name)?);
                (name, target)
            }
            RawSink::Custom { name, custom } => {
                check_name("sinks.by", &custom.by)?;
                (name, Target::Custom(custom))
            }
        };
        check_name("sinks.name", &name)?;
        if sinks.iter().any(|other| other.name == name) {
            return Err(invalid("sinks.name", "two of one name"));
        }
        sinks.push(Sink { name, target });
    }
    Ok(sinks)
}
