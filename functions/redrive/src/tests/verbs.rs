//! What operators see of letters, and what they do with them.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;

#[tokio::test]
async fn pages_hold_each_letter_once_whatever_their_size() {
    let world = World::new();
    let all: BTreeSet<String> = (0..57).map(|n| world.add("sink", &format!("{n}")).0).collect();
    for limit in [1, 2, 3, 10, 56, 57, 100] {
        for verb in ["letters", "export"] {
            let (mut seen, mut after) = (Vec::new(), Value::Null);
            loop {
                let page = world.asked(json!({ verb: { "limit": limit, "after": after } })).await;
                let letters = page["letters"].as_array().unwrap();
                assert!(letters.len() <= limit);
                seen.extend(letters.iter().map(|it| it["id"].as_str().unwrap().to_owned()));
                after = page["next"].clone();
                if after.is_null() {
                    break;
                }
            }
            assert_eq!(seen.len(), 57, "{verb} {limit}");
            assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), all, "{verb} {limit}");
        }
    }
    // That holds also for letters that are selected by their ids.
    let named: Vec<&String> = all.iter().take(5).collect();
    let (mut seen, mut after) = (Vec::new(), Value::Null);
    for _ in 0..named.len() {
        let select = json!({ "letters": named });
        let page =
            world.asked(json!({ "letters": { "select": select, "limit": 2, "after": after } }));
        let page = page.await;
        let letters = page["letters"].as_array().unwrap();
        seen.extend(letters.iter().map(|it| it["id"].as_str().unwrap().to_owned()));
        after = page["next"].clone();
        if after.is_null() {
            break;
        }
    }
    assert_eq!(seen.iter().collect::<Vec<_>>(), named);
    for bad in ["x", "99", "1:2", "0:"] {
        let refused = world.ask(json!({ "letters": { "after": bad } })).await;
        assert!(refused.is_err_and(|problem| problem.status() == 400), "{bad}");
    }
}

#[tokio::test]
async fn a_letter_is_shown_with_its_message() {
    let world = World::new();
    let id = world.add("sink", "the body");
    let shown = world.asked(json!({ "show": { "letter": id } })).await;
    assert_eq!(shown["letter"]["message"]["body"], json!("the body"));
    assert_eq!(shown["letter"]["state"], json!("dead"));
    let refused = world.ask(json!({ "show": { "letter": "nobody" } })).await.unwrap_err();
    assert_eq!(refused.status(), 404);
}

#[tokio::test]
async fn a_discard_is_counted_first_and_can_be_undone() {
    let world = World::new();
    let ids = [world.add("sink", "one"), world.add("sink", "two")];
    let states = || ids.each_ref().map(|id| world.state_of(id));
    let discard = |apply: bool| json!({ "discard": { "why": "poison", "apply": apply } });
    let counted = world.asked(discard(false)).await;
    assert_eq!((counted["letters"].clone(), states()), (json!(2), ["dead"; 2]));
    assert_eq!(world.audited(), Vec::<String>::new(), "nothing was done");
    world.asked(discard(true)).await;
    assert_eq!(states(), ["discarded"; 2]);
    let restore =
        json!({ "restore": { "select": { "letters": [ids[0]] }, "why": "no", "apply": true } });
    let refused = world.ask(json!({ "restore": { "why": "", "apply": true } })).await;
    assert!(refused.is_err(), "without a reason");
    world.asked(restore).await;
    assert_eq!(states(), ["dead", "discarded"]);
    assert_eq!(
        world.audited(),
        ["discard intent ann", "discard done ann", "restore intent ann", "restore done ann"]
    );
    // A plan includes no discarded letter.
    let plan = world.asked(json!({ "plan": {} })).await;
    assert_eq!(plan["letters"], json!(1));
}

#[tokio::test]
async fn the_list_counts_each_stage() {
    let world = World::new();
    world.add("sink", "one");
    world.add("sink", "two");
    world.memory.depths.lock().unwrap().insert("http://sqs/1/sink-dlq".to_owned(), 3);
    let list = world.asked(json!({ "list": {} })).await;
    let sink = &list["stages"]["sink"];
    assert_eq!((&sink["letters"]["dead"], &sink["groups"]), (&json!(2), &json!(1)), "{list}");
    assert_eq!(sink["queued"], json!(3));
    assert_eq!(list["stages"]["enrich"]["letters"], json!({}));
}

/// Scripts move all letters of a stage with one request.
#[tokio::test]
async fn a_stage_is_moved_whole() {
    let world = World::new();
    for n in 0..25 {
        world.add("sink", &format!("{n}"));
    }
    world.add("enrich", "other");
    let moved = world.asked(json!({ "move": { "stage": "sink" } })).await;
    assert_eq!((&moved["state"], &moved["sent"]), (&json!("done"), &json!(25)), "{moved}");
    assert_eq!(world.memory.queues.sent_to(SINK).len(), 25);
    assert_eq!(world.memory.queues.sent_to(ENRICH).len(), 0);
    let refused = world.ask(json!({ "move": { "stage": "inbox" } })).await.unwrap_err();
    assert!(refused.detail.contains("enrich, orders, sink"), "{refused:?}");
}

#[tokio::test]
async fn a_day_of_the_audit_log_is_read_a_page_at_a_time() {
    let world = World::new();
    world.add("sink", "one");
    for _ in 0..150 {
        world.asked(json!({ "stop": { "why": "x" } })).await;
    }
    let (mut seen, mut after) = (BTreeSet::new(), Value::Null);
    loop {
        let asked = json!({ "audit": { "day": "2026-01-01", "after": after } });
        let page = world.asked(asked).await;
        for entry in page["entries"].as_array().unwrap() {
            assert_eq!(entry["entry"]["act"], json!("stop"));
            assert!(seen.insert(entry["key"].as_str().unwrap().to_owned()));
        }
        after = page["next"].clone();
        if after.is_null() {
            break;
        }
    }
    assert_eq!(seen.len(), 300);
    let other = world.asked(json!({ "audit": { "day": "2026-01-02" } })).await;
    assert_eq!(other["entries"], json!([]));
    for bad in ["", "yesterday", "2026-1-1", "../../dead"] {
        assert!(world.ask(json!({ "audit": { "day": bad } })).await.is_err(), "{bad}");
    }
}

/// A character that is escaped twice on its way to an operator takes up to four bytes.
#[tokio::test]
async fn no_page_is_larger_than_lambda_answers_with_and_pages_have_each_letter_once() {
    let world = World::new();
    let mut ids = std::collections::BTreeSet::new();
    for n in 0..9 {
        ids.insert(world.add("sink", &format!("{n}{}", "\"".repeat(100_000))).0);
    }
    let (mut after, mut found) = (json!(null), Vec::new());
    loop {
        let mut asked = json!({ "limit": 100 });
        if after != Value::Null {
            asked["after"] = after;
        }
        let page = world.asked(json!({ "export": asked })).await;
        // The operators' function answers its URL in this form.
        let answer = json!({ "statusCode": 200, "body": page.to_string() }).to_string();
        assert!(answer.len() < 6_000_000, "{} bytes", answer.len());
        let letters = page["letters"].as_array().unwrap();
        assert!(!letters.is_empty());
        found.extend(letters.iter().map(|it| it["id"].as_str().unwrap().to_owned()));
        after = page["next"].clone();
        if after == Value::Null {
            break;
        }
    }
    assert_eq!(found.len(), ids.len());
    assert_eq!(found.into_iter().collect::<std::collections::BTreeSet<_>>(), ids);
}
