use std::collections::BTreeMap;

use event::{Decimal, IdempotencyKey};

use super::*;

fn version(order: i64, key: &str) -> RowVersion {
    RowVersion { order: order.into(), key: IdempotencyKey::from(key.to_owned()) }
}

fn upsert(order: i64, key: &str) -> TableEffect {
    let item = Item::from([("payload".to_owned(), AttributeValue::S("p".to_owned()))]);
    TableEffect::Upsert(Upsert { row: Row::new("t", "a"), version: version(order, key), item })
}

fn accumulate(sums: &[(&str, &str)]) -> TableEffect {
    let sums: BTreeMap<String, Decimal> =
        sums.iter().map(|(name, sum)| ((*name).to_owned(), sum.parse().unwrap())).collect();
    TableEffect::Accumulate(Accumulate { row: Row::new("t", "a"), labels: Item::new(), sums })
}

fn insert() -> TableEffect {
    let id = RecordId { sink: "records".to_owned(), key: "k".to_owned().into() };
    let fingerprint = Fingerprint::from("p".to_owned());
    let (row, item) = (Row::new("t", "a"), Item::new());
    TableEffect::Insert(Insert { row, id, fingerprint, expires_at: None, item })
}

/// The expression with its placeholders replaced by the names and values that they stand for.
fn expand(
    expression: &str,
    names: &[(&String, &String)],
    values: &[(&String, &AttributeValue)],
) -> String {
    let mut expanded = expression.to_owned();
    for (placeholder, name) in names {
        expanded = expanded.replace(placeholder.as_str(), name);
    }
    for (placeholder, value) in values {
        let value = value.as_s().or(value.as_n()).unwrap();
        expanded = expanded.replace(placeholder.as_str(), value);
    }
    expanded
}

#[test]
fn a_row_is_replaced_where_it_is_older_and_among_equals_by_the_greater_key() {
    let action = upsert(7, "k").action(Timestamp::from_unix_ms(0)).unwrap();
    let put = action.put().unwrap();
    let names: Vec<_> = put.expression_attribute_names().unwrap().iter().collect();
    let values: Vec<_> = put.expression_attribute_values().unwrap().iter().collect();
    assert_eq!(
        expand(put.condition_expression().unwrap(), &names, &values),
        "(attribute_not_exists(version) OR version<7 OR (version=7 AND idempotency_key<k))"
    );
    assert_eq!((put.table_name(), put.item()["pk"].as_s().unwrap().as_str()), ("t", "a"));
    assert_eq!(put.item()["version"], AttributeValue::N("7".to_owned()));
    assert_eq!(put.item()["idempotency_key"], AttributeValue::S("k".to_owned()));
    assert!(put.return_values_on_condition_check_failure().is_none(), "nothing is read");
}

#[test]
fn an_addition_has_no_condition_and_every_digit() {
    let effect = accumulate(&[("n", "1"), ("sum", "-0.10000000000000000000000001")]);
    let action = effect.action(Timestamp::from_unix_ms(0)).unwrap();
    let update = action.update().unwrap();
    let names: Vec<_> = update.expression_attribute_names().unwrap().iter().collect();
    let values: Vec<_> = update.expression_attribute_values().unwrap().iter().collect();
    let expression = expand(update.update_expression(), &names, &values);
    assert_eq!(expression, "ADD n 1,sum -0.10000000000000000000000001");
    assert_eq!(update.condition_expression(), None);
}

#[test]
fn of_two_upserts_the_newer_one_stays_in_either_order() {
    for (older, newer) in [
        (upsert(1, "b"), upsert(2, "a")),
        (upsert(1, "a"), upsert(1, "b")),
        (upsert(-3, "z"), upsert(1, "a")),
    ] {
        assert_eq!(older.merge(&newer), Merged::Other);
        assert_eq!(newer.merge(&older), Merged::This);
    }
}

#[test]
fn additions_add_up_exactly_and_are_apart_where_they_cannot() {
    let both =
        accumulate(&[("n", "1"), ("sum", "0.1")]).merge(&accumulate(&[("n", "1"), ("sum", "0.2")]));
    assert_eq!(both, Merged::Both(accumulate(&[("n", "2"), ("sum", "0.3")])));
    let one_sided = accumulate(&[("n", "1")]).merge(&accumulate(&[("sum", "5")]));
    assert_eq!(one_sided, Merged::Both(accumulate(&[("n", "1"), ("sum", "5")])));
    let apart = accumulate(&[("sum", "1e37")]).merge(&accumulate(&[("sum", "1e-9")]));
    assert_eq!(apart, Merged::Apart);
}

#[test]
fn effects_of_other_kinds_are_apart_and_only_an_insert_is_its_own_record() {
    let all = [insert(), upsert(1, "a"), accumulate(&[("n", "1")])];
    for (n, one) in all.iter().enumerate() {
        assert_eq!(one.target(), Some("t#a"));
        assert_eq!(one.own_record().is_some(), n == 0, "{one:?}");
        for (m, other) in all.iter().enumerate() {
            let is_apart = one.merge(other) == Merged::Apart;
            assert_eq!(is_apart, n != m || n == 0, "{one:?} and {other:?}");
        }
    }
}
