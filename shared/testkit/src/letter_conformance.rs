//! What every letter store does, whatever it is made of.

use std::collections::BTreeSet;

use event::{Code, FailureFingerprint, Timestamp};
use letters::{
    Entry, IndexWrite, IndexWritten, Indexed, LETTER_STORE_FORMAT, Ledger, LedgerWritten, Letter,
    LetterEvent, LetterId, LetterIndex, LetterObjects, LetterState, LetterStateName, Pace, Place,
    PlanId, RunEvent, RunId, Runs, SHARDS, step_letter, step_run,
};

/// Runs every case of the index's suite, each on an empty store from `fresh`; panics at the first that fails.
pub async fn letter_index_conformance<S: LetterIndex + Runs>(fresh: impl AsyncFn() -> S) {
    letters_are_read_as_they_were_written(&fresh().await).await;
    a_letter_is_replaced_by_whoever_has_read_it(&fresh().await).await;
    what_is_there_already_is_written(&fresh().await).await;
    conflicts_leave_the_rest_of_a_write_as_it_is(&fresh().await).await;
    each_letter_that_came_back_is_counted_once(&fresh().await).await;
    a_shelf_is_gone_through_page_by_page(&fresh().await).await;
    letters_change_their_shelf_with_their_state(&fresh().await).await;
}

/// As [`letter_index_conformance`], of the objects.
pub async fn letter_objects_conformance<S: LetterObjects>(fresh: impl AsyncFn() -> S) {
    let store = &fresh().await;
    let body = "one\ntwo ü\nthree\n".as_bytes();
    assert_eq!(store.read("a/b.ndjson").await, Ok(None));
    assert_eq!(store.add("a/b.ndjson", body.to_vec()).await, Ok(true));
    assert_eq!(store.add("a/b.ndjson", b"other".to_vec()).await, Ok(false));
    assert_eq!(store.read("a/b.ndjson").await, Ok(Some(body.to_vec())));
    let place = |object: &str, offset, length| Place { object: object.to_owned(), offset, length };
    for (offset, length) in [(0, 3), (4, 6), (11, 5), (0, 17)] {
        let part = store.read_part(&place("a/b.ndjson", offset, length)).await.unwrap_or_default();
        let (from, to) = (usize_of(offset), usize_of(offset + length));
        assert_eq!(part, &body[from..to], "{offset} {length}");
    }
    for (object, offset, length) in
        [("a/b.ndjson", 11, 7), ("a/b.ndjson", 17, 1), ("a/b.ndjson", 99, 1), ("a/c", 0, 1)]
    {
        let failure = store.read_part(&place(object, offset, length)).await.err();
        let code = failure.map(|failure| failure.code);
        assert_eq!(code, Some(Code::InputNotFound), "{object} {offset} {length}");
    }
}

/// As [`letter_index_conformance`], of the runs.
pub async fn runs_conformance<S: Runs>(fresh: impl AsyncFn() -> S) {
    a_run_is_replaced_by_whoever_has_read_it(&fresh().await).await;
    runs_are_told_the_newest_first(&fresh().await).await;
}

fn usize_of(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_767_225_600_123 + seconds * 1_000)
}

fn run_id(name: &str) -> RunId {
    RunId(name.to_owned())
}

/// A letter as it is when it is collected, and no other number's.
#[must_use]
pub fn test_letter(number: u32) -> Indexed {
    let id = LetterId::of("sink", &format!("m{number}"), "body");
    let entry = Entry {
        entry_format: LETTER_STORE_FORMAT,
        id,
        stage: "sink".to_owned(),
        code: Code::KeyMissing,
        kind: "permanent".to_owned(),
        reason: "nothing at `/id` “ü”".to_owned(),
        at: Some("/id".to_owned()),
        group: FailureFingerprint::of("sink", Code::KeyMissing, Some("/id"), None, None),
        dataset: Some("flights".to_owned()),
        contract_version: Some(3),
        tenant: None,
        message_id: format!("m{number}"),
        taken_in_at: time(0),
        remembered_until: None,
        first_failed_at: time(1),
        last_failed_at: time(2),
        collected_at: time(i64::from(number)),
        attempts: 15,
        parks: 2,
        redrives: 0,
        traceparent: None,
        collected_as: vec![format!("d{number}")],
        is_moved_by_sqs: false,
        bytes: 4,
        place: Place { object: "dead-letters/sink/a.ndjson".to_owned(), offset: 7, length: 40 },
        original: None,
    };
    Indexed { entry, letter: Letter::collected() }
}

