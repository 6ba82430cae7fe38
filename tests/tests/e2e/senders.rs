//! Who may send a dataset: what others send is refused, however it comes, until the contract lists them.

use event::Code;
use http::Method;
use serde_json::{Value, json};
use sluicegate_tests::{Edit, Flight, Settings, World, ask, flights, lines, post, post_signed};

/// The contract of flights lists one sender, whose id is a variable's.
fn settings() -> Settings {
    let sources = Edit {
        old: "dataset: flights\n",
        new: "dataset: flights\nsources: [files, inbox: {senders: ['{SHOP}']}, http: {senders: ['{SHOP}']}]\n",
    };
    let variables =
        Edit { old: "variables:\n", new: "variables:\n  SHOP: AROASHOP0000000000000\n" };
    Settings {
        contract_edits: vec![
            ("flights/contract.yaml", sources),
            ("variables/local.yaml", variables),
        ],
        ..Settings::default()
    }
}

/// Makes the emulation's producer the sender that is listed. It is the root user of the account.
async fn list_producer(world: &World) {
    let reloads = |world: &World| world.logs.lines_with("infra/contracts has changed").len();
    let before = reloads(world);
    let file = world.contracts().join("variables/local.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let changed = text.replace("SHOP: AROASHOP0000000000000", "SHOP: '000000000000'");
    assert_ne!(changed, text);
    std::fs::write(&file, changed).unwrap();
    world.wait_until("functions are replaced", |world| reloads(world) > before).await;
}

async fn invoke(world: &World, event: &Value) -> Value {
    let (endpoint, name) = (world.emulation().endpoint(), world.name("IngestFunction"));
    let url = format!("{endpoint}/2015-03-31/functions/{name}/invocations");
    post(&url, event.to_string()).await.2
}

async fn send_each_way(world: &World, sample: &[Flight]) {
    world.send("Inbox", &sample[0].line, &[("dataset", "flights")]);
    let bus = json!({"detail-type": "flights", "source": "x", "detail": sample[1].value});
    world.send("Inbox", &bus.to_string(), &[]);
    assert_eq!(invoke(world, &bus).await["handed_over"], json!(1));
    world.land("flights/a.ndjson", lines(&sample[4..]));
    world.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_send_is_refused_and_written_once_they_are_listed() {
    let world = World::start_with(settings()).await;
    let sample = flights(0, 6);
    let url = format!("{}/flights", world.output("IngestUrl").trim_end_matches('/'));
    send_each_way(&world, &sample).await;
    let (status, content_type, problem) = post_signed(&url, sample[3].line.clone()).await;
    assert_eq!((status, content_type.as_str()), (403, "application/problem+json"), "{problem}");
    assert_eq!(problem["code"], json!("source.refused"));
    world.assert_written_once(&sample[4..]);
    let producer = "`000000000000` sent it, and may not";
    let refused = [
        (Code::SourceRefused, producer),
        (Code::SourceRefused, producer),
        (Code::SourceRefused, "`AROA"),
    ];
    world.assert_letters("InboxDlq", &refused);

    // A redrive does not make a sender one of those that may.
    world.redrive("ingest").await;
    world.settle().await;
    world.assert_letters("InboxDlq", &refused);

    list_producer(&world).await;
    world.redrive("ingest").await;
    world.settle().await;
    world.assert_letters("InboxDlq", &[(Code::SourceRefused, "`AROA")]);
    let headers = [("content-type", "application/json"), sluicegate_tests::SIGNED];
    let (status, _, answer) = ask(Method::POST, &url, &headers, sample[3].line.clone()).await;
    assert_eq!(status, 202, "{answer}");
    world.settle().await;
    let written: Vec<Flight> = [&sample[..1], &sample[1..2], &sample[3..]].concat();
    world.assert_written_once(&written);
    world.end().await;
}
