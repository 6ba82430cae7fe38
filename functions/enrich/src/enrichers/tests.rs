//! Enrichers that cannot be set up: the events of their dataset fail, and the error says why.

use runtime::LookupAnswer;

use contracts::Catalog;

use super::*;
use crate::doubles::{MemoryFiles, MemoryLookup};

fn bind(enricher: &str, variables: &str) -> Result<Arc<Rounds>, String> {
    let contract = format!(
        "{{dataset: flights, description: d, owner: o, schema: {{version: 1, file: s.json}}, \
         keys: {{idempotency: [/a], business: [/a], event_time: /t}}, enrichers: [{enricher}], sinks: [{{name: records, kind: table}}]}}"
    );
    let schemas = BTreeMap::from([("s.json".to_owned(), "{}".to_owned())]);
    let mut catalog = Catalog::default();
    catalog.add("flights", &contract, &schemas).unwrap();
    let variables = Variables::parse("variables/a.yaml", variables).unwrap();
    let lookup = MemoryLookup::new(1, |_| Ok(LookupAnswer::Nothing));
    let custom: Arc<dyn Lookup> = Arc::new(lookup.clone());
    let lookups = Lookups {
        tables: Box::new(lookup),
        table_names: BTreeMap::from([("airlines".to_owned(), "Airlines-1A2B".to_owned())]),
        files: Arc::new(MemoryFiles::default()),
        custom: BTreeMap::from([("risk".to_owned(), custom)]),
    };
    let enrichers = Enrichers::new(variables, lookups);
    enrichers.of(catalog.get("flights").unwrap()).map_err(|error| error.to_string())
}

const NO_VARIABLES: &str = "variables: {OTHER: a}";

#[test]
fn what_a_contract_needs_and_this_function_does_not_have_is_named() {
    #[track_caller]
    fn check(enricher: &str, expected: &str) {
        let error = bind(enricher, NO_VARIABLES).err().unwrap();
        let start = format!("the enricher `e` of `flights`: {expected}");
        assert!(error.starts_with(&start), "{error}");
    }
    check("{name: e, into: e, http: {url: '{BASE}/{/a}'}}", "variables/a.yaml has no BASE");
    check(
        "{name: e, into: e, table: {name: airports, key: {k: /a}}}",
        "LOOKUP_TABLES has no `airports`; it has `airlines`",
    );
    check(
        "{name: e, into: e, custom: {lookup: risky, key: {k: /a}}}",
        "this function has no lookup `risky`; it has `risk`",
    );
    check(
        "{name: e, into: e, reference: {object: a.csv, key: {k: '{BASE}{/a}'}}}",
        "variables/a.yaml has no BASE",
    );
}

#[test]
fn each_kind_of_source_is_ready() {
    for source in [
        "http: {url: 'http://a.test/{/a}'}",
        "table: {name: airlines, key: {k: /a}}",
        "custom: {lookup: risk, key: {k: /a}}",
        "reference: {object: a.csv, key: {k: /a}}",
    ] {
        let rounds = bind(&format!("{{name: e, into: e, {source}}}"), NO_VARIABLES).unwrap();
        assert_eq!((rounds.len(), rounds[0].len()), (1, 1), "{source}");
    }
}
