//! Events of a contract that the test writes: templates, variables and secrets.

use super::*;

fn contract(sink: &str) -> Catalog {
    let yaml = format!(
        "
dataset: orders
description: What customers bought
owner: sales
schema: {{version: 1, file: v1.schema.json}}
keys: {{idempotency: [/id], business: [/id], event_time: /at}}
sinks: [{{name: partner, kind: http, {sink}}}]
"
    );
    let schema = r#"{"type":"object"}"#.to_owned();
    let mut catalog = Catalog::default();
    catalog.add("orders", &yaml, &BTreeMap::from([("v1.schema.json".to_owned(), schema)])).unwrap();
    catalog
}

#[tokio::test]
async fn a_whole_envelope_goes_with_a_token_that_nothing_shows() {
    let rig = rig(contract(
        "url: 'http://a.test/{/id}', body: envelope, headers: {authorization: 'Bearer {TOKEN}', x-a: '{PLAIN}'}",
    ));
    rig.vault.set(r#"{"token":"s3cret"}"#);
    let body = envelope("orders", "k", "p", r#"{"id":7}"#);
    assert!(rig.run(vec![message("m", body.clone())]).await.failures.is_empty());
    let asked = rig.service.asked.lock().unwrap();
    let request = &asked[0].0;
    assert_eq!((request.method.as_str(), request.url.as_str()), ("POST", "http://a.test/7"));
    assert_eq!(request.headers["content-type"], "application/cloudevents+json");
    assert_eq!(request.headers["authorization"], "Bearer s3cret");
    assert_eq!(request.headers["x-a"], "plain");
    let sent = Envelope::from_json(std::str::from_utf8(&request.body).unwrap()).unwrap();
    assert_eq!(sent.to_json().unwrap(), Envelope::from_json(&body).unwrap().to_json().unwrap());
    assert!(!format!("{request:?}").contains("s3cret"));
}

#[tokio::test]
async fn an_event_without_what_the_url_needs_is_a_dead_letter_with_its_pointer() {
    for data in ["{}", r#"{"id":".."}"#] {
        let rig = rig(contract("url: 'http://a.test/{/id}'"));
        rig.run(vec![message("m", envelope("orders", "k", "p", data))]).await;
        let letter = &rig.letters()[0];
        assert_eq!((letter.code, letter.at.as_deref()), (Code::ContractViolation, Some("/id")));
        assert_eq!(rig.times_asked(), 0);
    }
}

/// An order of the dataset that delivers with a token.
fn order(id: &str) -> Record {
    message(id, envelope("orders", id, "p", r#"{"id":7}"#))
}

/// Otherwise an event that probes often would become a dead letter long before the longest wait.
#[tokio::test]
async fn an_event_whose_probe_fails_waits_on_uncounted() {
    let mut contracts = contract("url: 'http://a.test'");
    let once = "dependencies: {partner: {retries: {attempts: 1}}}";
    contracts.declare_dependencies(once).unwrap();
    let rig = rig(contracts);
    rig.will_answer((0..20).map(|_| Err(RequestError::Connection)));
    for n in 0..20 {
        rig.run(vec![order(&format!("o{n}"))]).await;
    }
    rig.clock.advance(Duration::from_secs(20));
    for lost in [RequestError::Connection, RequestError::BrokenOff] {
        rig.will_answer([Err(lost)]);
        let parked = rig.queue.sent_to(QUEUE).len();
        let last = Record { receive_count: 5, ..order("last") };
        assert!(rig.run(vec![last]).await.failures.is_empty());
        assert_eq!((rig.queue.sent_to(QUEUE).len(), rig.letters().len()), (parked + 1, 0));
    }
    assert_eq!(rig.times_asked(), 22);
}

fn with_token() -> Rig {
    rig(contract("url: 'http://a.test', headers: {authorization: '{TOKEN}'}"))
}

impl Rig {
    fn tokens_sent(&self) -> Vec<String> {
        let asked = self.service.asked.lock().unwrap();
        let token = |(request, _): &(Request, Duration)| {
            request.headers["authorization"].to_str().unwrap().to_owned()
        };
        asked.iter().map(token).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_rotated_costs_one_more_request_and_no_failure() {
    for status in [401, 403] {
        let rig = with_token();
        rig.vault.set(r#"{"token":"first"}"#);
        assert!(rig.run(vec![order("m1")]).await.failures.is_empty());
        rig.vault.set(r#"{"token":"second"}"#);
        rig.will_answer([answer(status, None)]);
        assert!(rig.run(vec![order("m2")]).await.failures.is_empty());
        assert!(rig.run(vec![order("m3")]).await.failures.is_empty());
        assert_eq!(rig.tokens_sent(), ["first", "first", "second", "second"]);
        assert_eq!(rig.letters().len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_stands_where_the_secret_has_not_changed_or_the_new_one_is_refused_too() {
    let rig = with_token();
    rig.vault.set(r#"{"token":"wrong"}"#);
    rig.will_answer([answer(401, None)]);
    assert_eq!(rig.run(vec![order("m1")]).await.failures.len(), 1);
    assert_eq!(rig.tokens_sent(), ["wrong"]);
    tokio::time::advance(Duration::from_secs(5)).await;
    rig.vault.set(r#"{"token":"as wrong"}"#);
    rig.will_answer([answer(401, None), answer(401, None)]);
    assert_eq!(rig.run(vec![order("m2")]).await.failures.len(), 1);
    assert_eq!(rig.tokens_sent(), ["wrong", "wrong", "as wrong"]);
    assert_eq!(rig.letters().len(), 0, "it is tried again");
}

#[tokio::test(start_paused = true)]
async fn without_its_secret_nothing_is_sent_and_the_event_keeps_its_turn() {
    let rig = with_token();
    assert_eq!(rig.run(vec![order("m1")]).await.failures.len(), 1);
    assert_eq!((rig.times_asked(), rig.record()), (0, None));
    let last = Record { receive_count: 5, ..order("m1") };
    assert!(rig.run(vec![last]).await.failures.is_empty());
    let letter = &rig.letters()[0];
    assert_eq!(letter.code, Code::DependencyRefused);
    assert_eq!(letter.reason, "sink partner: no secret `partner`");
}

#[test]
fn what_a_contract_needs_of_its_variables_is_named() {
    let bind = |sink: &str, values: &str| {
        let (contracts, services) = (contract(sink), Services::new(variables(values)));
        services.of(contracts.get("orders").unwrap()).err().unwrap().to_string()
    };
    let token = "url: 'http://a.test', headers: {authorization: '{TOKEN}'}";
    let error = bind(token, "OTHER: a");
    let expected = "the sink `partner` of `orders`: variables/test.yaml has no TOKEN";
    assert!(error.starts_with(expected), "{error}");
    let error = bind(token, r#"TOKEN: "two\nlines""#);
    assert!(error.contains("its header `authorization`") && !error.contains("lines"), "{error}");
    let error = bind("url: '{PARTNER_URL}/x'", "PARTNER_URL: partner");
    assert!(error.contains("PARTNER_URL is `partner`"), "{error}");
}
