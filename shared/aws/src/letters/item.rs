//! Letters, runs, the notes of groups and the state of triage as items of the letters' table.
//!
//! | item | `pk` | `sk` |
//! | --- | --- | --- |
//! | a letter | `letter#<id>` | `letter` |
//! | a run | `runs` | `<run id>`, which begins with its time |
//! | how many letters came back to a run | `run#<run id>` | `came-back` |
//! | the note of a group | `groups` | `<group>` |
//! | the state of triage | `control` | `triage` |
//!
//! A letter is also in the index `shelves`. Its partition key there is `shelf` (the name of its shelf and the shard of
//! its id), and its sort key is `shelf_at` (when it was collected, and its id). A letter expires after it was redriven
//! or discarded.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use event::{Code, Failure, FailureFingerprint, Timestamp};
use letters::{
    CONTROL_FORMAT, Entry, GroupNote, Indexed, LETTER_STORE_FORMAT, Ledger, Letter, LetterId,
    LetterState, LetterStateName, NOTE_FORMAT, PagePosition, RUN_FORMAT, RunId, TriageControl,
};

use crate::redrives::{RUNS, STATE};

pub(super) type Item = std::collections::HashMap<String, AttributeValue>;

pub(super) const GROUPS: &str = "groups";
const CONTROL: &str = "control";
const TRIAGE: &str = "triage";
const LETTER: &str = "letter";
const CAME_BACK: &str = "came-back";

/// How long a redriven or discarded letter is kept. A redriven letter that does not come back in this time has
/// succeeded.
const KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);

pub(super) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(super) fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn key(pk: impl Into<String>, sk: impl Into<String>) -> Item {
    Item::from([("pk".to_owned(), text(pk)), ("sk".to_owned(), text(sk))])
}

pub(super) fn letter_key(id: &LetterId) -> Item {
    key(format!("letter#{}", id.0), LETTER)
}

pub(super) fn run_key(run: &RunId) -> Item {
    key(RUNS, run.0.clone())
}

pub(super) fn came_back_key(run: &RunId) -> Item {
    key(format!("run#{}", run.0), CAME_BACK)
}

pub(super) fn note_key(group: &FailureFingerprint) -> Item {
    key(GROUPS, group.as_str())
}

pub(super) fn control_key() -> Item {
    key(CONTROL, TRIAGE)
}

/// Whether an item has all attributes of the key.
pub(super) fn is_of_key(item: &Item, key: &Item) -> bool {
    key.iter().all(|(name, value)| item.get(name) == Some(value))
}

/// The partition key of a shelf's shard in the index.
pub(super) fn shelf_of(shelf: LetterStateName, shard: u8) -> String {
    format!("{}#{shard:x}", shelf.name())
}

/// The item of a letter that is written at `now`.
pub(super) fn letter_item(indexed: &Indexed, now: Timestamp) -> Result<Item, Failure> {
    let Indexed { entry, letter } = indexed;
    let shelf = letter.state.shelf();
    let runs = letter.runs.iter().map(|run| text(run.0.clone()));
    let mut item = letter_key(&entry.id);
    item.extend([
        ("shelf".to_owned(), text(shelf_of(shelf, entry.id.shard()))),
        ("shelf_at".to_owned(), text(format!("{}#{}", entry.collected_at, entry.id.0))),
        ("version".to_owned(), number(letter.version)),
        ("state".to_owned(), text(letter.state.name())),
        ("runs".to_owned(), AttributeValue::L(runs.collect())),
        ("entry".to_owned(), text(json(serde_json::to_string(entry))?)),
    ]);
    if let LetterState::Redriven { run } = &letter.state {
        item.insert("run".to_owned(), text(run.0.clone()));
    }
    if letter.recalls > 0 {
        item.insert("recalls".to_owned(), number(letter.recalls));
    }
    if matches!(shelf, LetterStateName::Redriven | LetterStateName::Discarded) {
        let expires_s = now.plus(KEPT).unix_ms() / 1_000;
        item.insert("expires_at".to_owned(), number(expires_s));
    }
    Ok(item)
}

