//! `dlq reconcile`: what became of each event of a file that was sent.
//!
//! The judge's own reader reads the file, so that none of the pipeline's code decides what was in
//! it. The operators' function says where each event is: first in the sinks and then among the
//! letters, so that an event which fails meanwhile is found as a letter.

mod count;
mod input;

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};
use verify::contract::Dataset;
use verify::input::{File, Place};

use self::count::{Account, Event, Fate, Letter, Seen, State};
use self::input::{Part, Sent, parts};
use super::args::Reconcile;
use super::client::Client;
use super::requests::Request;
use super::{print_answer, report};
use crate::failure::Failure;
use crate::output::Output;
use crate::output::members::{members, number, text};
use crate::output::text::{group_digits, pluralize};

/// The number of letters on a page.
const LETTERS_IN_PAGE: u64 = 500;

impl Reconcile {
    /// The first page of the dataset's letters, whatever their state.
    pub(super) fn letters(&self) -> Request {
        letters_of(&self.dataset)
    }
}

fn letters_of(dataset: &str) -> Request {
    let select = json!({ "datasets": [dataset] });
    let body = json!({ "select": select, "limit": LETTERS_IN_PAGE });
    Request { verb: "events", body }
}

/// The events as they were sent, and what the sinks say about each.
struct FoundEvents {
    /// The keys of files that could not be read. Their one letter stands for all events in them.
    files: Vec<String>,
    events: Vec<Event>,
}

/// The letters of the dataset.
#[derive(Default)]
struct Letters {
    all: Vec<Letter>,
    /// The keys of files of which no event was read: one letter is for all that is in each.
    files: Vec<String>,
}

/// Runs the command. The exit status is 0 if it is known where every event is, and 1 otherwise.
pub(super) async fn run(
    root: Option<&Path>,
    args: &Reconcile,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let folder = input::contracts_folder(root, args.contracts.as_deref())?;
    let dataset = input::read_dataset(&folder, &args.dataset)?;
    let mut files = Vec::with_capacity(args.files.len());
    for path in &args.files {
        files.push(input::read_events(path)?);
    }
    let client = Client::find(root, &args.answer.at).await?;
    let ask = async |request: &Request| client.ask(request).await;
    let names = args.files.iter().map(|path| path.display().to_string()).collect();
    let events = look_for(&files, &dataset, &ask, output).await?;
    let letters = read_letters(&dataset.name, &ask, output).await?;
    let account = Account::of(&events, &letters.all);
    let looked = FoundEvents { files: names, events };
    let mut answer = answer(&dataset, &looked, &letters, &account);
    if !account.is_accounted_for() || account.count(Fate::OnItsWay) > 0 {
        let list = ask(&Request { verb: "list", body: json!({}) }).await?;
        answer["waiting"] = waiting(&list);
    }
    print_answer(output, &args.answer, &answer, |page| {
        report::format_reconciliation(page, &answer)
    });
    Ok(ExitCode::from(u8::from(!account.is_accounted_for())))
}

/// Asks for every event of the files whether its sinks have it.
async fn look_for(
    files: &[File],
    dataset: &Dataset,
    ask: &impl AsyncFn(&Request) -> Result<Value, Failure>,
    output: &Output,
) -> Result<Vec<Event>, Failure> {
    let all: usize = files.iter().map(|file| file.records.len()).sum();
    let mut events = Vec::with_capacity(all);
    for (number, file) in files.iter().enumerate() {
        for part in parts(file, dataset) {
            let Part { sent, payloads } = part;
            let payload_count = payloads.len();
            let answers = if payload_count == 0 {
                Vec::new()
            } else {
                let body = json!({ "dataset": dataset.name, "events": payloads });
                let answer = ask(&Request { verb: "reconcile", body }).await?;
                members(&answer["events"]).to_vec()
            };
            if answers.len() != payload_count {
                return Err(Failure::new("the function did not answer for each event")
                    .next("the deployed functions are of another version: deploy this one"));
            }
            let mut answers = answers.into_iter();
            for sent in sent {
                let answer = if sent.is_asked { answers.next() } else { None };
                events.push(event(number, sent, answer.as_ref().unwrap_or(&Value::Null))?);
            }
            let (done, all) = (group_digits(events.len() as u64), pluralize(all, "event"));
            output.status(&format!("  {done} of {all} looked for"));
        }
    }
    Ok(events)
}

fn event(file: usize, sent: Sent, answer: &Value) -> Result<Event, Failure> {
    let Sent { place, bytes, digests, is_asked, is_unseen, code } = sent;
    let seen = match (is_asked, is_unseen) {
        (true, _) => seen(&answer["seen"])?,
        (false, true) => Some(Seen::Unseen),
        (false, false) => Some(Seen::Refused),
    };
    let seen = seen.ok_or_else(|| Failure::new("the function did not say where an event is"))?;
    let code = answer["code"].as_str().map(str::to_owned).or(code);
    let fingerprint = answer["fingerprint"].as_str().map(str::to_owned);
    Ok(Event { file, place, bytes, seen, fingerprint, digests, code })
}

