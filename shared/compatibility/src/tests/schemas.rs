//! Generated schemas: small vocabularies, so that keywords meet each other often.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::{Formats, SchemaDocument};

const NAMES: [&str; 3] = ["a", "b", "ab"];
const PATTERNS: [&str; 6] = ["^a", "b$", "[ab]*", "^[a-z]+$", "^b", "a|b"];
const FORMATS: [&str; 4] = ["date", "date-time", "ipv4", "unknown"];

fn name() -> BoxedStrategy<String> {
    prop::sample::select(NAMES.to_vec()).prop_map(str::to_owned).boxed()
}

fn pattern() -> impl Strategy<Value = String> {
    prop::sample::select(PATTERNS.to_vec()).prop_map(str::to_owned)
}

fn scalar() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(1),
        json!(2),
        json!(1.5),
        json!(-1),
        json!(""),
        json!("a"),
        json!("b"),
        json!("ab"),
        json!([]),
        json!([1]),
        json!({}),
        json!({"a": 1}),
    ])
}

fn number() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!(-1),
        json!(0),
        json!(0.5),
        json!(1),
        json!(1.0),
        json!(2),
        json!(3),
    ])
}

fn count() -> impl Strategy<Value = Value> {
    (0_u64..4).prop_map(|count| json!(count))
}

fn type_name() -> impl Strategy<Value = Value> {
    let names = ["null", "boolean", "integer", "number", "string", "array", "object"];
    let one = prop::sample::select(names.to_vec());
    prop_oneof![
        5 => one.clone().prop_map(|name| json!(name)),
        1 => prop::collection::btree_set(one, 1..4).prop_map(|names| json!(names)),
    ]
}

/// Keywords that have no schema in them.
fn plain_keyword() -> BoxedStrategy<(String, Value)> {
    let values = prop::collection::vec(scalar(), 1..4);
    let names = prop::collection::btree_set(name(), 0..3);
    prop_oneof![
        4 => type_name().prop_map(|value| ("type".to_owned(), value)),
        2 => values.prop_map(|values| ("enum".to_owned(), distinct(values))),
        1 => scalar().prop_map(|value| ("const".to_owned(), value)),
        1 => number().prop_map(|value| ("minimum".to_owned(), value)),
        1 => number().prop_map(|value| ("exclusiveMinimum".to_owned(), value)),
        1 => number().prop_map(|value| ("maximum".to_owned(), value)),
        1 => number().prop_map(|value| ("exclusiveMaximum".to_owned(), value)),
        1 => prop::sample::select(vec![json!(1), json!(2), json!(0.5), json!(1.5)])
            .prop_map(|value| ("multipleOf".to_owned(), value)),
        1 => count().prop_map(|value| ("minLength".to_owned(), value)),
        1 => count().prop_map(|value| ("maxLength".to_owned(), value)),
        1 => pattern().prop_map(|value| ("pattern".to_owned(), json!(value))),
        1 => prop::sample::select(FORMATS.to_vec()).prop_map(|value| ("format".to_owned(), json!(value))),
        3 => names.prop_map(|value| ("required".to_owned(), json!(value))),
        1 => count().prop_map(|value| ("minProperties".to_owned(), value)),
        1 => count().prop_map(|value| ("maxProperties".to_owned(), value)),
        1 => count().prop_map(|value| ("minItems".to_owned(), value)),
        1 => count().prop_map(|value| ("maxItems".to_owned(), value)),
        1 => count().prop_map(|value| ("minContains".to_owned(), value)),
        1 => count().prop_map(|value| ("maxContains".to_owned(), value)),
        1 => any::<bool>().prop_map(|value| ("uniqueItems".to_owned(), json!(value))),
        1 => (name(), prop::collection::btree_set(name(), 1..3))
            .prop_map(|(name, names)| ("dependentRequired".to_owned(), json!({ name: names }))),
    ]
    .boxed()
}

