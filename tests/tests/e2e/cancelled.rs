//! A redrive that is cancelled when it has sent everything: what is on its way is given back, at whichever stage it is.

use http::Method;
use serde_json::{Value, json};
use sluicegate_tests::{World, flights};

const LETTERS: usize = 10;

async fn move_weather(world: &World, act: &str) {
    let mut body = json!({ "why": "to keep events where they are" });
    if act == "force-open" {
        body["for_s"] = json!(7_200);
    }
    let path = format!("/v1/breakers/weather/{act}");
    let (status, done) = world.operators(Method::POST, &path, &body).await;
    assert_eq!(status, 200, "{done}");
}

/// Sends all that is dead back, whatever waits and whichever breaker is open.
async fn redrive(world: &World) -> Value {
    let plan = world.ask_dlq("plan", json!({})).await;
    assert_eq!(plan["letters"], json!(LETTERS), "{plan}");
    let pace =
        json!({ "canary": 0, "most_waiting": 0, "rates": [1_000], "most_per_second": 1_000 });
    let begun = json!({ "plan": plan["plan"], "why": "mended", "pace": pace });
    world.ask_dlq("redrive", begun).await["run"].clone()
}

async fn run_of(world: &World, run: &Value) -> Value {
    world.ask_dlq("status", json!({ "run": run })).await["run"].clone()
}

/// The dead letters in the store, by stage and code.
async fn dead(world: &World) -> Vec<(String, String)> {
    let listed = world.ask_dlq("letters", json!({ "limit": 100 })).await;
    let letters = listed["letters"].as_array().unwrap();
    let text = |letter: &Value, name: &str| letter[name].as_str().unwrap().to_owned();
    letters.iter().map(|it| (text(it, "stage"), text(it, "code"))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_cancelled_redrive_has_on_its_way_is_given_back_and_nothing_of_it_is_written() {
    let world = World::start().await;
    let sample = flights(0, LETTERS);
    world.bury(&sample);
    world.settle().await;
    assert_eq!(dead(&world).await, vec![of("ingest", "contract.violation"); LETTERS]);

    // They wait behind the breaker, one stage further than they were sent to.
    move_weather(&world, "force-open").await;
    let run = redrive(&world).await;
    world.rest().await;
    assert_eq!(run_of(&world, &run).await["state"], "done");
    world.ask_dlq("cancel", json!({ "run": run, "why": "the wrong ones" })).await;
    assert_eq!(run_of(&world, &run).await["state"], "cancelled");
    move_weather(&world, "release").await;
    world.settle().await;
    world.assert_in_totals(&[]);
    let given_back = vec![of("enrich", "redrive.cancelled"); LETTERS];
    assert_eq!(dead(&world).await, given_back, "as letters of the stage that they had come to");

    // Once more, and this time they wait where they are sent to.
    move_weather(&world, "force-open").await;
    let run = redrive(&world).await;
    world.rest().await;
    world.ask_dlq("cancel", json!({ "run": run, "why": "the wrong ones, still" })).await;
    move_weather(&world, "release").await;
    world.settle().await;
    world.assert_in_totals(&[]);
    assert_eq!(dead(&world).await, given_back, "the same letters");
    let status = run_of(&world, &run).await;
    assert_eq!(status["came_back"], json!(LETTERS), "{status}");

    // And then in earnest.
    let run = redrive(&world).await;
    world.settle().await;
    let status = run_of(&world, &run).await;
    assert_eq!((&status["state"], &status["came_back"]), (&json!("done"), &json!(0)), "{status}");
    assert_eq!(dead(&world).await, []);
    world.assert_in_totals(&sample);
    world.end().await;
}

fn of(stage: &str, code: &str) -> (String, String) {
    (stage.to_owned(), code.to_owned())
}