fn seen(word: &Value) -> Result<Option<Seen>, Failure> {
    Ok(Some(match word.as_str() {
        Some("everywhere") => Seen::Everywhere,
        Some("in-seen-sinks") => Seen::InSeenSinks,
        Some("unseen") => Seen::Unseen,
        Some("missing") => Seen::Missing,
        Some("refused") => Seen::Refused,
        None => return Ok(None),
        Some(_) => return Err(unknown_word(word)),
    }))
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn string_list(value: &Value) -> Vec<String> {
    members(value).iter().map(string).collect()
}

fn unknown_word(word: &Value) -> Failure {
    Failure::new(format!("the function answers `{}`, which is not known here", text(word)))
        .next("the deployed functions are of a later version: use its `sluicegate`")
}

/// Reads all letters of the dataset, whatever their state.
async fn read_letters(
    dataset: &str,
    ask: &impl AsyncFn(&Request) -> Result<Value, Failure>,
    output: &Output,
) -> Result<Letters, Failure> {
    let mut request = letters_of(dataset);
    let mut letters = Letters::default();
    loop {
        let page = ask(&request).await?;
        for view in members(&page["letters"]) {
            letters.add(view)?;
        }
        let read = u64::try_from(letters.all.len()).unwrap_or(u64::MAX);
        output.status(&format!("  {} read", pluralize(read, "letter")));
        let next = &page["next"];
        if !next.is_string() {
            letters.keep_last_of_each();
            return Ok(letters);
        }
        if request.body["after"] == *next {
            return Err(Failure::new("the function answers with the same page again"));
        }
        request.body["after"] = json!(next);
    }
}

fn place_of(view: &Value) -> Place {
    match view["byte"].as_u64() {
        Some(byte) => Place::Byte(byte),
        None => Place::Line(number(&view["line"])),
    }
}

impl Letters {
    fn add(&mut self, view: &Value) -> Result<(), Failure> {
        let state = match view["state"].as_str() {
            Some("dead") => State::Dead,
            Some("quarantined") => State::Quarantined,
            Some("redriven") => State::Redriven,
            Some("discarded") => State::Discarded,
            _ => return Err(unknown_word(&view["state"])),
        };
        let places = members(&view["places"]).iter();
        let places = places.map(|place| (place_of(place), number(&place["bytes"])));
        self.files.extend(string_list(&view["files"]));
        self.all.push(Letter {
            id: string(&view["id"]),
            state,
            stage: string(&view["stage"]),
            code: string(&view["code"]),
            seen: seen(&view["seen"])?,
            fingerprints: string_list(&view["fingerprints"]),
            digests: string_list(&view["digests"]),
            places: places.collect(),
        });
        Ok(())
    }

    /// Removes duplicates. A letter that changed its state while pages were read is in both; the
    /// later one counts.
    fn keep_last_of_each(&mut self) {
        let mut known = std::collections::BTreeSet::new();
        self.all.reverse();
        self.all.retain(|letter| known.insert(letter.id.clone()));
        self.all.reverse();
        self.files.sort();
        self.files.dedup();
    }
}

/// The answer: all counts, the letters by their ids with their lines, and the lines that were not
/// found.
fn answer(dataset: &Dataset, looked: &FoundEvents, letters: &Letters, account: &Account) -> Value {
    let FoundEvents { files, events } = looked;
    let mut found = Vec::new();
    let mut copies = 0;
    for (letter, of) in letters.all.iter().zip(&account.events_of) {
        if of.is_empty() {
            continue;
        }
        let is_dead = matches!(letter.state, State::Dead | State::Quarantined);
        let in_sinks = of.iter().filter(|at| account.fates[**at] == Fate::InSinks).count() as u64;
        copies += if is_dead { in_sinks } else { 0 };
        let lines: Vec<Value> = of.iter().map(|at| line_view(files, &events[*at])).collect();
        found.push(json!({
            "id": letter.id,
            "state": state_name(letter.state),
            "stage": letter.stage,
            "code": letter.code,
            "lines": lines,
        }));
    }
    let lost = events.iter().zip(&account.fates);
    let lost: Vec<&Event> =
        lost.filter(|(_, fate)| !fate.is_accounted_for()).map(|(event, _)| event).collect();
    let refused = lost.iter().filter(|event| event.seen == Seen::Refused).count();
    let others = letters.all.len() - found.len();
    let mut answer = json!({
        "dataset": dataset.name,
        "files": files,
        "sent": events.len(),
        "is_accounted_for": account.is_accounted_for(),
        "repeats": account.repeats,
        "mended": account.mended,
        "with_letters_of_copies": copies,
        "refused_now": refused,
        "not_found_lines": lost.iter().map(|event| line_view(files, event)).collect::<Vec<_>>(),
        "letters": found,
        "other_letters": others,
        "letters_of_files": letters.files,
        "remembered_days": dataset.remembered_days,
    });
    for fate in Fate::ALL {
        answer[fate.name()] = json!(account.count(fate));
    }
    answer
}

fn line_view(files: &[String], event: &Event) -> Value {
    let (unit, number) = (event.place.unit(), event.place.number());
    let mut view = json!({ "file": files[event.file], unit: number });
    if let Some(code) = &event.code {
        view["refused"] = json!(code);
    }
    view
}

fn state_name(state: State) -> &'static str {
    match state {
        State::Dead => "dead",
        State::Quarantined => "quarantined",
        State::Redriven => "redriven",
        State::Discarded => "discarded",
    }
}

/// The messages in all queues and in all dead-letter queues. Null if a queue's number is not
/// known.
fn waiting(list: &Value) -> Value {
    json!({ "in_queues": sum_of_stages(list, "waiting"), "not_collected": sum_of_stages(list, "queued") })
}

fn sum_of_stages(list: &Value, member: &str) -> Option<u64> {
    list["stages"].as_object()?.values().map(|stage| stage[member].as_u64()).sum()
}

#[cfg(test)]
mod tests;
