//! Starting, refusing to start, and ending.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use services::{Service, Upstream};
use sluicegate_local_emulation::{Emulation, Options, binaries, stack};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Root, TEMPLATE, start};

const RATES: &str = r#"{"EUR":1.08}"#;

/// A service that answers exchange rates.
fn rates() -> Service {
    let router = axum::Router::new().route("/v1", axum::routing::get(async || RATES));
    Service { name: "rates".to_owned(), port: 0, upstream: Upstream::Router(router) }
}

async fn refusal(options: Options) -> String {
    Emulation::start(options).await.err().unwrap().to_string()
}

/// The body of a service's answer.
async fn answer(url: &str) -> String {
    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[tokio::test]
async fn what_cannot_start_is_named() {
    let root = Root::new(TEMPLATE);
    let nowhere = Options { root: root.path.join("nowhere"), ..root.options() };
    assert!(refusal(nowhere).await.contains("nowhere/template.yaml"));

    let unbuilt = Options { binaries: root.path.clone(), ..root.options() };
    assert!(refusal(unbuilt).await.contains("cargo build --bin probe"));

    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let text = refusal(Options { port, ..root.options() }).await;
    assert!(text.starts_with(&format!("127.0.0.1:{port}: ")), "{text}");

    let unknown = BTreeMap::from([("Unknown".to_owned(), "1".to_owned())]);
    let text = refusal(Options { parameters: unknown, ..root.options() }).await;
    assert!(text.contains("Unknown, which is no parameter"), "{text}");
}

#[tokio::test]
async fn a_service_is_served_where_a_layers_variables_have_its_place() {
    let root = Root::new(TEMPLATE);
    let options = Options { services: vec![rates()], ..root.options() };
    let world = Emulation::start(options).await.unwrap();
    assert!(world.services().url("rates").is_none());
    world.shutdown().await;

    let root = Root::new(&TEMPLATE.replace("FunctionName: broken", "FunctionName: broken\n      Layers: [!Ref Layer]")
        .replace("Resources:\n", "Resources:\n  Layer: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layer}}\n"));
    let variables = root.path.join("layer/variables");
    std::fs::create_dir_all(&variables).unwrap();
    std::fs::create_dir_all(root.path.join("layer/flights")).unwrap();
    std::fs::write(variables.join("local.yaml"), "variables: {A: '{LOCAL_RATES}/v1'}").unwrap();
    std::fs::write(variables.join("other.yaml"), "variables: {A: b}").unwrap();
    let read = |world: &Emulation, name: &str| {
        let function = world.stack().functions.iter().find(|each| each.name == "broken").unwrap();
        let path = function.layers[0].join(name);
        assert!(function.layers[0].join("flights").is_dir());
        (std::fs::read_to_string(&path).unwrap(), path)
    };

    let text = refusal(root.options()).await;
    assert!(
        text.contains("local.yaml: nothing is known that could stand for {LOCAL_RATES}"),
        "{text}"
    );

    let other = BTreeMap::from([("LOCAL_B".to_owned(), "http://elsewhere".to_owned())]);
    let text = refusal(Options { places: other, ..root.options() }).await;
    assert!(text.ends_with("could stand for {LOCAL_RATES}; known: {LOCAL_B}"), "{text}");

    let places = BTreeMap::from([("LOCAL_RATES".to_owned(), "http://elsewhere".to_owned())]);
    let options = Options { services: vec![rates()], places, ..root.options() };
    let world = Emulation::start(options).await.unwrap();
    assert!(world.services().url("rates").is_none());
    let (text, _) = read(&world, "variables/local.yaml");
    assert_eq!(text, "variables: {A: 'http://elsewhere/v1'}");
    world.shutdown().await;

    let options = Options { services: vec![rates()], ..root.options() };
    let world = Emulation::start(options).await.unwrap();
    let (text, path) = read(&world, "variables/local.yaml");
    let url = world.place("LOCAL_RATES").unwrap().to_owned();
    assert_eq!(world.services().url("rates"), Some(url.as_str()));
    assert_eq!(answer(&format!("{url}/v1")).await, RATES);
    assert_eq!(text, format!("variables: {{A: '{url}/v1'}}"));
    assert_eq!(read(&world, "variables/other.yaml").0, "variables: {A: b}");
    world.shutdown().await;
    assert!(!path.exists(), "the copy is gone");
    let address = url.strip_prefix("http://").unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "its server is gone");
    assert_eq!(binaries(&stack(&root.path, &BTreeMap::new()).unwrap()), ["probe"]);
}

#[tokio::test]
async fn nothing_is_left_after_the_end() {
    let world = start().await;
    world.lambda().invoke("echo", Bytes::from_static(b"{}")).await.unwrap();
    let pids: Vec<u32> =
        world.lambda().environments("echo").iter().map(|environment| environment.pid).collect();
    let address = world.endpoint().strip_prefix("http://").unwrap().to_owned();
    let hanging = tokio::spawn({
        let lambda = world.lambda().clone();
        async move { lambda.invoke("echo", Bytes::from_static(br#"{"do":"hang"}"#)).await }
    });
    while world.lambda().is_idle() {
        tokio::task::yield_now().await;
    }
    let ended = tokio::time::timeout(Duration::from_secs(10), world.shutdown()).await;
    assert!(ended.is_ok(), "it waits for nobody");
    assert!(hanging.await.unwrap().is_ok_and(|answer| answer.function_error.is_some()));
    assert!(TcpStream::connect(address).await.is_err());
    assert_eq!(pids.len(), 1);
    for pid in pids {
        assert!(!Path::new(&format!("/proc/{pid}")).exists(), "{pid} still runs");
    }
}
