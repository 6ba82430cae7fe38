//! Environments: started, used again, reported, ended.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use clock::Clock;
use serde_json::{Value, json};
use sluicegate_local_lambda::{
    AddError, Config, EnvironmentState, InvokeError, Lambda, LogLine, Origin,
};
use template::Function;

use crate::{ENDPOINT, World, binaries, document, post, probe, process_state, until};

#[tokio::test]
async fn a_warm_environment_is_used_again_and_each_invocation_is_reported() {
    let world = World::with_probe(|_| {});
    let first = world.invoke(json!({ "n": 1, "log": "hello" })).await.unwrap();
    assert_eq!((document(&first), first.function_error), (json!({ "n": 1, "log": "hello" }), None));
    let second = world.invoke(json!({ "n": 2 })).await.unwrap();
    assert_ne!(first.request_id, second.request_id);
    let environments = world.lambda.environments("probe");
    assert_eq!(environments.len(), 1);
    assert_eq!((&environments[0].state, environments[0].invocations), (&EnvironmentState::Idle, 2));

    let (id, lines) = (&first.request_id, world.lines.lock().unwrap().clone());
    assert_eq!(lines[0].2, format!("START RequestId: {id} Version: $LATEST"));
    assert_eq!(lines[1], (Some(id.clone()), Origin::Function, "hello".to_owned()));
    assert_eq!(lines[2].2, format!("END RequestId: {id}"));
    let report = format!(
        "REPORT RequestId: {id}\tDuration: 0.00 ms\tBilled Duration: 0 ms\tMemory Size: 512 MB\t\
         Max Memory Used: "
    );
    assert!(lines[3].2.starts_with(&report), "{}", lines[3].2);
    assert!(lines[3].2.ends_with(" MB\tInit Duration: 0.00 ms"), "{}", lines[3].2);
    assert!(!lines[5].2.contains("Init Duration"), "only a cold start has one");
    assert!(!lines[3].2.contains("Max Memory Used: 0 MB"));
    assert_eq!(first.log_tail.lines().count(), 4);
    world.lambda.shutdown().await;
}

#[tokio::test]
async fn a_process_has_lambdas_environment_and_nothing_of_ours() {
    let layer = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let world = World::with_probe(|function| {
        function.layers = vec![layer.clone()];
        function.environment =
            BTreeMap::from([("CONTRACTS_DIR".to_owned(), "/opt/src".to_owned())]);
    });
    let answer = world.invoke(json!({ "do": "variables" })).await.unwrap();
    let variables: BTreeMap<String, String> = serde_json::from_slice(&answer.payload).unwrap();
    let names: Vec<&str> = variables.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "AWS_ACCESS_KEY_ID",
            "AWS_DEFAULT_REGION",
            "AWS_ENDPOINT_URL",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            "AWS_LAMBDA_FUNCTION_NAME",
            "AWS_LAMBDA_FUNCTION_VERSION",
            "AWS_LAMBDA_INITIALIZATION_TYPE",
            "AWS_LAMBDA_LOG_GROUP_NAME",
            "AWS_LAMBDA_LOG_STREAM_NAME",
            "AWS_LAMBDA_RUNTIME_API",
            "AWS_REGION",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "CONTRACTS_DIR",
            "LAMBDA_RUNTIME_DIR",
            "LAMBDA_TASK_ROOT",
            "LANG",
            "PATH",
            "SLUICEGATE_CLOCK_OFFSET_MS",
            "TZ",
            "_HANDLER",
            "_X_AMZN_TRACE_ID",
        ],
        "the last is set by the runtime itself"
    );
    assert_eq!(variables["CONTRACTS_DIR"], layer.join("src").to_string_lossy());
    assert_eq!(variables["AWS_ENDPOINT_URL"], ENDPOINT);
    assert_eq!(variables["AWS_ACCESS_KEY_ID"], "probe");
    assert!(variables["AWS_LAMBDA_LOG_STREAM_NAME"].starts_with("2020/03/12/[$LATEST]"));
}

#[tokio::test]
async fn a_function_that_fails_or_panics_answers_with_its_error_and_lives_on() {
    let world = World::with_probe(|_| {});
    for (action, message) in [("fail", "told to fail"), ("panic", "told to panic")] {
        let answer = world.invoke(json!({ "do": action })).await.unwrap();
        assert_eq!(answer.function_error, Some("Unhandled"));
        let text = document(&answer)["errorMessage"].to_string();
        assert!(text.contains(message), "{text}");
    }
    assert_eq!(world.lambda.environments("probe")[0].invocations, 2);
}