/// The same letter after an event, with its entry as it was.
fn stepped(indexed: &Indexed, event: LetterEvent) -> Indexed {
    let letter = step_letter(&indexed.letter, event);
    let letter = letter.unwrap_or_else(|error| panic!("{error}"));
    Indexed { entry: indexed.entry.clone(), letter }
}

fn claimed(indexed: &Indexed, run: &str) -> Indexed {
    stepped(indexed, LetterEvent::Claim { run: run_id(run) })
}

fn new(to: &Indexed) -> IndexWrite {
    IndexWrite { expected: None, to: to.clone() }
}

fn replacing(before: &Indexed, to: &Indexed) -> IndexWrite {
    IndexWrite { expected: Some(before.letter.version), to: to.clone() }
}

async fn read_all<S: LetterIndex>(store: &S, letters: &[&Indexed]) -> Vec<Option<Indexed>> {
    let ids: Vec<LetterId> = letters.iter().map(|indexed| indexed.entry.id.clone()).collect();
    store.read(&ids).await.unwrap_or_else(|failure| panic!("{failure}"))
}

async fn write_new<S: LetterIndex>(store: &S, letters: &[Indexed]) {
    let writes: Vec<IndexWrite> = letters.iter().map(new).collect();
    let written = store.write(&writes, None).await;
    assert_eq!(written, vec![IndexWritten::Written; letters.len()]);
}

async fn letters_are_read_as_they_were_written<S: LetterIndex>(store: &S) {
    assert_eq!(store.write(&[], None).await, []);
    assert_eq!(store.read(&[]).await, Ok(vec![]));
    let dead = test_letter(1);
    let redriven = claimed(&test_letter(2), "r1");
    let quarantined = Indexed {
        letter: Letter {
            state: LetterState::Quarantined,
            version: 12,
            runs: ["r1", "r1", "r2"].map(run_id).into(),
            recalls: 1,
        },
        ..test_letter(3)
    };
    let discarded = stepped(&test_letter(4), LetterEvent::Discard);
    let mut bare = test_letter(5);
    (bare.entry.at, bare.entry.dataset, bare.entry.contract_version) = (None, None, None);
    bare.entry.original = Some(bare.entry.place.clone());
    (bare.entry.traceparent, bare.entry.tenant) = (Some("00-".to_owned()), Some("t".to_owned()));
    let all = [dead, redriven, quarantined, discarded, bare];
    write_new(store, &all).await;
    let none = test_letter(6);
    let [one, two, three, four, five] = &all;
    let asked = [five, one, &none, two, three, one, four];
    let found = read_all(store, &asked).await;
    let expected: Vec<Option<Indexed>> =
        asked.iter().map(|it| Some((*it).clone()).filter(|it| *it != none)).collect();
    assert_eq!(found, expected, "in their order, and twice what was asked for twice");
}

/// More of them than go into one call.
async fn conflicts_leave_the_rest_of_a_write_as_it_is<S: LetterIndex>(store: &S) {
    let letters: Vec<Indexed> = (0..230).map(test_letter).collect();
    write_new(store, &letters).await;
    let first: Vec<Indexed> = letters.iter().map(|it| claimed(it, "r1")).collect();
    let is_first = |index: usize| index % 7 == 3 || (100..130).contains(&index);
    let mut writes: Vec<IndexWrite> = Vec::new();
    for (index, (before, to)) in letters.iter().zip(&first).enumerate() {
        if is_first(index) {
            writes.push(replacing(before, to));
        }
    }
    let written = store.write(&writes, None).await;
    assert!(written.iter().all(|written| *written == IndexWritten::Written));
    let second: Vec<Indexed> = letters.iter().map(|it| claimed(it, "r2")).collect();
    let writes: Vec<IndexWrite> =
        letters.iter().zip(&second).map(|(before, to)| replacing(before, to)).collect();
    let written = store.write(&writes, None).await;
    for (index, written) in written.iter().enumerate() {
        let expected = if is_first(index) {
            IndexWritten::Conflict(Box::new(first[index].clone()))
        } else {
            IndexWritten::Written
        };
        assert_eq!(*written, expected, "{index}");
    }
    let found = read_all(store, &letters.iter().collect::<Vec<_>>()).await;
    for (index, found) in found.iter().enumerate() {
        let expected = if is_first(index) { &first[index] } else { &second[index] };
        assert_eq!(found.as_ref(), Some(expected), "{index}");
    }
}

