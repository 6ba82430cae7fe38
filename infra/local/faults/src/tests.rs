use super::*;

fn adversary(rules: &str) -> Adversary {
    let plan = Plan::parse(&format!("seed: 7\nfaults: [{rules}]")).unwrap();
    Adversary::new(Clock::manual(0), &plan)
}

/// The numbers of the requests, of a hundred in a stream, that are in trouble.
fn troubles(adversary: &Adversary, caller: &str, service: &str, operation: &str) -> Vec<u32> {
    let in_trouble = |_: &u32| adversary.request_faults(caller, service, operation).fault.is_some();
    (0..100).filter(in_trouble).collect()
}

#[test]
fn a_seed_repeats_its_faults_in_each_stream_however_streams_interleave() {
    let rule = "{fault: error, chance: 0.2}";
    let (alone, mixed) = (adversary(rule), adversary(rule));
    let expected = troubles(&alone, "sink", "dynamodb", "PutItem");
    assert!((5..50).contains(&expected.len()), "{expected:?}");
    let in_trouble = |_: &u32| {
        mixed.request_faults("enrich", "sqs", "SendMessage");
        let is_in_trouble = mixed.request_faults("sink", "dynamodb", "PutItem").fault.is_some();
        mixed.request_faults("sink", "dynamodb", "GetItem");
        is_in_trouble
    };
    let found: Vec<u32> = (0..100).filter(in_trouble).collect();
    assert_eq!(found, expected);
    assert_ne!(troubles(&mixed, "ingest", "sqs", "SendMessage"), expected);
    let of_stream = |done: &&InjectedFault| done.stream == "sink/dynamodb.PutItem";
    let numbers = mixed.history().iter().filter(of_stream).map(|d| d.number).collect::<Vec<_>>();
    assert_eq!(numbers, expected.iter().map(|&n| u64::from(n)).collect::<Vec<_>>());
}

#[track_caller]
fn check(rule: &str, expected: &[u32]) {
    assert_eq!(troubles(&adversary(rule), "app-Sink", "sqs", "SendMessageBatch"), expected);
}

#[test]
fn a_rule_strikes_where_and_as_often_as_it_says() {
    let all: Vec<u32> = (0..100).collect();
    check("{fault: throttle}", &all);
    check("{fault: throttle, on: sqs}", &all);
    check("{fault: throttle, on: sqs.SendMessageBatch, from: Sink}", &all);
    check("{fault: partial, from: app-Sink}", &all);
    check("{fault: throttle, chance: 0}", &[]);
    check("{fault: throttle, on: dynamodb}", &[]);
    check("{fault: throttle, on: sqs.SendMessage}", &[]);
    check("{fault: throttle, from: ink}", &[]);
    check("{fault: conflict}", &[]);
    check("{fault: twice}", &[]);
    check("{fault: throttle, after: 97}", &[97, 98, 99]);
    check("{fault: throttle, after: 3, times: 2}", &[3, 4]);
}

#[test]
fn a_rule_is_in_force_for_its_time_and_until_it_is_removed() {
    let clock = Clock::manual(0);
    let plan = Plan::parse("faults: [{fault: error, for: 30s}, {fault: throttle}]").unwrap();
    let adversary = Adversary::new(clock.clone(), &plan);
    let trouble = || adversary.request_faults("a", "s3", "PutObject").fault;
    assert!(matches!(trouble(), Some(RequestFault::Failed)), "the first rule decides");
    assert_eq!(adversary.status()[0].left_ms, Some(30_000));
    clock.advance(Duration::from_secs(30));
    assert!(matches!(trouble(), Some(RequestFault::Throttled)));
    let [left] = adversary.status().try_into().unwrap();
    assert_eq!((left.number, left.done, left.left_ms), (2, 2, None));
    assert!(adversary.remove(2) && !adversary.remove(2));
    assert!(trouble().is_none());
    assert_eq!(adversary.add(&plan), [3, 4]);
    adversary.clear();
    assert!(trouble().is_none() && adversary.status().is_empty());
}

#[test]
fn an_amount_of_time_is_never_more_than_the_rule_says() {
    let adversary = adversary(
        "{fault: slow, by: 50ms}, {fault: late, by: 3s}, {fault: twice, by: 4s}, {fault: clock-skew, \
         by: 5s}, {fault: short}, {fault: disorder}",
    );
    let mut offsets = Vec::new();
    for _ in 0..200 {
        assert!(
            adversary.request_faults("a", "sqs", "SendMessage").delay <= Duration::from_millis(50)
        );
        assert!(adversary.send_faults("q").late_ms <= 3_000);
        assert!(adversary.redelivery_after_ms("q").unwrap() <= 4_000);
        assert!((1..=9).contains(&adversary.limit_receive("q", 10)));
        assert_eq!(
            adversary.limit_receive("q", 1),
            1,
            "an empty receive would look like an empty queue"
        );
        offsets.push(adversary.clock_offset_ms("f"));
    }
    assert!(offsets.iter().all(|offset| offset.abs() <= 5_000));
    assert!(offsets.iter().any(|offset| *offset < 0) && offsets.iter().any(|o| *o > 0));
}

#[test]
fn an_environment_dies_at_the_point_that_the_rule_names() {
    let dooms = |rule: &str| {
        let adversary = adversary(rule);
        (0..50).filter_map(|_| adversary.plan_kill("app-Sink")).collect::<Vec<_>>()
    };
    assert_eq!(dooms("{fault: kill, on: Sink, at: taken}"), [PlannedKill::OnReceipt; 50]);
    assert_eq!(dooms("{fault: kill, on: Other, at: taken}"), []);
    assert_eq!(dooms("{fault: kill, at: start}"), []);
    assert!(adversary("{fault: kill, at: start}").kill_at_start("app-Sink"));
    assert!(!adversary("{fault: kill}").kill_at_start("app-Sink"));
    let any = dooms("{fault: kill}");
    assert!(
        any.contains(&PlannedKill::OnReceipt) && any.contains(&PlannedKill::OnResponse),
        "{any:?}"
    );
    assert!(
        dooms("{fault: kill, at: call}")
            .iter()
            .all(|plan_kill| matches!(plan_kill, PlannedKill::OnCall(1..=10)))
    );

    let adversary = adversary("");
    adversary.limit_calls("token", 2);
    assert!(!adversary.count_call("other"));
    assert!(!adversary.count_call("token"));
    assert!(adversary.count_call("token"));
    assert!(!adversary.count_call("token"), "it is dead already");
}

#[test]
fn invented_callers_cost_no_memory() {
    let adversary = adversary("{fault: error, chance: 0.5}");
    for caller in 0..(MAX_STREAMS + 5_000) {
        adversary.request_faults(&caller.to_string(), "sqs", "SendMessage");
    }
    let rules = adversary.rules();
    assert_eq!(lock(&rules[0].streams).len(), MAX_STREAMS + 1);
}

#[test]
fn what_is_counted_is_not_forgotten_with_the_history() {
    let adversary = adversary("{fault: error}");
    for _ in 0..(MAX_HISTORY + 5) {
        adversary.request_faults("producer", "sqs", "SendMessage");
    }
    assert_eq!(adversary.history().len(), MAX_HISTORY);
    assert_eq!(adversary.tally()[&Fault::Error], u64::try_from(MAX_HISTORY).unwrap() + 5);
}
