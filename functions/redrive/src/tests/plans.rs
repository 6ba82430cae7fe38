//! The letters of plans, and plans that are refused.

use serde_json::json;

use super::*;

#[tokio::test]
async fn a_plan_has_exactly_what_is_chosen() {
    let world = World::new();
    for n in 0..30 {
        let dataset = if n % 3 == 0 { "weather" } else { "flights" };
        world.add_with("sink", &format!("{{\"n\":{n}}}"), |entry| {
            entry.dataset = Some(dataset.to_owned());
        });
    }
    world.add("enrich", "{}");
    for (select, letters) in [
        (json!({}), 31),
        (json!({ "stages": ["sink"] }), 30),
        (json!({ "datasets": ["weather"] }), 10),
        (json!({ "datasets": ["weather"], "stages": ["enrich"] }), 0),
        (json!({ "value": { "pointer": "/n", "value": 7.0 } }), 1),
        (json!({ "codes": ["dedupe.conflict"] }), 0),
    ] {
        let plan = world.asked(json!({ "plan": { "select": select } })).await;
        assert_eq!(plan["letters"], json!(letters), "{select}: {plan}");
    }
}

#[tokio::test]
async fn a_plan_that_was_edited_is_unknown_or_is_another_stack_s_is_refused() {
    let world = World::new();
    world.add("sink", "one");
    let plan = world.asked(json!({ "plan": {} })).await["plan"].as_str().unwrap().to_owned();
    let begin = |plan: &str| json!({ "redrive": { "plan": plan, "why": "x" } });
    for unknown in ["none", "../audit/x", ""] {
        let refused = world.ask(begin(unknown)).await.unwrap_err();
        assert_eq!(refused.status(), 404, "{refused:?}");
    }
    let key = format!("plans/{plan}.json");
    let header = String::from_utf8(world.memory.store.objects()[&key].clone()).unwrap();
    for (old, new, about) in
        [("\"sink\":1", "\"sink\":2", "changed after"), ("\"prod\"", "\"test\"", "changed after")]
    {
        let edited = header.replace(old, new);
        assert_ne!(edited, header);
        world.memory.store.put_anyway(&key, edited.into_bytes());
        let refused = world.ask(begin(&plan)).await.unwrap_err();
        assert!(refused.detail.contains(about), "{refused:?}");
    }
    world.memory.store.put_anyway(&key, header.into_bytes());
    let other = Redrive { stack: "test".to_owned(), ..World::new().redrive };
    let other = Redrive { ports: world.memory.clone(), ..other };
    let asked: crate::request::Request = Request::read(json!({ "do": begin(&plan) })).unwrap();
    let deadline = world.memory.clock.deadline_in(Duration::from_secs(300));
    let refused = other.answer(asked, "i", &deadline).await.unwrap_err();
    assert!(refused.detail.contains("of the stack `prod`"), "{refused:?}");
    world.memory.clock.advance(Duration::from_secs(25 * 3_600));
    let refused = world.ask(begin(&plan)).await.unwrap_err();
    assert!(refused.detail.contains("more than a day"), "{refused:?}");
}

/// A page that was changed after the run began stops the run before it sends anything of that page.
#[tokio::test]
async fn a_page_that_was_edited_is_found_before_anything_of_it_is_sent() {
    let world = World::new();
    let (_, other) = (world.add("sink", "one"), world.add("enrich", "two"));
    let plan = world.asked(json!({ "plan": { "select": { "stages": ["sink"] } } })).await;
    let page =
        world.memory.store.objects().keys().find(|key| key.ends_with("000000.ndjson")).cloned();
    let line = format!("{{\"id\":\"{}\",\"version\":1}}\n", other.0);
    world.memory.store.put_anyway(&page.unwrap(), line.into_bytes());
    let verb = json!({ "redrive": { "plan": plan["plan"], "why": "x", "pace": { "canary": 0 } } });
    let run = world.asked(verb).await["run"].as_str().unwrap().to_owned();
    world.work(&run).await;
    assert_eq!(world.memory.queues.sent_to(ENRICH).len(), 0);
    assert_eq!(world.state_of(&other), "dead");
}

#[tokio::test]
async fn a_target_that_is_not_there_or_would_lose_the_order_is_refused() {
    let world = World::new();
    world.add("orders", "one");
    let refused = world.ask(json!({ "plan": { "to": "nowhere" } })).await.unwrap_err();
    assert!(refused.detail.contains("enrich, orders, sink"), "{refused:?}");
    let refused = world.ask(json!({ "plan": { "to": "sink" } })).await.unwrap_err();
    assert!(refused.detail.contains("FIFO"), "{refused:?}");
    world.asked(json!({ "plan": {} })).await;
    world.add("retired", "two");
    let refused = world.ask(json!({ "plan": {} })).await.unwrap_err();
    assert!(refused.detail.contains("`retired`"), "{refused:?}");
}
