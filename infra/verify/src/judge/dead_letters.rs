//! Checks the dead letters: each has to be about something that was sent, be true, and say where it
//! was.

use std::collections::BTreeMap;

use super::book::Book;
use super::timeliness::may_be_kept_out;
use super::{LetterGroup, Verdict, grounds, note};
use crate::letters::{DIVERTED, Fault, Letter};
use crate::shown;

/// Checks that each letter is about something that was sent, and says where it was and why it
/// failed.
pub(super) fn check(book: &Book<'_>, verdict: &mut Verdict) {
    for stray in &book.stray {
        // A letter may announce an object that has no events.
        let letter = &book.letters[*stray];
        if !letter.objects.is_empty() && letter.fault() == Fault::Event {
            continue;
        }
        verdict.contradictions += 1;
        let body = shown(&String::from_utf8_lossy(&letter.body));
        note(verdict, format!("a dead letter of nothing that was sent: {}: {body}", letter.code));
    }
    for (record, sent) in book.sent.iter().enumerate() {
        let Some(place) = &sent.place else { continue };
        for letter in book.letters_of[record].iter().map(|letter| &book.letters[*letter]) {
            let is_of_line = letter.stage == "ingest"
                && letter.code != DIVERTED
                && letter.fault() == Fault::Event
                && letter.objects.is_empty();
            // A line that was redriven is a message of its own. Only its id says where it was.
            let is_named = names_place(letter.at.as_deref(), place.at.number())
                || (letter.was_redriven && letter.ids.contains(&sent.id));
            if is_of_line && !is_named {
                verdict.contradictions += 1;
                let at = letter.at.as_deref().unwrap_or("nothing");
                let what = format!("a dead letter that names {at}: {}", book.about(record));
                note(verdict, what);
            }
        }
    }
    check_conflicts(book, verdict);
    check_refusals(book, verdict);
}

/// Checks that what was refused before the sinks has the fault that its letter names, and that
/// refused files have no events.
fn check_refusals(book: &Book<'_>, verdict: &mut Verdict) {
    for (record, sent) in book.sent.iter().enumerate() {
        let Some(payload) = &sent.payload else { continue };
        let letters = book.letters_of[record].iter().map(|letter| &book.letters[*letter]);
        for letter in letters.filter(|letter| letter.stage == "ingest") {
            let is_false = match letter.code.as_str() {
                "decode.gzip" | "decode.zstd" | "input.empty" => sent.place.is_some(),
                code if letter.objects.is_empty() => {
                    let by_time = may_be_kept_out(code, payload, letter.taken_in, book.dataset);
                    !by_time.unwrap_or_else(|| {
                        grounds::may_be(code, payload, sent.bytes.len(), book.dataset)
                    })
                }
                _ => false,
            };
            if is_false {
                verdict.contradictions += 1;
                let (code, what) = (&letter.code, book.about(record));
                note(verdict, format!("refused by {code}, of which nothing is found: {what}"));
            }
        }
    }
}

fn names_place(at: Option<&str>, place: u64) -> bool {
    let place = place.to_string();
    at.is_some_and(|at| at.split(|c: char| !c.is_ascii_digit()).any(|number| number == place))
}

/// A conflict needs two payloads under one key.
fn check_conflicts(book: &Book<'_>, verdict: &mut Verdict) {
    for (number, variant) in book.variants.iter().enumerate() {
        let is_alone = book.groups[variant.group].len() == 1 && !book.shares_row(number);
        let letters = variant.records.iter().flat_map(|record| &book.letters_of[*record]);
        let mut letters = letters.map(|letter| &book.letters[*letter]);
        if is_alone && letters.any(|letter| letter.code == "dedupe.conflict") {
            verdict.contradictions += 1;
            let what = book.about_variant(number);
            note(verdict, format!("a conflict with no other event: {what}"));
        }
    }
}

/// The letters by stage and code, in the order of these.
pub(super) fn groups(letters: &[Letter]) -> Vec<LetterGroup> {
    let mut groups = BTreeMap::<(&str, &str), LetterGroup>::new();
    for letter in letters {
        let group = groups.entry((&letter.stage, &letter.code)).or_insert_with(|| LetterGroup {
            stage: letter.stage.clone(),
            code: letter.code.clone(),
            fault: letter.fault(),
            count: 0,
            queue: letter.queue.clone(),
            reason: letter.reason.clone(),
            at: letter.at.clone(),
            id: letter.ids.first().cloned().unwrap_or_default(),
        });
        group.count += 1;
    }
    groups.into_values().collect()
}
