//! Who breaks and why, in one sentence.

use serde_json::Value;

use crate::Direction;
use crate::prove::{Failure, Problem};
use crate::schema::escaped;
use crate::types::Types;

/// How long a value may be that is named in a sentence.
const MOST_CHARACTERS: usize = 60;

pub(super) fn why(failure: &Failure, at: &str, direction: Direction, is_certain: bool) -> String {
    let (reader, events) = match direction {
        Direction::NewReadsOld => ("new", "old"),
        Direction::OldReadsNew => ("old", "new"),
    };
    let fails = if is_certain { "fails on some" } else { "may fail on" };
    format!("A reader of the {reader} version {fails} {events} events: {}.", reason(failure, at))
}

/// How a place is called in a sentence.
fn name_of(at: &str) -> String {
    if at.is_empty() { "the document".to_owned() } else { format!("`{at}`") }
}

fn reason(failure: &Failure, at: &str) -> String {
    let place = name_of(at);
    match &failure.problem {
        Problem::Types { written, read: reads } => {
            let read = names(*reads);
            if failure.claim.literals.is_empty() {
                format!(
                    "the writer's schema does not declare {place}, which may be anything, and the \
                     reader takes only {read}"
                )
            } else {
                let written =
                    if *written == Types::ALL { *written } else { written.without(*reads) };
                format!("{place} may be {}, and the reader takes only {read}", names(written))
            }
        }
        Problem::Values { written } => match written.first() {
            Some(value) => {
                format!("{place} may be {}, which the reader does not list", shortened(value))
            }
            None => format!("{place} may be a value that the reader does not list"),
        },
        Problem::Number { keyword, read } => {
            let limit = match *keyword {
                "minimum" => format!("no number below {read}"),
                "exclusiveMinimum" => format!("only numbers above {read}"),
                "maximum" => format!("no number above {read}"),
                "exclusiveMaximum" => format!("only numbers below {read}"),
                _ => format!("only multiples of {read}"),
            };
            format!("the reader takes {limit} at {place}, and the writer is not held to that")
        }
        Problem::Count { keyword, read, written } => count_reason(keyword, *read, *written, &place),
        Problem::Pattern { read } => format!(
            "{place} may be a text that does not match the reader's pattern `{}`",
            short_text(read)
        ),
        Problem::Format { read } => {
            format!("{place} may be a text that does not have the reader's format `{read}`")
        }
        Problem::Required { name } => {
            format!("the reader requires `{at}/{}`, and the writer may leave it out", escaped(name))
        }
        Problem::Closed { name: Some(name) } => format!(
            "the reader takes no member `{at}/{}`, and the writer may write it",
            escaped(name)
        ),
        Problem::Closed { name: None } => format!(
            "the reader takes no members of {place} but those that it declares, and the writer may \
             write others"
        ),
        Problem::Name { name } => format!(
            "the reader takes no member called `{at}/{}`, and the writer may write it",
            escaped(name)
        ),
        Problem::ClosedItems { from } => {
            format!(
                "the reader takes at most {from} items in {place}, and the writer may write more"
            )
        }
        Problem::Dependent { name, needs } => format!(
            "the reader requires `{at}/{}` where `{at}/{}` is there, and the writer may leave it out",
            escaped(needs),
            escaped(name)
        ),
        Problem::Unique => {
            format!("the reader takes no repeated items in {place}, and the writer may repeat them")
        }
        Problem::Contains { least } => format!(
            "the reader requires at least {least} items of a kind in {place}, and the writer may \
             write fewer"
        ),
        Problem::Nothing => {
            format!("the reader takes no value at {place}, and the writer may write one")
        }
        Problem::AnyOf => {
            format!("{place} may be a value that is valid by no branch of the reader's `anyOf`")
        }
        Problem::OneOf => format!(
            "{place} may be a value that is valid by no branch of the reader's `oneOf`, or by several"
        ),
        Problem::Not => {
            format!("{place} may be a value that is valid by the schema of the reader's `not`")
        }
        Problem::Opaque { keyword } => format!(
            "the reader's `{keyword}` at {place} is not compared, so that nothing is known of it"
        ),
        Problem::TooComplex => {
            format!("the schemas for {place} are too complex to be compared within the limits")
        }
    }
}

fn count_reason(keyword: &str, read: u64, written: Option<u64>, place: &str) -> String {
    let (limit, things, of) = match keyword {
        "minLength" => ("fewer than", "characters", "a text of"),
        "maxLength" => ("more than", "characters", "a text of"),
        "minItems" => ("fewer than", "items", "an array of"),
        "maxItems" => ("more than", "items", "an array of"),
        "minProperties" => ("fewer than", "members", "an object of"),
        "maxProperties" => ("more than", "members", "an object of"),
        _ => ("more than", "items of its `contains`", "an array with"),
    };
    let written = match written {
        Some(written) if limit == "fewer than" => format!("as few as {written}"),
        Some(written) => format!("as many as {written}"),
        None => "any number".to_owned(),
    };
    format!(
        "the reader does not take {of} {limit} {read} {things} at {place}, and the writer may write \
         {written}"
    )
}

/// `a string or null`.
pub(super) fn names(types: Types) -> String {
    let names: Vec<String> = types.names().into_iter().map(with_article).collect();
    match names.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some(_) if types == Types::ALL => "anything".to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

fn with_article(name: &str) -> String {
    match name {
        "null" => name.to_owned(),
        "integer" | "object" | "array" => format!("an {name}"),
        _ => format!("a {name}"),
    }
}

fn shortened(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= MOST_CHARACTERS { format!("`{text}`") } else { "a value".to_owned() }
}

fn short_text(text: &str) -> String {
    let short: String = text.chars().take(MOST_CHARACTERS).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}
