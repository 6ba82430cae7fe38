//! Suggestions for stages and datasets that are misspelled.
//!
//! Only the pipeline knows which ones exist. It is asked if a selection has matched no letter.

use serde_json::{Value, json};

use super::client::Client;
use super::edit_distance::distance;
use super::requests::Request;
use super::selection::SelectionArgs;
use crate::output::members::{members, number, text};

/// One line for each stage and dataset of the selection that does not exist, if an existing one
/// has a similar name. Empty if the pipeline does not answer, because the selection itself was
/// answered already.
pub(super) async fn suggestions(client: &Client, selection: &SelectionArgs) -> Vec<String> {
    let mut lines = Vec::new();
    if !selection.stages().is_empty()
        && let Ok(list) = client.ask(&Request { verb: "list", body: json!({}) }).await
    {
        lines.extend(did_you_mean("stage", selection.stages(), &stages(&list)));
    }
    if !selection.datasets().is_empty()
        && let Ok(groups) =
            client.ask(&Request { verb: "groups", body: json!({ "select": {} }) }).await
    {
        lines.extend(did_you_mean("dataset", selection.datasets(), &datasets(&groups)));
    }
    lines
}

/// Whether an answer has no letters.
pub(super) fn is_empty(answer: &Value) -> bool {
    match &answer["letters"] {
        Value::Array(letters) => letters.is_empty(),
        letters => letters.is_u64() && number(letters) == 0,
    }
}

fn stages(list: &Value) -> Vec<String> {
    list["stages"].as_object().into_iter().flat_map(|stages| stages.keys().cloned()).collect()
}

fn datasets(groups: &Value) -> Vec<String> {
    members(&groups["groups"]).iter().map(|group| text(&group["dataset"])).collect()
}

fn did_you_mean(kind: &str, given: &[String], known: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    for name in given.iter().filter(|name| !known.contains(name)) {
        let nearest = known.iter().min_by_key(|known| distance(name, known));
        if let Some(nearest) = nearest.filter(|known| distance(name, known) <= 2) {
            lines.push(format!("no letter has the {kind} `{name}`; did you mean `{nearest}`?"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_nearly_known_gets_a_suggestion() {
        let list = json!({ "stages": { "enrich": {}, "sink": {} } });
        let groups = json!({ "groups": [{ "dataset": "flights" }, { "dataset": null }] });
        for (kind, given, known, expected) in [
            (
                "stage",
                "snik",
                stages(&list),
                Some("no letter has the stage `snik`; did you mean `sink`?"),
            ),
            ("stage", "sink", stages(&list), None),
            ("stage", "warehouse", stages(&list), None),
            (
                "dataset",
                "fligths",
                datasets(&groups),
                Some("no letter has the dataset `fligths`; did you mean `flights`?"),
            ),
        ] {
            let lines = did_you_mean(kind, &[given.to_owned()], &known);
            assert_eq!(lines.first().map(String::as_str), expected, "{given}");
        }
    }

    #[test]
    fn an_answer_without_letters_is_empty() {
        for (answer, expected) in [
            (json!({ "letters": [] }), true),
            (json!({ "letters": 0, "groups": [] }), true),
            (json!({ "letters": 3 }), false),
            (json!({ "letters": [{ "id": "a" }] }), false),
            (json!({ "stages": {} }), false),
        ] {
            assert_eq!(is_empty(&answer), expected, "{answer}");
        }
    }
}