#[tokio::test]
async fn at_its_timeout_a_function_is_killed() {
    let world = World::with_probe(|_| {});
    let hanging = world.begin(json!({ "do": "hang" })).await;
    let pid = world.pids()[0];
    assert!(!world.lambda.is_idle());
    world.clock.advance(Duration::from_secs(29));
    assert!(!hanging.is_finished());
    world.clock.advance(Duration::from_secs(1));
    let answer = hanging.await.unwrap().unwrap();
    let expected = format!(
        "2020-03-12T08:00:30.000Z {} Task timed out after 30.00 seconds",
        answer.request_id
    );
    assert_eq!(document(&answer), json!({ "errorMessage": expected }));
    assert_eq!(answer.function_error, Some("Unhandled"));
    assert_eq!(process_state(pid), None);
    assert_eq!(world.pids(), [0; 0]);
    assert!(world.lambda.is_idle());
    assert!(world.lines(Origin::Platform).contains(&expected));
    let report = world.lines(Origin::Platform).pop().unwrap();
    assert!(report.contains("Duration: 30000.00 ms"), "{report}");
    assert!(report.ends_with("Status: timeout"), "{report}");
}

#[tokio::test]
async fn a_process_that_ends_during_an_invocation_fails_it_and_is_replaced() {
    let world = World::with_probe(|_| {});
    let answer = world.invoke(json!({ "do": "exit", "log": "last words" })).await.unwrap();
    let message =
        format!("RequestId: {} Error: Runtime exited with error: exit status 3", answer.request_id);
    let expected = json!({ "errorType": "Runtime.ExitError", "errorMessage": message });
    assert_eq!(document(&answer), expected);
    assert_eq!(answer.function_error, Some("Unhandled"));
    assert!(answer.log_tail.contains("last words\n"), "{}", answer.log_tail);
    let next = world.invoke(json!({ "n": 1 })).await.unwrap();
    assert_eq!(document(&next), json!({ "n": 1 }));
}

#[tokio::test]
async fn an_environment_can_be_killed_in_the_middle_of_an_invocation() {
    let world = World::with_probe(|_| {});
    assert!(!world.lambda.kill_one("probe"), "nothing runs");
    let killer = world.lambda.clone();
    world.lambda.on_invocation_start(move |start| {
        assert_eq!((start.function, start.ordinal), ("probe", 1));
        assert!(killer.kill_one("probe"));
    });
    let answer = world.invoke(json!({ "do": "hang" })).await.unwrap();
    let message = document(&answer)["errorMessage"].to_string();
    assert!(message.contains("signal: killed"), "{message}");
}

#[tokio::test]
async fn a_function_that_cannot_start_says_what_where_and_why() {
    let fails = |function: &mut Function| {
        function.environment = BTreeMap::from([("PROBE_START".to_owned(), "fail".to_owned())]);
    };
    let world = World::with_probe(fails);
    let answer = world.invoke(json!({})).await.unwrap();
    assert_eq!(answer.function_error, Some("Unhandled"));
    let error = document(&answer);
    assert_eq!(error["errorType"], "Runtime.ExitError");
    let message = error["errorMessage"].as_str().unwrap();
    for part in ["exit status 1", "examples/probe", "TABLE is missing", "cannot start"] {
        assert!(message.contains(part), "{message}");
    }
    assert!(world.lambda.is_idle());
}

#[tokio::test]
async fn an_init_error_that_a_function_reports_is_what_its_caller_gets() {
    let world = World::with_probe(|function| {
        function.environment = BTreeMap::from([("PROBE_START".to_owned(), "report".to_owned())]);
    });
    let request = post("/2015-03-31/functions/probe/invocations").body(Body::empty()).unwrap();
    let (status, headers, body) = world.http(request).await;
    assert_eq!(
        (status.as_u16(), &headers["x-amz-function-error"]),
        (200, &"Unhandled".parse().unwrap())
    );
    let error: Value = serde_json::from_slice(&body).unwrap();
    let expected = json!({ "errorType": "Config.Missing", "errorMessage": "TABLE is missing" });
    assert_eq!(error, expected);
    assert_eq!(world.pids(), [0; 0], "it is ended, though it does not end by itself");
    world.lambda.shutdown().await;
}

