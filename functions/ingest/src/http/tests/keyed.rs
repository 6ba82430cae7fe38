//! Requests with an `Idempotency-Key`: what each of them is answered, and how often their events are taken.

use crate::memory::AnswersFault;

use super::*;

/// A request with a key. Each has an id of its own, as Lambda gives it.
fn keyed(id: &str, key: &str, body: &str) -> LambdaFunctionUrlRequest {
    let mut request = request("POST", "/flights", body.as_bytes(), false);
    request.headers.insert("idempotency-key", key.parse().unwrap());
    request.request_context.request_id = Some(id.to_owned());
    request
}

#[derive(Default)]
struct World {
    objects: MemoryObjects,
    queue: MemoryQueue,
    clock: ManualClock,
}

impl World {
    async fn ask(&self, request: LambdaFunctionUrlRequest) -> Answered {
        let deadline = self.clock.deadline_in(Duration::from_secs(30));
        let stage = ingest(&self.objects, &self.queue);
        let response = answer(&stage, request, &deadline).await;
        Answered::of(response, self.queue.clone(), self.objects.clone())
    }

    fn taken(&self) -> usize {
        events(&self.queue).len()
    }

    /// Leaves a request under way: it has claimed its key, and its environment is gone.
    async fn crash(&self, id: &str, key: &str, body: &str) {
        let stage = ingest(&self.objects, &self.queue);
        let now = self.clock.deadline_in(Duration::ZERO).now();
        let request = KeyedRequest {
            dataset: "flights",
            caller: "",
            key,
            body: body.as_bytes(),
            id,
            now,
            ends_at: Timestamp::from_unix_ms(now.unix_ms() + 30_000),
        };
        let claimed = answers::claim(&stage.objects, &stage.archive_bucket, &request).await;
        assert!(matches!(claimed, Ok(Claimed::First(_))));
    }
}

fn problem(answered: &Answered) -> (i64, &str) {
    assert_eq!(answered.content_type, "application/problem+json");
    (answered.status, answered.body["code"].as_str().unwrap())
}

#[tokio::test]
async fn a_repeated_request_gets_the_answer_again_and_its_events_are_taken_once() {
    let world = World::default();
    let bad = flight(2).replace("\"flight\":2", "\"flight\":\"two\"");
    for body in [flight(1), bad.clone(), format!("[{},{bad}]", flight(3))] {
        let key = format!("k{}", body.len());
        let before = world.taken();
        let first = world.ask(keyed("q1", &key, &body)).await;
        let taken = world.taken() - before;
        // With quotes, as the draft has it, it is the same key.
        for (id, key) in [("q2", key.clone()), ("q3", format!("\"{key}\""))] {
            let again = world.ask(keyed(id, &key, &body)).await;
            assert_eq!((again.status, &again.body), (first.status, &first.body), "{body}");
            assert_eq!(again.content_type, first.content_type);
        }
        assert_eq!(world.taken() - before, taken, "{body}");
    }
    assert_eq!(world.taken(), 2);
}

#[tokio::test]
async fn a_key_is_one_for_its_dataset_and_its_caller_alone() {
    let world = World::default();
    let by = |id: &str, arn: &str| {
        let mut request = keyed(id, "k", &flight(1));
        let iam = json!({"authorizer": {"iam": {"userArn": arn}}, "requestId": id, "timeEpoch": 0,
            "http": {"method": "POST", "path": "/flights"}});
        request.request_context = serde_json::from_value(iam).unwrap();
        request
    };
    for (id, arn, expected) in [
        ("q1", "arn:a", "q1:0"),
        ("q2", "arn:b", "q2:0"),
        ("q3", "arn:a", "q1:0"),
        ("q4", "arn:b", "q2:0"),
    ] {
        let answered = world.ask(by(id, arn)).await;
        assert_eq!(answered.body["results"][0]["id"], expected);
    }
    assert_eq!(world.taken(), 2);
}

#[tokio::test]
async fn another_payload_under_a_used_key_is_refused() {
    let world = World::default();
    world.ask(keyed("q1", "k", &flight(1))).await;
    let other = world.ask(keyed("q2", "k", &flight(2))).await;
    assert_eq!(problem(&other), (422, "request.key-reused"));
    assert_eq!(world.taken(), 1);
    world.crash("q3", "k2", &flight(3)).await;
    let other = world.ask(keyed("q4", "k2", &flight(4))).await;
    assert_eq!(problem(&other), (422, "request.key-reused"));
}

#[tokio::test]
async fn a_request_that_is_under_way_is_told_until_its_invocation_must_have_ended() {
    let world = World::default();
    world.crash("q1", "k", &flight(1)).await;
    let meanwhile = world.ask(keyed("q2", "k", &flight(1))).await;
    assert_eq!(problem(&meanwhile), (409, "request.under-way"));
    assert_eq!(meanwhile.headers["retry-after"], "5");
    assert_eq!(world.taken(), 0);
    world.clock.advance(Duration::from_secs(32));
    assert_eq!(world.ask(keyed("q3", "k", &flight(1))).await.status, 202);
    assert_eq!(world.ask(keyed("q4", "k", &flight(1))).await.body["results"][0]["id"], "q3:0");
    assert_eq!(world.taken(), 1);
}

