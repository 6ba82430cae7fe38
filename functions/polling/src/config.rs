//! The settings of the function that decides which queues are polled.

use std::collections::BTreeMap;
use std::path::PathBuf;

use runtime::env::{EnvError, Lookup, parsed, required};

/// The settings that the template gives this function.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) breakers_table: String,
    /// The UUIDs of the event source mappings that may be disabled, by their stages.
    pub(crate) mappings: BTreeMap<String, String>,
    /// The folder into which Lambda unpacks the layer with the contracts.
    pub(crate) contracts_dir: PathBuf,
}

impl Config {
    pub(crate) fn read(lookup: &dyn Lookup) -> Result<Self, EnvError> {
        let expected = r#"a JSON object such as {"enrich":"1b0a9be2-4a1f-4f3c-9d3e-0d4b6c1f2a3b"}"#;
        Ok(Self {
            breakers_table: required(lookup, "BREAKERS_TABLE", "the name of a table")?,
            mappings: parsed(lookup, "MAPPINGS", expected, read_mappings)?,
            contracts_dir: required(lookup, "CONTRACTS_DIR", "a folder such as /opt")?.into(),
        })
    }
}

fn read_mappings(text: &str) -> Option<BTreeMap<String, String>> {
    let mappings: BTreeMap<String, String> = serde_json::from_str(text).ok()?;
    mappings.values().all(|uuid| is_uuid(uuid)).then_some(mappings)
}

/// Whether a text is a UUID: 8, 4, 4, 4 and 12 hexadecimal digits, with hyphens between.
fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12])
        && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variable_is_needed_and_named() {
        let all = BTreeMap::from([
            ("BREAKERS_TABLE", "breakers"),
            ("MAPPINGS", r#"{"enrich":"1b0a9be2-4a1f-4f3c-9d3e-0d4b6c1f2a3b"}"#),
            ("CONTRACTS_DIR", "/opt"),
        ]);
        testkit::check_each_is_needed(&all, |variables| Config::read(variables));
        let mut wrong = all;
        wrong.insert("MAPPINGS", r#"{"enrich":"http://127.0.0.1/1/enrich"}"#);
        let error = Config::read(&wrong).unwrap_err().to_string();
        assert!(error.contains("MAPPINGS") && error.contains("JSON object"), "{error}");
    }
}
