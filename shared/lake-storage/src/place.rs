//! Where objects are: `<sink>/<dataset>/date=2013-01-31/<name>.parquet`.
//!
//! Hive's way of naming partitions, which engines read as a column
//! (<https://docs.aws.amazon.com/athena/latest/ug/partitions.html>). A sink's objects are below its own
//! name, since a dataset may have several lakes. An object's key is its owner.

use contracts::{Compression, LakeFormat};
use dedupe::Owner;
use event::{Envelope, Timestamp};
use runtime::time_of_name;

/// What the name of a compaction's object begins with: it is nobody's owner.
const RESULT: &str = "compacted-";

/// All objects of a sink, a dataset and a day (UTC) of event time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Partition {
    pub sink: String,
    pub dataset: String,
    /// Such as `2013-01-31`.
    pub date: String,
}

impl Partition {
    pub(crate) fn of_event(sink: &str, envelope: &Envelope) -> Self {
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

    /// The key of an object that a compaction makes; `name` is not used twice.
    pub(crate) fn result(&self, name: &str, format: LakeFormat) -> String {
        format!("{}{RESULT}{name}{}", self.prefix(), suffix(format))
    }

    /// What the keys of its objects begin with.
    pub(crate) fn prefix(&self) -> String {
        format!("{}/{}/date={}/", self.sink, self.dataset, self.date)
    }

    /// The partition of a [`Partition::prefix`].
    pub(crate) fn of_prefix(prefix: &str) -> Option<Self> {
        Self::split(prefix).filter(|(_, name)| name.is_empty()).map(|(partition, _)| partition)
    }

    /// The partition of a key, and what the key has below its prefix.
    fn split(key: &str) -> Option<(Self, &str)> {
        let mut parts = key.splitn(4, '/');
        let (sink, dataset) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        let date = parts.next()?.strip_prefix("date=")?.to_owned();
        Some((Self { sink, dataset, date }, parts.next()?))
    }
}

/// `<sink>/<dataset>/date=2013-01-31`.
impl std::fmt::Display for Partition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/date={}", self.sink, self.dataset, self.date)
    }
}

/// What an object's key tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) format: LakeFormat,
    /// When its writer began.
    pub(crate) made: Timestamp,
    /// Whether a compaction wrote it, and no owner.
    pub(crate) is_result: bool,
}

/// `None` for what neither a lake nor its compaction writes.
pub(crate) fn named(key: &str) -> Option<Named> {
    let (_, format) = parse(&Owner::from(key.to_owned()))?;
    let name = key.rsplit('/').next()?.strip_suffix(suffix(format))?;
    let (name, is_result) = match name.strip_prefix(RESULT) {
        Some(name) => (name, true),
        None => (name, false),
    };
    Some(Named { format, made: time_of_name(name)?, is_result })
}

/// Where an owner's object is, and how it is written; `None` for what is no owner of a lake.
pub(crate) fn parse(owner: &Owner) -> Option<(Partition, LakeFormat)> {
    let (partition, name) =
        Partition::split(owner.as_str()).filter(|(_, name)| !name.contains('/'))?;
    let format = FORMATS.into_iter().find(|format| name.ends_with(suffix(*format)))?;
    Some((partition, format))
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
    use crate::testing::envelope_at;

    #[test]
    fn an_owner_is_a_key_below_its_sink_dataset_and_day_in_utc() {
        for (format, name) in FORMATS.into_iter().zip(["a.parquet", "a.ndjson.gz", "a.ndjson.zst"])
        {
            let event = envelope_at("k", "2013-01-31T23:30:00-01:00", "{}");
            let partition = Partition::of_event("lake", &event);
            let owner = partition.owner("a", format);
            assert_eq!(owner.as_str(), format!("lake/flights/date=2013-02-01/{name}"));
            assert_eq!(parse(&owner), Some((partition, format)));
        }
    }

    #[test]
    fn a_key_tells_when_and_by_whom_it_was_written() {
        let partition =
            Partition::of_event("lake", &envelope_at("k", "2013-01-31T10:00:00Z", "{}"));
        assert_eq!(Partition::of_prefix(&partition.prefix()), Some(partition.clone()));
        let made = Timestamp::from_unix_ms(1_767_225_600_000);
        let name = runtime::unique_name(made);
        for format in FORMATS {
            let own = partition.owner(&name, format);
            assert_eq!(named(own.as_str()), Some(Named { format, made, is_result: false }));
            let result = partition.result(&name, format);
            assert_eq!(named(&result), Some(Named { format, made, is_result: true }));
        }
        for foreign in [partition.manifest(), format!("{}a.parquet", partition.prefix())] {
            assert_eq!(named(&foreign), None, "{foreign}");
        }
    }

    #[test]
    fn what_no_lake_writes_is_no_owner() {
        for text in ["", "a/b/date=2013-01-01/_manifest.json", "a/b/date=2013-01-01/c/d.parquet"] {
            assert_eq!(parse(&Owner::from(text.to_owned())), None, "{text}");
        }
    }
}
