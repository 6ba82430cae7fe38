//! Merges objects of one format into one that has all their rows, in their order.

use bytes::Bytes;
use contracts::LakeFormat;
use event::{Code, Failure};

use super::row_groups;
use crate::manifest::Entry;
use crate::ndjson;

/// An object with its entry in the list.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) entry: Entry,
    pub(super) body: Bytes,
}

/// Groups objects whose rows have the same columns.
///
/// # Errors
/// When one of them cannot be read.
pub(super) fn group_by_schema(
    format: LakeFormat,
    sources: Vec<Source>,
) -> Result<Vec<Vec<Source>>, Failure> {
    let LakeFormat::Parquet = format else { return Ok(vec![sources]) };
    let mut groups: Vec<(parquet::schema::types::TypePtr, Vec<Source>)> = Vec::new();
    for source in sources {
        let schema = row_groups::schema(source.body.clone())
            .map_err(|error| unreadable(&source.entry.key, &error.to_string()))?;
        match groups.iter_mut().find(|(of_group, _)| *of_group == schema) {
            Some((_, group)) => group.push(source),
            None => groups.push((schema, vec![source])),
        }
    }
    Ok(groups.into_iter().map(|(_, group)| group).collect())
}

/// The body of one object with all rows, and their number.
///
/// # Errors
/// When a source cannot be read, or does not have as many rows as the list says; permanent.
pub(super) fn merge_sources(
    format: LakeFormat,
    sources: &[Source],
) -> Result<(Vec<u8>, usize), Failure> {
    let bodies: Vec<Bytes> = sources.iter().map(|source| source.body.clone()).collect();
    let result = match format {
        LakeFormat::Parquet => {
            row_groups::merge(&bodies).map_err(|(at, error)| (at, error.to_string()))
        }
        LakeFormat::Ndjson(compression) => {
            ndjson::merge(&bodies, compression).map_err(|(at, error)| (at, error.to_string()))
        }
    };
    let (body, rows) = result.map_err(|(at, error)| {
        unreadable(sources.get(at).map_or("", |source| &source.entry.key), &error)
    })?;
    for (Source { entry, .. }, found) in sources.iter().zip(&rows) {
        if entry.rows != *found {
            let reason = format!("it has {found} rows, and is listed with {}", entry.rows);
            return Err(unreadable(&entry.key, &reason));
        }
    }
    Ok((body, rows.iter().sum()))
}

fn unreadable(key: &str, reason: &str) -> Failure {
    let reason = format!("{key} cannot be put together with others: {reason}");
    Failure::permanent(Code::DecodeFormat, reason)
}