fn distinct(values: Vec<Value>) -> Value {
    let mut distinct: Vec<Value> = Vec::new();
    for value in values {
        if !distinct.contains(&value) {
            distinct.push(value);
        }
    }
    Value::Array(distinct)
}

/// Keywords with schemas in them.
fn keyword_of(inner: BoxedStrategy<Value>) -> BoxedStrategy<(String, Value)> {
    let several = prop::collection::vec(inner.clone(), 1..4);
    let members = prop::collection::btree_map(name(), inner.clone(), 1..3);
    let matching = prop::collection::btree_map(pattern(), inner.clone(), 1..3);
    let one = prop::sample::select(vec![
        "additionalProperties",
        "propertyNames",
        "items",
        "contains",
        "not",
        "if",
        "then",
        "else",
        "unevaluatedProperties",
        "unevaluatedItems",
        "additionalItems",
    ]);
    let combined = prop::sample::select(vec!["allOf", "anyOf", "oneOf", "prefixItems"]);
    prop_oneof![
        6 => members.clone().prop_map(|value| ("properties".to_owned(), json!(value))),
        1 => matching.prop_map(|value| ("patternProperties".to_owned(), json!(value))),
        1 => members.prop_map(|value| ("dependentSchemas".to_owned(), json!(value))),
        6 => (one, inner).prop_map(|(keyword, value)| (keyword.to_owned(), value)),
        5 => (combined, several).prop_map(|(keyword, value)| (keyword.to_owned(), json!(value))),
        2 => Just(("additionalProperties".to_owned(), json!(false))),
        2 => prop::sample::select(vec!["#/$defs/d", "#/$defs/e", "#"])
            .prop_map(|target| ("$ref".to_owned(), json!(target))),
    ]
    .boxed()
}

fn object_of(keywords: BoxedStrategy<(String, Value)>) -> BoxedStrategy<Value> {
    prop::collection::vec(keywords, 0..5)
        .prop_map(|keywords| Value::Object(keywords.into_iter().collect::<Map<String, Value>>()))
        .boxed()
}

fn part() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        6 => object_of(plain_keyword()),
        1 => any::<bool>().prop_map(Value::Bool),
    ];
    leaf.prop_recursive(3, 24, 3, |inner| {
        object_of(prop_oneof![plain_keyword(), keyword_of(inner)].boxed())
    })
    .boxed()
}

/// A schema of draft 2020-12 with two definitions.
fn schema() -> BoxedStrategy<Value> {
    (object_of(prop_oneof![plain_keyword(), keyword_of(part())].boxed()), part(), part())
        .prop_map(|(mut schema, one, other)| {
            let definitions = json!({ "d": one, "e": other });
            if schema.to_string().contains("$ref") {
                schema["$defs"] = definitions;
            }
            schema
        })
        .boxed()
}

