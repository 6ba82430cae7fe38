//! The conformance suites of the ports for letters, their messages and runs.

use std::collections::BTreeSet;

use event::{Code, Failure, FailureFingerprint, Timestamp};
use letters::{
    Entry, IndexWrite, IndexWritten, Indexed, LETTER_STORE_FORMAT, Ledger, LedgerWritten, Letter,
    LetterEvent, LetterId, LetterIndex, LetterObjects, LetterState, LetterStateName, Pace, Place,
    PlanId, RunEvent, RunId, Runs, SHARDS, step_letter, step_run,
};

/// Runs every case of the suite for the index of letters, each on an empty store from `fresh`.
///
/// # Panics
/// At the first case that fails.
pub async fn letter_index_conformance<S: LetterIndex + Runs>(fresh: impl AsyncFn() -> S) {
    letters_are_read_as_they_were_written(&fresh().await).await;
    a_letter_is_replaced_by_whoever_has_read_it(&fresh().await).await;
    what_is_there_already_is_written(&fresh().await).await;
    conflicts_leave_the_rest_of_a_write_as_it_is(&fresh().await).await;
    each_letter_that_came_back_is_counted_once(&fresh().await).await;
    a_shelf_is_gone_through_page_by_page(&fresh().await).await;
    letters_change_their_shelf_with_their_state(&fresh().await).await;
}

fn place(object: &str, offset: u64, length: u64) -> Place {
    Place { object: object.to_owned(), offset, length }
}

/// Runs the suite for the objects of letters' messages on an empty store from `fresh`.
///
/// # Panics
/// At the first case that fails.
pub async fn letter_objects_conformance<S: LetterObjects>(fresh: impl AsyncFn() -> S) {
    let store = &fresh().await;
    let body = "one\ntwo ü\nthree\n".as_bytes();
    assert_eq!(store.read("a/b.ndjson").await, Ok(None));
    assert_eq!(store.add("a/b.ndjson", body.to_vec()).await, Ok(true));
    assert_eq!(store.add("a/b.ndjson", b"other".to_vec()).await, Ok(false));
    assert_eq!(store.read("a/b.ndjson").await, Ok(Some(body.to_vec())));
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

/// Runs every case of the suite for the ledger of runs, each on an empty store from `fresh`.
///
/// # Panics
/// At the first case that fails.
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

/// A letter that has just been collected. Each number gives another letter, collected so many seconds after the suite's
/// time.
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

/// The same letter after an event. Its entry does not change.
fn stepped(indexed: &Indexed, event: LetterEvent) -> Indexed {
    let letter = step_letter(&indexed.letter, event).unwrap_or_else(|error| panic!("{error}"));
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

/// Whether the first write of the case changes the letter at this position.
fn is_first(index: usize) -> bool {
    index % 7 == 3 || (100..130).contains(&index)
}

/// The case writes more letters than fit into one call.
async fn conflicts_leave_the_rest_of_a_write_as_it_is<S: LetterIndex>(store: &S) {
    let letters: Vec<Indexed> = (0..230).map(test_letter).collect();
    write_new(store, &letters).await;
    let first: Vec<Indexed> = letters.iter().map(|it| claimed(it, "r1")).collect();
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

async fn write_one<S: LetterIndex>(store: &S, write: IndexWrite) -> IndexWritten {
    store.write(&[write], None).await.remove(0)
}

async fn a_letter_is_replaced_by_whoever_has_read_it<S: LetterIndex>(store: &S) {
    let first = test_letter(1);
    let second = claimed(&first, "r1");
    let other = stepped(&first, LetterEvent::Discard);
    let missing = write_one(store, replacing(&first, &second)).await;
    assert!(matches!(missing, IndexWritten::Unknown(_)), "{missing:?}");
    assert_eq!(read_all(store, &[&first]).await, [None]);
    assert_eq!(write_one(store, new(&first)).await, IndexWritten::Written);
    let conflict = IndexWritten::Conflict(Box::new(first.clone()));
    assert_eq!(write_one(store, new(&other)).await, conflict);
    assert_eq!(write_one(store, replacing(&first, &second)).await, IndexWritten::Written);
    let conflict = IndexWritten::Conflict(Box::new(second.clone()));
    assert_eq!(write_one(store, replacing(&first, &other)).await, conflict);
    assert_eq!(write_one(store, new(&first)).await, conflict);
    let back = stepped(&second, LetterEvent::GiveBack { run: run_id("r1") });
    assert_eq!(write_one(store, replacing(&second, &back)).await, IndexWritten::Written);
    assert_eq!(read_all(store, &[&first]).await, [Some(back)]);
}

/// The same write is repeated, as after a lost answer.
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
    let mut writes: Vec<IndexWrite> = Vec::new();
    for (before, to) in letters.iter().zip(&back) {
        writes.push(replacing(before, to));
    }
    let run = Some(&one.id);
    assert_eq!(store.write(&writes[0..1], run).await, [IndexWritten::Written]);
    assert_eq!(store.write(&writes[0..110], run).await, vec![IndexWritten::Written; 110]);
    // Only the last ten are new.
    assert_eq!(store.write(&writes[100..120], run).await, vec![IndexWritten::Written; 20]);
    let again = claimed(&back[7], &other.id.0);
    assert_eq!(store.write(&[replacing(&back[7], &again)], None).await, [IndexWritten::Written]);
    let late = store.write(&writes[6..8], run).await;
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

/// The letters are as large as they can be, so that a shard has several pages.
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

/// The ledger after an event of its run, with a note.
fn stepped_ledger(ledger: &Ledger, event: RunEvent) -> Ledger {
    let run = step_run(&ledger.run, event, time(1)).unwrap_or_else(|error| panic!("{error}"));
    Ledger { run, note: Some("“planned”".to_owned()), ..ledger.clone() }
}

fn ledger_conflict(ledger: &Ledger) -> Result<LedgerWritten, Failure> {
    Ok(LedgerWritten::Conflict(Box::new(ledger.clone())))
}

async fn a_run_is_replaced_by_whoever_has_read_it<S: Runs>(store: &S) {
    let first = begun("20260101T000000Z-a");
    let paused = stepped_ledger(&first, RunEvent::Pause);
    let cancelled = stepped_ledger(&first, RunEvent::Cancel);
    let written = Ok(LedgerWritten::Written);
    assert_eq!(store.read_run(&first.id).await, Ok(None));
    assert!(store.replace_run(Some(1), &paused).await.is_err(), "there is none");
    assert_eq!(store.replace_run(None, &first).await, written);
    assert_eq!(store.replace_run(None, &first).await, written, "its answer was lost");
    assert_eq!(store.read_run(&first.id).await, Ok(Some(first.clone())));
    assert_eq!(store.replace_run(None, &paused).await, ledger_conflict(&first));
    assert_eq!(store.replace_run(Some(1), &paused).await, written);
    assert_eq!(store.replace_run(Some(1), &paused).await, written, "its answer was lost");
    assert_eq!(store.replace_run(Some(1), &cancelled).await, ledger_conflict(&paused));
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
