//! The embedded metric format:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>.
//!
//! A line is a JSON object. Its member `_aws` says which other members are metrics, and which are their dimensions. The
//! value of a distribution is an object with `Values` and `Counts`, as in the API's
//! [`MetricDatum`](https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html).

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use crate::{Dimensions, Metric};

/// The measurements that go into one line.
pub(crate) struct Group<'a> {
    pub(crate) dimensions: &'a Dimensions,
    pub(crate) counts: Vec<(Metric, u64)>,
    pub(crate) distributions: Vec<(Metric, Vec<(u64, u64)>)>,
}

pub(crate) fn write_line(namespace: &str, at_unix_ms: i64, group: &Group<'_>) -> String {
    let line = Line { namespace, at_unix_ms, group };
    // It has no map with keys that are no text, and no serializer of its own that fails.
    serde_json::to_string(&line).unwrap_or_default()
}

struct Line<'a> {
    namespace: &'a str,
    at_unix_ms: i64,
    group: &'a Group<'a>,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Group { dimensions, counts, distributions } = self.group;
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("_aws", &Head(self))?;
        for (name, value) in dimensions.names().iter().zip(dimensions.values()) {
            members.serialize_entry(name, &value)?;
        }
        for (metric, count) in counts {
            members.serialize_entry(metric.name(), count)?;
        }
        for (metric, values) in distributions {
            members.serialize_entry(metric.name(), &Distribution(values))?;
        }
        members.end()
    }
}

struct Head<'a>(&'a Line<'a>);

impl Serialize for Head<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(Some(2))?;
        members.serialize_entry("Timestamp", &self.0.at_unix_ms)?;
        members.serialize_entry("CloudWatchMetrics", &[Directive(self.0)])?;
        members.end()
    }
}

struct Directive<'a>(&'a Line<'a>);

impl Serialize for Directive<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Line { namespace, group, .. } = self.0;
        let mut members = serializer.serialize_map(Some(3))?;
        members.serialize_entry("Namespace", namespace)?;
        members.serialize_entry("Dimensions", &[group.dimensions.names()])?;
        members.serialize_entry("Metrics", &Definitions(group))?;
        members.end()
    }
}

struct Definitions<'a>(&'a Group<'a>);

impl Serialize for Definitions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Group { counts, distributions, .. } = self.0;
        let counted = counts.iter().map(|(metric, _)| *metric);
        let mut all = serializer.serialize_seq(None)?;
        for metric in counted.chain(distributions.iter().map(|(metric, _)| *metric)) {
            all.serialize_element(&Definition(metric))?;
        }
        all.end()
    }
}

struct Definition(Metric);

impl Serialize for Definition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(Some(2))?;
        members.serialize_entry("Name", self.0.name())?;
        members.serialize_entry("Unit", self.0.unit().as_str())?;
        members.end()
    }
}

struct Distribution<'a>(&'a [(u64, u64)]);

impl Serialize for Distribution<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let [(value, 1)] = self.0 {
            return value.serialize(serializer);
        }
        let (values, counts): (Vec<u64>, Vec<u64>) = self.0.iter().copied().unzip();
        let mut members = serializer.serialize_map(Some(2))?;
        members.serialize_entry("Values", &values)?;
        members.serialize_entry("Counts", &counts)?;
        members.end()
    }
}
