use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::{Map, Value};

use super::*;

/// A file that is removed when the value is dropped.
struct File(PathBuf);

impl File {
    fn new(name: &str, content: &str) -> Self {
        let path = std::env::temp_dir().join(format!("infer-{}-{name}", std::process::id()));
        std::fs::write(&path, content).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn schema(inferred: &Inferred) -> Value {
    serde_json::from_str(&inferred.schema.render()).unwrap()
}

/// The judge is the crate `jsonschema`, which nothing of `infer` uses. It takes formats as rules.
fn judge(schema: &Value) -> jsonschema::Validator {
    jsonschema::options().should_validate_formats(true).build(schema).unwrap()
}

#[track_caller]
fn check(name: &str, content: &str, expected: &str) -> Inferred {
    let file = File::new(name, content);
    let inferred = infer_file(&file.0, true).unwrap();
    let mut found = schema(&inferred);
    found.as_object_mut().unwrap().remove("$schema");
    let expected: Value = serde_json::from_str(expected).unwrap();
    assert_eq!(found, expected, "{}", inferred.schema.render());
    inferred
}

#[test]
fn a_schema_says_what_all_events_have_in_common() {
    check(
        "a.ndjson",
        r#"{"id": "a-1", "at": "2026-01-01T00:00:00Z", "n": 1, "price": "12.50", "lines": [{"sku": "a"}], "x": null}
           {"id": "a-2", "at": "2026-01-02T00:00:00Z", "n": 2.5, "price": "7", "lines": [], "note": null, "x": null}
           {"id": "a-3", "at": "2026-01-02T00:00:00Z", "n": -3, "price": "7.125", "lines": [{"sku": 7}], "note": "b", "x": null}"#,
        r#"{
          "type": "object",
          "required": ["at", "id", "lines", "n", "price", "x"],
          "properties": {
            "id": {"type": "string"},
            "at": {"type": "string", "format": "date-time"},
            "n": {"type": "number", "$comment": "seen: -3 to 2.5"},
            "price": {"type": "string", "$comment": "a decimal number as text, with up to 3 places"},
            "lines": {"type": "array", "items": {
              "type": "object", "required": ["sku"],
              "properties": {"sku": {"type": ["string", "integer"], "$comment": "seen: 7 to 7"}}
            }},
            "note": {"type": ["string", "null"]},
            "x": {"$comment": "null in every event"}
          }
        }"#,
    );
}

#[test]
fn few_values_of_many_are_an_enumeration_unless_they_are_personal() {
    let mut lines = String::new();
    for number in 0..120 {
        let (status, who) = [("new", "ada"), ("paid", "eve")][number % 2];
        let rare = if number == 7 { "once" } else { "often" };
        let null = if number == 8 { "null".to_owned() } else { format!("\"{status}\"") };
        lines.push_str(&format!(
            "{{\"status\":\"{status}\",\"first_name\":\"{who}\",\"rare\":\"{rare}\",\"or_null\":{null},\"amount\":\"1.{number}\"}}\n"
        ));
    }
    let inferred = check(
        "b.ndjson",
        &lines,
        r#"{
          "type": "object",
          "required": ["amount", "first_name", "or_null", "rare", "status"],
          "properties": {
            "status": {"type": "string", "enum": ["new", "paid"]},
            "first_name": {"type": "string"},
            "rare": {"type": "string"},
            "or_null": {"type": ["string", "null"], "enum": ["new", "paid", null]},
            "amount": {"type": "string", "pattern": "^-?[0-9]+(\\.[0-9]+)?$",
              "$comment": "a decimal number as text, with up to 3 places"}
          }
        }"#,
    );
    assert_eq!(inferred.personal[0].pointer, "/first_name");
    let file = File::new("b2.ndjson", &lines);
    assert!(!infer_file(&file.0, false).unwrap().schema.render().contains("enum"));
}

