//! Writes the JSON Schema that all events of a profile fit.
//!
//! It says what is safe to say: types, which members are always there, formats, items, and few values of many. Bounds of
//! numbers are only comments. The largest number of a sample is an accident, and an event beyond it would become a dead
//! letter.

use std::collections::BTreeMap;

use super::formats::Shape;
use super::personal::PersonalGuess;
use super::profile::{Members, Profile};
use crate::contract::ordered_json::Json;
use crate::output::text::group_digits;

/// The dialect that the schema is written in.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// How many texts a place needs before its values are an enumeration, in all and for each value. A value that is rarer
/// than that may well be missing from the sample.
const ENUM_TEXTS: u64 = 100;
const ENUM_TEXTS_EACH: u64 = 20;

/// How many texts a place needs before a pattern says that all of them are decimal numbers. A few versions of a program
/// look the same.
const PATTERN_TEXTS: u64 = 20;

/// What decides on the schema besides the events.
pub(super) struct SchemaOptions<'a> {
    pub(super) has_enums: bool,
    /// The places whose values are not written into the schema.
    pub(super) personal: &'a [PersonalGuess],
}

/// The schema of events with this profile.
pub(super) fn schema_of(profile: &Profile, options: &SchemaOptions<'_>) -> Json {
    let mut members = vec![("$schema".to_owned(), Json::text(DIALECT))];
    members.extend(place(profile, "", options));
    Json::Members(members)
}

/// The keywords of one place.
fn place(profile: &Profile, pointer: &str, options: &SchemaOptions<'_>) -> Vec<(String, Json)> {
    let mut keywords = Vec::new();
    let mut comments = Vec::new();
    if profile.values() == 0 {
        if profile.nulls > 0 {
            keywords.push(keyword("$comment", Json::text("null in every event")));
        }
        return keywords;
    }
    let types = types_of(profile);
    keywords.push(keyword("type", types_json(&types)));
    let is_personal = is_within(pointer, options.personal);
    text_keywords(profile, is_personal, options, &mut keywords, &mut comments);
    if let Some((least, greatest)) = profile.numbers.range().filter(|_| !is_personal) {
        comments.push(format!("seen: {least} to {greatest}"));
    }
    if let Some(items) = &profile.items {
        keywords
            .push(keyword("items", Json::Members(place(items, &format!("{pointer}/*"), options))));
    }
    if profile.objects > 0 {
        object_keywords(profile, pointer, options, &mut keywords);
    }
    if !comments.is_empty() {
        keywords.push(keyword("$comment", Json::text(&comments.join("; "))));
    }
    keywords
}

fn keyword(name: &str, value: Json) -> (String, Json) {
    (name.to_owned(), value)
}

fn types_of(profile: &Profile) -> Vec<&'static str> {
    let number = if profile.numbers.fractions > 0 { "number" } else { "integer" };
    let kinds = [
        ("object", profile.objects),
        ("array", profile.arrays),
        ("string", profile.texts.count),
        (number, profile.numbers.count),
        ("boolean", profile.booleans),
        ("null", profile.nulls),
    ];
    kinds.into_iter().filter(|(_, count)| *count > 0).map(|(kind, _)| kind).collect()
}

fn types_json(types: &[&str]) -> Json {
    match types {
        [one] => Json::text(one),
        several => Json::List(several.iter().map(|kind| Json::text(kind)).collect()),
    }
}

fn text_keywords(
    profile: &Profile,
    is_personal: bool,
    options: &SchemaOptions<'_>,
    keywords: &mut Vec<(String, Json)>,
    comments: &mut Vec<String>,
) {
    let texts = &profile.texts;
    match texts.shape() {
        Some(Shape::Decimal) => {
            if texts.count >= PATTERN_TEXTS {
                keywords.push(keyword("pattern", Json::text(r"^-?[0-9]+(\.[0-9]+)?$")));
            }
            comments.push(match texts.places {
                0 => "digits, as text".to_owned(),
                places => format!("a decimal number as text, with up to {places} places"),
            });
        }
        Some(shape) => {
            if let Some(format) = shape.format() {
                keywords.push(keyword("format", Json::text(format)));
            }
        }
        None if options.has_enums && !is_personal => {
            keywords.extend(enumeration(profile).map(|values| keyword("enum", values)));
        }
        None => {}
    }
}

/// The values of a place that has few of them in many texts, and null if that is there.
fn enumeration(profile: &Profile) -> Option<Json> {
    let values = profile.texts.values()?;
    let is_only_text = profile.values() == profile.texts.count;
    let is_seen_enough =
        profile.texts.count >= ENUM_TEXTS && values.values().all(|count| *count >= ENUM_TEXTS_EACH);
    if !is_only_text || !is_seen_enough {
        return None;
    }
    let mut all: Vec<Json> = values.keys().map(|value| Json::text(value)).collect();
    if profile.nulls > 0 {
        all.push(Json::Plain("null".to_owned()));
    }
    Some(Json::List(all))
}

fn object_keywords(
    profile: &Profile,
    pointer: &str,
    options: &SchemaOptions<'_>,
    keywords: &mut Vec<(String, Json)>,
) {
    let members = match &profile.members {
        Members::Map(all) => {
            let each = place(all, &format!("{pointer}/*"), options);
            keywords.push(keyword("additionalProperties", Json::Members(each)));
            return;
        }
        Members::Named(members) => members,
    };
    let always = members.iter().filter(|(_, member)| member.seen == profile.objects);
    let required: Vec<Json> = always.map(|(name, _)| Json::text(name)).collect();
    if !required.is_empty() {
        keywords.push(keyword("required", Json::List(required)));
    }
    let mut properties = BTreeMap::new();
    for (name, member) in members {
        let at = format!("{pointer}{}", event::pointer_to(name));
        let mut described = place(&member.profile, &at, options);
        if member.seen < profile.objects && profile.objects >= ENUM_TEXTS {
            let share =
                format!("in {} of {}", group_digits(member.seen), group_digits(profile.objects));
            add_comment(&mut described, &share);
        }
        properties.insert(name.clone(), Json::Members(described));
    }
    if !properties.is_empty() {
        keywords.push(keyword("properties", Json::Members(properties.into_iter().collect())));
    }
}

fn add_comment(keywords: &mut Vec<(String, Json)>, comment: &str) {
    let known = keywords.iter_mut().find(|(name, _)| name == "$comment");
    match known {
        Some((_, Json::Plain(text))) => {
            let before: String = serde_json::from_str(text).unwrap_or_default();
            *text = serde_json::Value::from(format!("{before}; {comment}")).to_string();
        }
        _ => keywords.push(keyword("$comment", Json::text(comment))),
    }
}

/// Whether a place is one of these, or within one.
fn is_within(pointer: &str, personal: &[PersonalGuess]) -> bool {
    personal.iter().any(|guess| {
        pointer == guess.pointer
            || pointer.strip_prefix(&guess.pointer).is_some_and(|rest| rest.starts_with('/'))
    })
}
