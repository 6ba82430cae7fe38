//! The benchmark's arithmetic: what DynamoDB bills, and what AWS charges.

#[path = "../../benches/functions/cost.rs"]
mod cost;
#[path = "../../benches/functions/units.rs"]
mod units;

use serde_json::{Value, json};

use self::cost::{Usage, WAIT_MS, gb_seconds};
use self::units::{Units, cancelled, in_transaction, size, written};

#[track_caller]
fn check(units: Units, expected: &[(&str, u64)]) {
    let expected: Units = expected.iter().map(|&(table, n)| (table.to_owned(), n)).collect();
    assert_eq!(units, expected);
}

#[test]
fn an_item_is_as_large_as_dynamodb_counts_it() {
    let item = json!({"pk": {"S": "é"}, "n": {"N": "-12.5"}, "no": {"NULL": true},
        "l": {"L": [{"S": "ab"}, {"BOOL": true}]}, "m": {"M": {"x": {"N": "1"}}}});
    let (pk, n, no, l) = (2 + 2, 1 + 4, 2 + 1, 1 + 3 + (1 + 2) + (1 + 1));
    assert_eq!(size(&item), pk + n + no + l + (1 + 3 + 1 + 1 + 2));
    assert_eq!(size(&Value::Null), 0);
}

#[test]
fn each_kilobyte_that_is_begun_is_two_units_in_a_transaction() {
    assert_eq!([0, 1, 1_024, 1_025, 3_000].map(in_transaction), [2, 2, 2, 4, 6]);
}

#[test]
fn what_was_written_costs_what_dynamodb_says() {
    let answer = json!({"ConsumedCapacity": [
        {"TableName": "rows", "CapacityUnits": 4.0}, {"TableName": "records", "CapacityUnits": 2.0}]});
    check(written(&answer), &[("records", 2), ("rows", 4)]);
    check(written(&json!({})), &[]);
}

#[test]
fn what_was_cancelled_costs_as_much_as_the_larger_of_new_and_found() {
    let long = "x".repeat(2_000);
    let request = json!({"TransactItems": [
        {"Put": {"TableName": "rows", "Item": {"pk": {"S": "a"}}}},
        {"Put": {"TableName": "rows", "Item": {"pk": {"S": long}}}},
        {"Update": {"TableName": "totals", "Key": {"pk": {"S": "t"}},
            "ExpressionAttributeValues": {":0": {"N": "1"}}}},
    ]});
    let answer = json!({"CancellationReasons": [
        {"Code": "ConditionalCheckFailed", "Item": {"pk": {"S": "a"}, "more": {"S": long}}},
        {"Code": "None"}, {"Code": "None"}]});
    check(cancelled(&request, &answer), &[("rows", 4 + 4), ("totals", 2)]);
}

#[test]
fn a_million_events_cost_their_units_and_requests_by_the_list() {
    let usage = Usage {
        write_units: 4.0,
        sqs_requests: 0.5,
        s3_writes: 0.1,
        s3_reads: 1.0,
        invocations: 0.1,
        gb_seconds: 0.01,
    };
    let bill = usage.a_million();
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} and {b}");
    near(bill.dynamodb, 2.5);
    near(bill.sqs, 0.2);
    near(bill.s3, 0.5 + 0.4);
    near(bill.lambda, 0.02 + 0.133_334);
    near(bill.total(), 2.5 + 0.2 + 0.9 + 0.153_334);
}

#[test]
fn a_function_pays_for_waiting_and_for_the_part_of_a_core_that_it_has() {
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} and {b}");
    near(gb_seconds(0.0, 100.0, 1_024.0), WAIT_MS * 100.0 / 1e3);
    near(gb_seconds(1.0, 0.0, 2_048.0), 2.0 / 1e3);
    near(gb_seconds(1.0, 0.0, 256.0), 1_769.0 / 256.0 / 1e3 / 4.0);
}
