//! What no linter holds `template.yaml` to: its queues, rights, variables, encryption, retention and deployments.
//!
//! The template is read here by itself, and not by the emulation, so that a mistake of the one is not one of the other.
//! Each check says what is wrong, and the last test breaks the template for each of them, to see that it says so.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

mod broken;
mod deployments;
mod queues;
mod rights;
mod storage;
mod variables;
mod yaml;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

/// A check: what is wrong with a template.
type Check = fn(&Template) -> Vec<String>;

/// A template, with short intrinsics such as `!Ref` in their long form.
struct Template {
    text: String,
    tree: Value,
    resources: BTreeMap<String, Value>,
}

impl Template {
    /// The one that is deployed.
    fn deployed() -> Self {
        Self::read(std::fs::read_to_string(root().join("template.yaml")).unwrap())
    }

    fn read(text: String) -> Self {
        let tree = yaml::parse(&text);
        let resources = tree["Resources"].as_object().unwrap().clone().into_iter().collect();
        Self { text, tree, resources }
    }

    /// The resources of a type, by their logical ids.
    fn of_type(&self, name: &str) -> Vec<(&str, &Value)> {
        let mut found = Vec::new();
        for (id, resource) in &self.resources {
            if resource["Type"] == name {
                found.push((id.as_str(), resource));
            }
        }
        found
    }

    fn functions(&self) -> Vec<(&str, &Value)> {
        self.of_type("AWS::Serverless::Function")
    }

    /// A property of a function, or that of all functions.
    fn of_function<'a>(&'a self, function: &'a Value, property: &str) -> &'a Value {
        match &function["Properties"][property] {
            Value::Null => &self.tree["Globals"]["Function"][property],
            own => own,
        }
    }
}

/// The repository's root.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// `!Ref name`.
fn reference(name: &str) -> Value {
    json!({ "Ref": name })
}

/// `!GetAtt name.Arn`.
fn arn(name: &str) -> Value {
    json!({ "Fn::GetAtt": format!("{name}.Arn") })
}

/// The items of a list, or the one value in place of a list.
fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    }
}

/// A number, which YAML has as text.
fn number(value: &Value) -> Option<u64> {
    value.as_str()?.parse().ok()
}

#[track_caller]
fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_queue_has_a_dead_letter_queue() {
    assert_none(&queues::without_dead_letter_queue(&Template::deployed()));
}

#[test]
fn a_message_stays_hidden_for_six_times_as_long_as_its_function_may_run() {
    assert_none(&queues::visible_too_early(&Template::deployed()));
}

#[test]
fn every_queue_and_bucket_denies_calls_without_tls() {
    assert_none(&storage::reached_without_tls(&Template::deployed()));
}

#[test]
fn every_table_and_bucket_outlives_the_stack_and_its_mistakes() {
    assert_none(&storage::lost_with_the_stack(&Template::deployed()));
}

#[test]
fn all_that_is_stored_is_encrypted_with_a_key_of_ones_own_if_there_is_one() {
    assert_none(&storage::not_encrypted(&Template::deployed()));
}

#[test]
fn every_log_group_ends_and_every_function_has_one() {
    assert_none(&storage::logs_without_end(&Template::deployed()));
}

#[test]
fn every_function_has_a_role_of_its_own() {
    assert_none(&rights::shared_roles(&Template::deployed()));
}

#[test]
fn every_right_is_of_exact_actions_on_exact_resources() {
    assert_none(&rights::wildcards(&Template::deployed()));
}

#[test]
fn every_variable_is_read_by_its_function_and_every_one_that_is_read_is_there() {
    assert_none(&variables::differences(&Template::deployed()));
}

#[test]
fn every_stage_is_deployed_gradually_and_after_those_that_read_what_it_sends() {
    assert_none(&deployments::not_safe(&Template::deployed()));
}

#[test]
fn several_stacks_regions_and_partitions_have_room_beside_each_other() {
    assert_none(&deployments::tied_to_one_place(&Template::deployed()));
}
