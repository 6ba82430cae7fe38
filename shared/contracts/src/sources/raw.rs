//! A source as it is written in the file: its name, or its name with who may send.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::kind::SourceKind;

/// `inbox`, or `inbox: {senders: [AROAEXAMPLEEXAMPLE123]}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawSource {
    pub(super) kind: SourceKind,
    /// Who may send, as it is written. `None` for everybody.
    pub(super) senders: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRules {
    senders: Option<Vec<String>>,
}

impl<'de> Deserialize<'de> for RawSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SourceVisitor)
    }
}

struct SourceVisitor;

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = RawSource;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("inbox, http, files or streams, or one of them with `senders`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<RawSource, E> {
        let kind = SourceKind::deserialize(StrDeserializer::new(text))?;
        Ok(RawSource { kind, senders: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<RawSource, A::Error> {
        let Some((kind, rules)) = members.next_entry::<SourceKind, Option<RawRules>>()? else {
            return Err(A::Error::invalid_length(0, &self));
        };
        if members.next_key::<String>()?.is_some() {
            return Err(A::Error::invalid_length(2, &self));
        }
        Ok(RawSource { kind, senders: rules.and_then(|rules| rules.senders) })
    }
}
