//! The sinks of a contract, which are the places that its events are written to. Each kind of sink has a module.

mod http;
mod lake;
mod table;

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;

pub(crate) use self::http::check_header;
pub use self::http::{HttpBody, HttpMethod, HttpSink};
pub use self::lake::{ColumnType, Compression, LakeFormat, LakeSink};
pub(crate) use self::table::integer_at;
pub use self::table::{
    Accumulate, Order, RowKey, RowOrder, RowVersion, TableMode, TableSink, TimeWindow, Tombstone,
    Window,
};
use crate::error::{ContractError, check_name, invalid};
use crate::keys::Keys;
use crate::schema::TimestampUnit;

/// One sink of a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sink {
    /// The name, which is unique in its contract: 1 to 64 lower-case letters, digits and hyphens. Idempotency keys are
    /// remembered under it, so that each sink writes an event once.
    pub name: String,
    /// What the sink writes to, and how.
    pub target: Target,
    /// The former name of the sink. It confirms that the sink was renamed on purpose, because the keys that were
    /// remembered under the former name are not known under the new one.
    pub replaces: Option<String>,
}

/// What a sink writes to, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Rows of a DynamoDB table.
    Table(TableSink),
    /// Objects in S3 with many events each.
    Lake(LakeSink),
    /// A service that gets one HTTP request for each event.
    Http(HttpSink),
    /// Anything that a function of the deployment writes to.
    Custom(CustomSink),
}

/// A sink that a function of the deployment writes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomSink {
    /// The name of the function, which is the constant `NAME` in its code.
    pub by: String,
    /// Settings for the function. This crate does not read them.
    pub options: BTreeMap<String, Value>,
}

/// The kind of a sink. Each kind has a queue and a function of its own.
///
/// Its text is `table`, `lake`, `http`, or `custom:` and the name of the function.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub enum SinkKind {
    /// A DynamoDB table.
    Table,
    /// Objects in S3.
    Lake,
    /// An HTTP service.
    Http,
    /// Anything that the function with this name writes to.
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
    /// Whether it is a table in the mode [`TableMode::Upsert`].
    pub(crate) fn is_upserted(&self) -> bool {
        match self {
            Self::Table(table) => matches!(table.mode, TableMode::Upsert { .. }),
            Self::Lake(_) | Self::Http(_) | Self::Custom(_) => false,
        }
    }
}

impl Sink {
    /// The kind of the sink, which decides on the queue that its events go to.
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

/// A sink as it is written in the file. Its kind decides which of the optional fields are allowed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSink {
    name: String,
    kind: RawKind,
    replaces: Option<String>,
    // Fields of a table.
    mode: Option<table::Mode>,
    key: Option<Vec<String>>,
    order_by: Option<String>,
    tombstone: Option<Tombstone>,
    attributes: Option<BTreeMap<String, String>>,
    ttl_days: Option<u32>,
    rows_of: Option<String>,
    window: Option<Window>,
    count: Option<String>,
    sums: Option<BTreeMap<String, String>>,
    // Fields of a lake.
    format: Option<lake::RawFormat>,
    compression: Option<Compression>,
    decimals: Option<BTreeMap<String, u32>>,
    dates: Option<Vec<String>>,
    timestamps: Option<BTreeMap<String, TimestampUnit>>,
    // Fields of an HTTP service.
    method: Option<HttpMethod>,
    url: Option<String>,
    headers: Option<BTreeMap<String, String>>,
    body: Option<HttpBody>,
    timeout_ms: Option<u64>,
    dependency: Option<String>,
    // Fields of a custom sink.
    by: Option<String>,
    options: Option<BTreeMap<String, Value>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawKind {
    Table,
    Lake,
    Http,
    Custom,
}

impl RawKind {
    fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Lake => "lake",
            Self::Http => "http",
            Self::Custom => "custom",
        }
    }
}

impl RawSink {
    fn validate(mut self, keys: &Keys) -> Result<Sink, ContractError> {
        let (name, replaces) = (std::mem::take(&mut self.name), self.replaces.take());
        check_name("sinks.name", &name)?;
        self.check_fields()?;
        let target = match self.kind {
            RawKind::Table => Target::Table(self.table().validate(keys)?),
            RawKind::Lake => Target::Lake(self.lake().validate()?),
            RawKind::Http => Target::Http(self.http()?.validate(&name)?),
            RawKind::Custom => Target::Custom(self.custom()?),
        };
        Ok(Sink { name, target, replaces })
    }