/// The letter that an item holds; `None` if a later version wrote it, or if it is not a letter.
pub(super) fn read_letter(item: &Item) -> Option<Indexed> {
    let entry: Entry = serde_json::from_str(string(item, "entry")?).ok()?;
    if entry.entry_format > LETTER_STORE_FORMAT {
        return None;
    }
    let state = match string(item, "state")? {
        "dead" => LetterState::Dead,
        "redriven" => LetterState::Redriven { run: read_run_id(item.get("run")?)? },
        "quarantined" => LetterState::Quarantined,
        "discarded" => LetterState::Discarded,
        _ => return None,
    };
    let mut runs = Vec::new();
    for run in item.get("runs")?.as_l().ok()? {
        runs.push(read_run_id(run)?);
    }
    let recalls = match item.get("recalls") {
        Some(_) => u32::try_from(whole(item, "recalls")?).ok()?,
        None => 0,
    };
    let letter = Letter { state, version: whole(item, "version")?, runs, recalls };
    Some(Indexed { entry, letter })
}

fn read_run_id(run: &AttributeValue) -> Option<RunId> {
    Some(RunId(run.as_s().ok()?.clone()))
}

/// The key after which a page of a shelf's shard begins: that of the table together with that of the index.
pub(super) fn start_key(shelf: LetterStateName, shard: u8, after: &PagePosition) -> Item {
    let mut item = letter_key(&after.id);
    item.insert("shelf".to_owned(), text(shelf_of(shelf, shard)));
    item.insert("shelf_at".to_owned(), text(after.sort_key.clone()));
    item
}

/// The position that such a key stands for.
pub(super) fn read_position(key: &Item) -> Option<PagePosition> {
    let id = string(key, "pk")?.strip_prefix("letter#")?;
    Some(PagePosition {
        sort_key: string(key, "shelf_at")?.to_owned(),
        id: LetterId(id.to_owned()),
    })
}

pub(super) fn run_item(ledger: &Ledger) -> Result<Item, Failure> {
    let mut item = run_key(&ledger.id);
    item.insert("version".to_owned(), number(ledger.run.version));
    item.insert("ledger".to_owned(), text(json(serde_json::to_string(ledger))?));
    // Stages read the state from this attribute.
    item.insert(STATE.to_owned(), text(ledger.run.state.name()));
    Ok(item)
}

/// The run that an item holds, except how many letters came back to it; `None` if a later version wrote it.
pub(super) fn read_run(item: &Item) -> Option<Ledger> {
    let ledger: Ledger = serde_json::from_str(string(item, "ledger")?).ok()?;
    (ledger.run_format <= RUN_FORMAT).then_some(ledger)
}

/// How many letters came back to a run, by the item that counts them.
pub(super) fn read_came_back(item: &Item) -> u64 {
    whole(item, "letters").unwrap_or(0)
}

pub(super) fn note_item(note: &GroupNote) -> Result<Item, Failure> {
    let mut item = note_key(&note.group);
    item.insert("version".to_owned(), number(note.version));
    item.insert("note".to_owned(), text(json(serde_json::to_string(note))?));
    Ok(item)
}

/// The note that an item holds; `None` if a later version wrote it.
pub(super) fn read_note(item: &Item) -> Option<GroupNote> {
    let note: GroupNote = serde_json::from_str(string(item, "note")?).ok()?;
    (note.note_format <= NOTE_FORMAT).then_some(note)
}

pub(super) fn control_item(control: &TriageControl) -> Result<Item, Failure> {
    let mut item = control_key();
    item.insert("version".to_owned(), number(control.version));
    item.insert("control".to_owned(), text(json(serde_json::to_string(control))?));
    Ok(item)
}

/// The state of triage that an item holds; `None` if a later version wrote it.
pub(super) fn read_control(item: &Item) -> Option<TriageControl> {
    let control: TriageControl = serde_json::from_str(string(item, "control")?).ok()?;
    (control.control_format <= CONTROL_FORMAT).then_some(control)
}

fn json(written: Result<String, serde_json::Error>) -> Result<String, Failure> {
    written.map_err(|error| {
        Failure::permanent(Code::DependencyRefused, format!("writing an item's JSON: {error}"))
    })
}

pub(super) fn string<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

fn whole(item: &Item, name: &str) -> Option<u64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
