//! Compactions that die at any call, and that meet writers and each other at any step.

mod rows;
mod world;

use bytes::Bytes;

use self::world::{Caller, End, HOUR, World, at_once};
use super::*;

const ALL: [&str; 14] =
    ["a1", "a2", "b1", "b2", "c1", "c2", "d1", "d2", "e1", "e2", "f1", "f2", "g1", "g2"];

fn settings() -> Settings {
    Settings::new(HOUR, HOUR, 1_000_000).unwrap()
}

/// A day with everything that writers can leave behind, two hours ago: complete objects, one whose claims are not
/// completed, an orphan, a tombstone with a claim on it, claims on keys that are in no object, and the result of a
/// compaction that did not list it.
fn history() -> World {
    let world = World::new(testkit::contracts());
    let deliver = |keys: &[&str], caller: &Caller| {
        world.run(world.deliver(keys, caller), "history");
        world.wait(Duration::from_secs(61));
    };
    let alive = Caller::default();
    for keys in [["a1", "a2"], ["b1", "b2"], ["c1", "c2"]] {
        deliver(&keys, &alive);
    }
    // A writer makes these calls: write the claims, write the object, read the list, write the list, complete the
    // claims.
    deliver(&["d1", "d2"], &Caller::ending(4, End::DiesBefore));
    deliver(&["e1", "e2"], &Caller::ending(2, End::DiesBefore));
    deliver(&["f1", "f2"], &Caller::ending(1, End::DiesBefore));
    deliver(&["f1"], &alive);
    // These keys are claimed in the name of a listed object and of an orphan that do not hold them.
    let orphan = world.unlisted();
    let orphan = orphan.iter().find(|key| !world.keys_of(key).is_empty()).unwrap();
    world.claim("g1", &world.entries()[0].key);
    world.claim("g2", orphan);
    let name = world.name(world.clock.now());
    let format = LakeFormat::Parquet;
    let body = world.bucket.body(&world.entries()[1].key);
    world.put(&world.partition.result(&name, format), body);
    world.wait(2 * HOUR);
    assert_eq!(world.found().len(), 9, "{:?}", world.found());
    assert_eq!(world.unlisted().len(), 3, "an orphan, a tombstone and a result");
    world
}

/// The next runs do whatever was left undone. In the end all objects are listed, each event is written once, and a
/// second delivery writes nothing twice.
fn check_end(world: &World, told: &str) {
    let alive = Caller::default();
    world.wait(Duration::from_secs(61));
    let acknowledged = world.run(world.deliver(&ALL, &alive), told);
    assert_eq!(acknowledged, [true; 14], "{told}");
    for _ in 0..3 {
        world.wait(2 * HOUR);
        let tally = world.run(world.compact(settings(), &alive), told);
        tally.unwrap_or_else(|failure| panic!("{told}: {failure}"));
    }
    assert_eq!(world.unlisted(), Vec::<String>::new(), "{told}: left over");
    let [entry] = <[Entry; 1]>::try_from(world.entries()).unwrap();
    assert!(entry.replaces.is_empty(), "{told}: {entry:?}");
    let mut keys = world.keys_of(&entry.key);
    keys.sort();
    assert_eq!(keys, ALL, "{told}");
    assert!(!world.has_claims(), "{told}: a claim is left");
    let acknowledged = world.run(world.deliver(&ALL, &alive), told);
    assert_eq!(acknowledged, [true; 14], "{told}");
    assert_eq!(world.entries().len(), 1, "{told}: a duplicate was written");
}