    /// The fields that only sinks of one kind have: the name, the kind, and whether the file sets the field.
    fn fields(&self) -> [(&'static str, RawKind, bool); 23] {
        use RawKind::{Custom, Http, Lake, Table};
        [
            ("mode", Table, self.mode.is_some()),
            ("key", Table, self.key.is_some()),
            ("order_by", Table, self.order_by.is_some()),
            ("tombstone", Table, self.tombstone.is_some()),
            ("attributes", Table, self.attributes.is_some()),
            ("ttl_days", Table, self.ttl_days.is_some()),
            ("rows_of", Table, self.rows_of.is_some()),
            ("window", Table, self.window.is_some()),
            ("count", Table, self.count.is_some()),
            ("sums", Table, self.sums.is_some()),
            ("format", Lake, self.format.is_some()),
            ("compression", Lake, self.compression.is_some()),
            ("decimals", Lake, self.decimals.is_some()),
            ("dates", Lake, self.dates.is_some()),
            ("timestamps", Lake, self.timestamps.is_some()),
            ("method", Http, self.method.is_some()),
            ("url", Http, self.url.is_some()),
            ("headers", Http, self.headers.is_some()),
            ("body", Http, self.body.is_some()),
            ("timeout_ms", Http, self.timeout_ms.is_some()),
            ("dependency", Http, self.dependency.is_some()),
            ("by", Custom, self.by.is_some()),
            ("options", Custom, self.options.is_some()),
        ]
    }

    fn check_fields(&self) -> Result<(), ContractError> {
        let fields = self.fields();
        for (field, kind, is_there) in fields {
            if is_there && kind != self.kind {
                let own: Vec<&str> = fields
                    .iter()
                    .filter(|(_, kind, _)| *kind == self.kind)
                    .map(|(field, _, _)| *field)
                    .collect();
                let problem = format!(
                    "a sink of the kind {} has none; it has name, kind, {}",
                    self.kind.name(),
                    own.join(", ")
                );
                return Err(invalid(&format!("sinks.{field}"), &problem));
            }
        }
        Ok(())
    }

    fn table(self) -> table::RawTableSink {
        table::RawTableSink {
            mode: self.mode.unwrap_or_default(),
            key: self.key,
            order_by: self.order_by,
            tombstone: self.tombstone,
            attributes: self.attributes,
            ttl_days: self.ttl_days,
            rows_of: self.rows_of,
            window: self.window,
            count: self.count,
            sums: self.sums,
        }
    }

    fn lake(self) -> lake::RawLakeSink {
        lake::RawLakeSink {
            format: self.format.unwrap_or_default(),
            compression: self.compression,
            decimals: self.decimals.unwrap_or_default(),
            dates: self.dates.unwrap_or_default(),
            timestamps: self.timestamps.unwrap_or_default(),
        }
    }

    fn http(self) -> Result<http::RawHttpSink, ContractError> {
        Ok(http::RawHttpSink {
            method: self.method.unwrap_or_default(),
            url: self.url.ok_or_else(|| needed("url", "http"))?,
            headers: self.headers.unwrap_or_default(),
            body: self.body.unwrap_or_default(),
            timeout_ms: self.timeout_ms.unwrap_or(http::DEFAULT_TIMEOUT_MS),
            dependency: self.dependency,
        })
    }

    fn custom(self) -> Result<CustomSink, ContractError> {
        let by = self.by.ok_or_else(|| needed("by", "custom"))?;
        check_name("sinks.by", &by)?;
        Ok(CustomSink { by, options: self.options.unwrap_or_default() })
    }
}

fn needed(field: &str, kind: &str) -> ContractError {
    invalid(&format!("sinks.{field}"), &format!("a sink of the kind {kind} needs it"))
}

/// Checks the sinks of a contract.
pub(crate) fn validate(raw: Vec<RawSink>, keys: &Keys) -> Result<Vec<Sink>, ContractError> {
    if raw.is_empty() {
        return Err(invalid("sinks", "at least one is needed"));
    }
    let mut sinks: Vec<Sink> = Vec::new();
    for each in raw {
        let name = each.name.clone();
        if sinks.iter().any(|other| other.name == name) {
            return Err(invalid("sinks.name", "two of one name"));
        }
        let sink = each.validate(keys).map_err(|error| error.of_element("sinks", &name))?;
        sinks.push(sink);
    }
    Ok(sinks)
}

/// Reads a sink of a kind with these fields, for the tests of the kinds.
#[cfg(test)]
fn parse(kind: &str, fields: &str) -> Result<Target, ContractError> {
    let yaml = match fields.strip_prefix('{') {
        Some(rest) => format!("{{name: s, kind: {kind}, {rest}"),
        None => format!("name: s\nkind: {kind}\n{fields}"),
    };
    let raw: RawSink =
        serde_saphyr::from_str(&yaml).map_err(|error| ContractError::of_yaml(&error))?;
    let keys = "{idempotency: [/id], business: [/id], event_time: /at}";
    let sink = raw.validate(&serde_saphyr::from_str(keys).unwrap())?;
    Ok(sink.target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_another_kind_is_refused_with_the_fields_that_there_are() {
        let error = parse("lake", "url: https://a.example").unwrap_err().to_string();
        assert_eq!(
            error,
            "`sinks.url`: a sink of the kind lake has none; it has name, kind, format, compression, decimals, dates, timestamps"
        );
        let error = parse("http", "method: PUT").unwrap_err().to_string();
        assert_eq!(error, "`sinks.url`: a sink of the kind http needs it");
        let error = parse("table", "moed: upsert").unwrap_err().to_string();
        assert!(error.contains("moed") && error.contains("line 3"), "{error}");
    }
}
