use super::*;
use contracts::RowOrder;

fn version(order: i64) -> RowVersion {
    RowVersion { order: order.into(), key: "k".to_owned().into() }
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn merge(order: i64, fields: &[&str]) -> Merge {
    let item = Item::from([("event_id".to_owned(), text(&format!("e{order}")))]);
    let head = Some(Head { version: version(order), item, without: Vec::new() });
    let mut merge = Merge { row: Row::new("t", "pk"), head, fields: BTreeMap::new() };
    for name in fields {
        let value = Some(text(&format!("{name}{order}")));
        merge.fields.insert((*name).to_owned(), Field { version: version(order), value });
    }
    merge
}

/// What is left of an effect: the order of its head, and the values of its fields.
fn left(merge: &Merge) -> (Option<RowOrder>, Vec<String>) {
    let mut values = Vec::new();
    for field in merge.fields.values() {
        values.push(field.value.as_ref().unwrap().as_s().unwrap().clone());
    }
    (merge.head.as_ref().map(|head| head.version.order), values)
}

#[track_caller]
fn check(one: &Merge, other: &Merge, expected: (i64, &[&str])) {
    let expected =
        (Some(expected.0.into()), expected.1.iter().map(|&text| text.to_owned()).collect());
    for (one, other) in [(one, other), (other, one)] {
        let merged = match one.merge(other) {
            Merged::Both(both) => both,
            Merged::This => one.clone(),
            Merged::Other => other.clone(),
            Merged::Apart => panic!("apart"),
        };
        assert_eq!(left(&merged), expected);
    }
}

#[test]
fn of_each_attribute_the_newest_stays_in_either_order() {
    check(&merge(1, &["a", "b"]), &merge(2, &["b", "c"]), (2, &["a1", "b2", "c2"]));
    check(&merge(1, &["a"]), &merge(2, &["a", "b"]), (2, &["a2", "b2"]));
    check(&merge(1, &[]), &merge(2, &["a"]), (2, &["a2"]));
    assert_eq!(merge(1, &["a"]).merge(&merge(2, &["a", "b"])), Merged::Other);
    assert_eq!(merge(2, &["a", "b"]).merge(&merge(1, &["a"])), Merged::This);
}

#[test]
fn what_is_older_than_the_row_goes_and_the_rest_stays() {
    let found = Item::from([
        ("version".to_owned(), AttributeValue::N("5".to_owned())),
        ("idempotency_key".to_owned(), text("k")),
        ("a@version".to_owned(), text(&version(5).sortable())),
        ("b@version".to_owned(), text(&version(2).sortable())),
    ]);
    let mut partly = merge(3, &["a", "b", "c"]);
    assert!(partly.drop_older(&found));
    assert_eq!(left(&partly), (None, vec!["b3".to_owned(), "c3".to_owned()]));
    assert!(!partly.drop_older(&found), "the rest is newer");
    let mut wholly = merge(5, &["a"]);
    assert!(wholly.drop_older(&found) && wholly.is_empty(), "its own version is not newer");
}

/// Does to a row what DynamoDB does for the effect.
fn apply(row: &mut Item, mut merge: Merge) {
    merge.drop_older(row);
    if let Some(head) = merge.head {
        row.insert(ORDER.to_owned(), order_value(&head.version));
        row.insert(KEY.to_owned(), key_value(&head.version));
        row.extend(head.item);
    }
    for (name, field) in merge.fields {
        row.insert(version_of(&name), text(&field.version.sortable()));
        row.extend(field.value.map(|value| (name, value)));
    }
}

proptest::proptest! {
    /// Events are written alone or merged with others, in any order, and any of them twice.
    #[test]
    fn rows_end_the_same_however_events_come_together(
        events in proptest::collection::vec((-3_i64..9, proptest::sample::subsequence(vec!["a", "b", "c"], 0..=3)), 1..8),
        order in proptest::collection::vec((0_usize..8, proptest::bool::ANY), 8..24),
    ) {
        // No two events are equally new.
        let effect = |n: usize| {
            let (order, fields) = &events[n];
            merge(order * 10 + i64::try_from(n).unwrap(), fields)
        };
        let mut expected = Item::new();
        (0..events.len()).for_each(|n| apply(&mut expected, effect(n)));
        let mut row = Item::new();
        let mut together: Option<Merge> = None;
        for (n, joins) in order.into_iter().chain((0..events.len()).map(|n| (n, true))) {
            let next = effect(n % events.len());
            together = Some(match together.take() {
                Some(before) if joins => match before.merge(&next) {
                    Merged::Both(both) => both,
                    Merged::This => before,
                    Merged::Other => next,
                    Merged::Apart => panic!("apart"),
                },
                Some(before) => {
                    apply(&mut row, before);
                    next
                }
                None => next,
            });
        }
        together.into_iter().for_each(|last| apply(&mut row, last));
        proptest::prop_assert_eq!(row, expected);
    }
}

/// DynamoDB takes expressions of 4 KB with 300 operators:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>.
#[test]
fn as_many_attributes_as_a_contract_may_have_fit_an_expression() {
    let names: Vec<String> = (0..50).map(|n| format!("attribute-{n}")).collect();
    let mut largest = merge(1, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let head = largest.head.as_mut().unwrap();
    head.item = (0..9).map(|n| (format!("h{n}"), text(""))).collect();
    head.without = vec!["deleted", "subject", "degraded"];
    let action = largest.action().unwrap();
    let update = action.update().unwrap();
    let condition = update.condition_expression().unwrap();
    assert!(update.update_expression().len() < 4_096, "{}", update.update_expression());
    assert!(condition.len() < 4_096, "{condition}");
    let operators = ["attribute_not_exists", "OR", "AND", "<", "="]
        .iter()
        .map(|operator| condition.matches(operator).count())
        .sum::<usize>();
    assert!(operators < 300, "{operators}");
}