#[tokio::test]
async fn durations_are_measured_to_the_fraction_of_a_millisecond() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = lines.clone();
    let sink = move |line: &LogLine<'_>| seen.lock().unwrap().push(line.text.to_owned());
    let config = Config::new("eu-west-1", ENDPOINT, binaries());
    let lambda = Lambda::new(Clock::system(), config, Arc::new(sink));
    lambda.add(probe(|_| {})).unwrap();
    for _ in 0..8 {
        lambda.invoke("probe", Bytes::from_static(b"{}")).await.unwrap();
    }
    let lines = lines.lock().unwrap().clone();
    let reports = lines.iter().filter(|line| line.starts_with("REPORT "));
    let mut fractions = BTreeSet::new();
    for report in reports {
        let field = |name: &str| {
            let text = report.split('\t').find_map(|field| field.strip_prefix(name))?;
            let text = text.strip_suffix(" ms")?;
            fractions.insert(text.split_once('.').map_or("", |(_, after)| after).to_owned());
            text.parse::<f64>().ok()
        };
        let measured = ["Duration: ", "Init Duration: "].map(field);
        let measured = measured[0].unwrap() + measured[1].unwrap_or(0.0);
        let billed = report.split_once("Billed Duration: ").unwrap().1.split(' ').next().unwrap();
        let billed: f64 = billed.parse().unwrap();
        assert!((measured - 0.02..measured + 1.02).contains(&billed), "{report}");
    }
    fractions.remove("00");
    assert!(!fractions.is_empty(), "whole milliseconds alone: {lines:?}");
    lambda.shutdown().await;
}

#[tokio::test]
async fn a_function_that_does_not_ask_for_work_in_time_is_ended() {
    let world = World::with_probe(|function| {
        function.environment = BTreeMap::from([("PROBE_START".to_owned(), "hang".to_owned())]);
    });
    let lambda = world.lambda.clone();
    let invoking =
        tokio::spawn(async move { lambda.invoke("probe", Bytes::from_static(b"{}")).await });
    until("started", || world.lines(Origin::Function) == ["waiting for nothing"]).await;
    world.clock.advance(Duration::from_secs(10));
    let error = document(&invoking.await.unwrap().unwrap());
    assert_eq!(error["errorType"], "Sandbox.Timedout");
    let message = error["errorMessage"].as_str().unwrap();
    assert!(message.contains("within 10.00 seconds"), "{message}");
    assert!(message.contains("waiting for nothing"), "{message}");
}

#[tokio::test]
async fn a_missing_binary_is_refused_with_the_command_that_builds_it() {
    let world = World::new(|_| {});
    let error = world.lambda.add(probe(|function| "nowhere".clone_into(&mut function.binary)));
    let message = error.unwrap_err().to_string();
    assert!(message.contains("cargo build --bin nowhere"), "{message}");
    world.lambda.add(probe(|_| {})).unwrap();
    let again = world.lambda.add(probe(|_| {}));
    assert_eq!(again, Err(AddError::Duplicate { function: "probe".to_owned() }));
}

#[tokio::test]
async fn beyond_its_limit_a_function_is_throttled() {
    let world = World::with_probe(|function| function.reserved_concurrency = Some(1));
    let hanging = world.begin(json!({ "do": "hang" })).await;
    let error = world.invoke(json!({})).await.unwrap_err();
    assert_eq!(error, InvokeError::Throttled { function: "probe".to_owned(), limit: 1 });
    let request = post("/2015-03-31/functions/probe/invocations").body(Body::from("{}")).unwrap();
    let (status, headers, body) = world.http(request).await;
    assert_eq!(status, 429);
    assert_eq!(headers["x-amzn-errortype"], "TooManyRequestsException");
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["Reason"], "ReservedFunctionConcurrentInvocationLimitExceeded");
    assert!(world.lambda.kill_one("probe"));
    hanging.await.unwrap().unwrap();
    assert!(world.invoke(json!({})).await.is_ok());
}

