//! Where objects are: `<sink>/<dataset>/date=2013-01-31/<name>.parquet`.
//!
//! Hive's way of naming partitions, which engines read as a column
//! (<https://docs.aws.amazon.com/athena/latest/ug/partitions.html>). A sink's objects are below its own
//! name, since a dataset may have several lakes. An object's key is its owner.

use contracts::{Compression, LakeFormat};
use dedupe::Owner;
use event::Envelope;

/// All objects of a sink, a dataset and a day (UTC) of event time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Partition {
    pub(crate) sink: String,
    pub(crate) dataset: String,
    date: String,
}

impl Partition {
    pub(crate) fn of(sink: &str, envelope: &Envelope) -> Self {
        Self {
            sink: sink.to_owned(),
            dataset: envelope.dataset.clone(),
            date: envelope.time.date(),
        }
    }

    /// An owner of this partition; `name` is not used twice.
    pub(crate) fn owner(&self, name: &str, format: LakeFormat) -> Owner {
        Owner::from(format!("{}{name}{}", self.prefix(), suffix(format)))
    }

    /// The key of the list of complete objects. No suffix of theirs is its, and an underscore hides it
    /// from Spark, Hive and Athena.
    pub(crate) fn manifest(&self) -> String {
        format!("{}_manifest.json", self.prefix())
    }

    fn prefix(&self) -> String {
        format!("{}/{}/date={}/", self.sink, self.dataset, self.date)
    }
}

/// Where an owner's object is, and how it is written; `None` for what is no owner of a lake.
pub(crate) fn parse(owner: &Owner) -> Option<(Partition, LakeFormat)> {
    let mut parts = owner.as_str().split('/');
    let (sink, dataset) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let date = parts.next()?.strip_prefix("date=")?.to_owned();
    let name = parts.next()?;
    let format = FORMATS.into_iter().find(|format| name.ends_with(suffix(*format)))?;
    parts.next().is_none().then_some((Partition { sink, dataset, date }, format))
}

const FORMATS: [LakeFormat; 3] = [
    LakeFormat::Parquet,
    LakeFormat::Ndjson(Compression::Gzip),
    LakeFormat::Ndjson(Compression::Zstd),
];

fn suffix(format: LakeFormat) -> &'static str {
    match format {
        LakeFormat::Parquet => ".parquet",
        LakeFormat::Ndjson(Compression::Gzip) => ".ndjson.gz",
        LakeFormat::Ndjson(Compression::Zstd) => ".ndjson.zst",
    }
}

/// As objects are served: <https://www.iana.org/assignments/media-types/application/vnd.apache.parquet>.
pub(crate) fn content_type(format: LakeFormat) -> &'static str {
    match format {
        LakeFormat::Parquet => "application/vnd.apache.parquet",
        LakeFormat::Ndjson(Compression::Gzip) => "application/gzip",
        LakeFormat::Ndjson(Compression::Zstd) => "application/zstd",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::envelope_at;

    #[test]
    fn an_owner_is_a_key_below_its_sink_dataset_and_day_in_utc() {
        for (format, name) in FORMATS.into_iter().zip(["a.parquet", "a.ndjson.gz", "a.ndjson.zst"])
        {
            let event = envelope_at("k", "2013-01-31T23:30:00-01:00", "{}");
            let partition = Partition::of("lake", &event);
            let owner = partition.owner("a", format);
            assert_eq!(owner.as_str(), format!("lake/flights/date=2013-02-01/{name}"));
            assert_eq!(parse(&owner), Some((partition, format)));
        }
    }

    #[test]
    fn what_no_lake_writes_is_no_owner() {
        for text in ["", "a/b/date=2013-01-01/_manifest.json", "a/b/date=2013-01-01/c/d.parquet"] {
            assert_eq!(parse(&Owner::from(text.to_owned())), None, "{text}");
        }
    }
}
