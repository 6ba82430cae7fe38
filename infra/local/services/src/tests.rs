//! Calls services over real connections, as functions do.

use std::time::Duration;

use axum::routing::get;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::*;
use faults::Plan;

struct World {
    services: Services,
    adversary: Adversary,
    clock: Clock,
    client: Client<HttpConnector, Full<bytes::Bytes>>,
    background: JoinSet<()>,
}

impl World {
    /// Starts `weather`, which a router answers, and `prices`, which passes requests on to it.
    async fn start() -> Self {
        let clock = Clock::manual(1_700_000_000_000);
        let adversary = Adversary::new(clock.clone(), &Plan::default());
        let router = Router::new().route("/v1/now", get(async || r#"{"temp":21.5,"wind":3}"#));
        let service = |name: &str, upstream| Service { name: name.to_owned(), port: 0, upstream };
        let weather = Listening::start(service("weather", Upstream::Router(router))).await.unwrap();
        let there = Upstream::Url(format!("{}/", weather.url()));
        let prices = Listening::start(service("prices", there)).await.unwrap();
        let mut background = JoinSet::new();
        let services = Services::start(vec![weather, prices], &adversary, &clock, &mut background);
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { services, adversary, clock, client, background }
    }

    fn faults(&self, rules: &str) {
        self.adversary.clear();
        self.adversary.add(&Plan::parse(&format!("faults: [{rules}]")).unwrap());
    }

    /// The status and headers, and the first `limit` bytes of the body. `None` if the connection
    /// is closed without an answer.
    async fn get(&self, name: &str, limit: usize) -> Option<(axum::http::response::Parts, String)> {
        let url = format!("{}/v1/now", self.services.url(name).unwrap());
        let request = Request::get(url).body(Full::default()).unwrap();
        let (parts, mut body) = self.client.request(request).await.ok()?.into_parts();
        let mut text = Vec::new();
        while let Some(frame) = http_body_util::BodyExt::frame(&mut body).await {
            text.extend_from_slice(frame.ok()?.data_ref()?);
            if text.len() > limit {
                break;
            }
        }
        Some((parts, String::from_utf8(text).unwrap()))
    }

    async fn answer(&self, name: &str) -> Option<(u16, String)> {
        let (parts, text) = self.get(name, 1_000).await?;
        Some((parts.status.as_u16(), text))
    }
}

const WEATHER: &str = r#"{"temp":21.5,"wind":3}"#;

#[tokio::test]
async fn a_service_is_served_or_passed_on_and_is_away_or_failing_by_its_name() {
    let world = World::start().await;
    let fine = Some((200, WEATHER.to_owned()));
    assert_eq!(world.answer("weather").await, fine);
    assert_eq!(world.answer("prices").await, fine);
    world.faults("{fault: host-away, on: prices}");
    assert_eq!(world.answer("prices").await, None);
    assert_eq!(world.answer("weather").await, fine);
    world.faults("{fault: host-failing, on: weather, status: 429, retry-after: 30s}");
    let (parts, _) = world.get("weather", 1_000).await.unwrap();
    assert_eq!(
        (parts.status.as_u16(), &parts.headers["retry-after"]),
        (429, &"30".parse().unwrap())
    );
    world.adversary.clear();
    assert_eq!(world.answer("weather").await, fine, "it is back, as if nothing had been");
    drop(world.background);
}

#[tokio::test(start_paused = true)]
async fn a_slow_service_takes_as_long_as_its_rule_says() {
    let world = World::start().await;
    world.faults("{fault: host-slow, on: weather, by: 90s}");
    let begun = tokio::time::Instant::now();
    assert_eq!(world.answer("weather").await.unwrap().1, WEATHER);
    let took = begun.elapsed();
    assert!((Duration::from_secs(90)..Duration::from_secs(91)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn nonsense_is_what_nobody_can_read() {
    let world = World::start().await;
    let nonsense = |kind: &str| {
        world.faults(&format!("{{fault: host-nonsense, on: weather, answer: {kind}}}"));
        world.get("weather", 10_000_000)
    };
    let (parts, text) = nonsense("html").await.unwrap();
    assert!(parts.status.is_success() && text.contains("<html>"), "{text}");
    assert_eq!(parts.headers["content-type"], "text/html; charset=utf-8");
    let (_, text) = nonsense("truncated").await.unwrap();
    assert_eq!(text, WEATHER[..WEATHER.len() / 2]);
    let (parts, text) = nonsense("wrong-coding").await.unwrap();
    assert_eq!(
        (text.as_str(), &parts.headers["content-encoding"]),
        (WEATHER, &"gzip".parse().unwrap())
    );
    let (parts, text) = nonsense("too-large").await.unwrap();
    assert!(parts.status.is_success() && text.len() > 10_000_000, "{}", text.len());
}

#[tokio::test]
async fn calls_are_counted_by_the_emulations_time() {
    let world = World::start().await;
    world.answer("weather").await;
    world.clock.advance(Duration::from_secs(5));
    world.faults("{fault: host-away, on: weather, after: 1}");
    world.answer("weather").await;
    world.answer("weather").await;
    let of = |second, calls, faults| SecondCalls { second, calls, faults };
    let expected = [of(1_700_000_000, 1, 0), of(1_700_000_005, 2, 1)];
    assert_eq!(world.services.calls("weather"), expected);
    let told = world.services.to_json(1_700_000_001);
    let told = told["services"].as_array().unwrap();
    let calls = json!([{ "second": 1_700_000_005, "calls": 2, "faults": 1 }]);
    assert_eq!((&told[1]["name"], &told[1]["calls"]), (&json!("weather"), &calls));
    assert_eq!(told[0]["calls"], json!([]));
}