#[tokio::test]
async fn concurrent_invocations_have_environments_of_their_own_which_are_retired_when_idle() {
    let world = World::with_probe(|_| {});
    let hanging = world.begin(json!({ "do": "hang" })).await;
    world.invoke(json!({})).await.unwrap();
    let states: Vec<_> =
        world.lambda.environments("probe").into_iter().map(|it| it.state).collect();
    assert!(matches!(states.as_slice(), [EnvironmentState::Busy { .. }, EnvironmentState::Idle]));
    assert!(world.lambda.kill_one("probe"));
    hanging.await.unwrap().unwrap();

    let pid = world.pids()[0];
    world.clock.advance(Duration::from_secs(2));
    world.invoke(json!({})).await.unwrap();
    world.clock.advance(Duration::from_secs(599));
    assert_eq!(world.pids(), [pid], "use starts its time anew");
    world.clock.advance(Duration::from_secs(1));
    until("retired", || process_state(pid).is_none()).await;
    assert_eq!(world.pids(), [0; 0]);

    world.invoke(json!({})).await.unwrap();
    assert_eq!(world.lambda.retire_idle("probe"), 1);
    assert_eq!(world.pids(), [0; 0]);
}

#[tokio::test]
async fn an_environment_lives_on_over_a_skip_of_time_and_is_told_what_time_it_is() {
    let world = World::with_probe(|_| {});
    let told = async || document(&world.invoke(json!({ "do": "context" })).await.unwrap());
    let first = told().await;
    assert_eq!(first["clientContext"], Value::Null);
    let pids = world.pids();
    world.clock.skip(Duration::from_secs(7_200));
    let second = told().await;
    let offset = json!({ "sluicegate-clock-offset-ms": "7200000" });
    assert_eq!(second["clientContext"]["custom"], offset);
    let deadline_ms = |context: &Value| context["deadlineMs"].as_u64().unwrap();
    let later_ms = deadline_ms(&second) - deadline_ms(&first);
    assert!((7_200_000..7_320_000).contains(&later_ms), "{later_ms}");
    assert_eq!(world.pids(), pids, "idle for longer than it may be, were it not skipped");
}

#[tokio::test]
async fn a_function_that_takes_more_memory_than_it_has_is_ended() {
    let world = World::with_probe(|function| function.memory_mb = 128);
    let answer = world.invoke(json!({ "do": "allocate", "allocate": 200 })).await.unwrap();
    assert_eq!(document(&answer)["errorType"], "Runtime.OutOfMemory");
    assert_eq!(world.pids(), [0; 0]);
    let report = world.lines(Origin::Platform).pop().unwrap();
    assert!(report.contains("Error Type: Runtime.OutOfMemory"), "{report}");
    let answer = world.invoke(json!({ "do": "allocate", "allocate": 20 })).await.unwrap();
    assert_eq!(document(&answer), json!(20 * 1024 * 1024));
    let peak = world.lambda.environments("probe")[0].peak_memory_mb;
    assert!((20..128).contains(&peak), "{peak}");
}

#[tokio::test]
async fn between_invocations_an_environment_can_be_frozen() {
    let world = World::new(|config| config.freeze = true);
    world.lambda.add(probe(|_| {})).unwrap();
    for _ in 0..2 {
        world.invoke(json!({})).await.unwrap();
        let pid = world.pids()[0];
        until("frozen", || process_state(pid) == Some('T')).await;
    }
    let pid = world.pids()[0];
    world.lambda.shutdown().await;
    assert_eq!(process_state(pid), None, "a frozen process is ended too");
}

#[tokio::test]
async fn a_shutdown_leaves_no_process_behind() {
    let world = World::with_probe(|_| {});
    let hanging = world.begin(json!({ "do": "hang" })).await;
    world.invoke(json!({})).await.unwrap();
    let pids = world.pids();
    assert_eq!(pids.len(), 2);
    world.lambda.shutdown().await;
    assert!(pids.iter().all(|pid| process_state(*pid).is_none()));
    assert_eq!(hanging.await.unwrap().unwrap().function_error, Some("Unhandled"));
    assert_eq!(world.invoke(json!({})).await, Err(InvokeError::ShuttingDown));
}

#[tokio::test]
async fn a_dropped_service_ends_its_processes() {
    let world = World::with_probe(|_| {});
    world.invoke(json!({})).await.unwrap();
    let pid = world.pids()[0];
    drop(world);
    until("ended", || process_state(pid).is_none()).await;
}
