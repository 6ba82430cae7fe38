//! The requests for a file, and the report about it, with a function whose answers are given.

use std::cell::RefCell;

use verify::input::Format;

use super::*;
use crate::output::page::Page;

fn dataset() -> Dataset {
    let yaml = "
dataset: probe
schema: {version: 1, file: s}
keys: {idempotency: [/id], business: [/id], event_time: /at}
sinks: [{name: records, kind: table}]
";
    Dataset::read(yaml, |_| Some("{}".to_owned())).unwrap()
}

/// Answers for each payload what its member `is` says. Its fingerprint is the payload itself.
fn seen_by_payload(request: &Request) -> Value {
    let events = members(&request.body["events"]).iter().map(|payload| {
        let payload = payload.as_str().unwrap();
        let value: Value = serde_json::from_str(payload).unwrap();
        json!({ "seen": value["is"], "fingerprint": payload })
    });
    json!({ "events": events.collect::<Vec<_>>() })
}

async fn answer_to(text: &str, pages: &[Value]) -> Value {
    let files = [File::read(Format::Ndjson, text.as_bytes().to_vec()).unwrap()];
    let asked = RefCell::new(0);
    let ask = async |request: &Request| {
        if request.verb == "reconcile" {
            return Ok(seen_by_payload(request));
        }
        let mut at = asked.borrow_mut();
        let mut page = pages[*at].clone();
        *at += 1;
        page["next"] = if *at < pages.len() { json!(at.to_string()) } else { Value::Null };
        Ok(page)
    };
    let output = Output::of_process();
    let events = look_for(&files, &dataset(), &ask, &output).await.unwrap();
    let letters = read_letters("probe", &ask, &output).await.unwrap();
    let account = Account::of(&events, &letters.all);
    let looked = FoundEvents { files: vec!["sent.ndjson".to_owned()], events };
    answer(&dataset(), &looked, &letters, &account)
}

fn letter(id: &str, state: &str, print: &str) -> Value {
    json!({
        "id": id, "state": state, "stage": "sink", "code": "contract.violation", "seen": null,
        "fingerprints": [print], "digests": [], "files": [], "places": [],
    })
}

fn line(number: u64, is: &str) -> String {
    format!("{{\"is\":\"{is}\",\"n\":{number}}}\n")
}

fn print(number: u64, is: &str) -> String {
    line(number, is).trim().to_owned()
}

#[tokio::test]
async fn the_line_adds_up_and_the_rest_is_named() {
    let mut text: String = (0..194).map(|n| line(n, "everywhere")).collect();
    text.extend((194..199).map(|n| line(n, "missing")));
    text.push_str("no event\n");
    let first = json!({ "letters": (194..198)
        .map(|n| letter(&format!("l{n}"), "dead", &print(n, "missing"))).collect::<Vec<_>>() });
    let second = json!({ "letters": [letter("other", "dead", "another file's")] });
    let answer = answer_to(&text, &[first, second]).await;
    let page = Page::plain(80);
    let report = report::format_reconciliation(&page, &answer);
    assert!(
        report.starts_with("200 sent = 194 in their sinks + 4 dead + 2 not found\n"),
        "{report}"
    );
    assert!(report.contains("lines 199, 200"), "{report}");
    assert!(report.contains("4 letters with contract.violation at sink"), "{report}");
    assert_eq!((&answer["other_letters"], &answer["is_accounted_for"]), (&json!(1), &json!(false)));
    let ids: Vec<&str> =
        members(&answer["letters"]).iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["l194", "l195", "l196", "l197"]);
}

/// The letter changes its state while pages are read.
#[tokio::test]
async fn a_letter_that_is_in_two_pages_is_what_the_later_one_says() {
    let (dead, redriven) = (print(1, "missing"), print(1, "missing"));
    let pages = [
        json!({ "letters": [letter("a", "dead", &dead)] }),
        json!({ "letters": [letter("a", "redriven", &redriven)] }),
    ];
    let answer = answer_to(&line(1, "missing"), &pages).await;
    assert_eq!((&answer["dead"], &answer["on_their_way"]), (&json!(0), &json!(1)));
}

#[tokio::test]
async fn an_answer_that_is_short_of_events_is_no_answer() {
    let files = [File::read(Format::Ndjson, line(1, "everywhere").into_bytes()).unwrap()];
    let ask = async |_: &Request| Ok(json!({ "events": [] }));
    let failed = look_for(&files, &dataset(), &ask, &Output::of_process()).await.unwrap_err();
    assert!(failed.to_string().contains("deploy this one"), "{failed}");
    let ask = async |_: &Request| Ok(json!({ "events": [{ "seen": "hidden" }] }));
    let failed = look_for(&files, &dataset(), &ask, &Output::of_process()).await.unwrap_err();
    assert!(failed.to_string().contains("`hidden`"), "{failed}");
}

#[test]
fn what_waits_is_known_only_if_it_is_of_each_queue() {
    let list = json!({ "stages": {
        "sink": { "waiting": 2, "queued": 1 }, "lake": { "waiting": 3, "queued": null },
    } });
    assert_eq!(waiting(&list), json!({ "in_queues": 5, "not_collected": null }));
}
