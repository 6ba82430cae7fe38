//! Requests while too many messages wait in the next queue.

use super::*;
use crate::memory::flights_with;

#[tokio::test]
async fn a_request_waits_until_the_next_queue_has_room() {
    let (objects, queue, clock) =
        (MemoryObjects::default(), MemoryQueue::default(), ManualClock::default());
    let contracts = flights_with("backlog: {limit: 2, retry_after_s: 45}");
    let ingest = ingest_under(contracts, &objects, &queue);
    let ask = async |number| {
        let body = [flight(number), flight(number + 1), flight(number + 2)].join("\n");
        let request = request("POST", "/flights", body.as_bytes(), false);
        answer(&ingest, request, &clock.deadline_in(Duration::from_secs(30))).await
    };
    assert_eq!(ask(1).await.status_code, 202);
    clock.advance(Duration::from_secs(6));
    let refused = ask(4).await;
    assert_eq!(
        (refused.status_code, &refused.headers["retry-after"]),
        (429, &"45".parse().unwrap())
    );
    let problem: Value = from_str(refused.body.as_deref().unwrap()).unwrap();
    assert_eq!(problem["type"], "urn:sluicegate:backlog.full");
    assert_eq!(problem["title"], "Too many events are waiting");
    assert_eq!(problem["detail"], "about 3 messages wait behind ingest; the contract allows 2");
    assert_eq!((events(&queue).len(), objects.archived().len()), (3, 1), "nothing of it was taken");
}

/// The request with the key can be repeated when there is room.
#[tokio::test]
async fn a_refused_request_does_not_use_up_its_key() {
    let (objects, queue) = (MemoryObjects::default(), MemoryQueue::default());
    let keyed = || {
        let mut request = request("POST", "/flights", flight(9).as_bytes(), false);
        request.headers.insert("idempotency-key", "k".parse().unwrap());
        request
    };
    let deadline = ManualClock::default().deadline_in(Duration::from_secs(30));
    let stage = ingest_under(flights_with("backlog: {limit: 2}"), &objects, &queue);
    let body = [flight(1), flight(2), flight(3)].join("\n");
    let crowd = request("POST", "/flights", body.as_bytes(), false);
    assert_eq!(answer(&ingest(&objects, &queue), crowd, &deadline).await.status_code, 202);
    assert_eq!(answer(&stage, keyed(), &deadline).await.status_code, 429);
    assert_eq!(objects.answers_written(), 0);
    let roomy = ingest_under(flights_with("backlog: {limit: 4}"), &objects, &queue);
    assert_eq!(answer(&roomy, keyed(), &deadline).await.status_code, 202);
    assert_eq!(events(&queue).len(), 4);
}
