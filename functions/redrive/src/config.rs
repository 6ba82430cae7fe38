//! The environment of redrive.

use std::collections::BTreeMap;

use runtime::Senders;
use runtime::env::{EnvError, Lookup, is_url, parsed};
use serde::Deserialize;

/// What the template gives this function.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// By stage. What is not here is not ours to move.
    pub(crate) routes: BTreeMap<String, Route>,
    /// Whose messages may say that they failed before, where SQS itself moved them.
    pub(crate) trusted_senders: Senders,
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
        let routes = parsed(lookup, "ROUTES", expected, read_routes)?;
        Ok(Self { routes, trusted_senders: Senders::read(lookup)? })
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

    #[test]
    fn routes_are_checked_and_named() {
        let read = |text| {
            Config::read(&BTreeMap::from([("ROUTES", text), ("TRUSTED_SENDERS", "AROAREDRIVE")]))
        };
        assert!(read(r#"{"sink":{"dlq":"http://h/d","queue":"http://h/q"}}"#).is_ok());
        for bad in ["", "{}", "[]", r#"{"sink":{"dlq":"d","queue":"http://h/q"}}"#] {
            let error = read(bad).unwrap_err().to_string();
            assert!(error.contains("ROUTES") && error.contains("JSON object"), "{error}");
        }
    }
}
