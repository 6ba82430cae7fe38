//! Reads enrichers as contracts declare them.

use std::time::Duration;

use super::*;

fn enrichers(yaml: &str) -> Result<Vec<Enricher>, String> {
    let raw: Vec<RawEnricher> = serde_saphyr::from_str(yaml).map_err(|error| error.to_string())?;
    let schema = r#"{"type": "object", "required": ["t"]}"#.to_owned();
    validate(raw, &BTreeMap::from([("answer.json".to_owned(), schema)]))
        .map_err(|error| error.to_string())
}

fn with(more: &str) -> String {
    format!("[{{name: a, http: {{url: 'http://a.test/{{/x}}'}}, into: a{more}}}]")
}

#[test]
fn an_enricher_has_its_own_dependency_and_parks_unless_it_says_otherwise() {
    let plain = &enrichers(&with("")).unwrap()[0];
    assert_eq!((plain.dependency.as_str(), plain.unavailable), ("a", Unavailable::Park));
    let Source::Http(http) = &plain.source else { panic!("{plain:?}") };
    assert_eq!((plain.keep.as_str(), http.method), ("", AskMethod::Get));
    let more = ", keep: /current, dependency: weather, unavailable: degrade";
    let said = &enrichers(&with(more)).unwrap()[0];
    assert_eq!((said.dependency.as_str(), said.unavailable), ("weather", Unavailable::Degrade));
    assert_eq!(said.keep, "/current");
}