#[test]
fn columns_take_the_type_of_all_their_fields() {
    let inferred = check(
        "c.csv",
        "id,delay,zip,ok,code,empty,day\n1,NA,007,true,NA,,2026-01-01\n2,-3,100,false,CH,,2026-01-02\n",
        r#"{
          "type": "object",
          "required": ["code", "day", "delay", "empty", "id", "ok", "zip"],
          "properties": {
            "id": {"type": "integer", "$comment": "seen: 1 to 2"},
            "delay": {"type": ["integer", "null"], "$comment": "seen: -3 to -3"},
            "zip": {"type": "string", "$comment": "digits, as text"},
            "ok": {"type": "boolean"},
            "code": {"type": ["string", "null"]},
            "empty": {"$comment": "null in every event"},
            "day": {"type": "string", "format": "date"}
          }
        }"#,
    );
    let notes = notes_of(&inferred).join("\n");
    assert!(notes.contains("`NA` means no value in delay"), "{notes}");
    assert!(notes.contains("null in code too"), "{notes}");
}

#[test]
fn what_is_no_event_is_left_out_and_told() {
    let file = File::new("d.ndjson", "{\"id\":1}\nnot json\n[1]\n");
    let inferred = infer_file(&file.0, true).unwrap();
    let notes = notes_of(&inferred).join("\n");
    assert!(
        notes.contains("2 parts of the file") && notes.contains("line 2: malformed"),
        "{notes}"
    );
    for (content, part) in [("", "NDJSON, a JSON array or CSV"), ("x\n", "mend it: line 1")] {
        let file = File::new("e.ndjson", content);
        let Err(failure) = infer_file(&file.0, true) else { panic!("{content:?} has no event") };
        assert!(failure.to_string().contains(part), "{failure}");
    }
}

#[test]
fn an_object_of_many_names_is_a_map_and_hostile_events_stay_small() {
    let mut content = String::new();
    for number in 0..300 {
        content.push_str(&format!("{{\"by_id\":{{\"k{number}\":{{\"n\":{number}}}}}}}\n"));
    }
    check(
        "f.ndjson",
        &content,
        r#"{"type": "object", "required": ["by_id"], "properties": {"by_id": {"type": "object",
          "additionalProperties": {"type": "object", "required": ["n"],
            "properties": {"n": {"type": "integer", "$comment": "seen: 0 to 299"}}}}}}"#,
    );
    // Objects of other members on each level: 100 times 100 times 100 names.
    let mut content = String::new();
    for a in 0..100 {
        let inner: Vec<String> =
            (0..100).map(|b| format!("\"b{b}\":{{\"c{}\":1}}", (a * b) % 100)).collect();
        content.push_str(&format!("{{\"a{a}\":{{{}}}}}\n", inner.join(",")));
    }
    let file = File::new("g.ndjson", &content);
    let inferred = infer_file(&file.0, true).unwrap();
    assert!(inferred.is_cut);
    assert!(inferred.schema.render().len() < 1_000_000, "{}", inferred.schema.render().len());
    let judge = judge(&schema(&inferred));
    for line in content.lines() {
        assert!(judge.is_valid(&serde_json::from_str(line).unwrap()));
    }
}

#[test]
fn names_from_a_file_do_not_act_on_a_terminal() {
    let file = File::new("h.ndjson", "{\"a\\u001b[2Jb\\u202e\": \"ada@example.com\"}\n");
    let inferred = infer_file(&file.0, true).unwrap();
    let text = inferred.schema.render();
    assert!(
        text.contains(r"a\u001b[2Jb\u202e") && !text.contains(['\u{1b}', '\u{202e}']),
        "{text}"
    );
    assert_eq!(inferred.personal[0].pointer, "/a\u{1b}[2Jb\u{202e}");
}

