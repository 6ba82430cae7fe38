//! Calls fail and invocations end at any point. In the end, each letter was sent in one life only, and is counted once.

use std::collections::{BTreeMap, BTreeSet};
use std::task::{Context, Waker};

use proptest::prelude::*;
use serde_json::json;
use testkit::LetterFault;

use super::*;

#[derive(Clone, Copy, Debug)]
enum Trouble {
    /// The invocation ends after so many polls.
    EndAfter(usize),
    /// A call of the store fails, after so many that succeed.
    Store(usize, LetterFault),
    Pause,
    Cancel,
    /// One of the letters that were sent fails again.
    ComeBack(usize),
}

fn any_trouble() -> impl Strategy<Value = Trouble> {
    let fault = prop_oneof![Just(LetterFault::NoEffect), Just(LetterFault::Lost)];
    prop_oneof![
        6 => (1_usize..60).prop_map(Trouble::EndAfter),
        4 => (0_usize..12, fault).prop_map(|(after, fault)| Trouble::Store(after, fault)),
        1 => Just(Trouble::Pause),
        1 => Just(Trouble::Cancel),
        2 => (0_usize..20).prop_map(Trouble::ComeBack),
    ]
}

/// Works until it is done, but for at most so many polls.
fn work(world: &World, polls: usize) {
    let request = Request::read(json!({ "do": { "work": {} } })).unwrap();
    let deadline = world.memory.clock.deadline_in(Duration::from_secs(300));
    let mut working = std::pin::pin!(world.redrive.answer(request, "i", &deadline));
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..polls {
        if working.as_mut().poll(&mut context).is_ready() {
            return;
        }
    }
}

fn act(world: &World, verb: &str, run: &str) {
    let _ = block(world.ask(json!({ verb: { "run": run, "why": "x" } })));
}

/// The lives in which each letter was sent, read from the messages.
fn lives(world: &World) -> BTreeMap<String, BTreeSet<(String, u32)>> {
    let mut lives: BTreeMap<String, BTreeSet<(String, u32)>> = BTreeMap::new();
    for message in world.memory.queues.sent_to(SINK) {
        let failure: Value =
            serde_json::from_str(&message.attributes["sluicegate.failure"].value).unwrap();
        let mark = &failure["redrive"];
        let life =
            (mark["run"].as_str().unwrap().to_owned(), mark["count"].as_u64().unwrap() as u32);
        lives.entry(message.body).or_default().insert(life);
    }
    lives
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn each_letter_goes_out_in_one_life_of_a_run_and_is_counted_once(
        letters in 1_usize..20,
        troubles in proptest::collection::vec(any_trouble(), 0..12),
    ) {
        // Some code creates timers, which needs a runtime, although nothing here waits for them.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _entered = runtime.enter();
        let world = World::new();
        let ids: Vec<LetterId> = (0..letters).map(|n| world.add("sink", &format!("{n}"))).collect();
        let run = block(world.begin(json!(letters::Pace::unlimited())));
        let mut came_back = 0_u64;
        for trouble in troubles {
            match trouble {
                Trouble::EndAfter(polls) => {
                    work(&world, polls);
                    // The lease of a dead worker ends.
                    world.memory.clock.advance(Duration::from_secs(61));
                }
                Trouble::Store(after, fault) => {
                    world.memory.store.fail((0..after).map(|_| LetterFault::None).chain([fault]));
                    work(&world, 10_000);
                    world.memory.clock.advance(Duration::from_secs(61));
                    world.memory.store.mend();
                }
                Trouble::Pause => act(&world, "pause", &run),
                Trouble::Cancel => act(&world, "cancel", &run),
                Trouble::ComeBack(which) => {
                    let id = &ids[which % ids.len()];
                    let was_sent = lives(&world).contains_key(&world.body_of(id));
                    if world.state_of(id) == "redriven" && was_sent {
                        World::come_back(&world.memory, id);
                        came_back += 1;
                    }
                }
            }
        }
        world.memory.store.mend();
        act(&world, "resume", &run);
        for _ in 0..6 {
            work(&world, 100_000);
            world.memory.clock.advance(Duration::from_secs(61));
        }
        let status = block(world.status(&run));
        let state = status["state"].as_str().unwrap().to_owned();
        prop_assert!(state == "done" || state == "cancelled", "{}", status);
        let lives = lives(&world);
        for (body, lives) in &lives {
            prop_assert_eq!(lives.len(), 1, "{} went out in {:?}", body, lives);
        }
        let sent = status["sent"].as_u64().unwrap();
        prop_assert_eq!(lives.len() as u64, sent, "{}", status);
        prop_assert_eq!(status["came_back"].as_u64().unwrap(), came_back);
        let is_out = |id: &&LetterId| world.state_of(id) == "redriven";
        prop_assert_eq!(ids.iter().filter(is_out).count() as u64, sent - came_back, "{}", status);
        if state == "done" {
            prop_assert_eq!(sent, letters as u64, "all are sent: {}", status);
        }
    }
}