/// What may succeed later is tried again by the next request, and its answer is kept then.
#[tokio::test]
async fn a_failure_that_may_pass_is_not_the_answer_of_the_next_request() {
    let world = World::default();
    let refused = MemoryQueue::default();
    refused.refuse(|_, _| Some(Failure::throttled(None, "slow down")));
    let away = World { queue: refused, objects: world.objects.clone(), clock: world.clock.clone() };
    assert_eq!(away.ask(keyed("q1", "k", &flight(1))).await.status, 503);
    assert_eq!(problem(&world.ask(keyed("q2", "k", &flight(2))).await).0, 422);
    assert_eq!(world.ask(keyed("q3", "k", &flight(1))).await.status, 202);
    assert_eq!(away.ask(keyed("q4", "k", &flight(1))).await.status, 202);
    assert_eq!(world.taken(), 1);
}

#[tokio::test]
async fn an_answer_is_kept_for_a_day() {
    let world = World::default();
    world.ask(keyed("q1", "k", &flight(1))).await;
    world.clock.advance(Duration::from_secs(24 * 3_600 - 1));
    assert_eq!(world.ask(keyed("q2", "k", &flight(1))).await.body["results"][0]["id"], "q1:0");
    world.clock.advance(Duration::from_secs(2));
    assert_eq!(world.ask(keyed("q3", "k", &flight(2))).await.body["results"][0]["id"], "q3:0");
}

#[tokio::test]
async fn without_the_store_of_answers_nothing_is_taken_and_without_a_key_it_is_not_asked() {
    let world = World::default();
    world.objects.set_answers_fault(Some(AnswersFault::Away));
    let refused = world.ask(keyed("q1", "k", &flight(1))).await;
    assert_eq!(problem(&refused), (503, "dependency.unavailable"));
    assert_eq!(world.taken(), 0);
    let plain = request("POST", "/flights", flight(1).as_bytes(), false);
    assert_eq!(world.ask(plain).await.status, 202);
    assert_eq!(world.objects.answers_written(), 0);
}

/// The SDK repeats a write whose answer was lost, and is told that the object is there.
#[tokio::test]
async fn a_request_recognizes_its_own_claim() {
    let world = World::default();
    world.objects.set_answers_fault(Some(AnswersFault::WrittenTwice));
    assert_eq!(world.ask(keyed("q1", "k", &flight(1))).await.status, 202);
    assert_eq!(world.taken(), 1);
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let world = World::default();
    let long = "k".repeat(256);
    for key in ["", "\"\"", "a b", "a\"b", "\"a", "é", &long] {
        let mut request = keyed("q1", "k", &flight(1));
        let value = ::http::HeaderValue::from_bytes(key.as_bytes()).unwrap();
        request.headers.insert("idempotency-key", value);
        let answered = world.ask(request).await;
        assert_eq!(problem(&answered), (400, "decode.format"), "{key}");
    }
    assert_eq!((world.taken(), world.objects.answers_written()), (0, 0));
}

/// Stored by a version before this one, and read by it.
#[tokio::test]
async fn what_is_kept_has_a_version_and_a_place() {
    let world = World::default();
    world.ask(keyed("q1", "k", &flight(1))).await;
    // printf '["flights","","k"]' | sha256sum
    let place = "requests/0fda550fdac6454f8db31d1e0b1ec95e2144e1eb61f693817b2faa25d1e87e54.json";
    let (kept, etag) = world.objects.find("archive", place).await.unwrap().unwrap();
    assert_eq!(etag, "2");
    let kept: Value = serde_json::from_slice(&kept).unwrap();
    assert_eq!(kept["answer_format"], 1);
    assert_eq!(kept["until_ms"], 1_767_225_600_000_i64 + 24 * 3_600 * 1_000);
    assert_eq!(kept["answer"]["status"], 202);
    assert!(!kept.to_string().contains("EWR"), "a payload is kept");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(40))]

    /// A client that repeats each request until it has an answer other than 409 and 503, whatever goes wrong, has each
    /// payload taken, and one answer for each key.
    #[test]
    fn whoever_repeats_a_request_gets_one_answer(
        faults in proptest::collection::vec((0_u32..3, 0_u8..4), 1..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let world = World::default();
            let mut answers: std::collections::BTreeMap<u32, Value> = Default::default();
            for (turn, (number, fault)) in faults.iter().enumerate() {
                let (key, body) = (format!("k{number}"), flight(*number));
                match fault {
                    0 => world.objects.set_answers_fault(Some(AnswersFault::Away)),
                    1 => world.objects.set_answers_fault(Some(AnswersFault::WrittenTwice)),
                    2 => world.clock.advance(Duration::from_secs(31)),
                    _ => {}
                }
                let answered = world.ask(keyed(&format!("q{turn}"), &key, &body)).await;
                world.objects.set_answers_fault(None);
                match answered.status {
                    202 if *fault == 1 => {} // It may not have been kept.
                    202 => {
                        let first = answers.entry(*number).or_insert_with(|| answered.body.clone());
                        assert_eq!(*first, answered.body);
                    }
                    409 | 503 => {}
                    other => panic!("{other}: {}", answered.body),
                }
            }
            for number in answers.keys() {
                let text = flight(*number);
                assert!(events(&world.queue).iter().any(|event| event.data.get() == text));
            }
        });
    }
}
