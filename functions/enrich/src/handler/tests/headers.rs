//! Request headers with values from the event.

use super::*;

#[tokio::test]
async fn a_header_is_made_of_the_event_and_tells_answers_apart() {
    let queue = MemoryQueue::default();
    let service = Service::new(|_| answer(200, WEATHER));
    let enricher = "{name: weather, into: weather, cache: {ttl_s: 60},
        http: {url: 'http://a.test/', headers: {x-origin: '{/origin}'}}}";
    let rig = Rig::of(outages::contracts(enricher), service.clone(), &queue);
    let mut batch = Vec::new();
    for (number, origin) in ["EWR", "JFK", "EWR", "Z\u{fc}rich"].iter().enumerate() {
        batch.push(message(&format!("m{number}"), envelope(&payload(origin))));
    }
    assert!(rig.run(batch).await.is_empty());
    let degraded = passed(&queue).iter().filter(|event| event.degraded.is_some()).count();
    assert_eq!(degraded, 1, "no header can hold its origin");
    let asked: Vec<String> = service.headers.lock().unwrap().clone();
    assert_eq!(asked, ["EWR", "JFK"]);
}
