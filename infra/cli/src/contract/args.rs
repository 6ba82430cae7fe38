//! The arguments of `sluicegate contracts`.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use compatibility::Mode;

use crate::account::Pipeline;
use crate::options::Format;

#[derive(Debug, Subcommand)]
pub(crate) enum Contracts {
    /// List the datasets with their owners, versions and sinks
    List(List),
    /// Show what a contract says, with what it leaves to defaults
    Show(Show),
    /// Check all contracts: their schemas, samples, versions and places in template.yaml; the exit
    /// status is 1 if something is wrong
    Check(Check),
    /// Compare two versions of a schema, and say who cannot read what
    Diff(Diff),
    /// Hold each event of a file to a contract
    Validate(Validate),
    /// Make the canary version of a dataset's schema the active one
    Promote(Promote),
    /// Make the version before the active one active again
    Rollback(Rollback),
    /// Write the contract, schema and samples of a new dataset, and what the template needs
    New(Box<New>),
    /// Derive a first JSON Schema from sample events
    Infer(Infer),
    /// Write contracts in the Open Data Contract Standard, for catalogs
    Export(Export),
    /// Add the tables of a dataset's sinks to template.yaml, with their names for the functions and
    /// their rights
    AddTables(AddTables),
    /// Deploy the contracts to a stack on AWS, without building the functions; the exit status is 1
    /// if something is wrong with the contracts
    Deploy(Deploy),
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct List {
    /// The output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Show {
    /// The dataset: a folder of infra/contracts
    #[arg(value_name = "DATASET")]
    pub(crate) dataset: String,
    /// The output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Check {
    /// Compare with the contracts of this git revision too, such as origin/main
    #[arg(long, value_name = "REVISION")]
    pub(crate) base: Option<String>,
    /// The output format
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub(crate) format: CheckFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// Text for people
    Text,
    /// One JSON object
    Json,
    /// Annotations of a GitHub workflow, besides the text
    Github,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Diff {
    /// The old version: DATASET@VERSION, or the file of a JSON Schema
    #[arg(value_name = "OLD")]
    pub(crate) old: String,
    /// The new version: DATASET@VERSION, or the file of a JSON Schema
    #[arg(value_name = "NEW")]
    pub(crate) new: String,
    /// What the change has to keep; the exit status is 1 if it does not [default: as the contract
    /// says, or FULL for files]
    #[arg(long, value_name = "MODE", ignore_case = true, value_parser = parse_mode)]
    pub(crate) mode: Option<Mode>,
    /// Take `format` as a rule, not as an annotation, in files
    #[arg(long)]
    pub(crate) assert_formats: bool,
    /// The output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Validate {
    /// The dataset: a folder of infra/contracts
    #[arg(value_name = "DATASET")]
    pub(crate) dataset: String,
    /// A file of events: NDJSON, JSON documents or CSV (by its name), also packed with gzip or Zstandard
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Promote {
    /// The dataset: a folder of infra/contracts
    #[arg(value_name = "DATASET")]
    pub(crate) dataset: String,
    /// The version to make active [default: the canary]
    #[arg(value_name = "VERSION")]
    pub(crate) version: Option<u32>,
    /// The last day, in UTC, on which events of the former version are taken in, such as 2027-01-31
    #[arg(long, value_name = "DATE")]
    pub(crate) until: String,
    /// Only show what would be written
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Rollback {
    /// The dataset: a folder of infra/contracts
    #[arg(value_name = "DATASET")]
    pub(crate) dataset: String,
    /// Only show what would be written
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Deploy {
    /// The bucket for the contracts [default: the one that the stack has its contracts from]
    #[arg(long, value_name = "NAME")]
    pub(crate) bucket: Option<String>,
    /// Only show what would be changed. The contracts are uploaded
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) pipeline: Pipeline,
}

/// What is not given is asked for on a terminal.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct New {
    /// The dataset: lower-case letters, digits and hyphens
    #[arg(value_name = "DATASET")]
    pub(crate) dataset: String,
    /// A file of sample events, from which the schema is derived
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// What one event is, for people
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// The team that answers for the events
    #[arg(long, value_name = "TEAM")]
    pub(crate) owner: Option<String>,
    /// A JSON Pointer of the idempotency key, such as /id; may be repeated
    #[arg(long, value_name = "POINTER")]
    pub(crate) key: Vec<String>,
    /// A JSON Pointer of the business key; may be repeated [default: the idempotency key]
    #[arg(long, value_name = "POINTER")]
    pub(crate) business: Vec<String>,
    /// The JSON Pointer of the event's time, such as /at
    #[arg(long, value_name = "POINTER")]
    pub(crate) event_time: Option<String>,
    /// How the time is written: unix-seconds, unix-milliseconds and the like, or a pattern such as '%d.%m.%Y %H:%M'
    /// [default: RFC 3339]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) time_format: Option<String>,
    /// The time zone of a pattern without an offset, such as Europe/Berlin [default: UTC]
    #[arg(long, value_name = "ZONE", requires = "time_format")]
    pub(crate) time_zone: Option<String>,
    /// The JSON Pointer of the tenant
    #[arg(long, value_name = "POINTER")]
    pub(crate) tenant: Option<String>,
    /// A JSON Pointer of personal data; may be repeated
    #[arg(long, value_name = "POINTER")]
    pub(crate) personal: Vec<String>,
    /// A sink: table, lake or http, with a name before it if need be (orders=table); may be
    /// repeated [default: table and lake]
    #[arg(long, value_name = "[NAME=]KIND", value_parser = parse_sink)]
    pub(crate) sink: Vec<NewSink>,
    /// The URL of the sinks of kind http, such as `https://orders.example/{/id}`
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Only show what would be written
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// A sink of a new contract. Without a name, its kind gives it one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewSink {
    pub(crate) name: Option<String>,
    pub(crate) kind: NewSinkKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum NewSinkKind {
    Table,
    Lake,
    Http,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Infer {
    /// A file of events: NDJSON, JSON documents or CSV (by its name), also packed with gzip or Zstandard
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Write no `enum`, even where many events have few values
    #[arg(long)]
    pub(crate) no_enums: bool,
    /// The output format: the schema itself, or one JSON object with everything that was found
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Export {
    /// The dataset: a folder of infra/contracts [default: all of them]
    #[arg(value_name = "DATASET")]
    pub(crate) dataset: Option<String>,
    /// A folder, in which each dataset gets a file DATASET.odcs.yaml [default: standard output]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct AddTables {
    /// The dataset: a folder of infra/contracts
    #[arg(value_name = "DATASET")]
    pub(crate) dataset: String,
    /// Only show what would be written
    #[arg(long)]
    pub(crate) dry_run: bool,
}

fn parse_mode(text: &str) -> Result<Mode, String> {
    text.to_ascii_uppercase()
        .replace('-', "_")
        .parse()
        .map_err(|error: compatibility::UnknownMode| error.to_string())
}

/// Reads a sink: `table`, or `orders=table`.
pub(super) fn parse_sink(text: &str) -> Result<NewSink, String> {
    let (name, kind) = match text.split_once('=') {
        Some((name, kind)) => (Some(name.to_owned()), kind),
        None => (None, text),
    };
    let kind = NewSinkKind::from_str(kind, false).map_err(|_| {
        format!("`{kind}` is none of table, lake and http; docs/own-lookups-and-sinks.md says how to add a kind")
    })?;
    Ok(NewSink { name, kind })
}
