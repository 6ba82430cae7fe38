use letters::{Pace, Place, PlanId};

use super::*;

/// Tables hold letters of this form. A deployment that reads them differently would lose letters.
#[test]
fn a_letter_is_written_in_the_form_that_is_pinned() {
    let at = Timestamp::from_unix_ms;
    let pinned_entry = concat!(
        r#"{"entry_format":1,"id":"0123456789abcdef012f","stage":"sink","code":"key.missing","kind":"permanent","#,
        r#""reason":"nothing at `/id`","at":"/id","group":"1-0123456789abcdef","dataset":"flights","#,
        r#""contract_version":3,"tenant":"t","message_id":"m-1","taken_in_at":"2026-11-29T10:00:00.000Z","#,
        r#""first_failed_at":"2026-11-29T10:00:01.000Z","last_failed_at":"2026-11-29T10:00:02.000Z","#,
        r#""collected_at":"2026-11-29T10:00:03.000Z","attempts":15,"parks":2,"redrives":1,"traceparent":"00-a","#,
        r#""collected_as":["d-1"],"is_moved_by_sqs":false,"bytes":4,"#,
        r#""place":{"object":"dead-letters/sink/b.ndjson","offset":7,"length":40},"#,
        r#""original":{"object":"dead-letters/sink/a.ndjson","offset":0,"length":38}}"#,
    );
    let run = RunId("20261129T100500Z-r".to_owned());
    let place = |object: &str, offset, length| Place { object: object.to_owned(), offset, length };
    let entry: Entry = serde_json::from_str(pinned_entry).unwrap();
    assert_eq!(serde_json::to_string(&entry).unwrap(), pinned_entry);
    assert_eq!(entry.place, place("dead-letters/sink/b.ndjson", 7, 40));
    let indexed = Indexed {
        entry,
        letter: Letter {
            state: LetterState::Redriven { run: run.clone() },
            version: 2,
            runs: vec![run],
            recalls: 0,
        },
    };
    let pinned = Item::from([
        ("pk".to_owned(), text("letter#0123456789abcdef012f")),
        ("sk".to_owned(), text("letter")),
        ("shelf".to_owned(), text("redriven#f")),
        ("shelf_at".to_owned(), text("2026-11-29T10:00:03.000Z#0123456789abcdef012f")),
        ("version".to_owned(), number(2)),
        ("state".to_owned(), text("redriven")),
        ("run".to_owned(), text("20261129T100500Z-r")),
        ("runs".to_owned(), AttributeValue::L(vec![text("20261129T100500Z-r")])),
        ("entry".to_owned(), text(pinned_entry)),
        // 90 days after it was written.
        ("expires_at".to_owned(), number(1_803_722_701)),
    ]);
    let now = at(1_795_946_701_999);
    assert_eq!(letter_item(&indexed, now).unwrap(), pinned);
    assert_eq!(read_letter(&pinned), Some(indexed.clone()));

    let later = pinned_entry.replace("\"entry_format\":1", "\"entry_format\":2");
    for (name, value) in
        [("entry", text(later)), ("state", text("resting")), ("version", text("2"))]
    {
        let mut item = pinned.clone();
        item.insert(name.to_owned(), value);
        assert_eq!(read_letter(&item), None, "{name}");
    }
}

#[test]
fn a_letter_that_somebody_waits_for_does_not_expire() {
    let run = RunId("r".to_owned());
    let states = [
        (LetterState::Dead, "dead#f", false),
        (LetterState::Redriven { run }, "redriven#f", true),
        (LetterState::Quarantined, "quarantined#f", false),
        (LetterState::Discarded, "discarded#f", true),
    ];
    let entry = r#"{"entry_format":1,"id":"f","stage":"sink","code":"key.missing","kind":"permanent","reason":"","group":"1-0","message_id":"m","taken_in_at":"2026-11-29T10:00:00Z","first_failed_at":"2026-11-29T10:00:00Z","last_failed_at":"2026-11-29T10:00:00Z","collected_at":"2026-11-29T10:00:00Z","attempts":1,"bytes":4,"place":{"object":"o","offset":0,"length":1}}"#;
    for (state, shelf, expires) in states {
        let letter = Letter { state, version: 1, runs: Vec::new(), recalls: 0 };
        let indexed = Indexed { entry: serde_json::from_str(entry).unwrap(), letter };
        let item = letter_item(&indexed, Timestamp::from_unix_ms(0)).unwrap();
        assert_eq!((&item["shelf"], item.contains_key("expires_at")), (&text(shelf), expires));
        assert_eq!(read_letter(&item), Some(indexed));
    }
}