#[test]
fn a_compaction_does_all_that_there_is_to_do() {
    let world = history();
    let caller = Caller::default();
    let before = world.bucket.puts().len();
    let outlook = world.run(world.outlook(settings(), &caller), "outlook").unwrap();
    assert_eq!(world.bucket.puts().len(), before, "a look writes nothing");
    let tally = world.run(world.compact(settings(), &caller), "first").unwrap();
    let expected = Tally { merged: 6, made: 1, orphans: 1, tombstones: 1, ..Tally::default() };
    let short = |tally: Tally| Tally {
        before: Size::default(),
        after: Size::default(),
        completed: 0,
        kept: 0,
        ..tally
    };
    assert_eq!((short(tally), short(outlook)), (expected, expected));
    assert_eq!((tally.before.objects, tally.before.rows), (5, 9));
    assert_eq!((tally.after.objects, tally.after.rows), (1, 11));
    assert_eq!((tally.completed, tally.kept, tally.deleted), (4, 7, 0));
    assert_eq!(world.found().len(), 11);

    // All that is left is to wait, and then to delete.
    let calls = caller.calls();
    let tally = world.run(world.compact(settings(), &caller), "again").unwrap();
    assert!(tally.is_idle(), "{tally:?}");
    assert_eq!(caller.calls() - calls, 8, "four looks at list and bucket");
    world.wait(2 * HOUR);
    let tally = world.run(world.compact(settings(), &caller), "later").unwrap();
    assert_eq!((tally.deleted, tally.made, tally.kept), (7, 0, 0));
    check_end(&world, "at last");
}

/// At each call in turn, the call fails, its answer is lost, or the compaction dies. A reader finds everything at every
/// step, deliveries in between write nothing twice, and the next runs do the rest.
#[test]
fn wherever_a_compaction_ends_nothing_is_lost_or_found_twice() {
    let mut longest = 0;
    for end in [End::Failed, End::Lost, End::DiesBefore, End::DiesAfter] {
        for at in 0.. {
            let told = format!("{end:?} at call {at}");
            let world = history();
            let caller = Caller::ending(at, end);
            let ended = world.run(world.compact(settings(), &caller), &told);
            longest = longest.max(caller.calls());
            if caller.calls() <= at {
                break;
            }
            // A compaction that gets no answer returns an error.
            assert!(ended.is_err(), "{told}");
            world.run(world.deliver(&ALL, &Caller::default()), &told);
            let again = world.run(world.compact(settings(), &Caller::default()), &told);
            again.unwrap_or_else(|failure| panic!("{told}: {failure}"));
            check_end(&world, &told);
        }
    }
    assert!(longest > 20, "{longest} calls");
}

/// At each step of one compaction, another one runs, and then a writer that recovers. Before the first continues, hours
/// may pass, with compactions that take it for dead. They merge what it was about to merge, or only delete.
#[test]
fn a_compaction_that_others_overtake_lists_nothing_that_is_gone() {
    let sweeping = Settings::new(HOUR, HOUR, 1).unwrap();
    for (waits, others) in [(0, settings()), (1, settings()), (3, settings()), (3, sweeping)] {
        for at in 0.. {
            let told = format!("overtaken at step {at}, {waits} times two hours, {others:?}");
            let world = history();
            let alive = Caller::default();
            let mut first = world.compact(settings(), &alive);
            let is_over = (0..at).any(|_| world.step(&mut first, &told).is_some());
            if is_over {
                assert!(at > 15, "{told}");
                break;
            }
            for round in 0..=waits {
                if round > 0 {
                    world.wait(2 * HOUR);
                }
                world.run(world.compact(others, &Caller::default()), &told).unwrap();
            }
            world.run(world.deliver(&ALL, &Caller::default()), &told);
            // It may find that it is too late, so its result does not matter.
            drop(world.run(first, &told));
            check_end(&world, &told);
        }
    }
}

