//! Requests of senders that the contract lists, and of others.

use super::*;

const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/checkout/ada@shop";

/// A request that is signed like this, or by nobody, under a contract with this source.
async fn ask_as(source: &str, iam: Option<Value>) -> Answered {
    let (objects, queue) = (MemoryObjects::default(), MemoryQueue::default());
    let stage = ingest_under(flights_with(&format!("sources: [{source}]")), &objects, &queue);
    let context = json!({"requestId": "q1", "timeEpoch": 0, "authorizer": iam.map(|iam| json!({"iam": iam})),
        "http": {"method": "POST", "path": "/flights"}});
    let mut request = request("POST", "/flights", flight(1).as_bytes(), false);
    request.request_context = serde_json::from_value(context).unwrap();
    let deadline = ManualClock::default().deadline_in(Duration::from_secs(30));
    let response = answer(&stage, request, &deadline).await;
    Answered::of(response, queue, objects)
}

fn role() -> Value {
    json!({"userArn": SESSION, "userId": "AROACHECKOUT123456789:ada@shop"})
}

#[tokio::test]
async fn a_sender_that_the_contract_lists_is_accepted() {
    for listed in ["arn:aws:iam::123456789012:role/checkout", "{CHECKOUT}"] {
        let answered = ask_as(&format!("http: {{senders: ['{listed}']}}"), Some(role())).await;
        assert_eq!(answered.status, 202, "{}", answered.body);
        assert_eq!(events(&answered.queue).len(), 1);
    }
    assert_eq!(ask_as("http", None).await.status, 202);
}

#[track_caller]
fn check_forbidden(answered: &Answered, told: &str) {
    assert_eq!(answered.status, 403, "{}", answered.body);
    assert_eq!(answered.content_type, "application/problem+json");
    assert_eq!(answered.body["type"], "urn:sluicegate:source.refused");
    let detail = answered.body["detail"].as_str().unwrap();
    assert!(detail.contains(told) && !detail.contains("billing"), "{detail}");
    assert!(answered.queue.calls_to(ENRICH).is_empty() && answered.queue.calls_to(DLQ).is_empty());
    assert!(answered.objects.archived().is_empty());
}

#[tokio::test]
async fn another_sender_is_forbidden_and_learns_of_nobody_else() {
    let billing = "http: {senders: ['arn:aws:iam::123456789012:role/billing']}";
    check_forbidden(&ask_as(billing, Some(role())).await, SESSION);
    check_forbidden(&ask_as(billing, None).await, "it is not known who sent it");
    check_forbidden(&ask_as("files", Some(role())).await, "it came by `http`");
}

#[tokio::test]
async fn a_variable_without_a_value_is_not_the_sender_s_fault() {
    let answered = ask_as("http: {senders: ['{BILLING}']}", Some(role())).await;
    assert_eq!((answered.status, &answered.body["code"]), (503, &json!("contract.broken")));
}