async fn a_letter_is_replaced_by_whoever_has_read_it<S: LetterIndex>(store: &S) {
    let first = test_letter(1);
    let second = claimed(&first, "r1");
    let other = stepped(&first, LetterEvent::Discard);
    let write = async |write: IndexWrite| store.write(&[write], None).await.remove(0);
    let missing = write(replacing(&first, &second)).await;
    assert!(matches!(missing, IndexWritten::Unknown(_)), "{missing:?}");
    assert_eq!(read_all(store, &[&first]).await, [None]);
    assert_eq!(write(new(&first)).await, IndexWritten::Written);
    assert_eq!(write(new(&other)).await, IndexWritten::Conflict(Box::new(first.clone())));
    assert_eq!(write(replacing(&first, &second)).await, IndexWritten::Written);
    let conflict = IndexWritten::Conflict(Box::new(second.clone()));
    assert_eq!(write(replacing(&first, &other)).await, conflict);
    assert_eq!(write(new(&first)).await, conflict);
    let back = stepped(&second, LetterEvent::GiveBack { run: run_id("r1") });
    assert_eq!(write(replacing(&second, &back)).await, IndexWritten::Written);
    assert_eq!(read_all(store, &[&first]).await, [Some(back)]);
}

/// Its answer was lost, and it is written once more.
async fn what_is_there_already_is_written<S: LetterIndex + Runs>(store: &S) {
    let letters: Vec<Indexed> = (0..5).map(test_letter).collect();
    for _ in 0..3 {
        write_new(store, &letters).await;
    }
    let ledger = begun("20260101T000000Z-a");
    let is_new = store.replace_run(None, &ledger).await;
    assert_eq!(is_new, Ok(LedgerWritten::Written));
    let claimed: Vec<Indexed> = letters.iter().map(|it| claimed(it, &ledger.id.0)).collect();
    let writes: Vec<IndexWrite> =
        letters.iter().zip(&claimed).map(|(before, to)| replacing(before, to)).collect();
    for _ in 0..3 {
        let written = store.write(&writes, Some(&ledger.id)).await;
        assert_eq!(written, vec![IndexWritten::Written; 5]);
    }
    let found = store.read_run(&ledger.id).await.ok().flatten();
    assert_eq!(found.map(|found| found.came_back), Some(5), "counted with what was written");
}

async fn each_letter_that_came_back_is_counted_once<S: LetterIndex + Runs>(store: &S) {
    let (one, other) = (begun("20260101T000000Z-a"), begun("20260102T000000Z-b"));
    for ledger in [&one, &other] {
        assert_eq!(store.replace_run(None, ledger).await, Ok(LedgerWritten::Written));
    }
    let letters: Vec<Indexed> = (0..120).map(|n| claimed(&test_letter(n), &one.id.0)).collect();
    write_new(store, &letters).await;
    let back: Vec<Indexed> = letters
        .iter()
        .map(|it| {
            let redrive = it.letter.redrive().unwrap_or_else(|| panic!("it was claimed"));
            stepped(it, LetterEvent::ComeBack { redrive, most_redrives: 5 })
        })
        .collect();
    let write = async |places: std::ops::Range<usize>, run: &RunId| {
        let writes: Vec<IndexWrite> =
            places.map(|place| replacing(&letters[place], &back[place])).collect();
        store.write(&writes, Some(run)).await
    };
    assert_eq!(write(0..1, &one.id).await, [IndexWritten::Written]);
    assert_eq!(write(0..110, &one.id).await, vec![IndexWritten::Written; 110]);
    // All that is new is of the last ten.
    assert_eq!(write(100..120, &one.id).await, vec![IndexWritten::Written; 20]);
    let again = claimed(&back[7], &other.id.0);
    assert_eq!(store.write(&[replacing(&back[7], &again)], None).await, [IndexWritten::Written]);
    let late = write(6..8, &one.id).await;
    assert_eq!(late, [IndexWritten::Written, IndexWritten::Conflict(Box::new(again))]);
    let runs = store.runs(10).await.unwrap_or_else(|failure| panic!("{failure}"));
    let counts: Vec<u64> = runs.iter().map(|ledger| ledger.came_back).collect();
    assert_eq!(counts, [0, 120]);
}

