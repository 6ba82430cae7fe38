//! The dataset `orders`, for the tests.

use std::collections::BTreeMap;

use contracts::Catalog;

/// The contract of `orders` with these sinks: `{name: orders, kind: table}`.
pub(super) fn orders_contract(sinks: &str) -> String {
    format!(
        "
dataset: orders
description: Orders
owner: shop
schema: {{version: 1, file: v1.schema.json}}
keys: {{idempotency: [/id], business: [/id], event_time: /at}}
sinks: [{sinks}]
"
    )
}

/// A catalog with only that contract.
pub(super) fn orders(sinks: &str) -> Catalog {
    let schema = ("v1.schema.json".to_owned(), r#"{"type":"object"}"#.to_owned());
    let mut catalog = Catalog::default();
    catalog.add("orders", &orders_contract(sinks), &BTreeMap::from([schema])).unwrap();
    catalog
}
