//! Notes of groups, and how they are shown.

use serde_json::json;

use super::*;

async fn only_group(world: &World) -> Value {
    let groups = world.asked(json!({ "groups": {} })).await["groups"].clone();
    let [group] = &groups.as_array().unwrap()[..] else { panic!("{groups}") };
    group.clone()
}

#[tokio::test]
async fn a_group_that_is_acknowledged_still_tells_how_much_it_grows() {
    let world = World::new();
    world.add("sink", "one");
    world.add("sink", "two");
    let before = only_group(&world).await;
    let shown = (&before["note"], &before["grown_by"], &before["is_muted"]);
    assert_eq!(shown, (&Value::Null, &Value::Null, &json!(false)));
    let group = before["group"].clone();
    let verb = json!({ "acknowledge": { "group": group, "why": "ticket 7" } });
    let noted = world.asked(verb).await["note"].clone();
    assert_eq!((&noted["state"], &noted["by"]), (&json!("acknowledged"), &json!("ann")));
    assert_eq!((&noted["why"], &noted["letters"]), (&json!("ticket 7"), &json!(2)));
    assert_eq!(only_group(&world).await["grown_by"], json!(0));
    for n in 0..5 {
        world.add_with("sink", &format!("{n}"), |entry| entry.tenant = Some(format!("{n}")));
    }
    let grown = only_group(&world).await;
    assert_eq!((&grown["grown_by"], &grown["note"]), (&json!(5), &noted), "{grown}");
    // For a part of the group, the growth is not known.
    let part = world.asked(json!({ "groups": { "select": { "tenants": ["3"] } } })).await;
    assert_eq!(part["groups"][0]["grown_by"], Value::Null, "{part}");
    let whole = json!({ "groups": { "select": { "stages": ["sink"], "groups": [group] } } });
    assert_eq!(world.asked(whole).await["groups"][0]["grown_by"], json!(5));
    assert_eq!(world.audited(), ["acknowledge intent ann", "acknowledge done ann"]);
}

#[tokio::test]
async fn a_group_is_muted_until_a_time_or_until_somebody_ends_it() {
    let world = World::new();
    world.add("sink", "one");
    let group = only_group(&world).await["group"].clone();
    let until = world.memory.clock.now().plus(Duration::from_secs(600));
    let mute = json!({ "mute": { "group": group, "why": "known", "until": until } });
    let unmute = json!({ "unmute": { "group": group, "why": "look at it" } });
    let refused = world.ask(unmute.clone()).await.unwrap_err();
    assert_eq!(refused.status(), 409, "it is not muted: {refused:?}");
    world.asked(mute.clone()).await;
    assert_eq!(only_group(&world).await["is_muted"], json!(true));
    world.memory.clock.advance(Duration::from_secs(600));
    let over = only_group(&world).await;
    assert_eq!((&over["is_muted"], &over["note"]["state"]), (&json!(false), &json!("muted")));
    assert!(world.ask(unmute.clone()).await.is_err(), "its time is over");
    assert!(world.ask(mute).await.is_err(), "until a time that is over");
    let until = world.memory.clock.now().plus(Duration::from_secs(600));
    let mute = json!({ "mute": { "group": group, "why": "known", "until": until } });
    world.asked(mute).await;
    world.asked(unmute).await;
    let ended = only_group(&world).await;
    assert_eq!(ended["is_muted"], json!(false));
    assert_eq!(ended["note"]["why"], json!("look at it"), "who ended it is told: {ended}");
    let acts: Vec<String> = world.audited().into_iter().filter(|it| it.contains("done")).collect();
    assert_eq!(acts, ["mute done ann", "mute done ann", "unmute done ann"]);
}

#[tokio::test]
async fn what_cannot_be_said_is_refused_and_nothing_is_written_down() {
    let world = World::new();
    world.add("sink", "one");
    let group = only_group(&world).await["group"].clone();
    let now = world.memory.clock.now();
    let day = Duration::from_secs(24 * 60 * 60);
    let long = now.plus(30 * day).plus(Duration::from_secs(1));
    for (verb, status) in [
        (json!({ "mute": { "group": group, "why": "x" } }), 400),
        (json!({ "mute": { "group": group, "why": "x", "until": long } }), 400),
        (json!({ "mute": { "group": group, "why": "x", "until": now } }), 400),
        (json!({ "mute": { "group": group, "why": "", "until": now.plus(day) } }), 400),
        (json!({ "mute": { "group": "1-0", "why": "x", "until": now.plus(day) } }), 404),
        (json!({ "acknowledge": { "group": group, "why": "\n" } }), 400),
        (json!({ "acknowledge": { "group": group, "why": "x", "until": now } }), 400),
        (json!({ "acknowledge": { "group": "1-0123456789abcdef", "why": "x" } }), 404),
        (json!({ "unmute": { "group": "1-0", "why": "x" } }), 409),
    ] {
        let refused = world.ask(verb.clone()).await.unwrap_err();
        assert_eq!(refused.status(), status, "{verb}: {refused:?}");
    }
    assert_eq!(world.audited(), Vec::<String>::new());
    let verb = json!({ "mute": { "group": group, "why": "x", "until": now.plus(30 * day) } });
    *world.memory.audit.is_away.lock().unwrap() = true;
    assert!(world.ask(verb.clone()).await.is_err());
    assert_eq!(only_group(&world).await["note"], Value::Null, "nothing without a record");
    *world.memory.audit.is_away.lock().unwrap() = false;
    world.asked(verb).await;
}

/// The second operator is told who was first.
#[tokio::test]
async fn of_two_operators_at_once_one_is_told_of_the_other() {
    let world = World::new();
    world.add("sink", "one");
    let group = only_group(&world).await["group"].clone();
    let verb = |why: &str| json!({ "acknowledge": { "group": group, "why": why } });
    let (one, other) = tokio::join!(world.ask(verb("one")), world.ask(verb("other")));
    let refused = [one, other].into_iter().filter_map(Result::err).collect::<Vec<_>>();
    let [refused] = &refused[..] else { panic!("{refused:?}") };
    assert!(refused.detail.contains("meanwhile ann"), "{refused:?}");
}
