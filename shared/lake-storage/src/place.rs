//! The keys of objects: `<sink>/<dataset>/date=2013-01-31/<name>.parquet`.
//!
//! Partitions are named as Hive does, so that engines read `date` as a column
//! (<https://docs.aws.amazon.com/athena/latest/ug/partitions.html>). A key begins with the name of the sink, since a
//! dataset may have several lakes. The key of an object is its owner in dedupe records.

use contracts::{Compression, LakeFormat};
use dedupe::Owner;
use event::{Envelope, Timestamp};
use runtime::time_of_name;

/// How the names of objects begin that a compaction makes. They are never owners.
const RESULT: &str = "compacted-";

/// A partition: all objects of a sink, a dataset and a day of event time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Partition {
    /// The name of the sink.
    pub sink: String,
    /// The name of the dataset.
    pub dataset: String,
    /// The day in UTC, such as `2013-01-31`.
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

    /// An owner of this partition. `name` must be unique.
    pub(crate) fn owner(&self, name: &str, format: LakeFormat) -> Owner {
        Owner::from(format!("{}{name}{}", self.prefix(), suffix(format)))
    }

    /// The key of the list of complete objects. Its suffix is not that of an object, and its underscore hides it from
    /// Spark, Hive and Athena.
    pub(crate) fn manifest(&self) -> String {
        format!("{}_manifest.json", self.prefix())
    }

    /// The key of an object that a compaction makes. `name` must be unique.
    pub(crate) fn result(&self, name: &str, format: LakeFormat) -> String {
        format!("{}{RESULT}{name}{}", self.prefix(), suffix(format))
    }

    /// How the keys of its objects begin.
    pub(crate) fn prefix(&self) -> String {
        format!("{}/{}/date={}/", self.sink, self.dataset, self.date)
    }

    /// The partition that has this [`Partition::prefix`].
    pub(crate) fn of_prefix(prefix: &str) -> Option<Self> {
        Self::split(prefix).filter(|(_, name)| name.is_empty()).map(|(partition, _)| partition)
    }

    /// The partition of a key, and the rest of the key after the partition's prefix.
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

/// What the name of an object says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ObjectName {
    pub(crate) format: LakeFormat,
    /// When its writer started.
    pub(crate) made: Timestamp,
    pub(crate) maker: Maker,
}

/// Who makes an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Maker {
    /// A writer, which claims the keys of its rows.
    Writer,
    /// A compaction, from objects of writers.
    Compaction,
}

/// Reads the name in an object's key; `None` if neither a writer nor a compaction makes such keys.
pub(crate) fn parse_name(key: &str) -> Option<ObjectName> {
    let (_, format) = parse_owner(&Owner::from(key.to_owned()))?;
    let name = key.rsplit('/').next()?.strip_suffix(suffix(format))?;
    let (unique, maker) = match name.strip_prefix(RESULT) {
        Some(unique) => (unique, Maker::Compaction),
        None => (name, Maker::Writer),
    };
    Some(ObjectName { format, made: time_of_name(unique)?, maker })
}

/// The partition and the format of an owner's object; `None` if the text is not an owner of a lake.
pub(crate) fn parse_owner(owner: &Owner) -> Option<(Partition, LakeFormat)> {
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

/// The media type of objects. That of Parquet is
/// <https://www.iana.org/assignments/media-types/application/vnd.apache.parquet>.
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
            assert_eq!(parse_owner(&owner), Some((partition, format)));
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
            let maker = Maker::Writer;
            assert_eq!(parse_name(own.as_str()), Some(ObjectName { format, made, maker }));
            let result = partition.result(&name, format);
            let maker = Maker::Compaction;
            assert_eq!(parse_name(&result), Some(ObjectName { format, made, maker }));
        }
        for foreign in [partition.manifest(), format!("{}a.parquet", partition.prefix())] {
            assert_eq!(parse_name(&foreign), None, "{foreign}");
        }
    }

    #[test]
    fn what_no_lake_writes_is_no_owner() {
        for text in ["", "a/b/date=2013-01-01/_manifest.json", "a/b/date=2013-01-01/c/d.parquet"] {
            assert_eq!(parse_owner(&Owner::from(text.to_owned())), None, "{text}");
        }
    }
}