/// Two compactions that run again and again, and a writer that recovers, make their steps in any order.
#[test]
fn compactions_and_writers_may_meet_at_any_step() {
    for seed in 1..=60_u64 {
        let told = format!("seed {seed}");
        let world = history();
        let alive = Caller::default();
        let mut compactions = [0, 1].map(|_| (2, world.compact(settings(), &alive)));
        let mut delivery = Some(world.deliver(&ALL, &alive));
        let mut dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        while delivery.is_some() || compactions.iter().any(|(left, _)| *left > 0) {
            // Xorshift: <https://www.jstatsoft.org/article/view/v008i14>.
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            match usize::try_from((dice >> 33) % 3).unwrap() {
                2 => {
                    let is_over =
                        delivery.as_mut().is_some_and(|it| world.step(it, &told).is_some());
                    delivery = delivery.filter(|_| !is_over);
                }
                at => {
                    let (left, running) = &mut compactions[at];
                    if *left > 0 && world.step(running, &told).is_some() {
                        *left -= 1;
                        *running = world.compact(settings(), &alive);
                    }
                }
            }
        }
        check_end(&world, &told);
    }
}

/// At each step of a compaction, a writer adds an object to the list.
#[test]
fn a_list_that_grows_meanwhile_delays_a_compaction_and_no_more() {
    for at in 0.. {
        let told = format!("grown at step {at}");
        let world = history();
        let alive = Caller::default();
        let mut running = world.compact(settings(), &alive);
        let is_over = (0..at).any(|_| world.step(&mut running, &told).is_some());
        if is_over {
            assert!(at > 15, "{told}");
            break;
        }
        world.run(world.deliver(&["h1"], &Caller::default()), &told);
        let tally = world.run(running, &told).unwrap();
        assert_eq!((tally.merged, tally.made, tally.orphans), (6, 1, 1), "{told}");
        let mut rows: Vec<usize> = world.entries().iter().map(|entry| entry.rows).collect();
        rows.sort_unstable();
        assert_eq!(rows, [1, 11], "{told}");
    }
}

#[test]
fn an_orphan_is_listed_and_then_its_claims_are_completed() {
    let world = World::new(testkit::contracts());
    world.run(world.deliver(&["a1", "a2"], &Caller::ending(2, End::DiesBefore)), "orphan");
    world.wait(2 * HOUR);
    let tally = world.run(world.compact(settings(), &Caller::default()), "alone").unwrap();
    assert_eq!((tally.orphans, tally.completed, tally.made), (1, 2, 0));
    assert!(!world.has_claims());
}

/// A key is forgotten after a month, and may be another event's by then.
#[test]
fn a_claim_on_a_key_of_an_object_is_completed_only_for_its_own_writer() {
    let world = World::new(testkit::contracts());
    for key in ["a1", "b1"] {
        world.run(world.deliver(&[key], &Caller::default()), "written");
    }
    world.wait(31 * 24 * HOUR);
    let owner = world.partition.owner(&world.name(world.clock.now()), LakeFormat::Parquet);
    world.claim("a1", owner.as_str());
    let tally = world.run(world.compact(settings(), &Caller::default()), "later").unwrap();
    assert_eq!((tally.merged, tally.made, tally.completed), (2, 1, 0));
    assert!(world.has_claims());
}

/// Otherwise a late write, on the condition that the list has not changed, would succeed.
#[test]
fn a_list_is_never_as_it_was_before() {
    let world = World::new(testkit::contracts());
    let alive = Caller::default();
    world.run(world.deliver(&["a1"], &alive), "written");
    let list = || world.bucket.body(&world.partition.manifest());
    let mut lists = vec![list()];
    for _ in 0..2 {
        // No compaction will list this result. It is noticed, deleted and forgotten.
        let name = world.name(world.clock.now());
        let body = world.bucket.body(&world.entries()[0].key);
        world.put(&world.partition.result(&name, LakeFormat::Parquet), body);
        for _ in 0..3 {
            world.wait(2 * HOUR);
            world.run(world.compact(settings(), &alive), "swept").unwrap();
            if lists.last() != Some(&list()) {
                assert!(!lists.contains(&list()), "{:?}", list());
                lists.push(list());
            }
        }
        assert_eq!(world.unlisted(), Vec::<String>::new());
        assert!(world.entries()[0].replaces.is_empty());
    }
    assert_eq!(lists.len(), 5);
}