/// Values as events have them: of every type, and texts that look like something.
fn value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[a-c]{0,2}",
        ".{0,8}",
        "[0-9]{4}-[01][0-9]-[0-3][0-9]",
        "20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,10})?(Z|[+-][0-2][0-9]:[0-6][0-9])",
        "[0-2][0-9]:[0-6][0-9]:[0-6][0-9](Z|[+-][0-2][0-9]:[0-6][0-9])",
        "[a-z.+_]{1,6}@[a-z-]{1,5}(\\.[a-z-]{1,4}){0,2}",
        "[0-9a-fA-F]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "(https?|s3|[a-z+.-]{1,3})://[a-z0-9.:-]{0,8}(/[a-z%?#\\[0-9]{0,6})?",
        "[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}",
        "([0-9a-f]{0,4}:){2,8}[0-9a-f.]{0,4}",
        "-?[0-9]{1,4}(\\.[0-9]{1,3})?",
    ];
    let number = prop_oneof![
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?".prop_map(|text| text),
        "[0-9]".prop_map(|text| text),
    ];
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number.prop_map(|text| serde_json::from_str(&text).unwrap()),
        text.prop_map(Value::String),
    ];
    scalar.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            members(inner).prop_map(Value::Object),
        ]
    })
}

fn members(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    let name = prop_oneof!["[abc]", Just("email".to_owned()), "[/~ é]{1,2}"];
    prop::collection::btree_map(name, value, 0..5).prop_map(|all| all.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    /// Some members are always there and hold values of one kind, so that formats and enumerations come about.
    #[test]
    fn each_event_fits_the_schema_that_was_learned_from_all(
        events in prop::collection::vec(members(value()), 1..12),
        repeated in 1..60_usize,
    ) {
        let mut reading = Reading::default();
        for _ in 0..repeated {
            for event in &events {
                let payload = event::Payload::parse(Value::Object(event.clone()).to_string().as_bytes());
                let event = payload.map(SampleEvent::Json).map_err(|failure| failure.reason.into_owned());
                reading.add(Sample { place: String::new(), event });
            }
        }
        prop_assert_eq!(reading.skipped, 0);
        let inferred = reading.finish(Path::new("-"), true).unwrap_or_else(|failure| panic!("{failure}"));
        let schema = schema(&inferred);
        let judge = judge(&schema);
        for event in &events {
            let event = Value::Object(event.clone());
            let problem = judge.validate(&event).err().map(|error| error.to_string());
            prop_assert!(problem.is_none(), "{event} does not fit {schema:#}: {problem:?}");
        }
    }

    /// What a contract reads a row as fits the schema, and no field is refused for its type.
    #[test]
    fn each_row_fits_the_schema_that_was_learned_from_all(
        rows in prop::collection::vec(
            prop::collection::vec(prop_oneof!["", "NA", "-?[0-9]{1,3}", "0?[0-9]\\.[0-9]{1,2}", "true|false", "[a-z]{1,3}"], 3),
            1..8,
        ),
        repeated in 1..60_usize,
    ) {
        let header: std::rc::Rc<[String]> = ["a", "b", "c"].map(str::to_owned).into();
        let mut reading = Reading::default();
        for _ in 0..repeated {
            for fields in &rows {
                let event = Ok(SampleEvent::Row { header: header.clone(), fields: fields.clone() });
                reading.add(Sample { place: String::new(), event });
            }
        }
        let inferred = reading.finish(Path::new("-"), true).unwrap_or_else(|failure| panic!("{failure}"));
        let yaml = format!(
            "dataset: d\ndescription: d\nowner: d\nschema: {{version: 1, file: s.json}}\ncsv: {{missing: [{}]}}\n\
             keys: {{idempotency: [/a], business: [/a], event_time: /t}}\nsinks: [{{name: l, kind: lake}}]\n",
            texts_of(&inferred).join(", ")
        );
        // The time is no column: a contract needs its pointer.
        let mut schema = schema(&inferred);
        schema["properties"]["t"] = json!({});
        schema["properties"]["a"].as_object_mut().unwrap().remove("enum");
        let files = BTreeMap::from([("s.json".to_owned(), schema.to_string())]);
        let contract = contracts::Contract::parse(&yaml, &files).unwrap();
        let judge = judge(&schema);
        for fields in &rows {
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            let payload = contract.row(&header, &fields);
            let payload = payload.unwrap_or_else(|failure| panic!("{failure} in {fields:?}: {schema:#}"));
            prop_assert!(judge.is_valid(&payload.value), "{} does not fit {schema:#}", payload.value);
        }
    }
}
