use std::path::PathBuf;

use super::*;

const V1: &str = r#"{"required": ["id", "at"], "properties": {"id": {"type": "string"}, "at": {"type": "string"},
    "size": {"type": "integer"}}}"#;
const WIDER: &str = r#"{"required": ["id", "at"], "properties": {"id": {"type": "string"}, "at": {"type": "string"},
    "size": {"type": "number"}}}"#;
const NARROWER: &str = r#"{"required": ["id", "at", "size"], "properties": {"id": {"type": "string"},
    "at": {"type": "string"}, "size": {"type": "integer"}}}"#;

/// A temporary repository with one contract, which is removed when the value is dropped.
struct Root(PathBuf);

impl Root {
    fn new(name: &str, versions: &str, second: &str) -> Self {
        let root = std::env::temp_dir().join(format!("release-{name}-{}", std::process::id()));
        let folder = root.join("infra/contracts/orders");
        fs::create_dir_all(folder.join("samples")).unwrap();
        let yaml = format!(
            "dataset: orders # é\ndescription: Orders\nowner: shop\nschema:\n  versions:\n{versions}\n\
             keys: {{idempotency: [/id], business: [/id], event_time: /at}}\n\
             sinks: [{{name: records, kind: table}}]\n"
        );
        fs::write(folder.join("contract.yaml"), yaml).unwrap();
        fs::write(folder.join("v1.schema.json"), V1).unwrap();
        fs::write(folder.join("v2.schema.json"), second).unwrap();
        fs::write(folder.join("v3.schema.json"), WIDER).unwrap();
        let sample = r#"{"id":"a","at":"2026-01-01T00:00:00Z","size":1}"#;
        fs::write(folder.join("samples/a.ndjson"), sample).unwrap();
        Self(root)
    }

    fn yaml(&self) -> String {
        fs::read_to_string(self.0.join("infra/contracts/orders/contract.yaml")).unwrap()
    }

    fn promote(&self, version: Option<u32>, until: &str) -> Result<(), Failure> {
        let (dataset, until) = ("orders".to_owned(), until.to_owned());
        let args = Promote { dataset, version, until, dry_run: false };
        let now = "2026-12-01T12:00:00Z".parse().unwrap();
        promote(&self.0, &args, now, &Output::of_process()).map(drop)
    }

    fn rollback(&self) -> Result<(), Failure> {
        let args = Rollback { dataset: "orders".to_owned(), dry_run: false };
        rollback(&self.0, &args, &Output::of_process()).map(drop)
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const CANARY: &str = "    - version: 1\n      file: v1.schema.json\n    - version: 2\n      \
                      file: v2.schema.json # wider\n      state: canary";

#[track_caller]
fn check_refused(root: &Root, result: Result<(), Failure>, parts: &[&str]) {
    let failure = result.unwrap_err().to_string();
    for part in parts {
        assert!(failure.contains(part), "{part} is not in: {failure}");
    }
    assert!(!root.yaml().contains("2027-"), "the contract was changed");
}

#[test]
fn a_canary_becomes_active_and_goes_back() {
    let root = Root::new("both", CANARY, WIDER);
    root.promote(None, "2027-01-31").unwrap();
    let yaml = root.yaml();
    let expected = "    - version: 1\n      file: v1.schema.json\n      state: deprecated\n      \
                    until: 2027-01-31\n    - version: 2\n      file: v2.schema.json # wider\n      \
                    state: active\n";
    assert!(yaml.contains(expected) && yaml.contains("# é"), "{yaml}");

    root.rollback().unwrap();
    let yaml = root.yaml();
    let expected = "    - version: 1\n      file: v1.schema.json\n      state: active\n    \
                    - version: 2\n      file: v2.schema.json # wider\n      state: canary\n";
    assert!(yaml.contains(expected), "{yaml}");

    // It can be promoted again.
    root.promote(Some(2), "2027-02-28").unwrap();
    assert!(root.yaml().contains("until: 2027-02-28"));
}

#[test]
fn a_promotion_is_refused_with_a_reason_and_what_to_do() {
    let root = Root::new("none", "    - {version: 1, file: v1.schema.json}", WIDER);
    let parts = ["has no canary version", "its versions: 1", "`state: canary`"];
    check_refused(&root, root.promote(None, "2027-01-31"), &parts);

    let root = Root::new("other", CANARY, WIDER);
    let parts = ["version 1 of `orders` is active, and not a canary", "promote version 2"];
    check_refused(&root, root.promote(Some(1), "2027-01-31"), &parts);
    check_refused(&root, root.promote(Some(7), "2027-01-31"), &["has no version 7"]);
    check_refused(&root, root.promote(None, "2026-11-30"), &["2026-11-30 is over"]);
    check_refused(&root, root.promote(None, "2027-02-30"), &["`2027-02-30` is no day"]);
}

#[test]
fn a_promotion_that_breaks_what_the_contract_keeps_is_refused() {
    let root = Root::new("breaks", CANARY, NARROWER);
    let parts = ["is left as it was", "version 2 is not BACKWARD to version 1", "size"];
    check_refused(&root, root.promote(None, "2027-01-31"), &parts);

    // A sample fits the active version, and neither the canary nor a migration.
    let versions = format!("{CANARY}\n  compatibility: NONE");
    let strict = WIDER.replace(r#""number""#, r#""string""#);
    let root = Root::new("sample", &versions, &strict);
    let parts = ["samples/a.ndjson: line 1", "does not say how version 2 follows"];
    check_refused(&root, root.promote(None, "2027-01-31"), &parts);
}

#[test]
fn a_rollback_is_refused_with_a_reason_and_what_to_do() {
    let root = Root::new("first", CANARY, WIDER);
    check_refused(&root, root.rollback(), &["no version before 1", "roll back the deployment"]);

    let versions = "    - {version: 1, file: v1.schema.json, state: deprecated, until: 2028-01-31}\n    \
                    - {version: 2, file: v2.schema.json}\n    \
                    - {version: 3, file: v3.schema.json, state: canary}";
    let root = Root::new("third", versions, WIDER);
    let parts = ["version 3 is one already", "take version 3 out of infra/contracts/orders"];
    check_refused(&root, root.rollback(), &parts);
}

#[test]
fn who_is_no_longer_read_is_told() {
    let root = Root::new("note", CANARY, WIDER);
    let contract = folder_of(&root.0, "orders").unwrap().usable_contract().unwrap();
    let [one, two] = [0, 1].map(|place| contract.versions.iter().nth(place).unwrap());
    assert_eq!(unread(two, one), None);
    let note = unread(one, two).unwrap();
    assert!(note.starts_with("note: events of version 2 that do not fit version 1"), "{note}");
}