/// A small change.
#[derive(Clone, Debug)]
enum Edit {
    /// Leaves out a keyword.
    Remove(usize),
    /// Adds keywords, in place of those of the same names.
    Add(Value),
    /// Makes the schema one of several.
    Alternative(&'static str, Value),
}

fn edit() -> impl Strategy<Value = (usize, Edit)> {
    let wrapper = prop::sample::select(vec!["anyOf", "oneOf", "allOf"]);
    let edit = prop_oneof![
        3 => any::<usize>().prop_map(Edit::Remove),
        3 => object_of(prop_oneof![plain_keyword(), keyword_of(part())].boxed()).prop_map(Edit::Add),
        2 => (wrapper, part()).prop_map(|(keyword, part)| Edit::Alternative(keyword, part)),
    ];
    (any::<usize>(), edit)
}

/// Two versions, of which one is often the other with small changes.
pub(super) fn versions() -> BoxedStrategy<(SchemaDocument, SchemaDocument)> {
    (pair(), dialect(), dialect())
        .prop_map(|((one, other), of_one, of_other)| {
            (version(one, of_one), version(other, of_other))
        })
        .boxed()
}

/// The draft, which most often goes without saying, and what formats do.
fn dialect() -> impl Strategy<Value = (Option<&'static str>, Formats)> {
    let draft = prop_oneof![
        6 => Just(None),
        1 => Just(Some("https://json-schema.org/draft/2019-09/schema")),
        1 => Just(Some("http://json-schema.org/draft-07/schema#")),
    ];
    (draft, prop_oneof![5 => Just(Formats::Asserted), 1 => Just(Formats::Annotations)])
}

fn version(mut schema: Value, (draft, formats): (Option<&str>, Formats)) -> SchemaDocument {
    if let (Some(draft), Some(members)) = (draft, schema.as_object_mut()) {
        members.insert("$schema".to_owned(), json!(draft));
    }
    SchemaDocument::new(schema, formats)
}

fn pair() -> BoxedStrategy<(Value, Value)> {
    let edits = prop::collection::vec(edit(), 1..4);
    prop_oneof![
        1 => (schema(), schema()),
        6 => (schema(), edits, any::<bool>()).prop_map(|(schema, edits, swaps)| {
            let mut edited = schema.clone();
            for (place, edit) in edits {
                let count = schemas_in(&mut edited).len();
                if count > 0 {
                    apply(edit, schemas_in(&mut edited).swap_remove(place % count));
                }
            }
            if swaps { (edited, schema) } else { (schema, edited) }
        }),
    ]
    .boxed()
}

fn apply(edit: Edit, schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else { return };
    match edit {
        Edit::Remove(index) => {
            let names: Vec<String> =
                members.keys().filter(|name| *name != "$defs").cloned().collect();
            if !names.is_empty() {
                members.remove(&names[index % names.len()]);
            }
        }
        Edit::Add(Value::Object(added)) => members.extend(added),
        Edit::Add(_) => {}
        Edit::Alternative(keyword, part) => {
            let definitions = members.remove("$defs");
            let before = Value::Object(std::mem::take(members));
            members.insert(keyword.to_owned(), json!([before, part]));
            members.extend(definitions.map(|definitions| ("$defs".to_owned(), definitions)));
        }
    }
}

/// All schemas in a schema that are objects, except those that are not known to be schemas. The place of
/// one in the list does not depend on the others' contents, only on their structure.
fn schemas_in(schema: &mut Value) -> Vec<&mut Value> {
    // An object cannot be borrowed together with what is in it: the parts are, where there are any, and
    // the object itself is one time in two.
    let is_object = schema.is_object();
    let parts = schema.as_object().map_or(0, |members| {
        members.iter().filter(|(name, value)| holds_schemas(name) && !value.is_boolean()).count()
    });
    if !is_object {
        return Vec::new();
    }
    if parts == 0 || schema.as_object().is_some_and(|members| members.len() % 2 == 0) {
        return vec![schema];
    }
    let mut found = Vec::new();
    for (name, value) in schema.as_object_mut().into_iter().flatten() {
        match (holds_schemas(name), value) {
            (true, Value::Array(items)) => found.extend(items.iter_mut().flat_map(schemas_in)),
            (true, value) if is_map(name) => {
                found.extend(
                    value
                        .as_object_mut()
                        .into_iter()
                        .flat_map(|map| map.values_mut().flat_map(schemas_in).collect::<Vec<_>>()),
                );
            }
            (true, value) => found.extend(schemas_in(value)),
            (false, _) => {}
        }
    }
    found
}

fn is_map(keyword: &str) -> bool {
    matches!(keyword, "properties" | "patternProperties" | "dependentSchemas" | "$defs")
}

fn holds_schemas(keyword: &str) -> bool {
    is_map(keyword)
        || matches!(
            keyword,
            "additionalProperties"
                | "propertyNames"
                | "items"
                | "contains"
                | "not"
                | "if"
                | "then"
                | "else"
                | "allOf"
                | "anyOf"
                | "oneOf"
                | "prefixItems"
        )
}
