//! A service outside AWS that goes wrong for a while, as the fault plan says.

use emulation::faults::Plan;
use http::Method;
use serde_json::Value;
use sluicegate_tests::{World, ask, flights, post};

/// The calls of the weather service and those that went wrong, as they are told over HTTP.
async fn told(world: &World) -> (u64, u64) {
    let url = format!("{}{}", world.emulation().endpoint(), emulation::server::SERVICES);
    let (_, _, told) = ask(Method::GET, &url, &[], String::new()).await;
    let service = &told["services"][0];
    assert_eq!(service["name"], "weather", "{told}");
    let seconds: &[Value] = service["calls"].as_array().unwrap();
    let sum = |name: &str| seconds.iter().map(|second| second[name].as_u64().unwrap()).sum();
    (sum("calls"), sum("faults"))
}

/// Three calls of ten fail at most, one after the other, so that no event fails as often as it is received.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_wrong_at_a_service_is_switched_on_and_off_and_its_calls_are_counted() {
    let world = World::start().await;
    let sample = flights(0, 30);
    world.send_flights(&sample[..10]);
    world.settle().await;
    assert_eq!(told(&world).await, (10, 0));

    let url = format!("{}{}", world.emulation().endpoint(), emulation::server::FAULTS);
    let plan = "faults:\n  - {fault: host-away, on: weather, times: 3}\n  \
                - {fault: host-failing, on: weather, times: 3}\n  \
                - {fault: host-nonsense, on: weather, times: 3, answer: truncated}\n";
    assert!(Plan::parse(plan).is_ok());
    let (status, _, added) = post(&url, plan).await;
    assert_eq!(status, 200, "{added}");
    world.send_flights(&sample[10..20]);
    world.settle().await;
    let (calls, faults) = told(&world).await;
    assert!((3..=9).contains(&faults) && calls == 20 + faults, "{calls} calls, {faults} faults");

    ask(Method::DELETE, &url, &[], String::new()).await;
    world.send_flights(&sample[20..]);
    world.settle().await;
    assert_eq!(told(&world).await, (calls + 10, faults));
    world.assert_written_once(&sample);
    world.assert_letters("EnrichDlq", &[]);
    world.end().await;
}
