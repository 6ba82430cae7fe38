//! Events during an outage of a service, for each rule that a contract may set.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// A contract of flights with these enrichers.
pub(super) fn contracts(enrichers: &str) -> Catalog {
    let yaml = format!(
        "
dataset: flights
description: Flights
owner: team
schema: {{version: 1, file: v1.schema.json}}
keys: {{idempotency: [/flight], business: [/flight], event_time: /time_hour}}
enrichers: [{enrichers}]
sinks: [{{kind: table, name: records}}, {{kind: lake, name: lake}}]
"
    );
    let schema = BTreeMap::from([("v1.schema.json".to_owned(), r#"{"type":"object"}"#.to_owned())]);
    let mut catalog = Catalog::default();
    catalog.add("flights", &yaml, &schema).unwrap();
    catalog
}

/// A contract with one enricher that has this rule.
fn rule(unavailable: &str) -> Catalog {
    contracts(&format!(
        "{{name: weather, into: weather, unavailable: {unavailable}, http: {{url: 'http://a.test/{{/origin}}'}}}}"
    ))
}

/// A service that fails as long as the flag is set.
struct Outage {
    is_away: Arc<AtomicBool>,
    service: Service,
}

impl Outage {
    fn begin() -> Self {
        let is_away = Arc::new(AtomicBool::new(true));
        let flag = Arc::clone(&is_away);
        let service = Service::new(move |_| {
            if flag.load(Ordering::Relaxed) { answer(500, "") } else { answer(200, WEATHER) }
        });
        Self { is_away, service }
    }

    fn end(&self) {
        self.is_away.store(false, Ordering::Relaxed);
    }

    fn calls(&self) -> usize {
        self.service.asked.lock().unwrap().len()
    }
}

fn batch(name: &str, count: usize) -> Vec<Record> {
    let record = |n| message(&format!("{name}{n}"), envelope(&payload("EWR")));
    (0..count).map(record).collect()
}

#[tokio::test]
async fn events_wait_uncounted_while_the_breaker_is_open_and_go_on_after_it() {
    let (queue, outage) = (MemoryQueue::default(), Outage::begin());
    let rig = Rig::of(rule("park"), outage.service.clone(), &queue);
    rig.run(batch("a", 10)).await;
    let returned = rig.run(batch("b", 10)).await;
    assert!(returned.len() < 10, "the breaker opened within the batch");
    let (calls, parked) = (outage.calls(), queue.sent_to(QUEUE).len());
    assert!(calls <= 30, "{calls} calls");

    assert!(rig.run(batch("c", 10)).await.is_empty());
    assert_eq!((outage.calls(), queue.sent_to(QUEUE).len()), (calls, parked + 10));
    assert!(queue.sent_to(DLQ).is_empty() && queue.sent_to(SINK).is_empty());
    let copy = &queue.sent_to(QUEUE)[parked];
    assert!(copy.delay >= Some(Duration::from_secs(7)), "{:?}", copy.delay);
    let told = format!("{copy:?}");
    assert!(told.contains("dependency `weather`, unavailable since 2026-01-01T00:00:0"), "{told}");
    assert!(told.contains("its breaker is open (failure-rate)"), "{told}");

    outage.end();
    rig.clock.advance(Duration::from_secs(16));
    rig.run(batch("probe", 10)).await;
    rig.clock.advance(Duration::from_secs(31));
    assert!(rig.run(batch("d", 10)).await.is_empty());
    let passed = passed(&queue);
    assert!(passed.len() >= 13 && passed.iter().all(|event| event.degraded.is_none()));
    assert_eq!(queue.sent_to(DLQ).len(), 0);
}

/// If failed probes were counted, a lone event, which makes every probe, would be given up long before the longest
/// wait.
#[tokio::test]
async fn an_event_that_probes_in_vain_waits_on_uncounted() {
    let (queue, outage) = (MemoryQueue::default(), Outage::begin());
    let mut contracts = rule("park");
    let once = "dependencies: {weather: {retries: {attempts: 1}}}";
    contracts.declare_dependencies(once).unwrap();
    let rig = Rig::of(contracts, outage.service.clone(), &queue);
    rig.run(batch("a", 10)).await;
    rig.run(batch("b", 10)).await;
    let (calls, parked) = (outage.calls(), queue.sent_to(QUEUE).len());
    for round in 1..=40 {
        rig.clock.advance(Duration::from_secs(40));
        let last = Record { receive_count: 5, ..batch("lone", 1).remove(0) };
        assert!(rig.run(vec![last]).await.is_empty());
        assert_eq!(queue.sent_to(QUEUE).len(), parked + round);
    }
    assert!(outage.calls() >= calls + 10, "{} calls", outage.calls());
    assert!(queue.sent_to(DLQ).is_empty());
}

#[tokio::test]
async fn events_that_can_do_without_go_on_marked() {
    let (queue, outage) = (MemoryQueue::default(), Outage::begin());
    let rig = Rig::of(rule("degrade"), outage.service.clone(), &queue);
    for name in ["a", "b", "c", "d"] {
        assert!(rig.run(batch(name, 10)).await.is_empty());
    }
    let passed = passed(&queue);
    assert_eq!((passed.len(), queue.sent_to(QUEUE).len(), queue.sent_to(DLQ).len()), (40, 0, 0));
    for event in passed {
        assert_eq!(event.degraded.as_deref(), Some("weather"));
        assert!(event.data.get().ends_with(",\"weather\":null}"), "{}", event.data);
    }
    assert!(outage.calls() <= 30, "{}", outage.calls());
}

#[tokio::test]
async fn an_answer_that_is_out_of_date_stands_in_for_a_service_that_is_away() {
    let queue = MemoryQueue::default();
    let is_away = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&is_away);
    let service = Service::new(move |_| {
        if flag.load(Ordering::Relaxed) { answer(500, "") } else { answer(200, WEATHER) }
    });
    let cached = "{name: weather, into: weather, unavailable: degrade,
        cache: {ttl_s: 60, stale_s: 60}, http: {url: 'http://a.test/{/origin}'}}";
    let rig = Rig::of(contracts(cached), service.clone(), &queue);
    rig.run(batch("a", 10)).await;
    assert_eq!(service.asked.lock().unwrap().len(), 1, "one question for all of them");
    is_away.store(true, Ordering::Relaxed);
    rig.run(batch("b", 1)).await;
    assert_eq!(service.asked.lock().unwrap().len(), 1);
    rig.clock.advance(Duration::from_secs(61));
    rig.run(batch("c", 1)).await;
    rig.clock.advance(Duration::from_secs(61));
    rig.run(batch("d", 1)).await;
    let added: Vec<_> = passed(&queue)
        .into_iter()
        .skip(10)
        .map(|event| {
            let has_weather = event.data.get().ends_with(&format!("\"weather\":{WEATHER}}}"));
            (has_weather, event.degraded)
        })
        .collect();
    let marked = Some("weather".to_owned());
    assert_eq!(added, [(true, None), (true, marked.clone()), (false, marked)]);
}

#[tokio::test]
async fn events_that_must_not_wait_are_dead_letters_once_the_breaker_is_open() {
    let (queue, outage) = (MemoryQueue::default(), Outage::begin());
    let rig = Rig::of(rule("fail"), outage.service.clone(), &queue);
    rig.run(batch("a", 10)).await;
    rig.run(batch("b", 10)).await;
    let before = queue.sent_to(DLQ).len();
    assert!(before < 20, "a failed call is tried again as usual");
    assert!(rig.run(batch("c", 10)).await.is_empty());
    let letters = queue.sent_to(DLQ);
    assert_eq!((letters.len(), queue.sent_to(QUEUE).len()), (before + 10, 0));
    let letter = DeadLetter::read(&letters[before].attributes).unwrap();
    assert_eq!(letter.code, Code::DependencyUnavailable);
    assert!(letter.reason.contains("its breaker is open (failure-rate)"), "{}", letter.reason);
}

#[tokio::test]
async fn a_service_that_asks_to_slow_down_is_left_alone_and_is_not_away() {
    let queue = MemoryQueue::default();
    let service = Service::new(|_| answer(429, ""));
    let rig = Rig::of(rule("fail"), service.clone(), &queue);
    assert!(rig.run(batch("a", 5)).await.is_empty());
    assert_eq!(service.asked.lock().unwrap().len(), 1, "the others wait, too");
    assert_eq!((queue.sent_to(QUEUE).len(), queue.sent_to(DLQ).len()), (5, 0));
    assert!(queue.sent_to(QUEUE).iter().all(|copy| copy.delay >= Some(Duration::from_secs(90))));
}

#[tokio::test]
async fn what_one_enricher_adds_another_can_ask_by() {
    let three = "
  {name: station, into: station, http: {url: 'http://b.test/{/weather/id}'}},
  {name: weather, into: weather, http: {url: 'http://a.test/{/origin}'}, keep: /now},
  {name: airline, into: airline, http: {url: 'http://c.test/{/carrier}'}}";
    let queue = MemoryQueue::default();
    let service = Service::new(|url| match url {
        "http://a.test/EWR" => answer(200, r#"{"now": {"id": 7}}"#),
        "http://b.test/7" => answer(200, r#"{"a": "tower"}"#),
        "http://c.test/UA" => answer(200, "{}"),
        other => panic!("asked {other}"),
    });
    let rig = Rig::of(contracts(three), service, &queue);
    assert!(rig.run(batch("a", 1)).await.is_empty());
    let event = &passed(&queue)[0];
    let added = r#","weather":{"id":7},"airline":{},"station":{"a": "tower"}}"#;
    assert!(event.data.get().ends_with(added), "{}", event.data);
}

#[tokio::test]
async fn an_outage_of_one_service_says_nothing_of_another() {
    let two = "
  {name: weather, into: weather, unavailable: degrade, http: {url: 'http://a.test/'}},
  {name: airline, into: airline, http: {url: 'http://c.test/'}}";
    let queue = MemoryQueue::default();
    let service = Service::new(|url| match url {
        "http://a.test/" => answer(500, ""),
        _ => answer(200, "{}"),
    });
    let rig = Rig::of(contracts(two), service.clone(), &queue);
    for name in ["a", "b", "c", "d"] {
        assert!(rig.run(batch(name, 10)).await.is_empty());
    }
    let asked = service.asked.lock().unwrap();
    let of_airline = asked.iter().filter(|(url, _)| url == "http://c.test/").count();
    assert_eq!((of_airline, passed(&queue).len()), (40, 40));
}
