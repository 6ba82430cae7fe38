//! Events that are too large for a message.

use event::ClaimCheck;

use super::*;

#[tokio::test]
async fn an_answer_that_makes_an_event_too_large_harms_it_alone() {
    let queue = MemoryQueue::default();
    let service = Service::new(|url| match url {
        _ if url.contains("EWR") => answer(200, &format!("{{\"a\":\"{}\"}}", "x".repeat(200_000))),
        _ => answer(200, WEATHER),
    });
    let rig = Rig::new(service, &queue);
    let large = payload("EWR").replace("\\u0049AH", &"x".repeat(5_100_000));
    let large = rig.claimed("m1", envelope(&large)).await;
    let batch = vec![large.clone(), message("m2", envelope(&payload("JFK")))];
    assert!(rig.run(batch).await.is_empty());
    assert_eq!((passed(&queue).len(), letter(&queue).code), (1, Code::SizeExceeded));
    assert_eq!(queue.sent_to(DLQ)[0].body, large.body);
}

/// It comes as a reference, and what is sent on is a reference to the enriched event.
#[tokio::test]
async fn an_event_that_is_too_large_for_a_message_is_enriched_like_any_other() {
    let queue = MemoryQueue::default();
    let rig = Rig::new(Service::new(|_| answer(200, WEATHER)), &queue);
    let large = payload("EWR").replace("\\u0049AH", &"\u{e9}".repeat(1_500_000));
    let record = rig.claimed("m1", envelope(&large)).await;
    assert!(rig.run(vec![record.clone()]).await.is_empty());
    let sent = queue.sent_to(SINK).remove(0);
    assert_eq!(queue.sent_to(LAKE), queue.sent_to(SINK));
    assert_eq!(sent.attributes["eventid"].value, "e1:1");
    let claim = ClaimCheck::read(&sent.attributes, &sent.body).unwrap();
    assert_ne!(sent.body, record.body);
    let event = Envelope::from_json(&rig.bucket.objects()[&claim.key]).unwrap();
    let own = large.strip_suffix(" }").unwrap();
    assert!(event.data.get() == format!("{own},\"weather\":{WEATHER}}}"), "other bytes");
}
