//! What to do instead, so that the change is compatible.

use super::sentence::names;
use crate::Direction;
use crate::prove::{Failure, Problem};
use crate::schema::escaped;

/// What else always helps.
const MIGRATION: &str = "add a version with a migration";

pub(super) fn alternative(failure: &Failure, at: &str, direction: Direction) -> Option<String> {
    match direction {
        Direction::NewReadsOld => for_new_reader(failure, at),
        Direction::OldReadsNew => for_new_writer(failure, at),
    }
}

/// The new version is the one that reads: it can take more.
fn for_new_reader(failure: &Failure, at: &str) -> Option<String> {
    let advice = match &failure.problem {
        Problem::Types { .. } if failure.claim.literals.is_empty() => format!(
            "Declare the new member under a name that old events do not have, or leave its type open; \
             old events may have anything at `{at}`, because the old version takes members that it \
             does not declare. Or {MIGRATION}"
        ),
        Problem::Types { written, read } => format!(
            "Let the new version take {} too, or keep the member and add one of another name beside it",
            names(written.without(*read))
        ),
        Problem::Values { .. } => "Keep the old values in the list beside the new ones".to_owned(),
        Problem::Number { keyword: "multipleOf", .. } => {
            format!("Keep the old `multipleOf` or a divisor of it, or {MIGRATION}")
        }
        Problem::Number { keyword, .. } | Problem::Count { keyword, .. } => {
            format!("Widen `{keyword}` to what the old version allows, or leave it out")
        }
        Problem::Pattern { .. } => {
            format!("Leave the pattern as it was, or out of the new version; or {MIGRATION}")
        }
        Problem::Format { .. } => {
            format!("Leave the format as it was, or out of the new version; or {MIGRATION}")
        }
        Problem::Required { name } => format!(
            "Make `{at}/{}` optional in the new version, or {MIGRATION} that fills it in",
            escaped(name)
        ),
        Problem::Closed { name: Some(name) } => format!(
            "Keep `{at}/{}` in the new version, beside its new name if it has one",
            escaped(name)
        ),
        Problem::Name { .. } => {
            "Let `propertyNames` take every name that the old version declares".to_owned()
        }
        Problem::Closed { name: None } => {
            "Let the new version take members that it does not declare, as the old one does"
                .to_owned()
        }
        Problem::ClosedItems { .. } => {
            "Let the new version take further items, as the old one does".to_owned()
        }
        Problem::Dependent { needs, .. } => format!(
            "Leave `{at}/{}` optional in the new version, or {MIGRATION} that fills it in",
            escaped(needs)
        ),
        Problem::Unique => "Leave `uniqueItems` out of the new version".to_owned(),
        Problem::Contains { .. } => {
            format!("Leave the old `contains` as it was, or out of the new version; or {MIGRATION}")
        }
        Problem::Nothing => format!("Keep what the old version allows there, or {MIGRATION}"),
        Problem::AnyOf | Problem::OneOf => {
            "Keep the old branches as they were, and add new ones beside them".to_owned()
        }
        Problem::Not => "Leave the old `not` as it was, or out of the new version".to_owned(),
        Problem::Opaque { .. } | Problem::TooComplex => return None,
    };
    Some(format!("{advice}."))
}

/// The new version is the one that writes: it can write less.
fn for_new_writer(failure: &Failure, at: &str) -> Option<String> {
    let advice = match &failure.problem {
        Problem::Types { read, .. } => format!(
            "Let the new version write only {} there, and add a member of another name for what is new",
            names(*read)
        ),
        Problem::Values { .. } => {
            "Write only the old values until every reader knows the new ones".to_owned()
        }
        Problem::Number { keyword, .. } | Problem::Count { keyword, .. } => {
            format!("Keep `{keyword}` as the old version has it, or narrower")
        }
        Problem::Pattern { .. } => "Keep the old pattern in the new version".to_owned(),
        Problem::Format { .. } => "Keep the old format in the new version".to_owned(),
        Problem::Required { name } => format!(
            "Keep `{at}/{}` required in the new version, beside its new name if it has one",
            escaped(name)
        ),
        Problem::Name { name } | Problem::Closed { name: Some(name) } => format!(
            "Leave `{at}/{}` out until every reader has a version that takes it",
            escaped(name)
        ),
        Problem::Closed { name: None } => {
            "Keep `additionalProperties` as the old version has it".to_owned()
        }
        Problem::ClosedItems { .. } => {
            "Keep the old limit on items until every reader takes more".to_owned()
        }
        Problem::Dependent { needs, name } => format!(
            "Keep `{at}/{}` required in the new version where `{at}/{}` is there",
            escaped(needs),
            escaped(name)
        ),
        Problem::Unique => "Keep `uniqueItems` in the new version".to_owned(),
        Problem::Contains { .. } => "Keep `contains` in the new version".to_owned(),
        Problem::Nothing => "Leave the value out until every reader takes it".to_owned(),
        Problem::AnyOf | Problem::OneOf => {
            "Write only the old branches until every reader knows the new ones".to_owned()
        }
        Problem::Not => "Keep the old `not` in the new version".to_owned(),
        Problem::Opaque { .. } | Problem::TooComplex => return None,
    };
    Some(format!("{advice}."))
}
