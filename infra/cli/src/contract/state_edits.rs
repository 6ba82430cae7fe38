//! Changes the states of a schema's versions in the text of a contract. Comments, order and layout stay.

use super::edits::line_end;
use super::yaml::{Entry, Node, Unreadable, parse};

/// What a version is used for from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NewState {
    Active,
    Canary,
    /// The day is the last one on which its events are taken in.
    Deprecated {
        until: String,
    },
}

/// Why a text cannot be changed.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotEdited {
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("`schema.versions` has no version {version} that is written as a number")]
    Unknown { version: u32 },
    #[error("line {line}: a comment is where `{field}` would be removed")]
    Comment { line: usize, field: &'static str },
    #[error("line {line}: version {version} is not written as a mapping with the field `file`")]
    Shape { line: usize, version: u32 },
}

/// Writes a state: the fields `state`, `until` and `share` of one version.
pub(super) fn set_state(
    text: &mut String,
    version: u32,
    state: &NewState,
) -> Result<(), NotEdited> {
    let (name, until) = match state {
        NewState::Active => ("active", None),
        NewState::Canary => ("canary", None),
        NewState::Deprecated { until } => ("deprecated", Some(until)),
    };
    set(text, version, "state", name, "file")?;
    match until {
        Some(day) => set(text, version, "until", day, "state")?,
        None => remove(text, version, "until")?,
    }
    remove(text, version, "share")
}

/// Sets a field, which is inserted after another one if it is not there.
fn set(
    text: &mut String,
    version: u32,
    field: &'static str,
    value: &str,
    after: &str,
) -> Result<(), NotEdited> {
    let node = node_of(text, version)?;
    if let Some(entry) = node.entry(field) {
        text.replace_range(entry.value.start..entry.value.end, value);
        return Ok(());
    }
    let shape = NotEdited::Shape { line: node.line, version };
    let Some(anchor) = node.entry(after) else { return Err(shape) };
    if is_flow(text, &node) {
        text.insert_str(anchor.value.end, &format!(", {field}: {value}"));
    } else {
        let indent = " ".repeat(column(text, anchor.start));
        let at = line_end(text, anchor.value.end);
        text.insert_str(at, &format!("\n{indent}{field}: {value}"));
    }
    Ok(())
}

/// Removes a field if it is there. A comment behind it stays, on a line of its own.
fn remove(text: &mut String, version: u32, field: &'static str) -> Result<(), NotEdited> {
    let node = node_of(text, version)?;
    let entries = node.entries();
    let Some(place) = entries.iter().position(|entry| entry.key == field) else { return Ok(()) };
    let entry = &entries[place];
    let line_start = text[..entry.start].rfind('\n').map_or(0, |at| at + 1);
    let is_first_of_line = text[line_start..entry.start].trim().is_empty();
    let part = if !is_flow(text, &node) && is_first_of_line {
        let end = line_end(text, entry.value.end);
        if text[entry.value.end..end].trim_start().starts_with('#') {
            let comment = text[entry.value.end..end].find('#').unwrap_or(0);
            entry.start..entry.value.end + comment
        } else {
            // The line goes with the newline after it, or before it if it is the last one.
            match text[end..].chars().next() {
                Some(newline) => line_start..end + newline.len_utf8(),
                None => line_start.saturating_sub(1)..end,
            }
        }
    } else {
        beside(entries, place).ok_or(NotEdited::Shape { line: node.line, version })?
    };
    let is_whole_line = part.start == line_start;
    let outside = text[part.clone()].replace(&text[entry.start..entry.value.end], "");
    if !is_whole_line && outside.contains('#') {
        return Err(NotEdited::Comment { line: entry.line, field });
    }
    text.replace_range(part, "");
    Ok(())
}

/// The part of the text from the entry before to the end of this one, or from the first entry to the next one.
fn beside(entries: &[Entry], place: usize) -> Option<std::ops::Range<usize>> {
    let entry = &entries[place];
    match (place.checked_sub(1), entries.get(place + 1)) {
        (Some(before), _) => Some(entries[before].value.end..entry.value.end),
        (None, Some(next)) => Some(entry.start..next.start),
        (None, None) => None,
    }
}

