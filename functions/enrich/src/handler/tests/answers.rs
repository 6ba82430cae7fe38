//! What becomes of an event by what its service answers.

use super::*;

#[tokio::test]
async fn an_event_that_the_service_does_not_know_goes_on_without_and_says_so() {
    let queue = MemoryQueue::default();
    let service = Service::new(|_| answer(404, "{}"));
    let record = message("m1", envelope(&payload("EWR")));
    assert!(run(service, &queue, vec![record]).await.is_empty());
    let event = &passed(&queue)[0];
    assert!(event.data.get().ends_with(",\"weather\":null}"), "{}", event.data);
    assert_eq!(event.degraded.as_deref(), Some("weather"));
}

#[tokio::test]
async fn an_event_that_lacks_what_the_question_needs_is_not_asked_about() {
    let queue = MemoryQueue::default();
    let service = Service::new(|_| answer(200, WEATHER));
    let body = envelope(&payload("EWR").replace("\"EWR\"", "null"));
    assert!(run(service.clone(), &queue, vec![message("m1", body)]).await.is_empty());
    assert!(service.asked.lock().unwrap().is_empty());
    assert_eq!(passed(&queue)[0].degraded.as_deref(), Some("weather"));
}

/// Checks how a valid event fails on this answer.
async fn check(answer: fn() -> Result<Answer, RequestError>, kind: FailureKind, code: Code) {
    let queue = MemoryQueue::default();
    let rig = Rig::new(Service::new(move |_| answer()), &queue);
    let record = message("m1", envelope(&payload("EWR")));
    let failure = rig.prepare(&record).await.err().unwrap();
    assert_eq!((failure.kind, failure.code), (kind, code), "{failure}");
    assert!(failure.reason.contains("weather"), "{failure}");
}

#[tokio::test]
async fn an_answer_that_is_none_is_the_services_failure() {
    let throttled = FailureKind::Throttled { retry_after: Some(Duration::from_secs(90)) };
    check(|| answer(429, ""), throttled, Code::DependencyThrottled).await;
    check(|| answer(500, ""), FailureKind::Transient, Code::DependencyUnavailable).await;
    check(|| answer(200, "<html>"), FailureKind::Transient, Code::EnricherBadAnswer).await;
    check(|| answer(400, ""), FailureKind::Permanent, Code::EnricherRefused).await;
    let unreachable = || Err(RequestError::Connection);
    check(unreachable, FailureKind::Transient, Code::DependencyUnavailable).await;
    let late = || Err(RequestError::TimedOut { limit_ms: 2_000 });
    check(late, FailureKind::Transient, Code::DependencyUnavailable).await;
}
