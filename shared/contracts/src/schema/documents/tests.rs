use serde_json::json;

use super::*;

fn read(files: &[(&str, &Value)]) -> Result<Documents, SchemaError> {
    let texts = files.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect();
    Documents::read(files[0].0, &texts)
}

#[track_caller]
fn check(files: &[(&str, &Value)], reference: &str, expected: Option<&Value>) {
    let documents = read(files).unwrap();
    let found = documents.resolve(documents.root(), reference).map(|node| node.value);
    assert_eq!(found, expected, "{reference}");
}

#[test]
fn a_reference_names_a_place_an_anchor_or_a_file() {
    let text = json!({"type": "string"});
    let root = json!({
        "$ref": "parts.json#/$defs/a",
        "$defs": {"a b/c": text, "named": {"$anchor": "here", "type": "string"}},
    });
    let parts = json!({"$defs": {"a": {"type": "null"}}});
    let files = [("v1.schema.json", &root), ("parts.json", &parts)];
    check(&files, "#", Some(&root));
    check(&files, "#/$defs/a%20b~1c", Some(&text));
    check(&files, "#here", Some(&root["$defs"]["named"]));
    check(&files, "parts.json#/$defs/a", Some(&parts["$defs"]["a"]));
    check(&files, "v1.schema.json#/$defs/named", Some(&root["$defs"]["named"]));
    check(&files, "#/$defs/none", None);
    check(&files, "other.json", None);
}

#[test]
fn an_id_is_the_base_of_what_is_within_it() {
    let inner = json!({"$id": "inner", "$defs": {"x": {"type": "null"}}, "$ref": "#/$defs/x"});
    let root = json!({
        "$id": "https://a.test/s/root.json",
        "allOf": [{"$ref": "parts.json"}, {"$ref": "inner"}],
        "$defs": {"i": inner},
    });
    let parts = json!({"type": "object"});
    let files = [("v1.schema.json", &root), ("parts.json", &parts)];
    check(&files, "parts.json", Some(&parts));
    check(&files, "https://a.test/s/inner#/$defs/x", Some(&inner["$defs"]["x"]));
    let documents = read(&files).unwrap();
    let defs = documents.child(documents.root(), &documents.root().value["$defs"]["i"]);
    let x = documents.resolve(defs, "#/$defs/x").unwrap();
    assert_eq!(x.value, &inner["$defs"]["x"]);
}

#[test]
fn a_file_is_found_by_the_id_of_its_document() {
    let root =
        json!({"allOf": [{"$ref": "https://a.test/x#/$defs/a"}, {"$ref": "https://a.test/y"}]});
    let one = json!({"$id": "https://a.test/x", "$defs": {"a": {"type": "null"}}});
    let other = json!({"$id": "https://a.test/y#", "type": "object"});
    let files = [("v1.schema.json", &root), ("one.json", &one), ("other.json", &other)];
    check(&files, "https://a.test/x#/$defs/a", Some(&one["$defs"]["a"]));
    check(&files, "https://a.test/y", Some(&other));
}

#[test]
fn draft_7_names_a_place_by_its_id() {
    let root = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$ref": "#named",
        "definitions": {"a": {"$id": "#named", "type": "null"}},
    });
    check(&[("v1.schema.json", &root)], "#named", Some(&root["definitions"]["a"]));
}

#[track_caller]
fn check_refused(files: &[(&str, &Value)], expected: &str) {
    let error = read(files).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn what_is_outside_of_the_folder_is_refused_with_its_place() {
    let remote = json!({"properties": {"a": {"$ref": "https://schemas.test/a.json#/x"}}});
    check_refused(
        &[("v1.schema.json", &remote)],
        "`v1.schema.json` at `/properties/a/$ref`: `https://schemas.test/a.json#/x` is no file",
    );
    let missing = json!({"$ref": "nowhere.json"});
    check_refused(&[("v1.schema.json", &missing)], "`nowhere.json` is no file");
    let above = json!({"$ref": "parts.json"});
    let parts = json!({"$ref": "/etc/passwd"});
    check_refused(&[("v1.schema.json", &above), ("parts.json", &parts)], "`parts.json` at `/$ref`");
    // References in examples and constants are values, not references of the schema.
    let example = json!({"examples": [{"$ref": "https://a.test/"}], "const": {"$ref": "b.json"}});
    assert!(read(&[("v1.schema.json", &example)]).is_ok());
}

#[test]
fn what_is_no_schema_of_an_accepted_draft_is_refused() {
    let old = json!({"$schema": "http://json-schema.org/draft-04/schema#"});
    check_refused(
        &[("v1.schema.json", &old)],
        "at `/$schema`: expected the URI of JSON Schema 2020",
    );
    check_refused(&[("v1.schema.json", &json!([1]))], "a schema is an object");
    let files = BTreeMap::from([("v1.schema.json".to_owned(), "{\"type\":".to_owned())]);
    let error = Documents::read("v1.schema.json", &files).unwrap_err().to_string();
    assert!(error.contains("`v1.schema.json` is not JSON") && error.contains("line 1"), "{error}");
    let large = BTreeMap::from([("v1.schema.json".to_owned(), " ".repeat(MAX_BYTES + 1))]);
    let error = Documents::read("v1.schema.json", &large).unwrap_err().to_string();
    assert!(error.contains("8388608 bytes"), "{error}");
}

#[test]
fn a_document_of_each_accepted_draft_is_read() {
    for dialect in [
        "https://json-schema.org/draft/2020-12/schema",
        "https://json-schema.org/draft/2019-09/schema",
        "http://json-schema.org/draft-07/schema#",
        "http://json-schema.org/draft-07/schema",
    ] {
        assert!(read(&[("v1.schema.json", &json!({"$schema": dialect}))]).is_ok(), "{dialect}");
    }
    assert!(read(&[("v1.schema.json", &json!(true))]).is_ok());
}
