//! The example of a lookup that the docs show: it answers the keys that it knows, and has nothing for others.

use std::collections::BTreeMap;
use std::time::Duration;

use contracts::LookupKey;
use runtime::{Lookup, LookupAnswer};
use serde_json::json;

#[path = "../examples/own_lookup.rs"]
#[expect(dead_code, reason = "its main is not run")]
mod own_lookup;

use self::own_lookup::GreatCircle;

fn key(from: &str, to: &str) -> LookupKey {
    let parts = [("from".to_owned(), json!(from)), ("to".to_owned(), json!(to))];
    LookupKey::new(parts.into())
}

#[tokio::test]
async fn each_key_has_its_answer_in_its_place() {
    let airports = BTreeMap::from([
        ("EWR".to_owned(), (40.6925, -74.168667)),
        ("IAH".to_owned(), (29.984433, -95.341442)),
    ]);
    let lookup = GreatCircle { airports };
    let keys = [key("EWR", "IAH"), key("EWR", "XXX"), key("EWR", "EWR")];
    let found = lookup.find(&keys, Duration::from_secs(1)).await.unwrap();
    let texts: Vec<Option<&str>> = found
        .iter()
        .map(|found| match found {
            LookupAnswer::Document(document) => Some(document.get()),
            _ => None,
        })
        .collect();
    // The flights themselves say 1,400: the earth is no sphere.
    assert_eq!(texts, [Some(r#"{"miles":1398.0}"#), None, Some(r#"{"miles":0.0}"#)]);
}

#[test]
fn the_docs_show_this_very_code() {
    let page = include_str!("../../../docs/own-lookups-and-sinks.md");
    let code = include_str!("../examples/own_lookup.rs");
    let begins = code.find("impl Lookup for GreatCircle").unwrap();
    let ends = code.find("/// Whole miles").unwrap();
    assert!(page.contains(code[begins..ends].trim_end()), "the page shows another example");
}
