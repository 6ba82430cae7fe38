//! The members of a message, before anything else of it is parsed.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

/// The members of a JSON object, each as its text. If two have one name, the last one counts.
pub(crate) struct Members<'a> {
    whole: &'a str,
    members: BTreeMap<String, &'a RawValue>,
}

impl<'a> Members<'a> {
    /// The members of a text; `None` if it is not a JSON object.
    pub(crate) fn of(text: &'a str) -> Option<Self> {
        if !text.trim_start().starts_with('{') {
            return None;
        }
        let members = serde_json::from_str(text).ok()?;
        Some(Self { whole: text, members })
    }

    /// The JSON text of the whole object.
    pub(crate) fn whole(&self) -> &'a str {
        self.whole
    }

    /// The JSON text of a member.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a str> {
        self.members.get(name).map(|value| value.get())
    }

    /// A member as a type; `None` if it is missing or of another type.
    pub(crate) fn read<T: Deserialize<'a>>(&self, name: &str) -> Option<T> {
        serde_json::from_str(self.raw(name)?).ok()
    }

    /// A member that is a text; `None` if it is missing or something else.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.read(name)
    }

    /// The members of a member; `None` if it is missing or not an object.
    pub(crate) fn object(&self, name: &str) -> Option<Members<'a>> {
        self.raw(name).and_then(Members::of)
    }
}
