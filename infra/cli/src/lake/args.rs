//! What can be asked of a lake, and how sizes and times are spelled.

use std::time::Duration;

use clap::Subcommand;

use crate::account::Pipeline;
use crate::options::{Format, parse_duration};

#[derive(Debug, Subcommand)]
pub(crate) enum Lake {
    /// Make few large objects of each partition's many small ones, and sweep what nobody needs
    Compact(Compact),
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Compact {
    /// Only this sink's partitions
    #[arg(long, value_name = "NAME")]
    pub(crate) sink: Option<String>,
    /// Only this dataset's
    #[arg(long, value_name = "NAME")]
    pub(crate) dataset: Option<String>,
    /// Only this day's, such as 2013-01-31
    #[arg(long, value_name = "DATE")]
    pub(crate) date: Option<String>,
    /// Objects below this size are put together, up to it
    #[arg(long, value_name = "SIZE", default_value = "128MB", value_parser = parse_size)]
    pub(crate) target_size: usize,
    /// Objects that are younger are left alone: their writers may be at work; at least 20m
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = parse_duration)]
    pub(crate) older_than: Duration,
    /// For how long objects stay that others replace, for queries that have begun; at least 20m
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = parse_duration)]
    pub(crate) keep_replaced: Duration,
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How it is told on standard output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) pipeline: Pipeline,
    /// The lake's bucket [default: the stack's, or the template's on this machine]
    #[arg(long, value_name = "NAME")]
    pub(crate) bucket: Option<String>,
    /// The dedupe table [default: the stack's, or the template's on this machine]
    #[arg(long, value_name = "NAME")]
    pub(crate) dedupe_table: Option<String>,
}

/// `128MB`, `1GB`, `512KB`: of 1,000 bytes each, as S3 and its bills count; `128MiB` of 1,024.
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
    // One PutObject takes 5 GB, and all of it is in memory:
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
