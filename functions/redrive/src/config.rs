//! The environment of redrive.

use std::collections::BTreeMap;
use std::path::PathBuf;

use runtime::env::{EnvError, Lookup, is_url, parsed, required};
use serde::Deserialize;

/// The variables that the template sets for this function.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The queues of each stage. Letters of other stages cannot be sent.
    pub(crate) routes: BTreeMap<String, Route>,
    pub(crate) letters_table: String,
    /// The bucket with the letters' messages, the plans and the audit log.
    pub(crate) letters_bucket: String,
    /// The table of the sinks' dedupe records, which show what became of letters that were sent.
    pub(crate) dedupe_table: String,
    /// The tables of sinks, by the names of the sinks.
    pub(crate) tables: BTreeMap<String, String>,
    /// The stack's name, which each plan holds.
    pub(crate) stack: String,
    pub(crate) breakers_table: String,
    /// The folder of the layer with the contracts.
    pub(crate) contracts_dir: PathBuf,
    /// This function's own name, with which it invokes itself to continue a run.
    pub(crate) function: String,
}

/// A dead-letter queue, and the queue whose messages failed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Route {
    pub(crate) dlq: String,
    pub(crate) queue: String,
}

impl Config {
    pub(crate) fn read(lookup: &dyn Lookup) -> Result<Self, EnvError> {
        let expected = r#"a JSON object such as {"sink":{"dlq":"https://…","queue":"https://…"}}"#;
        Ok(Self {
            routes: parsed(lookup, "ROUTES", expected, read_routes)?,
            letters_table: required(lookup, "LETTERS_TABLE", "the name of a table")?,
            letters_bucket: required(lookup, "LETTERS_BUCKET", "the name of a bucket")?,
            dedupe_table: required(lookup, "DEDUPE_TABLE", "the name of a table")?,
            tables: parsed(
                lookup,
                "TABLES",
                r#"a JSON object such as {"records":"…"}"#,
                |text| serde_json::from_str(text).ok(),
            )?,
            stack: required(lookup, "STACK", "the name of the stack")?,
            breakers_table: required(lookup, "BREAKERS_TABLE", "the name of a table")?,
            contracts_dir: required(lookup, "CONTRACTS_DIR", "a folder such as /opt")?.into(),
            function: required(lookup, "AWS_LAMBDA_FUNCTION_NAME", "the function's name")?,
        })
    }
}

fn read_routes(text: &str) -> Option<BTreeMap<String, Route>> {
    let routes: BTreeMap<String, Route> = serde_json::from_str(text).ok()?;
    let urls = routes.values().all(|route| is_url(&route.dlq) && is_url(&route.queue));
    (!routes.is_empty() && urls).then_some(routes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> BTreeMap<&'static str, &'static str> {
        BTreeMap::from([
            ("ROUTES", r#"{"sink":{"dlq":"http://h/d","queue":"http://h/q"}}"#),
            ("LETTERS_TABLE", "letters"),
            ("LETTERS_BUCKET", "archive"),
            ("DEDUPE_TABLE", "dedupe"),
            ("TABLES", "{}"),
            ("STACK", "sluicegate"),
            ("BREAKERS_TABLE", "breakers"),
            ("CONTRACTS_DIR", "/opt"),
            ("AWS_LAMBDA_FUNCTION_NAME", "redrive"),
        ])
    }

    #[test]
    fn each_variable_is_needed_and_named() {
        testkit::check_each_is_needed(&all(), |variables| Config::read(variables));
    }

    #[test]
    fn routes_are_checked_and_named() {
        for bad in ["", "{}", "[]", r#"{"sink":{"dlq":"d","queue":"http://h/q"}}"#] {
            let mut variables = all();
            variables.insert("ROUTES", bad);
            let error = Config::read(&variables).unwrap_err().to_string();
            assert!(error.contains("ROUTES") && error.contains("JSON object"), "{error}");
        }
    }
}
