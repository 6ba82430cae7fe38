//! A number's digits, from the producer to each sink: a row, a total, a lake's column, a URL, and a body
//! that is delivered. What is expected is written here as text, and compared as text.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Json;
use serde_json::{Value, json};
use sluicegate_tests::{Settings, World};
use tokio::net::TcpListener;

/// Two amounts of one key, and what they come to.
const AMOUNTS: [(&str, &str, &str); 6] = [
    ("0.1", "0.2", "0.3"),
    ("9007199254740993", "0.5", "9007199254740993.5"),
    ("12345678901234567.89", "-0.01", "12345678901234567.88"),
    ("12345678901234567890123456789.123456789", "1", "12345678901234567890123456790.123456789"),
    ("99999999999999999999999999999", "0.000000001", "99999999999999999999999999999.000000001"),
    ("-0.000000007", "0.000000007", "0"),
];

/// What a service was asked: each path, with the body that came.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<BTreeMap<String, String>>>);

async fn note(State(asked): State<Asked>, uri: Uri, body: String) -> Json<Value> {
    asked.0.lock().unwrap().insert(uri.path().to_owned(), body);
    Json(json!({}))
}

async fn serve(asked: Asked) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(note).with_state(asked);
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

fn numbers(item: &Value, name: &str) -> String {
    item[name]["N"].as_str().unwrap_or_else(|| panic!("no number `{name}`: {item}")).to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_amount_is_the_same_digits_wherever_it_goes() {
    let asked = Asked::default();
    let settings = Settings {
        datasets: &["exact"],
        weather_url: Some(serve(asked.clone()).await),
        ..Settings::default()
    };
    let world = World::start_with(settings).await;
    let mut sent = BTreeSet::new();
    let mut csv = "id,at,k,amount\n".to_owned();
    for (number, (one, other, _)) in AMOUNTS.iter().enumerate() {
        // The first of each by a message, the second by a file.
        let message = format!(
            r#"{{"id":{number},"at":"2026-11-28T00:00:00Z","k":"k{number}","amount":{one}}}"#
        );
        world.send("Inbox", &message, &[("dataset", "exact")]);
        csv.push_str(&format!("{},2026-11-28T00:00:00Z,k{number},{other}\n", number + 100));
        sent.extend([(*one).to_owned(), (*other).to_owned()]);
    }
    world.land("exact/amounts.csv", csv);
    world.settle().await;

    let records = world.emulation().dynamodb().scan_all(world.name("RecordsTable")).unwrap();
    let rows: BTreeSet<String> =
        records.iter().map(|item| numbers(&json!(item)["payload"]["M"], "amount")).collect();
    assert_eq!(rows, sent, "in rows");

    let totals = world.emulation().dynamodb().scan_all(world.name("TotalsTable")).unwrap();
    let found: BTreeSet<String> =
        totals.iter().map(|item| numbers(&json!(item), "amount")).collect();
    let expected: BTreeSet<String> = AMOUNTS.iter().map(|(_, _, sum)| (*sum).to_owned()).collect();
    assert_eq!(found, expected, "in totals");

    let asked = asked.0.lock().unwrap().clone();
    for amount in &sent {
        assert!(asked.contains_key(&format!("/rates/{amount}")), "no {amount} among {asked:?}");
        let delivered = &asked[&format!("/ledger/{amount}")];
        let digits = format!(r#""amount":{amount}"#);
        assert!(delivered.contains(&digits), "no {digits} in {delivered}");
    }

    let lake: BTreeSet<String> = world.lake_decimals("amount").into_iter().collect();
    let with_nine_decimals = |amount: &String| match amount.split_once('.') {
        None => format!("{amount}.000000000"),
        Some((whole, fraction)) => format!("{whole}.{fraction:0<9}"),
    };
    assert_eq!(lake, sent.iter().map(with_nine_decimals).collect(), "in the lake");
    for queue in ["InboxDlq", "EnrichDlq", "SinkDlq", "LakeDlq", "DeliverDlq"] {
        world.assert_letters(queue, &[]);
    }
    world.end().await;
}