#[test]
fn mistakes_are_named() {
    #[track_caller]
    fn check(yaml: &str, expected: &str) {
        let error = enrichers(yaml).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    check(&with(", keep: current"), "enrichers.a.keep");
    check(&with(", dependency: The Weather"), "enrichers.a.dependency");
    check(&with(", unavailable: wait"), "park");
    check(&with(", schema: other.json"), "the schema file `other.json` is not there");
    check(&with(", cache: {ttl_s: 0}"), "enrichers.a.cache.ttl_s");
    check(&with(", cache: {ttl_s: 1, stale_s: 90000}"), "at most 86400");
    check(&with(", cache: {ttl_s: 1, entries: 0}"), "enrichers.a.cache.entries");
    check(&with(", cache: {ttl: 1}"), "ttl");
    let header = "[{name: a, into: a, http: {url: http://a.test/, headers: {X-A: b}}}]";
    check(header, "enrichers.a.http.headers");
    let one = with("");
    let one = one.trim_matches(['[', ']']);
    check(&format!("[{one}, {one}]"), "two of one name");
    check(&format!("[{one}, {}]", one.replace("name: a", "name: b")), "two that set one member");
}

#[test]
fn an_answer_has_a_schema_and_is_remembered() {
    let more = ", schema: answer.json, cache: {ttl_s: 300}";
    let enricher = &enrichers(&with(more)).unwrap()[0];
    let schema = enricher.schema.as_ref().unwrap();
    assert!(schema.problem(&serde_json::json!({"t": 1})).is_none());
    let problem = schema.problem(&serde_json::json!({})).unwrap();
    assert!(problem.contains("/t"), "{problem}");
    let cache = enricher.cache.unwrap();
    assert_eq!((cache.ttl().as_secs(), cache.absent_ttl().as_secs()), (300, 60));
    assert_eq!((cache.stale(), cache.entries), (Duration::ZERO, 1_000));
}

fn rounds(yaml: &str) -> Result<Vec<Vec<usize>>, String> {
    enrichers(yaml).map(|enrichers| in_rounds(&enrichers))
}

fn enricher(name: &str, pointer: &str) -> String {
    format!("{{name: {name}, into: {name}, http: {{url: 'http://a.test{pointer}'}}}}")
}

#[test]
fn enrichers_are_asked_together_unless_one_needs_anothers_member() {
    let (a, b) = (enricher("a", "/{/x}"), enricher("b", "/{/y}"));
    assert_eq!(rounds(&format!("[{a}, {b}]")).unwrap(), [[0, 1]]);
    let needs_b = enricher("c", "/{/b/id}");
    assert_eq!(rounds(&format!("[{needs_b}, {a}, {b}]")).unwrap(), [vec![1, 2], vec![0]]);
    let needs_c = enricher("d", "/{/c}/{/a}");
    let all = format!("[{needs_c}, {needs_b}, {a}, {b}]");
    assert_eq!(rounds(&all).unwrap(), [vec![2, 3], vec![1], vec![0]]);
    let similar = enricher("e", "/{/bb}");
    assert_eq!(rounds(&format!("[{similar}, {b}]")).unwrap(), [[0, 1]]);
}

#[test]
fn enrichers_that_need_each_other_are_refused() {
    let (a, b) = (enricher("a", "/{/b}"), enricher("b", "/{/a}"));
    let error = rounds(&format!("[{a}, {b}]")).unwrap_err();
    assert!(error.contains("in a circle"), "{error}");
    assert!(rounds(&format!("[{}]", enricher("a", "/{/a}"))).is_err());
}

fn source(source: &str) -> Result<Source, String> {
    enrichers(&format!("[{{name: a, into: a, {source}}}]")).map(|mut all| all.remove(0).source)
}

#[test]
fn an_enricher_has_one_source() {
    let table = source("table: {name: airlines, key: {code: /carrier}}").unwrap();
    let Source::Table(table) = table else { panic!("{table:?}") };
    assert_eq!((table.table.as_str(), table.consistent), ("airlines", false));
    let reference = source("reference: {object: a/airports.csv, key: {faa: /origin}}").unwrap();
    let Source::Reference(reference) = reference else { panic!("{reference:?}") };
    assert_eq!(reference.format, ReferenceFormat::Csv);
    assert_eq!(reference.refresh(), Duration::from_secs(60));
    let other = source("reference: {object: a.data, format: ndjson, key: {faa: /origin}}");
    assert!(matches!(
        other,
        Ok(Source::Reference(ReferenceData { format: ReferenceFormat::Ndjson, .. }))
    ));
    let custom = source("custom: {lookup: risk, key: {k: /b}}").unwrap();
    assert!(matches!(custom, Source::Custom(_)), "{custom:?}");
}

#[test]
fn mistakes_in_a_source_are_named() {
    #[track_caller]
    fn check(raw: &str, expected: &str) {
        let error = source(raw).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    let both = "http: {url: 'http://a.test/'}, custom: {lookup: risk, key: {k: /a}}";
    check(both, "one of http, table, reference and custom");
    check("keep: /a", "one of http, table, reference and custom");
    check("table: {name: airlines, key: {}}", "enrichers.a.table.key");
    check("table: {name: airlines, key: {a: /a, b: /b, c: /c}}", "enrichers.a.table.key");
    check("table: {name: The Airlines, key: {a: /a}}", "enrichers.a.table.name");
    check("table: {name: airlines, key: {a: '{secret:b}'}}", "may hold no secret");
    check("table: {name: airlines, key: {a: carrier}}", "a JSON Pointer such as /origin");
    check("table: {name: airlines, key: {a: /a}, timeout_ms: 0}", "enrichers.a.table.timeout_ms");
    check("reference: {object: airports, key: {faa: /a}}", "csv or ndjson");
    check("reference: {object: a.csv, key: {}}", "enrichers.a.reference.key");
    check("reference: {object: a.csv, key: {faa: /a}, refresh_s: 0}", "refresh_s");
    check("reference: {object: a.csv, key: {faa: /a}}, cache: {ttl_s: 9}", "enrichers.a.cache");
    check("custom: {lookup: risk, key: {}}", "enrichers.a.custom.key");
}

#[test]
fn a_lookup_comes_after_the_enricher_whose_member_its_key_needs() {
    let airline = "{name: airline, into: airline, table: {name: airlines, key: {code: /b/code}}}";
    let all = format!("[{airline}, {}]", enricher("b", "/{/x}"));
    assert_eq!(rounds(&all).unwrap(), [[1], [0]]);
}
