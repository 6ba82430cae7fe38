//! Acts while others write, while answers are lost, and while the audit log or the table is unavailable.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_act_goes_over_what_others_write_meanwhile() {
    let world = World::new().await;
    world.meets([Meets::Another, Meets::Another]);
    let (status, done) = world.act("/weather/force-close", until()).await;
    assert_eq!(status, 200, "{done}");
    assert_eq!(done["before"]["state"], "closed", "as the other has left it");
    assert_eq!(world.record().version, 4);
    world.check_phases(&["intent", "done"]);
    let entries = world.breakers.audit.entries();
    assert_eq!(
        (&entries[0].1["before"]["state"], &entries[1].1["before"]["state"]),
        (&json!("open"), &json!("closed"))
    );

    // The act is refused if the other one has left nothing to do.
    world.meets([Meets::Another]);
    let (status, refused) = world.act("/weather/release", json!({ "why": "w" })).await;
    assert_eq!(status, 409, "{refused}");
    world.check_phases(&["intent", "done", "intent", "not-done"]);

    world.meets([Meets::Another; 5]);
    let (status, refused) = world.act("/weather/disable", until()).await;
    assert_eq!((status, &refused["type"]), (503, &json!("urn:sluicegate:operators.contended")));
    assert_eq!(world.breakers.audit.phases().last(), Some(&json!("not-done")));
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_is_lost_is_looked_for() {
    for meets in [Meets::LostAnswer, Meets::LostRequest] {
        let world = World::new().await;
        world.meets([meets]);
        let (status, done) = world.act("/weather/force-open", until()).await;
        assert_eq!((status, &done["breaker"]["version"]), (200, &json!(2)), "{done}");
        assert_eq!(world.record().version, 2, "written once");
        world.check_phases(&["intent", "done"]);
    }
    let world = World::new().await;
    world.meets([Meets::LostRequest; 5]);
    let (status, told) = world.act("/weather/force-open", until()).await;
    assert_eq!((status, &told["type"]), (503, &json!("urn:sluicegate:operators.outcome-unknown")));
    world.check_phases(&["intent", "unknown"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_changed_of_which_there_would_be_no_record() {
    let mut world = World::new().await;
    world.breakers.audit.away_from = Some(0);
    let (status, told) = world.act("/weather/force-open", until()).await;
    assert_eq!((status, &told["type"]), (503, &json!("urn:sluicegate:operators.audit-away")));
    assert_eq!(world.record().forced, None);

    // The intent suffices as a record. The response says that the outcome is not in the log.
    world.breakers.audit.away_from = Some(1);
    let (status, told) = world.act("/weather/force-open", until()).await;
    assert_eq!((status, &told["audit"]["outcome"]), (200, &json!(null)), "{told}");
    assert!(world.record().forced.is_some());
    world.check_phases(&["intent"]);
}

#[tokio::test(start_paused = true)]
async fn without_the_table_nothing_is_said_to_be_known() {
    let world = World::new().await;
    world.breakers.store.inner.set_away(true);
    for (method, path, body) in [
        ("GET", "", json!(null)),
        ("GET", "/weather", json!(null)),
        ("POST", "/weather/force-open", until()),
    ] {
        let (status, told) = world.ask(method, path, &body).await;
        assert_eq!((status, &told["type"]), (503, &json!("urn:sluicegate:operators.store-away")));
    }
    world.check_phases(&[]);
}