async fn shelf<S: LetterIndex>(store: &S, shelf: LetterStateName) -> Vec<Indexed> {
    let mut all = Vec::new();
    for shard in 0..SHARDS {
        let (mut after, mut of_shard) = (None, Vec::new());
        loop {
            let page = store.page(shelf, shard, after.as_ref()).await;
            let page = page.unwrap_or_else(|failure| panic!("{failure}"));
            of_shard.extend(page.letters);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let times: Vec<Timestamp> = of_shard.iter().map(|it| it.entry.collected_at).collect();
        assert!(times.is_sorted(), "the oldest first: {times:?}");
        assert!(of_shard.iter().all(|it| it.entry.id.shard() == shard));
        all.extend(of_shard);
    }
    all
}

fn ids(letters: &[Indexed]) -> BTreeSet<&LetterId> {
    letters.iter().map(|indexed| &indexed.entry.id).collect()
}

/// Letters as large as they come, so that a shard has several pages.
async fn a_shelf_is_gone_through_page_by_page<S: LetterIndex>(store: &S) {
    assert_eq!(shelf(store, LetterStateName::Dead).await, []);
    let mut letters: Vec<Indexed> = (0..20_000).map(test_letter).collect();
    letters.retain(|indexed| matches!(indexed.entry.id.shard(), 3 | 11));
    letters.truncate(500);
    for indexed in &mut letters {
        indexed.entry.reason = "r".repeat(9_000);
    }
    write_new(store, &letters).await;
    let found = shelf(store, LetterStateName::Dead).await;
    assert_eq!((found.len(), ids(&found)), (letters.len(), ids(&letters)));
    let page = store.page(LetterStateName::Dead, 3, None).await.unwrap_or_default();
    assert!(page.next.is_some(), "a page is no larger than 1 MB");
    assert_eq!(shelf(store, LetterStateName::Quarantined).await, []);
}

async fn letters_change_their_shelf_with_their_state<S: LetterIndex>(store: &S) {
    let letters: Vec<Indexed> = (0..40).map(test_letter).collect();
    write_new(store, &letters).await;
    let (redriven, discarded) =
        (claimed(&letters[1], "r"), stepped(&letters[2], LetterEvent::Discard));
    let writes = [replacing(&letters[1], &redriven), replacing(&letters[2], &discarded)];
    assert_eq!(store.write(&writes, None).await, vec![IndexWritten::Written; 2]);
    assert_eq!(shelf(store, LetterStateName::Redriven).await, [redriven]);
    assert_eq!(shelf(store, LetterStateName::Discarded).await, [discarded]);
    assert_eq!(shelf(store, LetterStateName::Dead).await.len(), 38);
}

fn begun(id: &str) -> Ledger {
    let plan = PlanId("20260101T000000Z-0123456789abcdef".to_owned());
    let (by, why) = ("arn:aws:iam::1:user/ann", "“mended” ü");
    Ledger::begin(run_id(id), plan, 10, Pace::default(), by, why, time(0))
}

async fn a_run_is_replaced_by_whoever_has_read_it<S: Runs>(store: &S) {
    let first = begun("20260101T000000Z-a");
    let step = |event| {
        let run = step_run(&first.run, event, time(1));
        let run = run.unwrap_or_else(|error| panic!("{error}"));
        let note = Some("“planned”".to_owned());
        Ledger { run, note, ..first.clone() }
    };
    let (paused, cancelled) = (step(RunEvent::Pause), step(RunEvent::Cancel));
    let written = Ok(LedgerWritten::Written);
    let conflict = |ledger: &Ledger| Ok(LedgerWritten::Conflict(Box::new(ledger.clone())));
    assert_eq!(store.read_run(&first.id).await, Ok(None));
    assert!(store.replace_run(Some(1), &paused).await.is_err(), "there is none");
    assert_eq!(store.replace_run(None, &first).await, written);
    assert_eq!(store.replace_run(None, &first).await, written, "its answer was lost");
    assert_eq!(store.read_run(&first.id).await, Ok(Some(first.clone())));
    assert_eq!(store.replace_run(None, &paused).await, conflict(&first));
    assert_eq!(store.replace_run(Some(1), &paused).await, written);
    assert_eq!(store.replace_run(Some(1), &paused).await, written, "its answer was lost");
    assert_eq!(store.replace_run(Some(1), &cancelled).await, conflict(&paused));
    assert_eq!(store.read_run(&first.id).await, Ok(Some(paused)));
}

async fn runs_are_told_the_newest_first<S: Runs>(store: &S) {
    assert_eq!(store.runs(5).await, Ok(vec![]));
    let ids: Vec<String> = (10..22).map(|day| format!("202601{day}T000000Z-a")).collect();
    for id in ids.iter().rev() {
        assert_eq!(store.replace_run(None, &begun(id)).await, Ok(LedgerWritten::Written));
    }
    for most in [0, 1, 5, 12, 100] {
        let runs = store.runs(most).await.unwrap_or_else(|failure| panic!("{failure}"));
        let found: Vec<&String> = runs.iter().map(|ledger| &ledger.id.0).collect();
        let expected: Vec<&String> = ids.iter().rev().take(most).collect();
        assert_eq!(found, expected, "{most}");
    }
}