#[test]
fn what_is_young_large_or_foreign_is_left_alone() {
    let world = World::new(testkit::contracts());
    let alive = Caller::default();
    for keys in [["a1", "a2"], ["b1", "b2"]] {
        world.run(world.deliver(&keys, &alive), "written");
    }
    world.run(world.deliver(&["c1"], &Caller::ending(2, End::DiesBefore)), "orphan");
    let before = world.bucket.keys();
    world.wait(HOUR - Duration::from_secs(1));
    let check = |settings: Settings, told: &str| {
        let tally = world.run(world.compact(settings, &alive), told).unwrap();
        assert!(tally.is_idle(), "{told}: {tally:?}");
    };
    check(settings(), "young");
    world.wait(2 * HOUR);
    let small = Settings::new(HOUR, HOUR, world.entries()[0].bytes).unwrap();
    let foreign = format!("{}part-0.parquet", world.partition.prefix());
    world.put(&foreign, Bytes::from_static(b"not ours"));
    let tally = world.run(world.compact(small, &alive), "large").unwrap();
    assert_eq!((tally.made, tally.orphans), (0, 1));
    assert!(before.iter().chain([&foreign]).all(|key| world.bucket.keys().contains(key)));
    let tally = world.run(world.compact(settings(), &alive), "old").unwrap();
    assert_eq!((tally.merged, tally.made), (3, 1));
    world.wait(2 * HOUR);
    world.run(world.compact(settings(), &alive), "later").unwrap();
    assert_eq!(world.unlisted(), [foreign]);
}

#[test]
fn a_listed_object_that_is_gone_is_named_and_nothing_is_changed() {
    let world = history();
    let gone = world.entries()[0].key.clone();
    let manifest = world.bucket.body(&world.partition.manifest());
    at_once(world.bucket.delete(&gone)).unwrap();
    let failure = at_once(world.compact(settings(), &Caller::default())).unwrap_err();
    assert!(failure.reason.contains(&gone) && failure.reason.contains("not there"), "{failure}");
    assert_eq!(world.bucket.body(&world.partition.manifest()), manifest);
}

#[test]
fn a_time_in_which_a_writer_may_be_alive_is_refused() {
    let short = LONGEST_LIFE - Duration::from_secs(1);
    assert_eq!(Settings::new(short, HOUR, 1).unwrap_err(), TooShort);
    let refused = Settings::new(HOUR, short, 1).unwrap_err();
    assert!(refused.to_string().starts_with("less than 20 minutes"), "{refused}");
    assert!(Settings::new(LONGEST_LIFE, LONGEST_LIFE, 1).is_ok());
}

#[test]
fn partitions_are_found_by_their_folders() {
    let world = World::new(testkit::contracts());
    for key in [
        "lake/flights/date=2013-01-01/_manifest.json",
        "lake/flights/date=2013-01-02/_manifest.json",
        "lake/planes/date=2013-01-01/_manifest.json",
        "lines/flights/date=2013-01-01/_manifest.json",
        "other/flights/2013/x",
    ] {
        world.put(key, Bytes::from_static(b"[]"));
    }
    let check =
        |sink: Option<&str>, dataset: Option<&str>, date: Option<&str>, expected: &[&str]| {
            let [sink, dataset, date] = [sink, dataset, date].map(|it| it.map(str::to_owned));
            let selection = Selection { sink, dataset, date };
            let bucket = &world.bucket;
            let found = at_once(partitions(bucket, &selection)).unwrap();
            let found: Vec<String> = found.iter().map(Partition::to_string).collect();
            assert_eq!(found, expected);
        };
    let all = [
        "lake/flights/date=2013-01-01",
        "lake/flights/date=2013-01-02",
        "lake/planes/date=2013-01-01",
        "lines/flights/date=2013-01-01",
    ];
    check(None, None, None, &all);
    check(Some("lake"), Some("flights"), None, &all[..2]);
    check(None, None, Some("2013-01-01"), &[all[0], all[2], all[3]]);
    check(Some("lak"), None, None, &[]);
}