#[test]
fn a_run_is_written_in_the_form_that_is_pinned() {
    let (run, plan) = (RunId("20261129T100500Z-r".to_owned()), PlanId("p".to_owned()));
    let pace = Pace { canary: 0, ..Pace::default() };
    let at = Timestamp::from_unix_ms(1_795_946_701_000);
    let mut ledger = Ledger::begin(run.clone(), plan, 10, pace, "ann", "mended", at);
    ledger.came_back = 7;
    let pinned_ledger = concat!(
        r#"{"run_format":1,"id":"20261129T100500Z-r","plan":"p","by":"ann","why":"mended","#,
        r#""started_at":"2026-11-29T10:05:01.000Z","run":{"state":"running","version":1,"position":0,"reach":0,"#,
        r#""size":10,"sent":0,"skipped":0,"lease":null},"pace":{"canary":0,"canary_patience_s":300,"#,
        r#""rates":[1,5,20,100],"step_s":15,"most_per_second":100,"stop_percent":10,"stop_at_least":5,"#,
        r#""most_waiting":1000},"progress":PROGRESS,"forgiven":{"sent":0,"came_back":0}}"#,
    );
    let progress = serde_json::to_string(&ledger.progress).unwrap();
    let pinned = Item::from([
        ("pk".to_owned(), text("runs")),
        ("sk".to_owned(), text("20261129T100500Z-r")),
        ("version".to_owned(), number(1)),
        ("state".to_owned(), text("running")),
        ("ledger".to_owned(), text(pinned_ledger.replace("PROGRESS", &progress))),
    ]);
    assert_eq!(run_item(&ledger).unwrap(), pinned);
    assert_eq!(read_run(&pinned), Some(Ledger { came_back: 0, ..ledger }));
    assert_eq!(came_back_key(&run)["pk"], text("run#20261129T100500Z-r"));
    let mut later = pinned;
    later.insert(
        "ledger".to_owned(),
        text(
            pinned_ledger
                .replace("PROGRESS", &progress)
                .replace("run_format\":1", "run_format\":2"),
        ),
    );
    assert_eq!(read_run(&later), None);
}

#[test]
fn notes_and_what_is_kept_of_triage_are_written_in_the_form_that_is_pinned() {
    let note = concat!(
        r#"{"note_format":1,"group":"1-0123456789abcdef","version":3,"state":"muted","#,
        r#""until":"2026-12-01T00:00:00.000Z","by":"ann","why":"known","at":"2026-11-29T10:00:00.000Z","letters":7}"#,
    );
    let item = Item::from([
        ("pk".to_owned(), text("groups")),
        ("sk".to_owned(), text("1-0123456789abcdef")),
        ("version".to_owned(), number(3)),
        ("note".to_owned(), text(note)),
    ]);
    let read = read_note(&item).unwrap();
    assert_eq!(note_item(&read).unwrap(), item);
    let later = note.replace("note_format\":1", "note_format\":2");
    assert_eq!(read_note(&Item::from([("note".to_owned(), text(later))])), None);

    let control = concat!(
        r#"{"control_format":1,"version":4,"halt":{"by":"ann","why":"storm","since":"2026-11-29T10:00:00.000Z"},"#,
        r#""round":{"name":"r","began_at":"2026-11-29T09:59:00.000Z","next_at":"2026-11-29T10:00:00.000Z"},"#,
        r#""quiet_until":{"notify 1-0123456789abcdef":"2026-11-29T11:00:00.000Z"}}"#,
    );
    let item = Item::from([
        ("pk".to_owned(), text("control")),
        ("sk".to_owned(), text("triage")),
        ("version".to_owned(), number(4)),
        ("control".to_owned(), text(control)),
    ]);
    let read = read_control(&item).unwrap();
    assert_eq!(control_item(&read).unwrap(), item);
    let later = control.replace("control_format\":1", "control_format\":2");
    assert_eq!(read_control(&Item::from([("control".to_owned(), text(later))])), None);
}
