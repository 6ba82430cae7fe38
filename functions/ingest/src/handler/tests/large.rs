//! Events that are too large for a message.

use event::{CLAIM_ATTRIBUTE, ClaimCheck, MAX_PAYLOAD_BYTES};

use super::letters::redriven;
use super::*;

/// A flight of about this many bytes.
fn large_flight(number: u32, bytes: usize) -> String {
    flight(number).replace("IAH", &"\u{e9}".repeat(bytes / 2))
}

/// The event in a message that was sent on, which is in the bucket.
fn claimed_event(objects: &MemoryObjects, sent: &Outgoing) -> Envelope {
    let claim = ClaimCheck::read(&sent.attributes, &sent.body).unwrap();
    Envelope::from_json(&objects.claims.objects()[&claim.key]).unwrap()
}

#[tokio::test]
async fn a_large_line_of_a_file_is_sent_on_as_a_reference_and_its_neighbours_are_not() {
    let large = large_flight(2, 3_000_000);
    let file = [flight(1), large.clone(), flight(3)].join("\n");
    let objects =
        MemoryObjects::default().with("landing", "flights/a.ndjson", "e1", file.as_bytes());
    let queue = MemoryQueue::default();
    assert!(run(&objects, &queue, vec![announcement(&["flights/a.ndjson"])]).await.is_empty());
    assert!(letters(&queue).is_empty());
    let sent = queue.sent_to(ENRICH);
    assert_eq!((sent.len(), objects.claims.objects().len()), (3, 1));
    assert_eq!(sent[1].attributes["eventid"].value, "e1:2");
    let event = claimed_event(&objects, &sent[1]);
    assert!(event.data.get() == large, "other bytes");
    assert_eq!((event.id.as_str(), event.dataset.as_str()), ("e1:2", "flights"));
}

#[tokio::test]
async fn while_the_bucket_is_away_the_file_stays_in_the_inbox() {
    let file = large_flight(1, 3_000_000);
    let objects =
        MemoryObjects::default().with("landing", "flights/a.ndjson", "e1", file.as_bytes());
    objects.claims.set_away(true);
    let queue = MemoryQueue::default();
    assert_eq!(run(&objects, &queue, vec![announcement(&["flights/a.ndjson"])]).await, ["n1"]);
    assert!(queue.sent_to(ENRICH).is_empty() && letters(&queue).is_empty());
}

/// It is kept whole, and not only its place, so that it can be taken in again.
#[tokio::test]
async fn a_large_line_that_is_refused_comes_back_byte_for_byte() {
    let bad = large_flight(1, 4_000_000).replace("\"carrier\"", "\"courier\"");
    assert!(bad.len() < MAX_PAYLOAD_BYTES);
    let objects =
        MemoryObjects::default().with("landing", "flights/a.ndjson", "e1", bad.as_bytes());
    let queue = MemoryQueue::default();
    run(&objects, &queue, vec![announcement(&["flights/a.ndjson"])]).await;
    let (letter, dead) = letters(&queue).remove(0);
    assert_eq!((letter.code, letter.encoding), (Code::KeyMissing, Encoding::Claim));
    let claim: serde_json::Value = serde_json::from_str(&dead.body).unwrap();
    let kept = unzipped(&objects.archived()[claim["key"].as_str().unwrap()]);
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert!(kept["body"] == bad.as_str(), "other bytes");
    let again = MemoryQueue::default();
    run(&objects, &again, vec![redriven(&dead)]).await;
    let (letter, _) = letters(&again).remove(0);
    assert_eq!((letter.code, letter.redrives), (Code::KeyMissing, 1));
    assert_eq!(letter.at.as_deref(), Some("line 1, /carrier"));
}

/// Redrive sends an event of a later stage to ingest again.
#[tokio::test]
async fn a_reference_of_redrive_is_the_event_and_that_of_anybody_else_is_not_believed() {
    let large = large_flight(1, 3_000_000);
    let claim = ClaimCheck::of(&large);
    let attributes = [("dataset", "flights"), (CLAIM_ATTRIBUTE, "1")];
    for (sender, is_believed) in
        [("AROAREDRIVE:sluicegate-RedriveFunction", true), ("AROAPRODUCER:x", false)]
    {
        let (objects, queue): (MemoryObjects, MemoryQueue) = Default::default();
        objects.claims.put(&claim.key, &large);
        let sent = Record {
            sender: Some(sender.to_owned()),
            ..message("m1", &claim.to_json(), &attributes)
        };
        assert!(run(&objects, &queue, vec![sent]).await.is_empty());
        assert_eq!(queue.sent_to(ENRICH).len(), usize::from(is_believed), "{sender}");
        if is_believed {
            let event = claimed_event(&objects, &queue.sent_to(ENRICH)[0]);
            assert!(event.data.get() == large, "other bytes");
        } else {
            // The reference is what was sent, and no flight.
            let (letter, dead) = letters(&queue).remove(0);
            assert_eq!((letter.code, &dead.body), (Code::KeyMissing, &claim.to_json()));
            assert!(!dead.attributes.contains_key(CLAIM_ATTRIBUTE));
        }
    }
}