/// The mapping of a version in `schema.versions`.
fn node_of(text: &str, version: u32) -> Result<Node, NotEdited> {
    let tree = parse(text)?;
    let versions = tree.at(&["schema", "versions"]).map(Node::items).unwrap_or_default();
    for node in versions {
        let number = node.at(&["version"]).and_then(Node::text);
        if number.is_some_and(|number| number.parse() == Ok(version)) {
            return Ok(node.clone());
        }
    }
    Err(NotEdited::Unknown { version })
}

fn is_flow(text: &str, node: &Node) -> bool {
    text[node.start..].starts_with('{')
}

/// How many characters of its line are before a place.
fn column(text: &str, at: usize) -> usize {
    let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    text[line_start..at].chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(versions: &str, states: &[(u32, NewState)], expected: Result<&str, &str>) {
        let around =
            |versions: &str| format!("# é\nschema:\n  versions:\n{versions}\nowner: a # b\n");
        let mut text = around(versions);
        let result = states.iter().try_for_each(|(version, to)| set_state(&mut text, *version, to));
        match (result, expected) {
            (Ok(()), Ok(expected)) => assert_eq!(text, around(expected)),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (found, _) => panic!("{found:?}"),
        }
    }

    fn promoted() -> [(u32, NewState); 2] {
        let until = "2027-01-31".to_owned();
        [(1, NewState::Deprecated { until }), (2, NewState::Active)]
    }

    #[test]
    fn states_are_written_in_place_and_all_else_stays() {
        check(
            "    # The first.\n    - version: 1 # one\n      file: a.json  # é\n      migrate: []\n\n    \
             - version: 2\n      state: canary # since May\n      share: 0.1\n      file: b.json",
            &promoted(),
            Ok("    # The first.\n    - version: 1 # one\n      file: a.json  # é\n      \
                state: deprecated\n      until: 2027-01-31\n      migrate: []\n\n    \
                - version: 2\n      state: active # since May\n      file: b.json"),
        );
    }

    #[test]
    fn mappings_on_one_line_stay_on_it() {
        check(
            "    - {version: 1, file: a.json, migrate: []}\n    \
             - {share: 0.1, version: 2, file: b.json, state: canary} # two",
            &promoted(),
            Ok(
                "    - {version: 1, file: a.json, state: deprecated, until: 2027-01-31, migrate: []}\n    \
                - {version: 2, file: b.json, state: active} # two",
            ),
        );
    }

    #[test]
    fn a_comment_behind_a_removed_field_stays() {
        check(
            "    - {version: 1, file: a.json}\n    - version: 2\n      file: b.json\n      \
             share: 0.1 # a tenth\n      state: canary",
            &promoted(),
            Ok("    - {version: 1, file: a.json, state: deprecated, until: 2027-01-31}\n    \
                - version: 2\n      file: b.json\n      # a tenth\n      state: active"),
        );
        check(
            "    - {version: 1, file: a.json}\n    - share: 0.1 # a tenth\n      version: 2\n      \
             file: b.json\n      state: canary",
            &promoted(),
            Err("line 5: a comment is where `share` would be removed"),
        );
        check(
            "    - {version: 1, file: a.json}\n    - share: 0.1\n      version: 2\n      \
             file: b.json\n      state: canary",
            &promoted(),
            Ok("    - {version: 1, file: a.json, state: deprecated, until: 2027-01-31}\n    \
                - version: 2\n      file: b.json\n      state: active"),
        );
    }

    #[test]
    fn going_there_and_back_gives_the_first_text() {
        let text = "    - version: 1\n      file: a.json\n      state: active\n    - version: 2\n      \
                    file: b.json\n      state: canary";
        let [there, and] = promoted();
        check(text, &[there, and, (1, NewState::Active), (2, NewState::Canary)], Ok(text));
    }

    #[test]
    fn what_cannot_be_edited_is_named_with_its_line() {
        check("    - {version: 0x1, file: a.json}", &promoted(), Err("no version 1"));
        let alias = "    - &one {version: 1, file: a.json}\n    - *one";
        check(alias, &promoted(), Err("line 5: aliases are not understood"));
    }
}
