//! Documents that generated schemas may tell apart.

use serde_json::{Value, json};

/// All small documents of a small vocabulary.
pub(super) fn all() -> Vec<Value> {
    let scalars = vec![
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(1),
        json!(1.0),
        json!(2),
        json!(3),
        json!(4),
        json!(-1),
        json!(-2),
        json!(0.5),
        json!(1.5),
        json!(0.25),
        json!(""),
        json!("a"),
        json!("b"),
        json!("ab"),
        json!("ba"),
        json!("abb"),
        json!("aaaa"),
        json!("A"),
        json!("é"),
        json!("2026-01-31"),
        json!("192.0.2.1"),
    ];
    let few: Vec<Value> = [
        json!(null),
        json!(1),
        json!(0.5),
        json!("a"),
        json!("b"),
        json!([]),
        json!({}),
        json!(true),
    ]
    .to_vec();
    let mut documents = scalars.clone();
    documents.push(json!([]));
    documents.push(json!({}));
    let mut inner = Vec::new();
    for value in &scalars {
        documents.push(json!([value]));
        for name in ["a", "b", "ab", "c"] {
            documents.push(json!({ name: value }));
        }
    }
    for one in &few {
        for other in &few {
            inner.push(json!([one, other]));
            inner.push(json!({"a": one, "b": other}));
            documents.push(json!([one, other, other]));
            documents.push(json!({"a": one, "ab": other}));
            documents.push(json!({"b": one, "c": other, "a": 1}));
        }
    }
    for value in inner.iter().step_by(3) {
        documents.push(json!([value]));
        documents.push(json!({ "a": value }));
        documents.push(json!({ "b": value, "a": 1 }));
    }
    documents.extend(inner);
    documents.push(json!([1, 2, 3, 4]));
    documents.push(json!({"a": 1, "b": 2, "ab": 3, "c": 4}));
    documents.push(json!({"a": {"a": {"a": 1}}}));
    documents.push(json!([[[1]]]));
    documents
}
