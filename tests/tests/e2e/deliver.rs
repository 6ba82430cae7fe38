//! What goes to a service: once under its key, whoever loses what.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use emulation::faults::Plan;
use event::Code;
use futures_util::future::join_all;
use sample::Weather;
use serde_json::{Value, json};
use sluicegate_tests::{Settings, World, weather};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How often it is looked how far deliveries are.
const LOOK: Duration = Duration::from_millis(5);

/// The weather of so many hours, each a line.
fn observations(count: usize) -> Vec<Value> {
    let lines = testkit::sample_lines("weather.ndjson.gz");
    lines.iter().take(count).map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn send(world: &World, observations: &[Value]) {
    for each in observations {
        world.send("Inbox", &each.to_string(), &[("dataset", "weather")]);
    }
}

fn hour_of(observation: &Value) -> String {
    format!("{} {}", observation["origin"], observation["time_hour"])
}

fn by_hour(observations: &[Value]) -> BTreeMap<String, Value> {
    observations.iter().map(|each| (hour_of(each), each.clone())).collect()
}

/// What the service took, and how often it was asked beyond that.
fn taken(weather: &Weather) -> (BTreeMap<String, Value>, u32) {
    let deliveries = weather.deliveries();
    let mut taken = BTreeMap::new();
    let mut repeats = 0;
    for (key, delivered) in deliveries {
        let body: Value = serde_json::from_slice(&delivered.body).unwrap();
        assert_eq!(delivered.conflicts, 0, "{key}: another payload was sent under its key");
        let other = taken.insert(hour_of(&body), body);
        assert_eq!(other, None, "one hour was taken under two keys");
        repeats += delivered.times - 1;
    }
    (taken, repeats)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_observation_is_delivered_once_however_often_it_comes() {
    let world = World::start().await;
    let sample = observations(60);
    send(&world, &sample);
    send(&world, &sample[..20]);
    world.settle().await;
    send(&world, &sample);
    world.settle().await;
    assert_eq!(taken(world.weather()), (by_hour(&sample), 0));
    assert_eq!(world.logs.sum("deliver", "events.out"), 60);
    assert_eq!(world.logs.sum("deliver", "events.duplicate"), 80);
    for queue in ["InboxDlq", "EnrichDlq", "SinkDlq", "DeliverDlq"] {
        world.assert_letters(queue, &[]);
    }
    world.end().await;
}

/// A service that loses every fifth question before it hears it, and every fifth answer after it did.
async fn unreliable(weather: Weather) -> String {
    let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = service.local_addr().unwrap();
    tokio::spawn(weather.serve(service));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let exchanges = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(relay(client, upstream, Arc::clone(&exchanges)));
        }
    });
    url
}

/// Questions and answers are short: each comes in one piece.
async fn relay(mut client: TcpStream, upstream: SocketAddr, exchanges: Arc<AtomicUsize>) {
    let mut service = TcpStream::connect(upstream).await.unwrap();
    let mut piece = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = client.read(&mut piece).await {
        let exchange = exchanges.fetch_add(1, Ordering::Relaxed);
        if exchange % 5 == 1 || service.write_all(&piece[..length]).await.is_err() {
            return;
        }
        let Ok(length @ 1..) = service.read(&mut piece).await else { return };
        if exchange % 5 == 3 || client.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}

const SEEDS: std::ops::Range<u64> = 0..6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_lost_or_killed_each_observation_takes_effect_once() {
    let seeds = SEEDS.map(|seed| tokio::spawn(check(seed)));
    for (seed, ended) in SEEDS.zip(join_all(seeds).await) {
        assert!(ended.is_ok(), "seed {seed}; what it saw is above");
    }
}

async fn check(seed: u64) {
    let service = Weather::load(&weather()).unwrap();
    let weather_url = Some(unreliable(service.clone()).await);
    let faults = Plan::storm(seed);
    let world = World::start_with(Settings { faults, weather_url, ..Settings::default() }).await;
    let sample = observations(40);
    send(&world, &sample);
    send(&world, &sample[..20]);
    world.settle().await;
    let mut second = sample[0].clone();
    second["temp"] = json!(999);
    send(&world, std::slice::from_ref(&second));
    world.settle().await;

    world.after_the_storm().await;
    let (taken, repeats) = taken(&service);
    let mut expected = by_hour(&sample);
    if taken[&hour_of(&second)]["temp"] == 999 {
        expected.insert(hour_of(&second), second);
    }
    assert_eq!(taken, expected, "seed {seed}");
    assert!(repeats > 0, "seed {seed}: nothing was lost");
    world.assert_codes("DeliverDlq", &[Code::Conflict]);
    world.end().await;
}

const TOKENS: [&str; 2] = ["hush-one", "hush-two"];

fn send_guarded(world: &World, observations: &[Value]) {
    for each in observations {
        world.send("Inbox", &each.to_string(), &[("dataset", "guarded")]);
    }
}

/// The service takes one token at a time: from now on this one, and no more the one before.
fn rotate(world: &World, token: &str) {
    let secret = json!({ "token": token }).to_string();
    world.emulation().secrets().put("sluicegate/guarded", &secret).unwrap();
    world.weather().require_token(token);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_is_rotated_in_the_middle_of_deliveries_causes_no_dead_letter() {
    let world = World::start_with(Settings { datasets: &["guarded"], ..Settings::default() }).await;
    let weather = world.weather();
    rotate(&world, TOKENS[0]);
    let sample = observations(200);
    let (before, after) = sample.split_at(100);
    send_guarded(&world, before);
    while weather.deliveries().len() < 20 {
        tokio::time::sleep(LOOK).await;
    }
    rotate(&world, TOKENS[1]);
    send_guarded(&world, after);
    world.settle().await;

    assert_eq!(taken(weather), (by_hour(&sample), 0));
    assert!(weather.refusals() > 0, "no environment had an old token");
    assert_eq!(world.logs.sum("deliver", "events.retried"), 0, "an event had to come again");
    for queue in ["InboxDlq", "EnrichDlq", "DeliverDlq"] {
        world.assert_letters(queue, &[]);
    }
    for token in TOKENS {
        assert_eq!(world.logs.lines_with(token), Vec::<String>::new(), "a log tells a token");
    }
    world.end().await;
}
