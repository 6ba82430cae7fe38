use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;
use crate::contract::samples::orders;
use crate::project::contracts_of;

fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap().to_path_buf()
}

fn stack(text: &str) -> Stack {
    emulation::stack_of_text(text, &repository(), &BTreeMap::new()).unwrap()
}

fn template() -> String {
    fs::read_to_string(repository().join("template.yaml")).unwrap()
}

#[test]
fn contracts_and_template_of_the_repository_fit_each_other() {
    let (root, stack) = (repository(), stack(&template()));
    let catalog = contracts_of(&root).unwrap();
    assert_eq!(missing(&root, &catalog, &stack), []);
    assert_eq!(unused(&root, &catalog, &stack), []);
}

/// What the dataset `orders` lacks in the template after one change.
fn lacks(sink: &str, old: &str, new: &str) -> Vec<(String, String)> {
    let text = template();
    assert!(text.contains(old), "the template looks different now: no {old}");
    let text = text.replace(old, new);
    let (catalog, stack) = (orders(sink), stack(&text));
    let deployed = Deployed::new(&stack, &text);
    let contract = catalog.get("orders").unwrap();
    let root = Path::new("/nowhere");
    let misfits = missing_of(root, &catalog, contract, &deployed);
    misfits.into_iter().map(|misfit| (misfit.place, misfit.what)).collect()
}

fn line_of(text: &str, part: &str) -> usize {
    text[..text.find(part).unwrap()].matches('\n').count() + 1
}

#[test]
fn a_right_that_a_mode_needs_and_that_a_role_lacks_is_reported_with_its_lines() {
    const PUT: &str = "[!GetAtt RecordsTable.Arn, !GetAtt DedupeTable.Arn";
    const READ: &str = "[!GetAtt DedupeTable.Arn, !GetAtt RecordsTable.Arn";
    let sink = |mode: &str| format!("{{name: records, kind: table, mode: {mode}}}");
    for mode in ["insert", "upsert"] {
        assert_eq!(lacks(&sink(mode), PUT, PUT), [], "{mode}");
        let found = lacks(&sink(mode), PUT, "[!GetAtt DedupeTable.Arn");
        let expected = "SinkFunctionRole lacks dynamodb:PutItem on RecordsTable, as the sink `records` of `orders` needs it";
        let line = line_of(&template(), "  SinkFunctionRole:\n");
        let place = format!("template.yaml:{line}, infra/contracts/orders/contract.yaml");
        assert_eq!(found, [(place, expected.to_owned())], "{mode}");
    }
    let of_redrive = |mode: &str| -> Vec<String> {
        let found = lacks(&sink(mode), READ, "[!GetAtt DedupeTable.Arn");
        found.into_iter().map(|(_, what)| what.split(',').next().unwrap().to_owned()).collect()
    };
    let (read, extend) = (
        "RedriveFunctionRole lacks dynamodb:BatchGetItem on RecordsTable".to_owned(),
        "RedriveFunctionRole lacks dynamodb:UpdateItem on RecordsTable".to_owned(),
    );
    assert_eq!(of_redrive("insert"), [read.clone(), extend]);
    assert_eq!(of_redrive("upsert"), std::slice::from_ref(&read));
    let merge = "{name: records, kind: table, mode: merge, attributes: {a: /a}}";
    let found = lacks(merge, READ, "[!GetAtt DedupeTable.Arn");
    assert!(found.iter().any(|(_, what)| what.starts_with(&read)), "{found:?}");
    assert!(
        found.iter().any(|(_, what)| what
            .starts_with("SinkFunctionRole lacks dynamodb:UpdateItem on RecordsTable")),
        "{found:?}"
    );
    let totals = "{name: totals, kind: table, mode: accumulate, key: [/id], window: day, count: n}";
    assert_eq!(lacks(totals, READ, "[!GetAtt DedupeTable.Arn"), [], "redrive reads no totals");
}

#[test]
fn a_function_that_does_not_know_a_table_or_knows_another_is_reported() {
    let sink = "{name: records, kind: table}";
    // The first variable is that of the sink function, the second that of redrive.
    let (tables, less) = ("'{\"records\":\"${RecordsTable}\",", "'{");
    let found = lacks(sink, tables, less);
    let functions: Vec<&str> =
        found.iter().map(|(_, what)| what.rsplit(' ').next().unwrap()).collect();
    assert_eq!(functions, ["SinkFunction", "RedriveFunction"], "{found:?}");
    let old = "add-tables` writes them.\n          TABLES: !Sub '{\"records\":\"${RecordsTable}\"";
    let other = old.replace("${RecordsTable}", "${DedupeTable}");
    let found = lacks(sink, old, &other);
    assert!(found.iter().any(|(_, what)| what.contains("different tables of the sink `records`")));
}

#[test]
fn a_table_of_no_sink_is_reported_unless_the_template_brings_it_along() {
    let root = std::env::temp_dir().join(format!("fits-unused-{}", std::process::id()));
    fs::create_dir_all(&root).unwrap();
    let old = "\"records\":\"${RecordsTable}\"";
    let text = template().replace(old, &format!("{old},\"old\":\"${{DedupeTable}}\""));
    fs::write(root.join("template.yaml"), &text).unwrap();
    let mut found = unused(&root, &orders("{name: lake, kind: lake}"), &stack(&text));
    fs::remove_dir_all(&root).unwrap();
    assert!(found.iter().all(|misfit| !misfit.what.contains("`records`")), "{found:?}");
    found.retain(|misfit| misfit.what.contains("`old`"));
    assert_eq!(found.len(), 2, "{found:?}");
    let line = line_of(&text, "TABLES: !Sub");
    assert_eq!(found[0].place, format!("template.yaml:{line}"));
    assert!(found[0].what.starts_with("TABLES of SinkFunction has a table for `old`"), "{found:?}");
}
