//! The arguments of `sluicegate lake`.

use std::time::Duration;

use clap::Subcommand;

use crate::account::Pipeline;
use crate::options::{Format, parse_duration};

#[derive(Debug, Subcommand)]
pub(crate) enum Lake {
    /// Merge the small objects of each partition into large ones, and delete what is no longer needed
    Compact(Compact),
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Compact {
    /// Compact only the partitions of this sink
    #[arg(long, value_name = "NAME")]
    pub(crate) sink: Option<String>,
    /// Compact only the partitions of this dataset
    #[arg(long, value_name = "NAME")]
    pub(crate) dataset: Option<String>,
    /// Compact only the partitions of this day, such as 2013-01-31
    #[arg(long, value_name = "DATE")]
    pub(crate) date: Option<String>,
    /// Merge objects that are smaller than this, into objects of up to this size
    #[arg(long, value_name = "SIZE", default_value = "128MB", value_parser = parse_size)]
    pub(crate) target_size: usize,
    /// Leave younger objects alone, since writers may still be working on them; at least 20m
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = parse_duration)]
    pub(crate) older_than: Duration,
    /// Keep replaced objects for this long, for queries that are running; at least 20m
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = parse_duration)]
    pub(crate) keep_replaced: Duration,
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) pipeline: Pipeline,
    /// The name of the lake's bucket [default: from the stack's outputs, or from template.yaml]
    #[arg(long, value_name = "NAME")]
    pub(crate) bucket: Option<String>,
    /// The name of the dedupe table [default: from the stack's outputs, or from template.yaml]
    #[arg(long, value_name = "NAME")]
    pub(crate) dedupe_table: Option<String>,
}

/// Parses a size. `128MB`, `1GB` and `512KB` use units of 1,000, as S3 and its bills do, and
/// `128MiB` units of 1,024.
fn parse_size(text: &str) -> Result<usize, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let factor = match unit {
        "KB" => Some(1_000),
        "MB" => Some(1_000_000),
        "GB" => Some(1_000_000_000),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    let bytes = number.parse::<usize>().ok().zip(factor);
    let bytes = bytes.and_then(|(number, factor)| number.checked_mul(factor));
    // A single PutObject can carry 5 GB, but all of it would be in memory:
    // <https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html>
    let bytes = bytes.filter(|bytes| (1..=1_000_000_000).contains(bytes));
    bytes.ok_or_else(|| "expected a size up to 1GB, such as 128MB or 512KiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, expected) in [("128MB", 128_000_000), ("2KiB", 2_048), ("1GB", 1_000_000_000)] {
            assert_eq!(parse_size(text), Ok(expected), "{text}");
        }
        for text in ["128", "MB", "0MB", "2GB", "1.5MB", "18446744073709551615GB"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
