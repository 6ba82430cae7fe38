//! Objects of one format, made one: all their rows, in their order.

use bytes::Bytes;
use contracts::LakeFormat;
use event::{Code, Failure};

use super::row_groups;
use crate::manifest::Entry;
use crate::ndjson;

/// An object with what the list says of it.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) entry: Entry,
    pub(super) body: Bytes,
}

/// Those together whose rows have the same columns.
///
/// # Errors
/// When one cannot be read.
pub(super) fn alike(format: LakeFormat, sources: Vec<Source>) -> Result<Vec<Vec<Source>>, Failure> {
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

/// One object of all rows.
///
/// # Errors
/// When one cannot be read, or has not the rows that it is listed with: permanent.
pub(super) fn merged(format: LakeFormat, sources: &[Source]) -> Result<(Vec<u8>, usize), Failure> {
    let bodies: Vec<Bytes> = sources.iter().map(|source| source.body.clone()).collect();
    let result = match format {
        LakeFormat::Parquet => {
            row_groups::merge(&bodies).map_err(|(at, error)| (at, error.to_string()))
        }
        LakeFormat::Ndjson(compression) => {
            ndjson::merge(&bodies, compression).map_err(|(at, error)| (at, error.to_string()))
        }
    };
    let key = |at: usize| sources.get(at).map_or("", |source| source.entry.key.as_str());
    let (body, rows) = result.map_err(|(at, error)| unreadable(key(at), &error))?;
    let pairs = sources.iter().map(|source| source.entry.rows).zip(&rows).enumerate();
    for (at, (listed, &found)) in pairs {
        if listed != found {
            let reason = format!("it has {found} rows, and is listed with {listed}");
            return Err(unreadable(key(at), &reason));
        }
    }
    Ok((body, rows.iter().sum()))
}

fn unreadable(key: &str, reason: &str) -> Failure {
    let reason = format!("{key} cannot be put together with others: {reason}");
    Failure::permanent(Code::DecodeFormat, reason)
}
